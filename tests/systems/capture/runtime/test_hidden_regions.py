"""Holding: nothing in sight changes, nothing hidden is invented, nothing jumps."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mien.core import ARKIT, Clip
from mien.core.regions import region_of
from mien.systems.capture import spec
from mien.systems.capture.runtime.hidden_regions import HIDDEN, HOLD, RELAX, TRUSTED, Holder, hold

MOUTH = [c for c, name in enumerate(ARKIT) if region_of(name) == "mouth"]
CLOSE, JAW = ARKIT.index("mouthClose"), ARKIT.index("jawOpen")
EYES = [c for c, name in enumerate(ARKIT) if region_of(name) == "eyes"]


def take(hidden: slice | None = None, region: str = "mouth", rate: float = 30.0) -> Clip:
    times = np.arange(0, 8, 1 / rate)
    weights = 0.5 + 0.3 * np.sin(times[:, None] + np.arange(52))
    weights[:, CLOSE] = np.minimum(weights[:, CLOSE], weights[:, JAW])
    visibility = np.ones((len(times), 3))
    if hidden is not None:
        visibility[hidden, spec.REGIONS.index(region)] = 0.1
    return Clip(times=times, weights=weights, visibility=visibility, gaze=np.zeros((len(times), 2, 2)))


def test_every_channel_has_a_region() -> None:
    assert {region_of(name) for name in ARKIT} == set(spec.REGIONS)


def test_what_is_in_sight_is_untouched() -> None:
    clip = take()
    assert_array_equal(hold(clip).weights, clip.weights)
    assert hold(replace(clip, visibility=None)).weights is clip.weights


def test_hidden_holds_then_relaxes_as_its_closed_form_and_others_go_on() -> None:
    clip = take(slice(60, 200))
    out = hold(clip)
    elapsed = clip.times[60:200] - clip.times[60]
    share = np.exp(-np.maximum(0, elapsed - HOLD) / RELAX)
    assert_allclose(out.weights[60:200][:, MOUTH], clip.weights[59, MOUTH] * share[:, None])
    others = [c for c in range(52) if c not in MOUTH]
    assert_array_equal(out.weights[:, others], clip.weights[:, others])


def test_whatever_the_net_says_while_hidden_is_not_used() -> None:
    clip = take(slice(60, 200))
    wild = clip.weights.copy()
    wild[60:200, MOUTH] = np.random.default_rng(0).random((140, len(MOUTH)))
    assert_array_equal(hold(replace(clip, weights=wild)).weights[:200], hold(clip).weights[:200])


def test_coming_back_does_not_jump_and_soon_is_what_is_seen() -> None:
    clip = take(slice(60, 200))
    out = hold(clip)
    assert np.abs(np.diff(out.weights[198:203], axis=0)).max() < 0.3
    assert_allclose(out.weights[200], out.weights[199], atol=0.02)
    assert_allclose(out.weights[220:], clip.weights[220:], atol=2e-3)


def test_a_flicker_about_the_middle_does_not_switch() -> None:
    clip = take()
    assert clip.visibility is not None
    clip.visibility[100::2] = HIDDEN + 0.02
    clip.visibility[101::2] = TRUSTED - 0.02
    assert_array_equal(hold(clip).weights, clip.weights)


def test_what_is_hidden_stays_hidden_until_it_is_clearly_back_and_then_stays_in_sight() -> None:
    clip = take(slice(60, 90))
    assert clip.visibility is not None
    mouth = spec.REGIONS.index("mouth")
    clip.visibility[90:150, mouth] = np.tile(
        [HIDDEN + 0.02, TRUSTED - 0.02], 30
    )  # above what hides a region, below what brings it back
    out = hold(clip).weights
    elapsed = clip.times[60:150] - clip.times[60]
    share = np.exp(-np.maximum(0, elapsed - HOLD) / RELAX)
    assert_allclose(out[60:150][:, MOUTH], clip.weights[59, MOUTH] * share[:, None])
    clip.visibility[152:, mouth] = np.tile(
        [HIDDEN + 0.02, TRUSTED - 0.02], 44
    )  # back for two frames at 1.0, then in between again
    assert_allclose(hold(clip).weights[170:], clip.weights[170:], atol=2e-3)


def test_hidden_from_the_start_is_at_rest() -> None:
    clip = take(slice(0, 240))
    assert_array_equal(hold(clip).weights[:, MOUTH], 0)
    rest = np.full(52, 0.1)
    assert_allclose(hold(clip, rest=rest).weights[:, MOUTH], 0.1)


def test_gaze_is_held_with_the_eyes_and_gaps_stay() -> None:
    clip = take(slice(60, 240), "eyes")
    clip.weights[100:103] = np.nan
    out = hold(clip)
    assert out.gaze is not None
    assert_array_equal(out.seen, clip.seen)
    assert np.abs(out.gaze[235]).max() < np.abs(out.gaze[60]).max() * 0.05
    assert np.abs(out.weights[235, EYES]).max() < 0.05


def test_frame_by_frame_is_the_same_and_reset_forgets() -> None:
    clip = take(slice(60, 200))
    assert clip.visibility is not None
    holder = Holder()
    for _ in range(2):
        rows = [holder.step(float(t), w, v) for t, w, v in zip(clip.times, clip.weights, clip.visibility, strict=True)]
        assert_array_equal(np.array(rows), hold(clip).weights)
        holder.reset()


@given(st.integers(0, 2**32 - 1))
def test_weights_stay_weights_however_regions_come_and_go(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clip = take()
    weights = np.clip(np.cumsum(rng.normal(0, 0.3, clip.weights.shape), axis=0) + 0.5, 0, 1)
    weights[:, CLOSE] = np.minimum(weights[:, CLOSE], weights[:, JAW])
    visibility = np.repeat(rng.random((len(clip.times) // 8, 3)), 8, axis=0)
    out = hold(replace(clip, weights=weights, visibility=visibility)).weights
    assert out.min() >= 0 and out.max() <= 1
    assert (out[:, CLOSE] <= out[:, JAW]).all()
