import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from mien.core import ARKIT
from mien.core.channels import index
from mien.core.transforms import (
    GAZE_LIMITS,
    angles_from_quaternion,
    gaze_from_weights,
    quaternion_from_angles,
    weights_from_gaze,
)

NOSE, LEFT_EAR, CROWN = np.eye(3)[[2, 0, 1]]  # face looks along +Z, its left is +X (image right), up is +Y


def turned(angles: tuple[float, float, float], point: np.ndarray) -> np.ndarray:
    return Rotation.from_quat(quaternion_from_angles(np.array(angles))).apply(point)


def test_signs_are_those_of_the_conventions():
    a = 0.3
    assert turned((a, 0, 0), NOSE)[0] > 0.29  # yaw +: nose to image right
    assert turned((0, a, 0), NOSE)[1] > 0.29  # pitch +: nose up
    assert turned((0, 0, a), CROWN)[0] > 0.29  # roll +: clockwise in the image, the crown to image right
    assert turned((0, 0, a), LEFT_EAR)[1] < -0.29


@given(arrays(float, (4, 3), elements=st.floats(-1.5, 1.5)))
def test_angles_and_quaternions_are_inverse(angles: np.ndarray):
    np.testing.assert_allclose(angles_from_quaternion(quaternion_from_angles(angles)), angles, atol=1e-7)


@given(arrays(float, (3,), elements=st.floats(-1.5, 1.5)))
def test_the_order_is_roll_then_pitch_then_yaw(angles: np.ndarray):
    yaw, pitch, roll = (Rotation.from_quat(quaternion_from_angles(angles * axis)) for axis in np.eye(3))
    whole = Rotation.from_quat(quaternion_from_angles(angles))
    np.testing.assert_allclose(whole.as_matrix(), (yaw * pitch * roll).as_matrix(), atol=1e-12)


def test_shapes_and_nan_are_kept():
    quaternions = quaternion_from_angles(np.zeros((2, 5, 3)))
    assert quaternions.shape == (2, 5, 4)
    quaternions[1, 3] = np.nan
    angles = angles_from_quaternion(quaternions)
    assert angles.shape == (2, 5, 3) and np.isnan(angles[1, 3]).all() and np.isnan(angles).sum() == 3
    assert np.isnan(angles_from_quaternion(np.full(4, np.nan))).all()


@given(
    arrays(float, (2,), elements=st.floats(-GAZE_LIMITS["In"], GAZE_LIMITS["In"])),
    arrays(float, (2,), elements=st.floats(-GAZE_LIMITS["Down"], GAZE_LIMITS["Up"])),
)
def test_gaze_and_look_channels_are_inverse(yaw: np.ndarray, pitch: np.ndarray):
    gaze = np.stack([yaw, pitch], axis=-1)
    weights = weights_from_gaze(gaze)
    np.testing.assert_allclose(gaze_from_weights(weights), gaze, atol=1e-6)
    assert (weights >= 0).all() and (weights <= 1).all()
    assert all(weights[i] == 0 for i, name in enumerate(ARKIT) if not name.startswith("eyeLook"))


def test_both_eyes_look_to_the_subjects_left():
    at, weights = index(ARKIT), np.zeros(52)
    weights[[at["eyeLookOutLeft"], at["eyeLookInRight"]]] = 1
    gaze = gaze_from_weights(weights)
    assert (gaze[:, 0] > 0.5).all() and (gaze[:, 1] == 0).all()


def test_gaze_beyond_the_limits_saturates():
    assert weights_from_gaze(np.array([[2.0, 0], [0, -2.0]])).max() == 1
