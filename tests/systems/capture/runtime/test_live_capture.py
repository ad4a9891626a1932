"""Live capture is the offline parts run frame by frame, on the same real frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import Clip, MienError
from mien.core.smoothing import smooth
from mien.io.video import Frame, open_video
from mien.io.webcam import Webcam
from mien.systems.capture.perform import finish
from mien.systems.capture.predict import Capture, CaptureResult
from mien.systems.capture.runtime.calibration import LiveCalibration
from mien.systems.capture.runtime.live_capture import LiveCapture, LiveFrame, Recording

LOST = range(40, 45)


@pytest.fixture(scope="module")
def frames(assets: Path) -> list[Frame]:
    """70 frames of a real video; in five of them the face is gone."""
    with open_video(assets / "video" / "single_face.mp4") as video:
        taken = [frame for frame, _ in zip(video, range(70), strict=False)]
    return [replace(f, image=np.zeros_like(f.image)) if f.index in LOST else f for f in taken]


def run(live: LiveCapture, frames: list[Frame]) -> tuple[Clip, list[LiveFrame | None]]:
    recording = Recording(source="test")
    for frame in frames:
        recording.add(frame.time, live.frame(frame.image, frame.time))
    return recording.clip(), recording.frames


@pytest.fixture(scope="module")
def offline(frames: list[Frame]) -> CaptureResult:
    capture = Capture()
    return capture._collect(frames, Path("test"), len(frames), None, None).result("test", 0, capture.layout)


def test_with_everything_off_it_is_the_offline_clip(frames: list[Frame], offline: CaptureResult) -> None:
    clip, seen = run(LiveCapture(smooth=False, rest=None, hold=False), frames)
    for name in ("times", "weights", "head_rotation", "head_translation", "confidence", "visibility"):
        np.testing.assert_array_equal(getattr(clip, name), getattr(offline.clip, name), err_msg=name)
    assert clip.gaze is not None and offline.clip.gaze is not None
    np.testing.assert_allclose(clip.gaze, offline.clip.gaze, atol=1e-6)
    assert all(seen[t] is None for t in LOST) and not clip.seen[list(LOST)].any()


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
    for t, frame in enumerate(seen):
        if frame is None:
            continue
        if t <= met:
            np.testing.assert_array_equal(frame.captured.raw, offline.raw[t])
            np.testing.assert_array_equal(clip.weights[t], offline.clip.weights[t])
        else:
            assert not np.array_equal(frame.captured.raw, offline.raw[t])
            np.testing.assert_array_equal(clip.weights[t], calibration.step(frame.time, frame.captured.raw))
    live.reset()
    again, _ = run(live, frames)
    np.testing.assert_array_equal(again.weights, clip.weights)


def test_a_recording_is_saved_and_comes_back(frames: list[Frame], tmp_path: Path) -> None:
    clip, _ = run(LiveCapture(), frames[38:50])
    clip.save(tmp_path / "take.npz")
    back = Clip.load(tmp_path / "take.npz")
    np.testing.assert_array_equal(back.weights, clip.weights)
    np.testing.assert_array_equal(back.visibility, clip.visibility)
    empty = Recording().clip()
    assert len(empty) == 0 and empty.visibility is None


def test_a_webcam_gives_rgb_with_growing_times_and_none_is_one_clear_line(assets: Path) -> None:
    path = assets / "video" / "single_face.mp4"  # OpenCV opens a file as it opens a camera
    with Webcam(str(path)) as camera, open_video(path) as video:
        assert (camera.width, camera.height) == (video.width, video.height)
        pairs = [pair for pair, _ in zip(zip(camera, video, strict=False), range(5), strict=False)]
    times = [ours.time for ours, _ in pairs]
    assert times[0] == 0 and (np.diff(times) > 0).all()
    for ours, theirs in pairs:
        assert ours.index == theirs.index and ours.image.flags.c_contiguous
        assert np.abs(ours.image.astype(int) - theirs.image).mean() < 4, "the same pictures, the same order of colours"
    with pytest.raises(MienError, match="webcam 99 cannot be opened"):
        Webcam(99)
