"""Smooth functions of time from which motion is composed: ramps, pulses, band-limited noise, interpolation."""

import numpy as np

__all__ = ["band_limited", "hermite", "pulse", "smootherstep"]


def smootherstep(x: np.ndarray) -> np.ndarray:
    """Minimum-jerk ramp 0 -> 1 for x in [0, 1], constant outside (Flash & Hogan 1985: 10x^3 - 15x^4 + 6x^5)."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (x * (6.0 * x - 15.0) + 10.0)


def pulse(
    times: np.ndarray,
    start: np.ndarray | float,
    onset: np.ndarray | float,
    apex: np.ndarray | float,
    offset: np.ndarray | float,
) -> np.ndarray:
    """A pulse from 0 to 1 to 0: it rises for `onset` from `start`, stays for `apex`, falls for `offset` (all [s],
    broadcast)."""
    rise = smootherstep((times - start) / onset)
    fall = smootherstep((times - start - onset - apex) / offset)
    return rise - fall


def band_limited(rng: np.random.Generator, times: np.ndarray, low: float, high: float, waves: int = 6) -> np.ndarray:
    """Noise of zero mean and unit variance: `waves` sinusoids between `low` and `high` [Hz], amplitude ~ 1/f.

    Frequencies are log-uniform; 1/f amplitudes are those of slow body sway and head motion.
    """
    frequency = low * (high / low) ** rng.random(waves)
    amplitude = 1.0 / frequency
    amplitude *= np.sqrt(2.0 / (amplitude**2).sum())
    phase = rng.random(waves) * 2 * np.pi
    return (amplitude * np.sin(2 * np.pi * frequency * times[:, None] + phase)).sum(axis=1)


def hermite(at: np.ndarray, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Catmull-Rom interpolation of `values` [N, C], sampled at increasing `times` [N], at times `at` [T] -> [T, C].

    Values are clamped outside. Unlike in linear interpolation, the velocity is continuous.
    """
    if len(times) == 1:
        return np.repeat(values, len(at), axis=0)
    at = np.clip(at, times[0], times[-1])
    left = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    before, right = np.maximum(left - 1, 0), left + 1
    after = np.minimum(right + 1, len(times) - 1)
    step = times[right] - times[left]
    s = ((at - times[left]) / step)[:, None]
    slope_left = (values[right] - values[before]) * (step / (times[right] - times[before]))[:, None]
    slope_right = (values[after] - values[left]) * (step / (times[after] - times[left]))[:, None]
    s2, s3 = s * s, s * s * s
    return (
        (2 * s3 - 3 * s2 + 1) * values[left]
        + (s3 - 2 * s2 + s) * slope_left
        + (3 * s2 - 2 * s3) * values[right]
        + (s3 - s2) * slope_right
    )
