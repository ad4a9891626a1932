"""Motion of real faces: windows of recorded takes recombined, and a generator fitted to their statistics."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from mien.core import ARKIT, Clip, MienError
from mien.synth.motion.groups import AT, COUNT, REGION_COLUMNS, mirror
from mien.synth.motion.ramps import hermite

__all__ = ["STATISTICS_FILE", "RomStatistics", "Take", "prepare_takes", "rom_track", "statistics", "take_track"]

STATISTICS_FILE = "rom_statistics.npz"
"""File beside this module, written by `python -m mien.synth.motion.statistics`, which documents its contents and
source."""

REST_PERCENTILE = 10.0
"""Percentile of a channel that is taken as its neutral, as in a range-of-motion take a channel mostly rests."""

MAX_GAIN = 3.0
"""Largest gain by which a performer's weak channels (cheekPuff peaks at 0.32 in the takes) are raised; more would
amplify noise."""
_BURN = 8


@dataclass(frozen=True, eq=False)
class RomStatistics:
    """Principal components of real range-of-motion takes and the dynamics of their scores."""

    columns: np.ndarray
    """ARKit columns of the components, [C] (lid closure and gaze have processes of their own)."""
    mean: np.ndarray
    """Mean weights over rest, [C]."""
    components: np.ndarray
    """Orthonormal directions, [K, C]."""
    quantiles: np.ndarray
    """Quantiles of each score at the levels (i + 0.5) / Q, [K, Q]: maps a normal deviate to a score."""
    ar: np.ndarray
    """AR(2) coefficients of each normalised score at `rate`, [K, 2]."""
    rate: float
    """Sampling rate of the dynamics [Hz]."""


@cache
def statistics() -> RomStatistics:
    """The packaged statistics, read once."""
    with resources.files("mien.synth.motion").joinpath(STATISTICS_FILE).open("rb") as file, np.load(file) as data:
        return RomStatistics(
            columns=np.array([AT[name] for name in data["channels"].tolist()]),
            mean=data["mean"].astype(float),
            components=data["components"].astype(float),
            quantiles=data["quantiles"].astype(float),
            ar=data["ar"].astype(float),
            rate=float(data["rate"]),
        )


def _normal_process(rng: np.random.Generator, ar: np.ndarray, steps: int) -> np.ndarray:
    """Stationary AR(2) of unit variance, [steps, K]; it starts from its stationary distribution, so it needs no
    burn-in."""
    first, second = ar[:, 0], ar[:, 1]
    correlation = first / (1.0 - second)
    innovation = np.sqrt(np.maximum(1.0 - first * correlation - second * (first * correlation + second), 1e-12))
    noise = rng.standard_normal((steps, len(ar)))
    z = np.empty((steps, len(ar)))
    z[0] = noise[0]
    if steps > 1:
        z[1] = correlation * z[0] + np.sqrt(np.maximum(1.0 - correlation**2, 0.0)) * noise[1]
    for t in range(2, steps):
        z[t] = first * z[t - 1] + second * z[t - 2] + innovation * noise[t]
    return z


def _normal_cdf(z: np.ndarray) -> np.ndarray:
    """Standard normal distribution function, to 1e-7 (Abramowitz & Stegun 1964, 26.2.17); avoids importing scipy."""
    k = 1.0 / (1.0 + 0.2316419 * np.abs(z))
    poly = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    tail = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) * poly
    return np.where(z >= 0, 1.0 - tail, tail)


def rom_track(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Realistic motion from the packaged statistics over `times` [T], [T, 52]; needs no recording.

    Each principal score follows its own AR(2) process whose normal deviates are mapped to the score's measured
    quantiles: long rests with bursts, as in the takes, instead of Gaussian noise.
    """
    stats = statistics()
    tempo = rng.uniform(0.7, 1.4)
    span = float(times[-1] - times[0]) * tempo
    steps = int(np.ceil(span * stats.rate)) + _BURN
    z = _normal_process(rng, stats.ar, steps)
    levels = np.clip(_normal_cdf(z) * stats.quantiles.shape[1] - 0.5, 0, stats.quantiles.shape[1] - 1)
    low = np.minimum(levels.astype(int), stats.quantiles.shape[1] - 2)
    part = levels - low
    k = np.arange(len(stats.quantiles))
    scores = stats.quantiles[k, low] * (1 - part) + stats.quantiles[k, low + 1] * part
    # Recordings contain tracker noise, and so does the fitted process; a [1 2 1] / 4 filter removes it.
    scores[1:-1] = 0.25 * scores[:-2] + 0.5 * scores[1:-1] + 0.25 * scores[2:]
    values = stats.mean + (scores * rng.uniform(0.8, 1.5)) @ stats.components
    clock = (np.arange(steps) - _BURN / 2) / stats.rate
    weights = np.zeros((len(times), COUNT))
    weights[:, stats.columns] = hermite((times - times[0]) * tempo, clock, values)
    weights = np.clip(weights, 0.0, 1.0)
    return mirror(weights) if rng.random() < 0.5 else weights


