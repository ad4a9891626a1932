"""OpenFace 2 output as a clip: its pose is judged by the 3D landmarks that stand in the same file."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mien.core import Clip, MienError
from mien.core.transforms import angles_from_quaternion

HEAD = (
    "frame, face_id, timestamp, confidence, success, gaze_angle_x, gaze_angle_y, pose_Tx, pose_Ty, pose_Tz, pose_Rx, "
    "pose_Ry, pose_Rz, AU01_r, AU12_r, AU23_r, AU25_r, AU26_r, AU45_r, AU12_c"
)
FLIP = np.array([1, -1, -1])
"""OpenFace's camera axes (right, down, away) to mien's (right, up, towards the viewer)."""


@pytest.fixture(scope="module")
def columns(assets: Path) -> dict[str, np.ndarray]:
    with (assets / "motion" / "openface2_sample.csv").open() as file:
        rows = list(csv.reader(file, skipinitialspace=True))
    return dict(zip(rows[0], np.array(rows[1:], float).T, strict=True))


@pytest.fixture(scope="module")
def clip(assets: Path) -> Clip:
    return Clip.load(assets / "motion" / "openface2_sample.csv")


def landmarks(columns: dict[str, np.ndarray]) -> np.ndarray:
    """iBUG 68 in mien's camera frame [T, 68, 3] mm."""
    points = [np.stack([columns[f"{axis}_{i}"] for i in range(68)], axis=1) for axis in "XYZ"]
    return np.stack(points, axis=2) * FLIP


def test_times_trust_and_units_are_the_files(clip: Clip, columns: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(clip.times, columns["timestamp"])
    np.testing.assert_array_equal(clip.confidence, columns["confidence"])
    assert clip.seen.all() and clip.source == "openface2_sample.csv"
    for channel, unit in (
        ("browInnerUp", "AU01"), ("browOuterUpLeft", "AU02"), ("jawOpen", "AU26"), ("eyeBlinkRight", "AU45"),
        ("mouthShrugLower", "AU17"), ("noseSneerLeft", "AU09"),
    ):  # fmt: skip
        np.testing.assert_allclose(clip.curve(channel), columns[f"{unit}_r"] / 5, atol=1e-7)
    assert clip.curve("browDownLeft").max() > 0.2
    assert not clip.curve("mouthClose").any()


def test_the_head_turns_as_the_landmarks_do(clip: Clip, columns: dict[str, np.ndarray]) -> None:
    points = landmarks(columns)
    assert clip.head_rotation is not None
    turns = Rotation.from_quat(clip.head_rotation)
    apart = points - points.mean(axis=1, keepdims=True)
    for frame in range(1, 100, 7):
        # Of the same face in two frames the best turn (Kabsch) is the difference of the poses.
        measured, _ = Rotation.align_vectors(apart[frame], apart[0])
        said = turns[frame] * turns[0].inv()
        assert (measured.inv() * said).magnitude() < np.radians(0.5)
    assert (turns[23] * turns[0].inv()).magnitude() > np.radians(4)  # it does turn
    # The line through the outer corners of the eyes, from the subject's right to the left, is the head's +X.
    eyes = points[:, 45] - points[:, 36]
    eyes /= np.linalg.norm(eyes, axis=1, keepdims=True)
    assert ((turns.apply([1, 0, 0]) * eyes).sum(axis=1) > np.cos(np.radians(2))).all()
    # The nose points out of the face, towards the viewer.
    nose = points[:, 30] - points[:, [36, 45, 48, 54]].mean(axis=1)
    assert ((turns.apply([0, 0, 1]) * nose).sum(axis=1) > 0).all()


def test_the_head_is_where_its_landmarks_are(clip: Clip, columns: dict[str, np.ndarray]) -> None:
    assert clip.head_translation is not None
    np.testing.assert_allclose(clip.head_translation, landmarks(columns).mean(axis=1), atol=45)
    assert (clip.head_translation[:, 2] < -500).all()


def test_each_eye_looks_as_its_direction_says(clip: Clip, columns: dict[str, np.ndarray]) -> None:
    assert clip.gaze is not None and clip.head_rotation is not None
    for eye, number in ((0, 1), (1, 0)):  # the subject's left eye is the one at the right of the image
        yaw, pitch = clip.gaze[:, eye].T
        local = np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=1)
        direction = np.stack([columns[f"gaze_{number}_{axis}"] for axis in "xyz"], axis=1) * FLIP
        np.testing.assert_allclose(Rotation.from_quat(clip.head_rotation).apply(local), direction, atol=1e-5)
    # At a screen half a metre away the lines of sight meet: the left eye is turned to the right one and back.
    assert (clip.gaze[:, 0, 0] < clip.gaze[:, 1, 0]).all()


