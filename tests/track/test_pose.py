"""Head pose against projected truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mien.core import Camera, MienError
from mien.core.transforms import angles_from_quaternion, quaternion_from_angles
from mien.track.pose import PoseSolver

CAMERA = Camera.guess(1280, 720)
HEAD = np.random.default_rng(3).normal(0, 1, (70, 3)) * (40, 50, 25) + (0, 0, 60)
"""A cloud of a head's size [mm]."""


def seen(angles: np.ndarray, shift: np.ndarray, camera: Camera = CAMERA) -> np.ndarray:
    return camera.project(Rotation.from_quat(quaternion_from_angles(angles)).apply(HEAD) + shift)


def turn_between(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.arccos(min(1.0, abs(float(a @ b))))


poses = st.tuples(
    st.floats(-1.3, 1.3), st.floats(-0.9, 0.9), st.floats(-3.1, 3.1),
    st.floats(-0.3, 0.3), st.floats(-0.2, 0.2), st.floats(350, 4000),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(pose=poses)
def test_any_pose_is_found_without_a_start(pose: tuple[float, ...]) -> None:
    angles, depth = np.array(pose[:3]), pose[5]
    shift = np.array([pose[3] * depth, pose[4] * depth, -depth])
    found = PoseSolver(CAMERA).solve(seen(angles, shift), HEAD)
    assert turn_between(found.quaternion, quaternion_from_angles(angles)) < 1e-4
    np.testing.assert_allclose(found.translation, shift, atol=1e-4 * depth)
    assert found.residual < 0.01


def test_signs_are_those_of_the_conventions() -> None:
    for axis in range(3):
        angles = 0.3 * np.eye(3)[axis]
        found = PoseSolver(CAMERA).solve(seen(angles, np.array([0, 0, -600.0])), HEAD)
        np.testing.assert_allclose(angles_from_quaternion(found.quaternion), angles, atol=1e-4)


def test_noise_and_outliers_are_borne() -> None:
    # 0.7 px of noise on a face 150 px wide is 1.2 % of its eye distance; 10 of 70 points are 30 px off.
    rng = np.random.default_rng(0)
    solver = PoseSolver(CAMERA)
    turns, shifts = [], []
    for step in range(150):
        angles = np.array([0.6 * np.sin(step / 20), 0.3 * np.sin(step / 13), 0.2 * np.sin(step / 9)])
        shift = np.array([50 * np.sin(step / 30), 20, -900 + 100 * np.sin(step / 15)])
        points = seen(angles, shift) + rng.normal(0, 0.7, (70, 2))
        points[rng.choice(70, 10, replace=False)] += rng.normal(0, 30, (10, 2))
        found = solver.solve(points, HEAD)
        turns.append(turn_between(found.quaternion, quaternion_from_angles(angles)))
        shifts.append(found.translation - shift)
    assert np.degrees(np.median(turns)) < 0.3
    assert np.degrees(np.max(turns)) < 1.0
    assert np.abs(shifts).max() < 9  # 1 % of the distance


def test_outliers_would_matter_without_the_weights() -> None:
    # The claim behind the robust cost, against an independent least-squares solver.
    from scipy.optimize import least_squares
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(1)
    angles, shift = np.array([0.2, 0.1, 0.0]), np.array([0, 0, -900.0])
    points = seen(angles, shift) + rng.normal(0, 0.3, (70, 2))
    points[:12] += (25, -10)

    def error(x: np.ndarray, rows: slice) -> np.ndarray:
        return (CAMERA.project(HEAD @ Rotation.from_rotvec(x[:3]).as_matrix().T + x[3:]) - points)[rows].ravel()

    start = np.array([0, 0, 0, 0, 0, -800.0])
    plain = Rotation.from_rotvec(least_squares(error, start, args=(slice(None),)).x[:3]).as_quat()
    clean = Rotation.from_rotvec(least_squares(error, start, args=(slice(12, None),)).x[:3]).as_quat()
    ours = PoseSolver(CAMERA).solve(points, HEAD).quaternion
    assert turn_between(ours, clean) < 0.1 * turn_between(plain, clean)


def test_weights_leave_points_out_and_nan_does_too() -> None:
    angles, shift = np.array([0.2, -0.1, 0.1]), np.array([10, 0, -700.0])
    points = seen(angles, shift)
    points[:35] += 40
    weights = np.r_[np.zeros(35), np.ones(35)]
    by_weight = PoseSolver(CAMERA).solve(points, HEAD, weights)
    points[:35] = np.nan
    by_nan = PoseSolver(CAMERA).solve(points, HEAD)
    assert turn_between(by_weight.quaternion, quaternion_from_angles(angles)) < 1e-4
    np.testing.assert_allclose(by_weight.quaternion, by_nan.quaternion, atol=1e-9)


def test_a_wrong_previous_pose_is_thrown_away() -> None:
    solver = PoseSolver(CAMERA)
    solver.solve(seen(np.array([1.2, 0.5, -2.0]), np.array([100, 0, -300.0])), HEAD)
    angles, shift = np.array([-1.2, -0.5, 1.0]), np.array([-400, 100, -2500.0])
    found = solver.solve(seen(angles, shift), HEAD)
    assert turn_between(found.quaternion, quaternion_from_angles(angles)) < 1e-4


def test_quaternions_do_not_flip_sign_between_frames() -> None:
    solver = PoseSolver(CAMERA)
    last = None
    for roll in np.linspace(0, 4 * np.pi, 200):
        found = solver.solve(seen(np.array([0.2, 0.1, roll]), np.array([0, 0, -700.0])), HEAD).quaternion
        assert last is None or float(found @ last) > 0.99
        last = found


def test_it_follows_a_still_face_without_drift() -> None:
    solver = PoseSolver(CAMERA)
    points = seen(np.array([0.3, 0.1, 0.0]), np.array([0, 0, -700.0]))
    first = solver.solve(points, HEAD)
    for _ in range(300):
        last = solver.solve(points, HEAD)
    angle = 2 * np.arccos(min(1.0, abs(float(first.quaternion @ last.quaternion))))
    assert angle < 1e-4
    assert np.linalg.norm(last.quaternion) == pytest.approx(1)


@pytest.mark.parametrize("count", [0, 5])
def test_too_few_points_are_refused(count: int) -> None:
    with pytest.raises(MienError, match="six landmarks"):
        PoseSolver(CAMERA).solve(np.zeros((count, 2)), HEAD[:count])


def test_points_on_a_line_are_refused() -> None:
    line = np.linspace(-1, 1, 10)[:, None]
    with pytest.raises(MienError, match="one line"):
        PoseSolver(CAMERA).solve(600 + 100 * line * (1, 0), 50 * line * (1, 0, 0))
