"""What a captured take becomes: each step on its own, and nothing when all is off."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mien.core import ARKIT, Clip, FaceTrack, MienError
from mien.core.smoothing import smooth, smooth_ahead
from mien.systems.capture import spec
from mien.systems.capture.perform import Smooth, finish
from mien.systems.capture.predict import CaptureResult, clean_weights


def result(frames: int = 120, *, visibility: np.ndarray | None = None) -> CaptureResult:
    rng = np.random.default_rng(0)
    raw = (rng.normal(0, 0.01, (frames, 52)) + rng.uniform(-0.1, 0.2, 52)).astype(np.float32)
    times = np.arange(frames) / 30
    clip = Clip(times=times, weights=clean_weights(raw), visibility=visibility, gaze=np.zeros((frames, 2, 2)))
    track = FaceTrack(
        id=0,
        times=times,
        boxes=np.zeros((frames, 4)),
        five_points=np.zeros((frames, 5, 2)),
        confidence=np.ones(frames),
    )
    codes = np.zeros((frames, spec.CODE), np.float32)
    return CaptureResult(clip=clip, track=track, milliseconds=np.zeros(frames), raw=raw, codes=codes)


def test_all_off_is_the_clip_itself() -> None:
    taken = result(visibility=np.ones((120, 3)))
    assert_array_equal(finish(taken, neutral="off").weights, taken.clip.weights)


def test_a_rest_below_zero_is_found_and_all_rests_read_as_zero() -> None:
    taken = result()
    calm = [c for c, name in enumerate(ARKIT) if not name.startswith(("eyeLook", "eyeBlink"))]
    assert np.median(taken.clip.weights[:, calm], axis=0).max() > 0.1
    for neutral in ("auto", 60):
        out = finish(taken, neutral=neutral).weights
        assert np.median(out[:, calm], axis=0).max() < 0.04
        assert (out >= 0).all()


@pytest.mark.parametrize("smoothing", ["live", "ahead"])
def test_the_filter_comes_last(smoothing: Smooth) -> None:
    hidden = np.ones((120, 3))
    hidden[60:90, 2] = 0.0
    taken = result(visibility=hidden)
    before = finish(taken)
    after = (smooth if smoothing == "live" else smooth_ahead)(before)
    assert_array_equal(finish(taken, smoothing=smoothing).weights, after.weights)
    assert np.abs(before.weights - finish(taken, neutral="off").weights).max() > 0.05  # there was a rest to take off
    assert_array_equal(before.curve("jawOpen")[60:70], before.curve("jawOpen")[59])


def test_a_neutral_frame_outside_the_take_is_refused() -> None:
    with pytest.raises(MienError, match="neutral frame 500"):
        finish(result(), neutral=500)


def test_filters_are_those_of_core_and_hidden_regions_are_held() -> None:
    taken = result()
    assert_array_equal(finish(taken, neutral="off", smoothing="live").weights, smooth(taken.clip).weights)
    assert_array_equal(finish(taken, neutral="off", smoothing="ahead").weights, smooth_ahead(taken.clip).weights)
    hidden = np.ones((120, 3))
    hidden[60:, 2] = 0.0
    jaw = finish(result(visibility=hidden), neutral="off").curve("jawOpen")
    assert_array_equal(jaw[60:70], jaw[59])