@dataclass(frozen=True, eq=False)
class Take:
    """A prepared recording: gaps closed, rest removed, weak channels raised."""

    times: np.ndarray
    """[N] seconds."""
    weights: np.ndarray
    """[N, 52] above rest, in [0, 1]."""


def prepare_takes(takes: Sequence[Clip]) -> tuple[Take, ...]:
    """Prepare clips for `take_track`, once for all windows. Raises MienError for a clip without a face.

    The performer's resting weights (`REST_PERCENTILE`) are subtracted and what is left is rescaled so that each
    channel peaks near 1, with a gain of at most `MAX_GAIN`.
    """
    ready: list[Take] = []
    for clip in takes:
        if len(clip) < 2 or not clip.seen.any():
            raise MienError(f"the take '{clip.source}' shows no face; leave it out of `takes`")
        weights = clip.with_channels(ARKIT).filled().weights.astype(float)
        weights = np.maximum(weights - np.percentile(weights, REST_PERCENTILE, axis=0), 0.0)
        peak = np.percentile(weights, 99.7, axis=0)
        gain = np.clip(1.0 / np.maximum(peak, 1e-6), 1.0, MAX_GAIN)
        # A channel that never moves contains only tracker noise and is not scaled.
        gain = np.where(peak < 0.05, 1.0, gain)
        ready.append(Take(np.asarray(clip.times, float), np.clip(weights * gain, 0.0, 1.0)))
    return tuple(ready)


def take_track(rng: np.random.Generator, times: np.ndarray, takes: Sequence[Take]) -> np.ndarray:
    """Windows of the takes over `times` [T], [T, 52]: each region from another window, mirrored or not, faster or
    slower."""
    whole = rng.random() < 0.35
    weights = np.zeros((len(times), COUNT))
    window = _window(rng, times, takes)
    for columns in REGION_COLUMNS.values():
        if not whole:
            window = _window(rng, times, takes)
        weights[:, columns] = window[:, columns] * rng.uniform(0.6, 1.25)
    return np.clip(weights, 0.0, 1.0)


def _window(rng: np.random.Generator, times: np.ndarray, takes: Sequence[Take]) -> np.ndarray:
    lengths = np.array([take.times[-1] - take.times[0] for take in takes])
    take = takes[rng.choice(len(takes), p=lengths / lengths.sum())]
    tempo = rng.uniform(0.7, 1.3)
    span = float(times[-1] - times[0]) * tempo
    start = take.times[0] + rng.random() * max(float(take.times[-1] - take.times[0]) - span, 0.0)
    first, last = np.searchsorted(take.times, [start, start + span])
    rows = slice(max(int(first) - 3, 0), int(last) + 3)
    weights = hermite(start + (times - times[0]) * tempo, take.times[rows], take.weights[rows])
    return mirror(weights) if rng.random() < 0.5 else weights
