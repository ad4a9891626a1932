"""Figures of the shipped weights beside their baselines, all computed in one run on faces never trained on.

Needs the renderer (mien[synth]) and the ICT rig, not torch: what is measured is `Capture`, as users run it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import Clip
from mien.core.smoothing import smooth, smooth_ahead
from mien.engine import metrics
from mien.engine.metrics_time import pearson_over_time, velocity_error
from mien.systems.capture import spec
from mien.systems.capture.evaluation import rendered_takes
from mien.systems.capture.evaluation.figures import ANGLES, rows_of
from mien.systems.capture.evaluation.rendered_takes import HELD_OUT, SHOWN, TURNS, Trial, Watcher, performed, watch
from mien.systems.capture.predict import Capture
from mien.systems.capture.runtime.hidden_regions import HIDDEN, TRUSTED

if TYPE_CHECKING:
    from mien.synth.filmed_rig import FilmedRig

__all__ = ["HELD_OUT", "Baselines", "bench", "still_figures", "stranger_figures", "window_figures"]

_TRAINED = (0, 100_000)
_EYES = (36, 45)
_PREDICTED, _TRUE = "ridge on predicted landmarks", "ridge on true landmarks"
_SEED = 101


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is rendered."""

    train: tuple[int, int]
    """People, and stills of each, that the ridges are fitted on."""
    stills: tuple[int, int]
    windows: tuple[int, int, int]
    """People, windows of each, frames of a window."""
    shapes: int
    """People who show every shape alone."""
    neutral: int
    stranger: tuple[int, int, int]
    """Looks of a rig without its own, stills of each, views of a neutral face (in sixes)."""


_FULL = Size(train=(375, 8), stills=(200, 6), windows=(45, 2, 20), shapes=12, neutral=60, stranger=(5, 32, 4))
_QUICK = Size(train=(40, 8), stills=(25, 4), windows=(6, 1, 12), shapes=1, neutral=6, stranger=(2, 16, 1))


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Two ridge regressions from landmarks and head angles to weights, fitted on renders of training identities.

    One reads what the network itself predicts (to beat: pixels must add to it), one the truth (a reference).
    """

    predicted: metrics.Ridge
    true: metrics.Ridge

    @classmethod
    def fit(cls, trial: Trial) -> "Baselines":
        """Penalties are chosen on identities left out of the fit; frames count alike."""
        seen = trial.where(trial.found)
        true, predicted = (
            metrics.Ridge.fit(_features(seen, which), seen.truth, groups=seen.identity) for which in (0, 1)
        )
        return cls(predicted=predicted, true=true)

    def rows(self, trial: Trial) -> dict[str, Float[np.ndarray, "N A"]]:
        """Every row of the table: ours, what watched beside, all zeros, the ridges."""
        rows = {**trial.answers, "zeros": np.zeros_like(trial.truth)}
        for name, ridge, which in ((_PREDICTED, self.predicted, 1), (_TRUE, self.true, 0)):
            if np.isfinite(trial.landmarks[:, which]).all():
                rows[name] = np.clip(ridge.predict(_features(trial, which)), 0.0, 1.0)
        return rows


def _features(trial: Trial, which: int) -> Float[np.ndarray, "N D"]:
    """What a ridge sees: landmarks in crop widths and the head's three angles; performed (0) or answered (1)."""
    points = trial.landmarks[:, which].reshape(len(trial.truth), -1) / spec.CROP
    return np.concatenate([points, trial.angles[:, which]], axis=1)


def still_figures(trial: Trial, baselines: Baselines) -> dict[str, dict[str, float]]:
    """Row -> means of `metrics.summary` over frames in which everybody found the face; ours also landmark NME."""
    seen = trial.where(trial.found)
    figures = {
        name: dict(metrics.summary(row, seen.truth, _face_shapes())) for name, row in baselines.rows(seen).items()
    }
    if np.isfinite(seen.landmarks).all():
        figures["ours"]["nme"] = float(metrics.nme(seen.landmarks[:, 1], seen.landmarks[:, 0], _EYES).mean())
    return figures


def window_figures(trial: Trial, baselines: Baselines) -> dict[str, dict[str, float]]:
    """Row -> means over channels of what time shows: Pearson within takes, concordance, velocity error.

    Ours also as the two filters leave it: what they take from tremble, and what from motion.
    """
    seen = trial.where(trial.found)
    rows = baselines.rows(seen)
    rows |= {"ours, live filter": _filtered(seen, smooth), "ours, looking ahead": _filtered(seen, smooth_ahead)}
    return {
        name: {
            "pearson": float(np.nanmean(pearson_over_time(row, seen.truth, seen.take))),
            "concordance": float(np.nanmean(metrics.concordance(row, seen.truth))),
            "velocity_error": velocity_error(row, seen.truth, seen.times, seen.take),
        }
        for name, row in rows.items()
    }


