"""Building blocks of motion against closed forms."""

import numpy as np
import pytest

from mien.synth.motion.ramps import band_limited, hermite, pulse, smootherstep


def test_smootherstep_is_minimum_jerk() -> None:
    x = np.linspace(-0.5, 1.5, 20001)
    y = smootherstep(x)
    assert y[0] == 0 and y[-1] == 1
    assert smootherstep(np.array(0.5)) == pytest.approx(0.5)
    np.testing.assert_allclose(smootherstep(1 - x), 1 - y, atol=1e-12)
    assert np.gradient(y, x).max() == pytest.approx(15 / 8, rel=1e-4)


def test_pulse_phases() -> None:
    t = np.array([0.9, 1.1, 1.2, 1.5, 1.7, 2.0])
    np.testing.assert_allclose(pulse(t, 1.0, 0.2, 0.5, 0.3), [0, 0.5, 1, 1, 1, 0], atol=1e-9)


def test_band_limited_power_stays_in_its_band() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(4096) / 30.0
    power = np.zeros(2049)
    draws = [band_limited(rng, t, 0.2, 1.5) for _ in range(40)]
    for draw in draws:
        power += np.abs(np.fft.rfft(draw * np.hanning(len(t)))) ** 2
    f = np.fft.rfftfreq(len(t), 1 / 30.0)
    assert power[(f < 0.17) | (f > 1.55)].sum() / power.sum() < 1e-4
    assert np.var(draws) == pytest.approx(1.0, rel=0.1)


def test_hermite_meets_samples_and_lines() -> None:
    rng = np.random.default_rng(1)
    t = np.cumsum(rng.uniform(0.02, 0.05, 50))
    values = rng.standard_normal((50, 3))
    np.testing.assert_allclose(hermite(t, t, values), values, atol=1e-12)
    even = np.arange(50) / 30.0
    line = np.outer(even, [1.0, -2.0])
    inside = np.linspace(even[0], even[-1], 300)
    np.testing.assert_allclose(hermite(inside, even, line), np.outer(inside, [1.0, -2.0]), atol=1e-12)
    np.testing.assert_array_equal(hermite(np.array([-5.0, 1e3]), t, values), values[[0, -1]])
    np.testing.assert_array_equal(hermite(np.array([0.0, 1.0]), t[:1], values[:1]), values[[0, 0]])
