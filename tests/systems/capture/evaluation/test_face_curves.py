"""One face, read off its weights and off another tracker's points of it, gives the same curves."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mien.core import ARKIT, Clip
from mien.core.transforms import quaternion_from_angles, weights_from_gaze
from mien.runtime import Bundle
from mien.systems.capture.evaluation.face_curves import (
    CURVES,
    curves_of_clip,
    curves_of_labels,
    curves_of_weights,
    follow_curves,
    gaze_of_points,
    gaze_of_weights,
)
from mien.systems.capture.evaluation.face_measures import IBUG, MEASURES, MEDIAPIPE
from mien.systems.capture.evaluation.teacher_labels import TeacherLabels
from mien.systems.capture.runtime.landmark_rig import LandmarkRig

FRAMES = 40
TIME = np.linspace(0, 1, FRAMES)


@pytest.fixture(scope="module")
def rig() -> LandmarkRig:
    return LandmarkRig.from_arrays(Bundle.load("capture").arrays)


@pytest.fixture(scope="module")
def clip() -> Clip:
    """A face that moves everything a curve measures, with a head that turns."""
    weights = np.zeros((FRAMES, 52))
    names = ("jawOpen", "mouthSmileLeft", "browInnerUp", "browOuterUpLeft", "eyeBlinkRight", "mouthPucker")
    for k, name in enumerate(names):
        weights[:, ARKIT.index(name)] = 0.5 + 0.5 * np.sin(TIME * (7 + k))
    angles = np.radians(np.stack([10 * np.sin(5 * TIME), 8 * np.cos(4 * TIME), 6 * TIME], axis=1))
    return Clip(times=TIME, weights=weights, head_rotation=quaternion_from_angles(angles))


def seen(clip: Clip, rig: LandmarkRig) -> TeacherLabels:
    """The clip as MediaPipe would label the mean face: its points in place of iBUG's, posed, y down in pixels."""
    head = np.stack([rig.points(row) for row in clip.weights])
    points = np.zeros((FRAMES, 478, 3))
    for name, targets in MEDIAPIPE.items():
        sources = head[:, list(IBUG[name])]
        points[:, list(targets)] = sources if len(targets) == sources.shape[1] else sources.mean(axis=1, keepdims=True)
    for iris, corners in ((468, (33, 133)), (473, (362, 263))):
        points[:, iris] = points[:, list(corners)].mean(axis=1) + np.array([3.0, 1.0, 0.0])
    assert clip.head_rotation is not None
    turn = Rotation.from_quat(clip.head_rotation).as_matrix()
    pose = np.tile(np.eye(4), (FRAMES, 1, 1))
    pose[:, :3, :3] = 1.3 * turn
    pixels = 2.0 * np.einsum("nij,npj->npi", turn, points) * (1, -1, -1) + (320.0, 240.0, 0.0)
    spread = np.full((FRAMES, 478), 0.001)
    return TeacherLabels(points=pixels, spread=spread, pose=pose, weights=clip.weights, frames=np.arange(FRAMES))


def test_weights_and_points_of_one_face_give_one_curve(clip: Clip, rig: LandmarkRig) -> None:
    ours, theirs = curves_of_clip(clip, rig), curves_of_labels(seen(clip, rig), FRAMES + 5)
    assert tuple(theirs) == CURVES
    for name in (*MEASURES, "yaw", "pitch", "roll"):
        np.testing.assert_allclose(theirs[name][:FRAMES], ours[name], atol=1e-6, err_msg=name)
        assert np.isnan(theirs[name][FRAMES:]).all()
    for name, followed in follow_curves(ours, {k: v[:FRAMES] for k, v in theirs.items()}).items():
        assert (followed.r, followed.gain) == pytest.approx((1, 1), abs=1e-4), name


def test_a_face_that_turns_away_or_is_hidden_has_no_curve(clip: Clip, rig: LandmarkRig) -> None:
    labels = seen(clip, rig)
    labels.spread[10:20] = 0.1
    curves = curves_of_labels(labels, FRAMES)
    for name in MEASURES:
        assert np.flatnonzero(np.isnan(curves[name])).tolist() == list(range(10, 20))


def test_gaze_counts_only_while_the_eyes_are_open(clip: Clip, rig: LandmarkRig) -> None:
    curves = curves_of_labels(seen(clip, rig), FRAMES)
    shut = np.isnan(curves["gaze_x"])
    assert shut.sum() == round(0.15 * FRAMES) and curves["lids"][shut].max() < curves["lids"][~shut].min()


def test_gaze_has_one_sign_in_weights_and_points() -> None:
    gaze = np.tile(np.radians([[20.0, 10.0]]), (2, 1))[None]
    x, y = gaze_of_weights(weights_from_gaze(gaze))[0]
    assert x > 0 and y > 0, "image right, up"
    assert (x, y) == pytest.approx(10.5 / 27 * np.sin(np.radians([20.0, 10.0])), abs=1e-6)
    points = np.zeros((1, 478, 2))
    points[0, [33, 133, 362, 263], 0] = 0, 30, 60, 90
    points[0, [468, 473]] = [[15 + 3, 1.5], [75 + 3, 1.5]]
    assert gaze_of_points(points)[0] == pytest.approx((0.1, 0.05))
    c, s = np.cos(0.4), np.sin(0.4)
    assert gaze_of_points(points @ np.array([[c, s], [-s, c]]))[0] == pytest.approx((0.1, 0.05)), "in the eye's frame"


def test_frames_without_a_face_have_no_curve(rig: LandmarkRig) -> None:
    weights = np.zeros((3, 52))
    weights[1] = np.nan
    for name, curve in curves_of_weights(weights, rig).items():
        assert np.isfinite(curve).tolist() == [True, False, True], name
