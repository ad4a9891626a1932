"""Rigs other than the training rig before the camera: their geometry against the camera model, their paint as asked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, MienError, Rig
from mien.core.transforms import quaternion_from_angles
from mien.rigs.mo.load import load_mo
from mien.rigs.readers.gltf.reader import load_glb
from mien.synth.filmed_rig import FilmedRig, RigShot, film_rig, own_dress, set_rig_scene
from mien.synth.painted_rig import Fitting, painted_dress
from mien.synth.scene import Action, Scene, cast


@pytest.fixture(scope="module")
def mo() -> FilmedRig:
    dress = own_dress(load_mo())
    assert dress is not None
    return FilmedRig(load_mo(), dress)


@pytest.fixture(scope="module")
def rocketbox(assets: Path) -> Rig:
    return load_glb(assets / "rigs" / "rocketbox_female_01.glb")


def action(weights: dict[str, float], angles: tuple[float, float, float] = (0, 0, 0), frames: int = 1) -> Action:
    row = np.zeros((frames, 52), np.float32)
    for name, value in weights.items():
        row[:, ARKIT.index(name)] = value
    return Action(
        times=np.arange(frames) / 30,
        weights=row,
        angles=np.tile(np.radians(angles), (frames, 1)),
        translation=np.zeros((frames, 3)),
    )


def shoot(who: FilmedRig, what: Action, seed: int = 0) -> tuple[list[RigShot], Scene]:
    rng = np.random.default_rng(seed)
    scene = set_rig_scene(rng, who)
    return list(film_rig(rng, who, scene, what)), scene


def test_the_same_seed_gives_the_same_picture(mo: FilmedRig) -> None:
    first, second = (shoot(mo, action({"jawOpen": 0.7}), seed=4)[0][0] for _ in range(2))
    assert np.array_equal(first.image, second.image)
    other = shoot(mo, action({"jawOpen": 0.7}), seed=5)[0][0]
    assert first.image.shape != other.image.shape or not np.array_equal(first.image, other.image)


def test_landmarks_lie_where_the_rigs_own_points_are_projected(mo: FilmedRig) -> None:
    what = action({"mouthSmileLeft": 0.8}, (20, -10, 5))
    (shot,), scene = shoot(mo, what)
    turned = quaternion_from_angles(what.angles[0])
    from scipy.spatial.transform import Rotation

    rig = mo.rig
    assert rig.joint_weights is not None
    vertices = rig.evaluate(what.weights[0]).astype(float) - mo.origin
    rigid = np.isclose(rig.joint_weights[:, [j.name for j in rig.joints].index("head")], 1.0)
    assert rigid.mean() > 0.3
    placed = vertices @ Rotation.from_quat(turned).as_matrix().T + scene.view.translation
    own = mo.vertices(what.weights[0], what.angles[0]) + scene.view.translation
    assert np.abs(own[rigid] - placed[rigid]).max() < 0.01
    expected = scene.view.camera.project(rig.landmarks["mien70"].positions(own))
    assert np.allclose(shot.landmarks["mien70"], expected)
    assert set(shot.landmarks) == set(rig.landmarks)


def test_what_moves_is_seen_where_it_moves(mo: FilmedRig) -> None:
    """Same scene, same noise: an opened jaw changes the picture at the mouth, not at the brows."""
    (still,), _ = shoot(mo, action({}), seed=8)
    (jaw,), _ = shoot(mo, action({"jawOpen": 1.0}), seed=8)
    changed = np.abs(still.image.astype(int) - jaw.image.astype(int)).sum(axis=2)
    points = still.landmarks["mien70"]

    def change_at(ids: slice) -> float:
        x, y = np.rint(points[ids].mean(axis=0)).astype(int)
        return float(changed[y - 3 : y + 4, x - 3 : x + 4].mean())

    assert change_at(slice(60, 68)) > 3 * change_at(slice(17, 27))


def test_the_eyes_look_where_the_channels_say(mo: FilmedRig) -> None:
    (left,), _ = shoot(mo, action({"eyeLookOutLeft": 1, "eyeLookInRight": 1}), seed=2)
    (right,), _ = shoot(mo, action({"eyeLookInLeft": 1, "eyeLookOutRight": 1}), seed=2)
    shift = left.landmarks["mien70"][68:70, 0] - right.landmarks["mien70"][68:70, 0]
    assert (shift > 2).all()  # the subject's left is image right


def test_frames_of_a_take_share_one_exposure(mo: FilmedRig) -> None:
    shots, _ = shoot(mo, action({}, frames=3), seed=1)
    means = [shot.image.mean() for shot in shots]
    assert np.ptp(means) < 2


def test_a_rig_of_one_colour_has_no_dress_of_its_own(rocketbox: Rig) -> None:
    assert own_dress(rocketbox) is None


def test_a_picture_is_worn_by_its_part(mo: FilmedRig) -> None:
    """mo with a checkered skin instead of its colours: the picture's own rows, the right way up."""
    rig = replace(load_mo(), colors=None)
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[:4], picture[4:] = (255, 0, 0, 255), (0, 0, 255, 255)
    dress = own_dress(rig, {"skin": picture})
    assert dress is not None
    skin = next(part for part in rig.neutral.topology.parts if part.name == "skin")
    image, start, stop = next(run for run in dress.textures if run[0] is not None)
    assert (start, stop) == (skin.start, skin.stop)
    assert image is not None and tuple(image[0, 0]) == (0, 0, 255, 255)  # row 0 is v = 0: the picture's last row
    (shot,), _ = shoot(FilmedRig(rig, dress), action({}))
    (own,), _ = shoot(mo, action({}))
    assert shot.image.shape == own.image.shape and not np.array_equal(shot.image, own.image)


