from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.core import ARKIT, FIVE, Clip, Corrective, Joint, LandmarkAnchors, Mesh, MienError, Rig, Topology
from mien.core.transforms import quaternion_from_angles, weights_from_gaze

RNG = np.random.default_rng(0)
NAMES = ("jawOpen", "own", "mouthSmileLeft")


def rig() -> Rig:
    """Eight vertices: 0-1 on the neck, 2-3 on the head, 4-5 on the left eye, 6 on the right one, 7 half and half."""
    weights = np.zeros((8, 4))
    for vertex, joint in enumerate((0, 0, 1, 1, 2, 2, 3)):
        weights[vertex, joint] = 1
    weights[7, :2] = 0.5
    return Rig(
        name="eight",
        neutral=Mesh(
            vertices=RNG.normal(size=(8, 3)).astype(np.float32) * 50,
            topology=Topology(triangles=np.array([[0, 1, 2], [3, 4, 5]])),
        ),
        shape_names=NAMES,
        shapes=RNG.normal(size=(3, 8, 3)).astype(np.float32),
        joints=(
            Joint(name="neck", position=(0.0, -100.0, 0.0)),
            Joint(name="head", position=(0.0, -20.0, 5.0), parent="neck"),
            Joint(name="eyeLeft", position=(30.0, 30.0, 60.0), parent="head"),
            Joint(name="eyeRight", position=(-30.0, 30.0, 60.0), parent="head"),
        ),
        joint_weights=weights,
        identity_modes=RNG.normal(size=(4, 8, 3)).astype(np.float32),
    )


RIG = rig()
weights = arrays(np.float32, (2, 52), elements=st.floats(-1, 2, width=32))


@given(weights, weights)
def test_evaluate_is_affine(a: np.ndarray, b: np.ndarray):
    neutral = RIG.neutral.vertices
    total = RIG.evaluate(a + b) - neutral
    np.testing.assert_allclose(total, (RIG.evaluate(a) - neutral) + (RIG.evaluate(b) - neutral), atol=1e-4)
    np.testing.assert_allclose(RIG.evaluate(a * 0.5) - neutral, (RIG.evaluate(a) - neutral) / 2, atol=1e-4)


def test_evaluate_picks_shapes_by_name():
    one = np.zeros(52)
    one[ARKIT.index("mouthSmileLeft")] = 0.5
    np.testing.assert_allclose(RIG.evaluate(one), RIG.neutral.vertices + RIG.shape("mouthSmileLeft") / 2, atol=1e-5)
    np.testing.assert_allclose(
        RIG.evaluate(np.array([2.0]), ["own"]), RIG.neutral.vertices + 2 * RIG.shape("own"), atol=1e-5
    )
    assert np.array_equal(RIG.evaluate(np.ones((3, 1)), ["unknown"]), np.stack([RIG.neutral.vertices] * 3))
    assert RIG.evaluate(np.zeros((2, 3, 52))).shape == (2, 3, 8, 3)


def test_evaluate_never_hands_out_the_neutral_itself():
    RIG.evaluate(np.zeros(1), ["unknown"])[:] = 7
    assert not (RIG.neutral.vertices == 7).any()


def test_pose_moves_what_hangs_on_the_joint_and_its_children():
    vertices = RIG.neutral.vertices
    posed = RIG.pose(vertices, {"head": quaternion_from_angles(np.array([np.pi / 2, 0, 0]))})
    pivot = np.array([0, -20, 5])
    offset = vertices - pivot
    quarter = np.stack([offset[:, 2], offset[:, 1], -offset[:, 0]], axis=1) + pivot  # yaw: +Z goes to +X
    np.testing.assert_allclose(posed[:2], vertices[:2], atol=1e-4)
    np.testing.assert_allclose(posed[2:7], quarter[2:7], atol=1e-4)
    np.testing.assert_allclose(posed[7], (vertices[7] + quarter[7]) / 2, atol=1e-4)


@given(arrays(float, (3,), elements=st.floats(-1, 1)), arrays(float, (3,), elements=st.floats(-1, 1)))
def test_joints_compose(head: np.ndarray, eye: np.ndarray):
    vertices = RIG.neutral.vertices
    turns = {"head": quaternion_from_angles(head), "eyeLeft": quaternion_from_angles(eye)}
    both = RIG.pose(vertices, turns)
    eye_first = RIG.pose(vertices, {"eyeLeft": turns["eyeLeft"]})
    np.testing.assert_allclose(both[4:6], RIG.pose(eye_first, {"head": turns["head"]})[4:6], atol=1e-3)
    # Distances inside one joint's vertices never change, nor does the distance to its pivot.
    np.testing.assert_allclose(np.linalg.norm(both[4] - both[5]), np.linalg.norm(vertices[4] - vertices[5]), rtol=1e-5)
    assert both.dtype == vertices.dtype


def test_pose_without_turns_or_weights_does_nothing():
    vertices = RIG.neutral.vertices
    assert RIG.pose(vertices, {}) is vertices
    assert replace(RIG, joint_weights=None).pose(vertices, {"head": np.array([0, 1.0, 0, 0])}) is vertices
    rest = {joint.name: np.array([0, 0, 0, 1.0]) for joint in RIG.joints}
    np.testing.assert_allclose(RIG.pose(vertices, rest), vertices, atol=1e-4)


