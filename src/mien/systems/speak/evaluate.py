"""Figures of speak on held-out speakers and held-out sentences, beside its baselines, in one run. Needs no torch.

The real lips of GRID's speakers are measured by `python -m benchmarks.speak_real`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from mien.engine.figures import Result
from mien.synth.motion.speakers import Speaker
from mien.synth.motion.speaking import speaking_motion
from mien.synth.speech import SPEAKERS, TAKES
from mien.systems.speak import spec
from mien.systems.speak.evaluation import measures
from mien.systems.speak.evaluation.baselines import key_poses
from mien.systems.speak.evaluation.figures import FLAT, KEYS, OURS, PLAIN, RULES, figures_of
from mien.systems.speak.predict import Speak
from mien.systems.speak.training.corpus import Take, drawn_take

__all__ = ["BenchOptions", "bench"]

_SEED = 1


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """Options of `mien bench speak`."""

    quick: bool = False
    """Measure every third held-out speaker only: half a minute instead of two."""
    bundle: Path | None = None
    """A folder with the weights to measure, instead of the weights that ship with mien."""


@dataclass(frozen=True, eq=False)
class _Speaker:
    """A held-out speaker: the take to reproduce, the take whose style is given, others to compare with."""

    truth: Take
    style: Take
    others: tuple[Take, ...]


def bench(options: BenchOptions) -> Result:
    """Measure a bundle on the standard data set's held-out speakers.

    Raises MienError when the bundle of `options` cannot be used.
    """
    network = Speak(options.bundle)
    numbers = range(SPEAKERS - SPEAKERS // 10, SPEAKERS)[:: 3 if options.quick else 1]
    people = [_speaker(number) for number in numbers]
    made = [_performed(network, own, k) for k, own in enumerate(people)]
    details: dict[str, Any] = {"speakers": len(people), "methods": _methods(people, made)}
    details["retrieval"] = _retrieval(people, made)
    details["real_time_factor"] = _speed(network)
    ours = details["methods"][OURS]
    details["summary"] = {
        "lve_mm2": round(ours["lve"], 3),
        "closure": round(ours["closure"], 4),
        "style_retrieval": round(details["retrieval"][OURS], 3),
    }
    return Result.measured("speak", figures_of(details), details, quick=options.quick)


def _speaker(number: int) -> _Speaker:
    takes = [drawn_take(_SEED, number, take) for take in range(TAKES)]
    return _Speaker(takes[-1], takes[-2], tuple(takes[:-2]))


def _performed(network: Speak, own: _Speaker, seed: int) -> Mapping[str, spec.Signals]:
    """Signals of the held-out take by every method."""
    frames = len(own.truth.signals)
    style = network.style_of_signals(own.style.signals)
    times = np.arange(frames) / spec.FPS
    # A face at rest but for the mouth: what a tool without brows, eyes and head gives.
    keyed = spec.signals_of_weights(key_poses(own.truth.track, times), None)
    ruled = speaking_motion(own.truth.track, times, Speaker(), np.random.default_rng(seed))
    made = network.signals(own.truth.track, frames, style, seed=seed)
    raw = network.signals(own.truth.track, frames, style, seed=seed, priors=False)
    return {
        OURS: made,
        PLAIN: network.signals(own.truth.track, frames, seed=seed),
        KEYS: keyed,
        RULES: spec.signals_of_weights(ruled.weights, ruled.angles),
        FLAT: raw,
    }


def _methods(people: list[_Speaker], made: list[Mapping[str, spec.Signals]]) -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {}
    for name in made[0]:
        rows = [_measured(own, signals[name]) for own, signals in zip(people, made, strict=True)]
        closed = np.concatenate([row["closed"] for row in rows])
        rates, lengths = np.array([row["rate"] for row in rows]), np.array([row["length"] for row in rows])
        table[name] = {
            "lve": float(np.mean([row["lve"] for row in rows])),
            "fdd": float(np.mean([row["fdd"].mean() for row in rows])),
            "fdd_absolute": float(np.mean([np.abs(row["fdd"]).mean() for row in rows])),
            "closure": float(closed.mean()),
            "blinks_per_minute": float(rates[:, 1].mean()),
            "blinks_per_minute_true": float(rates[:, 0].mean()),
            "blink_rate_r": _r(rates),
            "blink_time": float(np.nanmean(lengths[:, 1])) if np.isfinite(lengths[:, 1]).any() else float("nan"),
            "blink_time_true": float(np.nanmean(lengths[:, 0])),
            "head_db": float(np.mean([row["head"] for row in rows])),
        }
    return table


def _measured(own: _Speaker, signals: spec.Signals) -> dict[str, Any]:
    true, weights = spec.weights_of_signals(own.truth.signals), spec.weights_of_signals(signals)
    times = np.arange(len(signals)) / spec.FPS
    # Blinks and head movement differ from take to take: the speaker's own over all takes is what to meet.
    takes = np.concatenate([take.signals for take in (own.truth, own.style, *own.others)])
    rate, length = measures.blinks(takes)
    made_rate, made_length = measures.blinks(signals)
    bands = np.mean([measures.head_bands(take.signals) for take in (own.truth, own.style, *own.others)], axis=0)
    ratio = (measures.head_bands(signals) + 1e-3) / (bands + 1e-3)
    return {
        "lve": measures.lip_vertex_error(weights, true),
        "fdd": measures.upper_dynamics(weights, true),
        "closed": measures.closed_events(weights, times, own.truth.track),
        "rate": (rate, made_rate),
        "length": (length, made_length),
        "head": float(np.abs(20 * np.log10(ratio)).mean()),
    }


def _r(pairs: np.ndarray) -> float:
    """Correlation over speakers; NaN where nothing varies."""
    if pairs.std(axis=0).min() < 1e-9:
        return float("nan")
    return float(np.corrcoef(pairs.T)[0, 1])


def _retrieval(people: list[_Speaker], made: list[Mapping[str, spec.Signals]]) -> dict[str, float]:
    """Share of generated takes whose nearest speaker, by statistics of other takes, is the one that gave the style."""
    known = np.stack([np.mean([measures.statistics(t.signals) for t in own.others], axis=0) for own in people])
    scale = known.std(axis=0) + 1e-6
    found = {"truth": [measures.statistics(own.truth.signals) for own in people]}
    found |= {name: [measures.statistics(signals[name]) for signals in made] for name in made[0]}
    shares: dict[str, float] = {}
    for name, rows in found.items():
        far = np.abs((np.stack(rows)[:, None] - known[None]) / scale).mean(axis=2)
        shares[name] = float((far.argmin(axis=1) == np.arange(len(people))).mean())
    return shares


def _speed(network: Speak, seconds: float = 30.0) -> float:
    """Seconds of performance generated in a second of processor time, on one thread, after a first run."""
    track = drawn_take(_SEED, SPEAKERS - 1, 0).track
    network.signals(track, spec.FPS)
    start = process_time()
    network.signals(track, int(seconds * spec.FPS))
    return seconds / (process_time() - start)
