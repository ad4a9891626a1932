from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mien.core import ARKIT, Mesh, MienError, Rig, Topology
from mien.rigs.check import check
from mien.rigs.load import load_neutral, load_rig
from mien.rigs.retarget.surface import skin
from mien.rigs.transfer.transfer import read_landmarks, transfer

SOME = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthPucker", "browInnerUp")


@pytest.fixture(scope="module")
def mo() -> Rig:
    return some(load_rig("mo"))


@pytest.fixture(scope="module")
def ict(assets: Path) -> Rig:
    return some(load_rig("ict"))


def some(rig: Rig) -> Rig:
    return replace(rig, shape_names=SOME, shapes=np.stack([rig.shape(name) for name in SOME]))


def lids_aside(name: str) -> bool:
    """Lids are lifted off the eyeball, which is no part of deformation transfer."""
    return not name.startswith("eyeBlink")


def test_onto_itself_nothing_changes(mo: Rig) -> None:
    out = transfer(mo, mo.neutral, name="same")
    assert (out.name, out.shape_names) == ("same", SOME)
    for name in SOME:
        np.testing.assert_allclose(out.shape(name), mo.shape(name), atol=0.02 if lids_aside(name) else 2.5)


def test_shapes_turn_and_grow_with_the_face(mo: Rig) -> None:
    turn = Rotation.from_euler("xyz", [20, -15, 10], degrees=True).as_matrix().astype(np.float32)
    vertices = np.float32(0.6) * mo.neutral.vertices @ turn.T + np.array([10, 900, -40], np.float32)
    out = transfer(mo, Mesh(vertices=vertices, topology=mo.neutral.topology))
    for name in filter(lids_aside, SOME):
        np.testing.assert_allclose(out.shape(name), np.float32(0.6) * mo.shape(name) @ turn.T, atol=0.02)
    joint = np.array(mo.joints[1].position) * 0.6 @ turn.T + [10, 900, -40]
    np.testing.assert_allclose(out.joints[1].position, joint, atol=0.1)


def test_a_stretched_face_stretches_its_shapes(mo: Rig) -> None:
    """Where the source's deformation has no turn, twice the height makes twice the vertical motion."""
    sheet = np.stack(np.meshgrid(np.linspace(-50, 50, 21), np.linspace(-50, 50, 21)), axis=-1).reshape(-1, 2)
    flat = np.column_stack([sheet, np.zeros(len(sheet))]).astype(np.float32)
    quads = np.array(
        [[r * 21 + c, r * 21 + c + 1, (r + 1) * 21 + c + 1, (r + 1) * 21 + c] for r in range(20) for c in range(20)]
    )
    topology = Topology(triangles=np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))
    pulled = np.zeros((1, len(flat), 3), np.float32)
    pulled[0, :, 1] = 0.1 * flat[:, 1]
    source = Rig(name="sheet", neutral=Mesh(vertices=flat, topology=topology), shape_names=("pull",), shapes=pulled)
    tall = flat * np.array([1, 1.2, 1], np.float32)
    out = transfer(source, Mesh(vertices=tall, topology=topology))
    np.testing.assert_allclose(out.shape("pull")[:, 1], 0.1 * tall[:, 1], atol=0.35)
    assert np.abs(out.shape("pull")[:, [0, 2]]).max() < 0.2


@pytest.fixture(scope="module")
def on_mo(ict: Rig, mo: Rig) -> Rig:
    """A scan's shapes on a stylised head of another topology, from 51 landmarks."""
    return transfer(ict, mo.neutral, landmarks=points_of(mo))


def points_of(rig: Rig) -> dict[int, int]:
    anchors = rig.landmarks["ibug68"]
    return {i: int(anchors.indices[i, anchors.weights[i].argmax()]) for i in range(17, 68)}


def test_shapes_move_where_their_names_say(on_mo: Rig) -> None:
    found = check(on_mo)
    assert found.wrong == {}
    assert set(found.missing) == set(ARKIT) - set(SOME)
    assert np.isfinite(on_mo.shapes).all()


def test_lids_close_over_the_eye_and_lips_part(on_mo: Rig, mo: Rig) -> None:
    groups, rest = mo.neutral.topology.groups, mo.neutral.vertices
    for side in ("Left", "Right"):
        after = rest + on_mo.shape(f"eyeBlink{side}")
        upper, lower = (groups[f"lid_margin_{part}_{side.lower()}"] for part in ("upper", "lower"))
        before = rest[upper, 1].max() - rest[lower, 1].min()
        gap = np.median(_above(after[upper], after[lower]))
        assert gap < 0.2 * before
        ball = groups[f"eyeball_{side.lower()}"]
        centre = rest[ball].mean(axis=0)
        before, lids = (np.median(np.linalg.norm(points[upper] - centre, axis=1)) for points in (rest, after))
        assert lids > before - 1.0
    after = rest + on_mo.shape("jawOpen")
    upper, lower = groups["lip_margin_upper"], groups["lip_margin_lower"]
    assert after[upper, 1].mean() - after[lower, 1].mean() > 10


