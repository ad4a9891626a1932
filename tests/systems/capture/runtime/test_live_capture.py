"""Live capture is the offline parts run frame by frame, on the same real frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import Clip, Pose
from mien.core.smoothing import smooth
from mien.io.video import Frame, open_video
from mien.live.recording import Recording
from mien.systems.capture.perform import finish
from mien.systems.capture.predict import Capture, CapturedFrame, CaptureResult
from mien.systems.capture.runtime.calibration import LiveCalibration
from mien.systems.capture.runtime.live_capture import LiveCapture

LOST = range(40, 45)


@pytest.fixture(scope="module")
def frames(assets: Path) -> list[Frame]:
    """70 frames of a real video; in five of them the face is gone."""
    with open_video(assets / "video" / "single_face.mp4") as video:
        taken = [frame for frame, _ in zip(video, range(70), strict=False)]
    return [replace(f, image=np.zeros_like(f.image)) if f.index in LOST else f for f in taken]


def run(live: LiveCapture, frames: list[Frame]) -> tuple[Clip, list[tuple[Pose, CapturedFrame | None]]]:
    recording, seen = Recording(source="test"), []
    for frame in frames:
        pose = live.frame(frame.image, frame.time)
        recording.send(pose)
        seen.append((pose, live.captured))
    return recording.clip(), seen


@pytest.fixture(scope="module")
def offline(frames: list[Frame]) -> CaptureResult:
    capture = Capture()
    return capture._collect(frames, len(frames)).result("test", 0, capture.layout)


def test_with_everything_off_it_is_the_offline_clip(frames: list[Frame], offline: CaptureResult) -> None:
    clip, seen = run(LiveCapture(smooth=False, rest=None, hold=False), frames)
    for name in ("times", "weights", "head_rotation", "head_translation", "confidence", "visibility"):
        np.testing.assert_array_equal(getattr(clip, name), getattr(offline.clip, name), err_msg=name)
    assert clip.gaze is not None and offline.clip.gaze is not None
    np.testing.assert_allclose(clip.gaze, offline.clip.gaze, atol=1e-6)
    for t, (pose, captured) in enumerate(seen):
        assert pose.time == frames[t].time
        assert pose.seen == (captured is not None) == (t not in LOST) == clip.seen[t]


def test_the_filter_is_on_by_default_and_is_the_offline_one(frames: list[Frame], offline: CaptureResult) -> None:
    clip, _ = run(LiveCapture(rest=None), frames)
    expected = finish(offline, neutral="off", smoothing="live")
    np.testing.assert_allclose(clip.weights, expected.weights, atol=1e-6)
    for ours, theirs in (
        (clip.head_rotation, expected.head_rotation),
        (clip.head_translation, expected.head_translation),
    ):
        assert ours is not None and theirs is not None
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
    np.testing.assert_allclose(clip.weights, smooth(finish(offline, neutral="off")).weights, atol=1e-6)
    assert np.nanmax(np.abs(clip.weights - offline.clip.weights)) > 1e-3


def test_first_the_network_meets_the_rest_then_it_is_calibrated_and_reset_forgets_both(
    frames: list[Frame], offline: CaptureResult
) -> None:
    live, calibration = LiveCapture(smooth=False, rest=0.8, hold=False), LiveCalibration(seconds=0.4)
    clip, seen = run(live, frames)
    met = next(t for t, frame in enumerate(frames) if frame.time >= 0.4)
    for t, (pose, captured) in enumerate(seen):
        if captured is None:
            continue
        if t <= met:
            np.testing.assert_array_equal(captured.raw, offline.raw[t])
            np.testing.assert_array_equal(clip.weights[t], offline.clip.weights[t])
        else:
            assert not np.array_equal(captured.raw, offline.raw[t])
            np.testing.assert_array_equal(clip.weights[t], calibration.step(pose.time, captured.raw))
    live.reset()
    again, _ = run(live, frames)
    np.testing.assert_array_equal(again.weights, clip.weights)


def test_a_recording_is_saved_and_comes_back(frames: list[Frame], tmp_path: Path) -> None:
    clip, _ = run(LiveCapture(), frames[38:50])
    clip.save(tmp_path / "take.npz")
    back = Clip.load(tmp_path / "take.npz")
    np.testing.assert_array_equal(back.weights, clip.weights)
    np.testing.assert_array_equal(back.visibility, clip.visibility)