def window_channels(trial: Trial) -> dict[str, dict[str, float | None]]:
    """Of every channel over time: Pearson within takes and concordance."""
    seen = trial.where(trial.found)
    columns = {
        "pearson": pearson_over_time(seen.answers["ours"], seen.truth, seen.take),
        "concordance": metrics.concordance(seen.answers["ours"], seen.truth),
    }
    return _by_channel(columns)


def _by_channel(columns: Mapping[str, np.ndarray]) -> dict[str, dict[str, float | None]]:
    """JSON knows no NaN."""
    return {
        name: {k: round(float(v[c]), 4) if np.isfinite(v[c]) else None for k, v in columns.items()}
        for c, name in enumerate(spec.CHANNELS)
    }


def _filtered(trial: Trial, work: Callable[[Clip], Clip]) -> Float[np.ndarray, "N A"]:
    """Our answers after a filter that starts anew with every take."""
    out = trial.answers["ours"].copy()
    for take in np.unique(trial.take):
        own = trial.take == take
        out[own] = work(Clip(times=trial.times[own], weights=out[own], channels=spec.CHANNELS)).weights
    return out


def channel_table(rows: Mapping[str, np.ndarray], truth: np.ndarray) -> dict[str, dict[str, float | None]]:
    """Of every channel: Pearson, concordance, active MAE and false activation of ours, Pearson of the other rows."""
    error = metrics.active_error(rows["ours"], truth)
    columns = {
        "pearson": metrics.pearson(rows["ours"], truth),
        "concordance": metrics.concordance(rows["ours"], truth),
        "active_mae": error.mae,
        "false_activation": error.false_activation,
        **{f"pearson, {name}": metrics.pearson(row, truth) for name, row in rows.items() if name not in _POINTLESS},
    }
    return _by_channel(columns)


_POINTLESS = ("ours", "ours, one look", "zeros")


@lru_cache(maxsize=1)
def _face_shapes() -> Float[np.ndarray, "A V 3"]:
    from mien.rigs.ict import load_ict

    rig = load_ict()
    face = rig.neutral.topology.groups["face"]
    return rig.basis(spec.CHANNELS)[:, face]


def selectivity_figures(trial: Trial) -> dict[str, dict[str, Any]]:
    """Row -> whether each shape answers for itself; takes show `SHOWN` in order, again and again."""
    columns = [spec.CHANNELS.index(name) for name in SHOWN]
    found = trial.found
    label = trial.take[found] % len(SHOWN)
    out: dict[str, dict[str, Any]] = {}
    for name, row in trial.answers.items():
        alone = metrics.selectivity(row[found][:, columns], label)
        out[name] = {
            "accuracy": alone.accuracy,
            "mean_answer": alone.mean_answer,
            "mean_leakage": alone.mean_leakage,
            "leakage": {shown: _strongest(answer) for shown, answer in zip(SHOWN, alone.leakage, strict=True)},
        }
    return out


def _strongest(row: np.ndarray) -> dict[str, float]:
    """The five strongest mean answers while one channel is shown; none where it was never found."""
    if not np.isfinite(row).all():
        return {}
    return {SHOWN[c]: round(float(row[c]), 3) for c in np.argsort(-row)[:5]}


def neutral_figures(trial: Trial) -> dict[str, dict[str, Any]]:
    """Row -> bias, spread and pose leakage of neutral faces; takes show `TURNS` in order, again and again."""
    seen = trial.where(trial.found)
    frontal = np.array([turn == (0, 0) for turn in TURNS])[seen.take % len(TURNS)]
    known = np.isin(seen.identity, seen.identity[frontal])
    out: dict[str, dict[str, Any]] = {}
    for name, row in seen.answers.items():
        bias, spread = metrics.neutral_bias(row[frontal], seen.identity[frontal])
        leakage = metrics.pose_leakage(row[known], seen.identity[known], frontal[known])
        out[name] = {
            "bias_mean": float(bias.mean()),
            "bias_worst": float(bias.max()),
            "spread_mean": float(spread.mean()) if np.isfinite(spread).all() else None,
            "pose_leakage_mean": float(leakage.mean()),
            "bias": {channel: round(float(b), 4) for channel, b in zip(spec.CHANNELS, bias, strict=True)},
        }
    return out


def head_figures(trial: Trial) -> dict[str, dict[str, float]]:
    """Row -> median error of head yaw, pitch and roll in the camera [degrees]; the other row never turns its head."""
    seen = trial.where(trial.found)
    truth, answered = seen.angles[:, 0], seen.angles[:, 1]
    return {
        name: dict(zip(ANGLES, np.degrees(np.median(np.abs(error), axis=0)).tolist(), strict=True))
        for name, error in (("ours", answered - truth), ("always straight", truth))
    }


