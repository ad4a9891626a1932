"""The projection onto plausible faces: its promises for any input, and that it leaves good input alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core import ARKIT, Clip
from mien.synth.motion import plausible
from mien.synth.motion.groups import AT, COUNT


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 2.0))
def test_any_weights_become_plausible_and_stay(assert_plausible, seed: int, scale: float) -> None:
    w = np.random.default_rng(seed).uniform(-0.2, 1.0, (20, COUNT)) * scale
    before = w.copy()
    good = plausible(w)
    assert np.array_equal(w, before)
    assert_plausible(good)
    np.testing.assert_allclose(plausible(good), good, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_small_change_stays_small(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.uniform(0, 1, (20, COUNT))
    step = rng.standard_normal((20, COUNT))
    step *= 1e-4 / np.linalg.norm(step, axis=1, keepdims=True)
    change = np.linalg.norm(plausible(a + step) - plausible(a), axis=1)
    # A continuous, piecewise smooth map: its local slope is bounded (a jump would be 1e-4 / 1e-4 x 1000 or more).
    assert change.max() < 30 * 1e-4


@pytest.mark.parametrize(
    "name", [name for name in ARKIT if not name.startswith("eyeLook") and name not in ("mouthClose", "tongueOut")]
)
def test_a_single_channel_passes_unchanged(name: str) -> None:
    for level in (0.3, 1.0):
        w = np.zeros(COUNT)
        w[AT[name]] = level
        np.testing.assert_allclose(plausible(w), w, atol=1e-7)


def test_nan_is_rest() -> None:
    assert (plausible(np.full(COUNT, np.nan)) == 0).all()


def test_a_tongue_parts_the_lips() -> None:
    w = np.zeros((5, COUNT))
    w[:, AT["tongueOut"]] = [1, 0.5, 1, 1, 1]
    w[:, AT["jawOpen"]] = [0, 0.1, 0.4, 0.8, 1.0]
    w[:, AT["mouthClose"]] = [0, 0, 0, 0.6, 0.9]
    good = plausible(w)
    np.testing.assert_allclose(good[:, AT["tongueOut"]], w[:, AT["tongueOut"]])
    np.testing.assert_allclose(good[:, AT["jawOpen"]], [0.3, 0.15, 0.4, 0.9, 1.0], atol=1e-6)
    np.testing.assert_allclose(good[:, AT["mouthClose"]], [0, 0, 0, 0.6, 0.7], atol=1e-6)


def test_blink_wins_over_wide_and_squint() -> None:
    w = np.zeros(COUNT)
    for name in ("eyeBlinkLeft", "eyeWideLeft", "eyeSquintLeft", "cheekSquintLeft", "eyeLookDownLeft"):
        w[AT[name]] = 1.0
    good = plausible(w)
    assert good[AT["eyeBlinkLeft"]] == 1.0
    assert good[AT["eyeWideLeft"]] == 0.0
    assert 0 < good[AT["eyeSquintLeft"]] < 0.3


def test_real_faces_are_nearly_plausible(assets) -> None:
    """Recorded faces pass with small changes: the rules describe people."""
    for name in ("alex_rom_3.csv", "alex_rom_4.csv"):
        weights = np.clip(Clip.load(assets / "motion" / name).filled().weights, 0, 1)
        change = np.abs(plausible(weights) - weights)
        gaze = [AT[c] for c in ARKIT if c.startswith("eyeLook")]
        assert change.mean() < 0.004
        assert np.percentile(np.delete(change, gaze, axis=1), 99) < 0.09