def _above(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """How high each point of the upper margin stands over the lower one at its place."""
    order = np.argsort(lower[:, 0])
    return np.abs(upper[:, 1] - np.interp(upper[:, 0], lower[order, 0], lower[order, 1]))


def test_teeth_stay_whole_and_only_the_lower_ones_follow_the_jaw(on_mo: Rig, mo: Rig) -> None:
    groups, rest = mo.neutral.topology.groups, mo.neutral.vertices.astype(float)
    shape = on_mo.shape("jawOpen")
    for name, moves in (("teeth_upper", False), ("teeth_lower", True)):
        at = groups[name]
        assert (np.linalg.norm(shape[at], axis=1).mean() > 8) == moves
        before = np.linalg.norm(rest[at] - rest[at].mean(axis=0), axis=1)
        after = rest[at] + shape[at]
        np.testing.assert_allclose(np.linalg.norm(after - after.mean(axis=0), axis=1), before, atol=0.02)


def test_eyeballs_hang_on_their_joints(on_mo: Rig, mo: Rig) -> None:
    order = [joint.name for joint in on_mo.joints]
    for side in ("Left", "Right"):
        j = order.index(f"eye{side}")
        own = next(joint for joint in mo.joints if joint.name == f"eye{side}")
        np.testing.assert_allclose(on_mo.joints[j].position, own.position, atol=1.5)
        assert on_mo.joint_weights is not None
        assert on_mo.joint_weights[mo.neutral.topology.groups[f"eyeball_{side.lower()}"], j].mean() > 0.5
    np.testing.assert_allclose(on_mo.joint_weights.sum(axis=1), 1, atol=1e-5)


def test_held_out_identities_by_vertex(ict: Rig) -> None:
    """ICT's own model adds the same displacement to every identity; transfer comes within a tenth of the motion."""
    for seed in (0, 1):
        other = ict.with_identity(np.random.default_rng(seed).normal(size=100))
        out = transfer(ict, other.neutral)
        for name in filter(lids_aside, SOME):
            truth = ict.shape(name)
            moving = np.linalg.norm(truth, axis=1) > 1
            error = np.linalg.norm(out.shape(name) - truth, axis=1)[moving].mean()
            assert error < 0.25 * np.linalg.norm(truth, axis=1)[moving].mean()


def test_landmark_files(tmp_path: Path, mo: Rig, ict: Rig) -> None:
    path = tmp_path / "points.json"
    path.write_text('{"ibug68": {"30": 5, "36": 6, "45": 7}}')
    assert read_landmarks(path) == {30: 5, 36: 6, 45: 7}
    for text in ("{", '{"ibug68": {"30": 5}}', '{"ibug68": {"30": 5, "70": 6, "45": 7}}', "[]", '{"ibug68": 3}'):
        path.write_text(text)
        with pytest.raises(MienError, match=r"points\.json"):
            read_landmarks(path)
    with pytest.raises(MienError, match="cannot read"):
        read_landmarks(tmp_path / "none.json")
    with pytest.raises(MienError, match="not among the mesh's"):
        transfer(ict, mo.neutral, landmarks={30: 10**6, 36: 1, 45: 2})


def test_what_is_no_face_is_refused(ict: Rig) -> None:
    rng = np.random.default_rng(0)
    corners = rng.normal(size=(300, 3)).astype(np.float32) * 80
    blob = Mesh(vertices=corners, topology=Topology(triangles=rng.integers(0, 300, (500, 3))))
    with pytest.raises(MienError, match="landmarks"):
        transfer(ict, blob)


def test_a_whole_body_takes_the_face_alone(ict: Rig, assets: Path) -> None:
    """Found by shape, although its head is a seventh of it; what the source ends before does not follow its edge."""
    own = load_neutral(assets / "rigs" / "rocketbox_female_01.glb")
    body = own.neutral
    out = transfer(ict, own, name="body")
    assert check(replace(out, shape_names=SOME, shapes=out.shapes[: len(SOME)])).wrong == {}
    assert out.joints == own.joints
    assert own.joint_weights is not None
    assert out.joint_weights is not None
    eyes = out.joint_weights[:, [joint.name.startswith("eye") for joint in out.joints]].any(axis=1)
    assert 50 < eyes.sum() < 500, "its own shapes turned its eyes; ICT's joints do"
    np.testing.assert_array_equal(out.joint_weights[~eyes], own.joint_weights[~eyes])
    kept = [name for name in own.shape_names if name not in SOME]
    assert out.shape_names == (*SOME, *kept)
    np.testing.assert_array_equal(out.shape(kept[0]), own.shape(kept[0]))
    at = {joint.name: joint.position for joint in out.joints}
    np.testing.assert_allclose(at["eyeLeft"], [30, 1613, 29], atol=3)
    below = body.vertices[:, 1] < 1300
    assert np.abs(out.shapes[: len(SOME), below]).max() < 1e-3
    lips = np.flatnonzero(np.linalg.norm(body.vertices - [0, 1548, 56], axis=1) < 8)
    drop = out.shape("jawOpen")[lips, 1]
    assert drop.min() < -20 < -3.5 < drop.max()  # the lower lip follows the jaw, the upper one stays


@pytest.mark.parametrize("suffix", [".glb", ".usda", ".obj", ".ply", ""])
def test_a_neutral_comes_in_any_format(mo: Rig, tmp_path: Path, suffix: str) -> None:
    if suffix == ".usda":
        pytest.importorskip("pxr")
    bare = replace(mo, shape_names=(), shapes=np.zeros((0, *mo.neutral.vertices.shape), np.float32), correctives=(),
                   corrective_shapes=None)  # fmt: skip
    path = tmp_path / f"face{suffix}"
    (bare.neutral if suffix in (".obj", ".ply") else bare).save(path)
    neutral = load_neutral(path)
    np.testing.assert_allclose(neutral.neutral.vertices, mo.neutral.vertices, atol=1e-3)
    out = transfer(mo, neutral, name=neutral.name)
    np.testing.assert_allclose(out.shape("jawOpen"), mo.shape("jawOpen"), atol=0.05)
    assert [joint.name for joint in out.joints] == [joint.name for joint in mo.joints]
    assert out.joint_weights is not None
    assert mo.joint_weights is not None
    np.testing.assert_allclose(out.joint_weights, mo.joint_weights, atol=1e-4)
    if suffix in (".glb", ".usda"):
        with pytest.raises(MienError, match="cannot move"):
            load_rig(path)
        with pytest.raises(MienError, match="states its own"):
            load_neutral(path, "cm")


def test_eyes_that_hang_on_the_head_get_joints(mo: Rig) -> None:
    assert mo.joint_weights is not None
    joints = tuple(replace(joint, parent=None) for joint in mo.joints if joint.name == "head")
    blind = replace(mo, joints=joints, joint_weights=np.ones((len(mo.neutral.vertices), 1), np.float32))
    out = transfer(mo, blind, landmarks=points_of(mo))
    assert [(joint.name, joint.parent) for joint in out.joints] == [
        ("head", None),
        ("eyeLeft", "head"),
        ("eyeRight", "head"),
    ]
    assert out.joint_weights is not None
    for k, side in ((1, "left"), (2, "right")):
        assert (out.joint_weights[mo.neutral.topology.groups[f"eyeball_{side}"], k] == 1).all()


def strange(face: Rig) -> Mesh:
    """A face as a stranger brings it: other vertices, other triangles, and nothing that says where its eyes are."""
    surface = skin(face)
    middle = surface.vertices[surface.triangles].mean(axis=1)
    count = len(surface.vertices)
    a, b, c = surface.triangles.T
    fans = np.concatenate([np.stack([p, q, count + np.arange(len(a))], axis=1) for p, q in ((a, b), (b, c), (c, a))])
    vertices = np.concatenate([surface.vertices, middle])
    return Mesh(vertices=vertices.astype(np.float32), topology=Topology(triangles=fans.astype(np.int32)))


def one(rig: Rig) -> Rig:
    return replace(rig, shape_names=("jawOpen",), shapes=rig.shape("jawOpen")[None])


def test_a_face_of_ordinary_proportions_is_found_by_shape(ict: Rig) -> None:
    mesh = strange(ict.with_identity(np.random.default_rng(0).normal(size=100)))
    assert check(transfer(one(ict), mesh)).wrong == {}


@pytest.mark.parametrize("name", ["a caricature", "mo"])
def test_stylised_faces_need_landmarks(ict: Rig, mo: Rig, name: str) -> None:
    if name == "a caricature":
        mesh = strange(ict.with_identity(3 * np.random.default_rng(6).normal(size=100)))
    else:
        mesh = strange(mo)
    with pytest.raises(MienError, match=r"not found by shape alone; give landmarks \(at least three\)$"):
        transfer(one(ict), mesh)
