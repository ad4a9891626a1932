"""The one-euro filter: closed forms, rates, signs, lag; and the pass that looks ahead."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from mien.core import ARKIT, Clip
from mien.core.smoothing import Cutoff, FilterState, Smoother, Smoothing, filter_step, smooth, smooth_ahead
from mien.core.transforms import angles_from_quaternion, quaternion_from_angles

PASSES = (smooth, smooth_ahead)
STEPS = arrays(np.float64, 40, elements=st.floats(0.001, 0.2))


def run(times: np.ndarray, values: np.ndarray, cutoff: Cutoff) -> np.ndarray:
    state: FilterState | None = None
    out = []
    for time, value in zip(times, values, strict=True):
        state = filter_step(state, float(time), np.array([value]), cutoff)
        assert state is not None
        out.append(state.value[0])
    return np.array(out)


def clip_of(weights: np.ndarray, times: np.ndarray | None = None, **more: Any) -> Clip:
    times = np.arange(len(weights)) / 30 if times is None else times
    return Clip(times=times, weights=weights, **more)


def take(seed: int = 0, frames: int = 90) -> Clip:
    """A clip with all parts, irregular times and a gap of three frames."""
    rng = np.random.default_rng(seed)
    angles = np.cumsum(rng.normal(0, 0.05, (frames, 3)), axis=0)
    weights = rng.random((frames, 52)).astype(np.float32)
    weights[:, ARKIT.index("mouthClose")] *= weights[:, ARKIT.index("jawOpen")]
    clip = clip_of(
        weights,
        np.cumsum(rng.uniform(0.01, 0.08, frames)),
        head_rotation=quaternion_from_angles(angles),
        head_translation=rng.normal(0, 10, (frames, 3)),
        gaze=rng.normal(0, 0.2, (frames, 2, 2)),
        confidence=np.ones(frames),
    )
    for part in (clip.weights, clip.head_rotation, clip.head_translation, clip.gaze, clip.confidence):
        assert part is not None
        part[40:43] = 0.0 if part is clip.confidence else np.nan
    return clip


@given(STEPS, st.floats(0.1, 30))
def test_a_step_settles_as_its_closed_form_at_any_frame_times(steps: np.ndarray, cutoff: float) -> None:
    times = np.concatenate([[0.0], np.cumsum(steps)])
    values = np.concatenate([[0.0], np.ones(40)])
    expected = 1 - np.exp(-2 * np.pi * cutoff * times)
    assert_allclose(run(times, values, Cutoff(rest=cutoff, slope=0)), expected, atol=1e-12)


@given(st.floats(0, 1), STEPS)
def test_a_constant_stays_what_it_is(value: float, steps: np.ndarray) -> None:
    assert_array_equal(run(np.cumsum(steps), np.full(40, value), Cutoff(rest=1, slope=20)), value)


@given(st.floats(0.01, 20), st.floats(1, 40), st.sampled_from([24.0, 30.0, 60.0, 120.0]))
@settings(max_examples=50)
def test_on_a_ramp_the_error_stays_under_its_bound(speed: float, slope: float, rate: float) -> None:
    times = np.arange(400) / rate
    error = speed * times - run(times, speed * times, Cutoff(rest=0.5, slope=slope))
    # Until the speed is known, the cutoff is the one of rest.
    assert (error >= -1e-9).all()
    assert error[200:].max() <= 1 / (2 * np.pi * slope) + 1e-9


def test_frame_rates_agree_on_motion() -> None:
    fine, coarse = np.arange(0, 4, 1 / 240), np.arange(0, 4, 1 / 60)
    cutoff = Cutoff(rest=1, slope=20)
    at_240 = run(fine, 0.5 - 0.5 * np.cos(2 * np.pi * fine), cutoff)[::4]
    at_60 = run(coarse, 0.5 - 0.5 * np.cos(2 * np.pi * coarse), cutoff)
    assert np.abs(at_240 - at_60).max() < 0.006


def test_jitter_falls_and_a_blink_keeps_its_height_and_place() -> None:
    rng = np.random.default_rng(1)
    times = np.arange(300) / 30
    blink = np.exp(-0.5 * ((times - 8) / 0.05) ** 2)
    weights = np.repeat((0.3 + 0.6 * blink + rng.normal(0, 4e-4, 300))[:, None], 52, axis=1)
    for work, share in ((smooth, 0.35), (smooth_ahead, 0.1)):
        out = work(clip_of(weights)).weights[:, 0]
        assert np.diff(out[20:200], 2).std() < share * np.diff(weights[20:200, 0], 2).std()
        assert out.max() > 0.985 * weights[:, 0].max()
        assert out.argmax() - weights[:, 0].argmax() in (0, 1)
    assert smooth_ahead(clip_of(weights)).weights[:, 0].argmax() == weights[:, 0].argmax()


@pytest.mark.parametrize("work", PASSES)
def test_quaternions_may_change_sign_and_stay_on_the_sphere(work) -> None:
    clip = take()
    assert clip.head_rotation is not None
    signs = np.where(np.arange(len(clip)) % 3 == 0, -1.0, 1.0)
    flipped = replace(clip, head_rotation=clip.head_rotation * signs[:, None])
    one, other = work(clip).head_rotation, work(flipped).head_rotation
    assert_allclose(angles_from_quaternion(one), angles_from_quaternion(other), atol=1e-9)
    assert_allclose(np.linalg.norm(one[clip.seen], axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("work", PASSES)
def test_gaps_stay_gaps_and_nothing_crosses_them(work) -> None:
    clip = take()
    out = work(clip)
    assert_array_equal(out.seen, clip.seen)
    for part in ("weights", "head_rotation", "head_translation", "gaze"):
        assert_array_equal(np.isnan(getattr(out, part)), np.isnan(getattr(clip, part)))
        assert getattr(out, part).dtype == getattr(clip, part).dtype
    after = work(clip.select(np.arange(len(clip)) >= 43))
    assert_array_equal(out.weights[43:], after.weights)


@pytest.mark.parametrize("work", PASSES)
def test_weights_keep_their_range_and_the_lips_their_rule(work) -> None:
    clip = take()
    out = work(clip).weights[clip.seen]
    assert (out >= 0).all() and (out <= 1).all()
    assert (out[:, ARKIT.index("mouthClose")] <= out[:, ARKIT.index("jawOpen")]).all()


@pytest.mark.parametrize("work", PASSES)
def test_an_empty_clip_and_one_frame_come_back(work) -> None:
    assert len(work(clip_of(np.zeros((0, 52))))) == 0
    one = clip_of(np.full((1, 52), 0.25))
    assert_array_equal(work(one).weights, one.weights)


def test_live_frames_are_the_offline_filter_frame_by_frame() -> None:
    clip = take()
    smoother = Smoother(Smoothing())
    assert clip.head_rotation is not None
    rows = [
        smoother.step(float(t), w, rotation=q)[1]
        for t, w, q in zip(clip.times, clip.weights, clip.head_rotation, strict=True)
    ]
    assert_array_equal(np.array(rows), smooth(clip).head_rotation)


def test_time_must_grow_and_cutoffs_be_frequencies() -> None:
    state = filter_step(None, 1.0, np.zeros(1), Cutoff(rest=1, slope=1))
    with pytest.raises(ValueError, match="grow"):
        filter_step(state, 1.0, np.zeros(1), Cutoff(rest=1, slope=1))
    with pytest.raises(ValueError, match="positive"):
        Cutoff(rest=0, slope=1)
