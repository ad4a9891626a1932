"""Calibration: a rising map that keeps 0 and 1, found again at zero, and never a lost blink."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mien.core import ARKIT, Clip, MienError
from mien.core.transforms import quaternion_from_angles
from mien.engine.metrics import events
from mien.systems.capture.runtime.calibration import (
    Levels,
    LiveCalibration,
    calibrate,
    find_blinks,
    find_levels,
    find_rest,
)

LIDS = [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]
JAW, SMILE, BROW = ARKIT.index("jawOpen"), ARKIT.index("mouthSmileLeft"), ARKIT.index("browDownLeft")
BLINKS = (1.5, 4.0, 5.5, 8.2)


def take(*, offset: np.ndarray | None = None, closed: float = 1.0, rate: float = 30.0, seed: int = 0) -> Clip:
    """Ten seconds: rest, speech from 3 to 5 s, a smile from 6 to 8 s, four blinks; a person's offsets on top."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, 10, 1 / rate)
    weights = rng.normal(0, 1e-3, (len(times), 52))
    weights[:, JAW] += np.where((times > 3) & (times < 5), 0.3 - 0.3 * np.cos(8 * times), 0)
    weights[:, SMILE] += 0.8 * np.clip(np.minimum(times - 6, 8 - times) * 4, 0, 1)
    for at in BLINKS:
        weights[:, LIDS] += closed * np.exp(-0.5 * ((times - at) / 0.06) ** 2)[:, None]
    if offset is not None:
        weights += offset * (1 - np.clip(weights, 0, 1))
    return Clip(times=times, weights=weights.astype(np.float32))


def offsets(seed: int) -> np.ndarray:
    offset = np.random.default_rng(seed).uniform(-0.2, 0.25, 52)
    offset[[name.startswith(("eyeBlink", "eyeLook")) for name in ARKIT]] = 0.0
    return offset


@given(st.integers(0, 1000), st.floats(0.3, 1.0))
@settings(max_examples=8, deadline=None)
def test_the_map_rises_keeps_0_and_1_and_stays_between(seed: int, closed: float) -> None:
    levels = find_levels(take(offset=offsets(seed), closed=closed))
    ramp = np.repeat(np.linspace(-0.5, 1.5, 201)[:, None], 52, axis=1)
    out = levels.apply(ramp)
    assert (np.diff(out, axis=0) >= 0).all()
    assert (out >= 0).all() and (out <= 1).all()
    assert_array_equal(out[-1], 1)
    assert_array_equal(levels.apply(np.minimum(levels.rest, 0.0)), 0)


@given(st.integers(0, 1000), st.sampled_from([1.0, 0.45]))
@settings(max_examples=6, deadline=None)
def test_a_person_with_offsets_reads_like_one_without(seed: int, closed: float) -> None:
    clip = take(offset=offsets(seed), closed=closed)
    plain = np.clip(take().weights, 0, 1)
    out = calibrate(clip, find_levels(clip)).weights
    expressions = [c for c, name in enumerate(ARKIT) if not name.startswith("eye") and name != "mouthClose"]
    assert np.abs(out - plain)[:, expressions].max() < 0.04
    assert np.abs(out - plain)[:, LIDS].max() < 0.15


@pytest.mark.parametrize("closed", [1.0, 0.45, 0.3])
def test_calibrating_twice_is_calibrating_once(closed: float) -> None:
    clip = take(offset=offsets(5), closed=closed)
    once = calibrate(clip, find_levels(clip))
    again = calibrate(once, find_levels(once))
    assert_allclose(again.weights, once.weights, atol=0.02)


@pytest.mark.parametrize("rate", [24.0, 30.0, 60.0])
@pytest.mark.parametrize("closed", [1.0, 0.6, 0.4, 0.3])
def test_blinks_stay_and_shallow_ones_close(rate: float, closed: float) -> None:
    clip = take(offset=offsets(7), closed=closed, rate=rate)
    assert len(find_blinks(clip)) == len(BLINKS)
    out = calibrate(clip, find_levels(clip)).weights[:, LIDS].mean(axis=1)
    found = events(out)
    assert_allclose([clip.times[out[a : b + 1].argmax() + a] for a, b in found], BLINKS, atol=0.06)
    assert out.max() > 0.85


