from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, Mesh, Rig
from mien.rigs.check import check, face_frame
from mien.rigs.load import load_rig, name_report
from mien.rigs.names import normalise


@pytest.fixture(scope="module")
def mo() -> Rig:
    return load_rig("mo")


def with_shape(rig: Rig, name: str, shape: np.ndarray) -> Rig:
    shapes = rig.shapes.copy()
    shapes[rig.shape_names.index(name)] = shape
    return replace(rig, shapes=shapes)


@pytest.mark.parametrize("name", ["mo", "ict", "rocketbox"])
def test_three_faces_that_have_nothing_in_common_are_sound(name: str, assets: Path) -> None:
    path = str(assets / "rigs" / "rocketbox_female_01.glb") if name == "rocketbox" else name
    found = check(load_rig(path), name_report(path))
    assert found.wrong == {}
    assert found.sound
    assert found.missing == (("tongueOut",) if name == "ict" else ())
    assert len(found.names) == 52 - len(found.missing)
    assert found.frame is not None
    assert found.frame.known_by == "joints"
    if name == "rocketbox":
        assert found.names["AK_25_JawOpen"] == "jawOpen"
        assert len(found.unused) == 123


def test_sides_that_are_swapped_are_found_every_one(mo: Rig) -> None:
    swap = {"Left": "Right", "Right": "Left"}
    names = [
        name if not (side := next((s for s in swap if name.endswith(s)), "")) else name.removesuffix(side) + swap[side]
        for name in mo.shape_names
    ]
    found = check(replace(mo, shape_names=tuple(names)))
    assert set(found.wrong) == {name for name in ARKIT if name.endswith(("Left", "Right"))}
    assert not found.sound


def test_a_mirrored_face_is_found(mo: Rig) -> None:
    """Facing -Z: left and right are exchanged and forwards is backwards."""
    turn = np.array([-1, 1, -1], np.float32)
    joints = tuple(replace(j, position=tuple((np.array(j.position) * turn).tolist())) for j in mo.joints)
    turned = replace(
        mo, neutral=replace(mo.neutral, vertices=mo.neutral.vertices * turn), shapes=mo.shapes * turn, joints=joints
    )
    wrong = check(turned).wrong
    assert {"jawForward", "jawLeft", "eyeBlinkLeft", "mouthSmileRight"} <= set(wrong)


@pytest.mark.parametrize(
    ("name", "made", "phrase"),
    [
        ("jawOpen", lambda rig: 0 * rig.shape("jawOpen"), "moves nothing"),
        ("jawOpen", lambda rig: 1e-4 * rig.shape("jawOpen"), "hardly moves"),
        ("jawOpen", lambda rig: 9 * rig.shape("jawOpen"), "too far"),
        ("jawOpen", lambda rig: -rig.shape("jawOpen"), "not down"),
        ("jawOpen", lambda rig: rig.shape("browInnerUp") * [1, -1, 1], "mouth and jaw"),
        ("eyeBlinkLeft", lambda rig: rig.shape("eyeBlinkRight"), "as eyeBlinkRight should"),
        ("browInnerUp", lambda rig: rig.shape("mouthShrugUpper"), "at the brows"),
        ("mouthFrownLeft", lambda rig: rig.shape("mouthSmileLeft"), "is a copy of mouthSmileLeft"),
        ("cheekPuff", lambda rig: np.nan * rig.shape("cheekPuff"), "not numbers"),
    ],
)
def test_a_broken_shape_is_named_with_its_fault(mo: Rig, name: str, made, phrase: str) -> None:
    found = check(with_shape(mo, name, made(mo)))
    assert phrase in "; ".join(found.wrong[name])
    assert set(found.wrong) <= {name, "eyeBlinkRight"}


def test_names_are_reported(mo: Rig) -> None:
    kept = [i for i, name in enumerate(mo.shape_names) if name != "tongueOut"]
    names = tuple(mo.shape_names[i] for i in kept)
    rig = replace(mo, shape_names=(*names[:-1], "smirk"), shapes=mo.shapes[kept])
    report = normalise([*names[:-1], "smirk", "tongue_out", "TONGUE OUT"])
    found = check(rig, report)
    assert found.missing == (names[-1], "tongueOut")
    assert found.unused == ("smirk",)
    assert found.ambiguous == {"tongueOut": ("tongue_out", "TONGUE OUT")}
    assert not found.sound


def test_where_the_face_is_without_joints(mo: Rig) -> None:
    by_joints = face_frame(mo)
    by_marks = face_frame(replace(mo, joints=(), joint_weights=None))
    by_blinks = face_frame(replace(mo, joints=(), joint_weights=None, landmarks={}))
    assert by_joints and by_marks and by_blinks
    assert (by_marks.known_by, by_blinks.known_by) == ("landmarks", "blinks")
    for other in (by_marks, by_blinks):
        assert np.linalg.norm((other.centre - by_joints.centre)[:2]) < 0.2 * by_joints.unit
        assert abs(other.unit / by_joints.unit - 1) < 0.1
    bare = Rig(
        name="bare",
        neutral=Mesh(vertices=mo.neutral.vertices, topology=mo.neutral.topology),
        shape_names=("jawOpen",),
        shapes=mo.shape("jawOpen")[None],
    )
    assert face_frame(bare) is None
    assert check(bare).wrong == {}