def test_perform_turns_eyes_by_gaze_or_by_the_look_channels():
    gaze = np.array([[[0.2, 0.1], [0.25, 0.1]]])
    look = Clip(times=np.zeros(1), weights=weights_from_gaze(gaze))
    expected = RIG.pose(
        RIG.neutral.vertices,
        {
            "eyeLeft": quaternion_from_angles(np.array([0.2, 0.1, 0])),
            "eyeRight": quaternion_from_angles(np.array([0.25, 0.1, 0])),
        },
    )
    np.testing.assert_allclose(RIG.perform(look, 0), expected, atol=1e-3)
    measured = replace(look, weights=np.zeros((1, 52), np.float32), gaze=gaze)
    np.testing.assert_allclose(RIG.perform(measured, 0), expected, atol=1e-3)
    lost = replace(measured, head_rotation=np.full((1, 4), np.nan))
    np.testing.assert_allclose(RIG.perform(lost, 0), expected, atol=1e-3)


def test_identity():
    moved = RIG.with_identity(np.array([0.5, -1.0]), "other")
    expected = RIG.neutral.vertices + 0.5 * RIG.identity_modes[0] - RIG.identity_modes[1]
    np.testing.assert_allclose(moved.neutral.vertices, expected, atol=1e-5)
    assert moved.name == "other" and np.array_equal(moved.shapes, RIG.shapes)
    with pytest.raises(MienError, match="no identity modes"):
        replace(RIG, identity_modes=None).with_identity(np.zeros(1))


def test_wrong_rigs_are_refused():
    with pytest.raises(ValueError, match=r"shapes are \(2, 8, 3\), not \(3, 8, 3\)"):
        replace(RIG, shapes=RIG.shapes[:2])
    with pytest.raises(MienError, match="no shape 'smirk'"):
        RIG.shape("smirk")


def test_landmarks_are_weighted_means():
    anchors = LandmarkAnchors(
        layout=FIVE, indices=np.array([[i, i + 1] for i in range(5)]), weights=np.tile([0.25, 0.75], (5, 1))
    )
    vertices = np.stack([RIG.neutral.vertices, RIG.neutral.vertices * 2])
    points = anchors.positions(vertices)
    np.testing.assert_allclose(points, 0.25 * vertices[:, :5] + 0.75 * vertices[:, 1:6], rtol=1e-5)


CORRECTED = replace(
    RIG,
    correctives=(
        Corrective(name="both", channels=("jawOpen", "mouthSmileLeft")),
        Corrective(name="three", channels=("mouthSmileLeft", "own", "jawOpen")),
        Corrective(name="beyond", channels=("own", "jawOpen"), rule="excess"),
    ),
    corrective_shapes=RNG.normal(size=(3, 8, 3)).astype(np.float32),
)


@given(arrays(np.float32, (2, 3), elements=st.floats(-0.5, 1.5, width=32)))
def test_correctives_come_in_where_channels_meet(w: np.ndarray):
    channels = ("mouthSmileLeft", "own", "jawOpen")
    smile, own, jaw = np.clip(w, 0, 1).T
    level = np.stack([jaw * smile, smile * own * jaw, np.maximum(own - jaw, 0)], axis=1)
    np.testing.assert_allclose(CORRECTED.corrective_weights(w, channels), level, atol=1e-6)
    assert CORRECTED.corrective_shapes is not None
    expected = RIG.evaluate(w, channels) + np.einsum("bk,kvd->bvd", level, CORRECTED.corrective_shapes)
    np.testing.assert_allclose(CORRECTED.evaluate(w, channels), expected, atol=2e-5)
    np.testing.assert_allclose(CORRECTED.evaluate(w[0], channels), expected[0], atol=2e-5)


def test_absent_channels_leave_correctives_out():
    one = CORRECTED.corrective_weights(np.array([1.0, 0.25]), ["own", "unknown"])
    assert one.tolist() == [0.0, 0.0, 1.0]
    assert RIG.corrective_weights(np.zeros((4, 52))).shape == (4, 0)
    assert CORRECTED.corrective_weights(np.ones((2, 3, 52))).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("corrective", "line"),
    [
        (Corrective(name="x", channels=("jawOpen",)), "has channels"),
        (Corrective(name="x", channels=("jawOpen", "jawOpen")), "has channels"),
        (Corrective(name="x", channels=("a", "b", "c"), rule="excess"), "has channels"),
        (Corrective(name="own", channels=("a", "b")), "two shapes 'own'"),
    ],
)
def test_wrong_correctives_are_refused(corrective: Corrective, line: str):
    with pytest.raises(ValueError, match=line):
        replace(RIG, correctives=(corrective,), corrective_shapes=RIG.shapes[:1])


def test_correctives_need_their_shapes():
    for shapes in (None, RIG.shapes[:2]):
        with pytest.raises(ValueError, match="corrective shapes are"):
            replace(CORRECTED, correctives=CORRECTED.correctives[:1], corrective_shapes=shapes)
    with pytest.raises(ValueError, match="corrective shapes are"):
        replace(RIG, corrective_shapes=RIG.shapes[:1])