def test_without_a_blink_the_lids_are_left_alone() -> None:
    clip = take(closed=0.0)
    lowered = clip.weights.copy()
    lowered[60:200, LIDS] = 0.3  # looking down for seconds is no blink
    levels = find_levels(replace(clip, weights=lowered))
    assert len(find_blinks(replace(clip, weights=lowered))) == 0
    assert_array_equal(levels.rest[LIDS], 0)
    assert_array_equal(levels.full, 1)


def test_a_wink_a_squint_and_a_gap_are_no_blinks() -> None:
    clip = take(closed=0.0)
    weights = clip.weights.copy()
    weights[30:35, LIDS[0]] = 0.3  # the mean of both lids rises by 0.15
    weights[100, LIDS] = 0.15
    weights[200:203, LIDS] = 0.8
    weights[203:206] = np.nan
    assert len(find_blinks(replace(clip, weights=weights))) == 0


def test_the_rest_is_found_though_expressions_last_longer() -> None:
    clip = take(offset=offsets(2))
    rest = find_rest(clip)
    calm = np.abs(take().weights[:, [JAW, SMILE]]).max(axis=1) < 0.1
    assert calm[rest].all()
    assert len(rest) >= 20


def test_turned_hidden_and_lost_frames_are_no_rest() -> None:
    clip = take()
    angles = np.zeros((len(clip), 3))
    angles[:150, 0] = 0.6
    visibility = np.ones((len(clip), 3))
    visibility[150:180, 2] = 0.1
    weights = clip.weights.copy()
    weights[280:] = np.nan
    rest = find_rest(
        replace(clip, weights=weights, head_rotation=quaternion_from_angles(angles), visibility=visibility)
    )
    assert len(rest)
    assert rest.min() >= 180
    assert rest.max() < 280


def test_what_is_held_all_along_is_an_expression() -> None:
    clip = take()
    weights = clip.weights.copy()
    weights[:, BROW] = 0.6
    assert find_levels(replace(clip, weights=weights)).rest[BROW] == 0


def test_a_picture_has_no_rest_but_a_named_frame_is_one() -> None:
    clip = take(offset=offsets(3))
    picture = clip.select(np.arange(len(clip)) == 10)
    assert_array_equal(find_levels(picture).rest, 0)
    named = find_levels(picture, 0)
    assert_allclose(calibrate(picture, named).weights[0, [JAW, SMILE, BROW]], 0, atol=0.021)


def test_a_neutral_frame_must_exist_and_show_a_face() -> None:
    clip = take()
    weights = clip.weights.copy()
    weights[4] = np.nan
    with pytest.raises(MienError, match="frames 0 to 299"):
        find_levels(clip, 300)
    with pytest.raises(MienError, match="shows no face"):
        find_levels(replace(clip, weights=weights), 4)
    with pytest.raises(ValueError, match="channels"):
        calibrate(clip, Levels.identity(("jawOpen",)))


def test_live_learns_a_rest_then_the_lids() -> None:
    clip = take(offset=offsets(4), closed=0.45)
    live = LiveCalibration(seconds=1.0)
    out = np.array([live.step(float(t), w) for t, w in zip(clip.times, clip.weights, strict=True)])
    whole = calibrate(clip, find_levels(clip)).weights
    after = clip.times > 2.6
    columns = [JAW, SMILE, BROW]
    assert np.abs(out - whole)[after][:, columns].max() < 0.03
    assert out[clip.times > 5][:, LIDS].max() > 0.9
    gone = np.full(52, np.nan)
    assert np.isnan(live.step(11.0, gone)).all()
    live.reset()
    assert_array_equal(live.levels.full, 1)