def sight_figures(trial: Trial) -> dict[str, float]:
    """How well hidden regions are told from regions in sight: the mean of both shares that are told right, per region.

    A region counts as hidden with less than `HIDDEN` of it in sight and as in sight with more than `TRUSTED`, which is
    where capture holds and trusts; between the two nothing is asked. Guessing gives one half.
    """
    seen = trial.where(trial.found)
    out: dict[str, float] = {}
    for region, truth, answer in zip(spec.REGIONS, seen.visible[:, 0].T, seen.visible[:, 1].T, strict=True):
        middle = (HIDDEN + TRUSTED) / 2
        hidden, open_ = answer[truth < HIDDEN] < middle, answer[truth > TRUSTED] > middle
        out[region] = float((hidden.mean() + open_.mean()) / 2) if len(hidden) and len(open_) else float("nan")
    return out


def stranger_figures(
    capture: Capture, strangers: "Sequence[FilmedRig]", baselines: Baselines, beside: Mapping[str, Watcher], size: Size
) -> dict[str, Any]:
    """All of it on a rig that no image of training shows, in one or more looks."""
    _, count, views = size.stranger
    films = rendered_takes.performed_by_strangers
    drawn = watch(capture, films(105, strangers, rendered_takes.stills(count)), beside)
    alone = watch(capture, films(106, strangers[:3], rendered_takes.single_shapes), beside)
    neutral = watch(capture, films(107, list(strangers) * views, rendered_takes.neutral_views), beside)
    seen = drawn.where(drawn.found)
    return {
        "stills": still_figures(drawn, baselines),
        "found": float(drawn.found.mean()),
        "frames": len(drawn.truth),
        "head_degrees": head_figures(drawn),
        "selectivity": selectivity_figures(alone),
        "neutral": neutral_figures(neutral),
        "channels": channel_table(baselines.rows(seen), seen.truth),
    }


def bench(
    *, quick: bool, mediapipe: Path | None = None, rigs: Sequence[Path] = (), bundle: Path | None = None
) -> dict[str, Any]:
    """Everything about quality that can be computed here and now; see docs/systems/capture.md for definitions.

    `mediapipe` is a Face Landmarker model to run beside, `rigs` are files of further faces to film beside mo.
    Raises MienError when one of them cannot be used.
    """
    from mien.systems.capture.evaluation.unseen_rigs import open_strangers

    size = _QUICK if quick else _FULL
    beside = _beside(bundle, mediapipe)
    capture = Capture(bundle, mirror=True)
    strangers = open_strangers(rigs, looks=size.stranger[0])
    trained = np.random.default_rng(_SEED).permutation(np.arange(*_TRAINED))
    people, each = size.train
    baselines = Baselines.fit(watch(capture, performed(_SEED, trained, people, rendered_takes.stills(each))))
    held_out = range(*HELD_OUT)
    people, each = size.stills
    test = watch(capture, performed(102, held_out, people, rendered_takes.stills(each)), beside)
    people, each, frames = size.windows
    moving = watch(capture, performed(108, held_out, people, rendered_takes.windows(each, frames)), beside)
    alone = watch(capture, performed(103, held_out, size.shapes, rendered_takes.single_shapes, bare=True), beside)
    neutral = watch(capture, performed(104, held_out, size.neutral, rendered_takes.neutral_views, bare=True), beside)
    seen = test.where(test.found)
    result: dict[str, Any] = {
        "held_out": still_figures(test, baselines),
        "windows": window_figures(moving, baselines),
        "head_degrees": head_figures(test),
        "sight": sight_figures(test),
        "selectivity": selectivity_figures(alone),
        "neutral": neutral_figures(neutral),
        "strangers": {
            name: stranger_figures(capture, looks, baselines, beside, size) for name, looks in strangers.items()
        },
        "channels": channel_table(baselines.rows(seen), seen.truth),
        "window_channels": window_channels(moving),
        "samples": {
            "train": size.train[0] * size.train[1],
            "stills": len(test.truth),
            "window_frames": len(moving.truth),
            "found": float(test.found.mean()),
            "found_in_windows": float(moving.found.mean()),
        },
    }
    return {"figures": rows_of(result), **result}


class _OneLook:
    """Capture as a webcam has it: no mirror image."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def reset(self) -> None:
        self._capture.reset()

    def weights(self, image: UInt8[np.ndarray, "H W 3"], time: float) -> Float[np.ndarray, "52"] | None:
        frame = self._capture.frame(image, time)
        return None if frame is None else frame.weights


def _beside(bundle: Path | None, mediapipe: Path | None) -> dict[str, Watcher]:
    beside: dict[str, Watcher] = {"ours, one look": _OneLook(Capture(bundle))}
    if mediapipe is not None:
        from mien.systems.capture.evaluation.mediapipe import open_mediapipe

        beside["MediaPipe"] = open_mediapipe(mediapipe)
    return beside