def written(path: Path, *rows: str, head: str = HEAD) -> Path:
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def test_signs_of_angles(tmp_path: Path) -> None:
    """Positive turns of OpenFace: about x the nose goes down, about y to image left, about z clockwise."""
    base = "0.9, 1, 0.1, 0.2, 10, 20, 600"
    tail = "0, 2.5, 5, 5, 5, 6, 1"
    rows = [f"{k}, 0, {k}, {base}, {turn}, {tail}" for k, turn in enumerate(("0.2, 0, 0", "0, 0.2, 0", "0, 0, 0.2"))]
    clip = Clip.load(written(tmp_path / "a.csv", *rows))
    assert clip.head_rotation is not None and clip.head_translation is not None and clip.gaze is not None
    np.testing.assert_allclose(
        angles_from_quaternion(clip.head_rotation), [[0, -0.2, 0], [-0.2, 0, 0], [0, 0, 0.2]], atol=1e-12
    )
    np.testing.assert_allclose(clip.head_translation, [[10, -20, -600]] * 3)
    assert clip.curve("mouthSmileLeft").tolist() == [0.5] * 3
    assert clip.curve("eyeBlinkLeft").tolist() == [1] * 3  # an intensity of 6 is cut off
    assert clip.curve("jawOpen").tolist() == [1] * 3


def test_one_pair_of_angles_serves_both_eyes(tmp_path: Path) -> None:
    clip = Clip.load(written(tmp_path / "a.csv", "1, 0, 0, 0.9, 1, 0.1, 0.2, 0, 0, 600, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0"))
    assert clip.gaze is not None
    # In the camera's frame: to image right, and down. Of a straight head the yaw is the angle itself.
    np.testing.assert_allclose(clip.gaze[0, 0], clip.gaze[0, 1])
    np.testing.assert_allclose(clip.gaze[0, 0, 0], 0.1)
    np.testing.assert_allclose(np.tan(clip.gaze[0, 0, 1]), -np.tan(0.2) * np.cos(0.1))


def test_rows_without_success_have_no_face(tmp_path: Path) -> None:
    good = "0.9, 1, 0.1, 0.2, 0, 0, 600, 0.1, 0, 0, 0, 1, 0, 0, 2, 0, 0"
    lost = "0.1, 0, -nan(ind), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0"
    clip = Clip.load(written(tmp_path / "a.csv", f"1, 0, 0, {good}", f"2, 0, 0.033, {lost}", f"3, 0, 0.066, {good}"))
    assert clip.seen.tolist() == [True, False, True]
    assert clip.confidence is not None and clip.confidence.tolist() == [0.9, 0, 0.9]
    assert clip.head_rotation is not None and clip.gaze is not None and clip.head_translation is not None
    for values in (clip.weights, clip.head_rotation, clip.head_translation, clip.gaze):
        assert np.isnan(values[1]).all() and np.isfinite(values[[0, 2]]).all()


def test_a_file_of_units_alone_has_no_pose(tmp_path: Path) -> None:
    head = "frame,timestamp,confidence,success,AU12_r"
    clip = Clip.load(written(tmp_path / "a.csv", "1,0,1,1,2.5", head=head))
    assert clip.head_rotation is None and clip.head_translation is None and clip.gaze is None
    assert clip.curve("mouthSmileRight").tolist() == [0.5]


ROW = "1, 0, 0, 0.9, 1, 0.1, 0.2, 0, 0, 600, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0"


@pytest.mark.parametrize(
    ("rows", "head", "reason"),
    [
        ([], HEAD, "no frames"),
        ([ROW, ROW], HEAD, "line 3: the time does not increase; keep the rows of one face"),
        ([ROW.replace("600", "x")], HEAD, "line 2: 'x' is not a number"),
        ([ROW.replace("600", "nan")], HEAD, "line 2: a value is not finite"),
        ([ROW[:-3]], HEAD, "line 2: 19 cells, but the header has 20"),
        (["1,0,1,1,3"], "frame,timestamp,confidence,success,AU23_r", "no column AUxx_r"),
        (["1,0,1,1,3"], "frame,timestamp,confidence,success,AU12_c", "no column AUxx_r"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, rows: list[str], head: str, reason: str) -> None:
    with pytest.raises(MienError, match=reason) as caught:
        Clip.load(written(tmp_path / "bad.csv", *rows, head=head))
    assert "\n" not in str(caught.value) and "bad.csv" in str(caught.value)