def test_paint_is_laid_where_it_belongs(rocketbox: Rig) -> None:
    """Every part of the head is found; the painted brows lie at the height the brow shapes move."""
    fitting = Fitting.of(rocketbox)
    counts = np.bincount(fitting.kind, minlength=7)
    assert counts[0] > 1000 and counts[1] > 100  # face, head
    assert counts[2] == 252 and counts[5] == 208  # two eyeballs, four cards of lashes
    assert counts[3] > 500 and counts[4] > 100  # hair, mouth's lining
    eyes = fitting.uv[fitting.kind == 2]
    assert eyes.min() >= 0 and eyes.max() <= 1
    vertices = rocketbox.neutral.vertices
    # the tip of the nose is in the middle of the face's chart, on its axis of symmetry
    face = fitting.triangles[fitting.kind == 0]
    corner = np.unravel_index(vertices[face][..., 2].argmax(), face.shape)
    assert fitting.uv[fitting.kind == 0][corner][0] == pytest.approx(0.5, abs=0.02)


def test_two_looks_differ_and_the_face_is_theirs(rocketbox: Rig) -> None:
    fitting = Fitting.of(rocketbox)
    people = [cast(3, identity).costume for identity in (1, 2)]
    shots = [shoot(FilmedRig(rocketbox, painted_dress(fitting, costume)), action({}))[0][0] for costume in people]
    assert np.abs(shots[0].image.astype(int) - shots[1].image.astype(int)).mean() > 2
    dress = painted_dress(fitting, people[0])
    assert sum(stop - start for _, start, stop in dress.textures) == len(rocketbox.neutral.topology.triangles)
    assert dress.albedo[..., 3].min() < 0.2 < dress.albedo[..., 3].max() == 1  # lashes fade


def test_a_rig_without_eyes_is_refused(rocketbox: Rig) -> None:
    blind = replace(rocketbox, joints=(), landmarks={}, shape_names=tuple(f"x{k}" for k in range(175)))
    with pytest.raises(MienError, match="eye"):
        Fitting.of(blind)
    with pytest.raises(MienError, match="eyes cannot be found"):
        FilmedRig(blind, painted_dress(Fitting.of(rocketbox), cast(3, 1).costume))
