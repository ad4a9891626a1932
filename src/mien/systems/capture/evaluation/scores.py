"""Scores of a `Trial`, one function for each kind of score.

Scores by name hold "ours" and, under their own names, the other trackers and the baselines. Frames in which any tracker
did not find the face are left out; where no frame is left, the scores are {}. What cannot be computed is NaN.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from mien.core import Clip
from mien.core.smoothing import smooth, smooth_ahead
from mien.engine import metrics
from mien.engine.metrics_time import pearson_over_time, velocity_error
from mien.systems.capture import spec
from mien.systems.capture.evaluation.rendered_takes import SHOWN, TURNS, Trial
from mien.systems.capture.evaluation.ridge_baselines import ZEROS, Baselines
from mien.systems.capture.runtime.hidden_regions import HIDDEN, TRUSTED

__all__ = [
    "ANGLES",
    "ONE_LOOK",
    "OUTER_EYES",
    "channel_scores",
    "head_scores",
    "neutral_scores",
    "selectivity_scores",
    "sight_scores",
    "still_scores",
    "window_channel_scores",
    "window_scores",
]

ANGLES = ("yaw", "pitch", "roll")
OUTER_EYES = (36, 45)
"""The outer corners of the eyes among the landmarks: their distance is the unit of a landmark error."""
ONE_LOOK = "without the mirror image"
"""Name of capture without the mirror image, as on a webcam's frames; one of the other trackers."""


def still_scores(trial: Trial, baselines: Baselines) -> dict[str, dict[str, float]]:
    """`metrics.summary` of every row; for ours also the landmark NME, where the true landmarks are known."""
    seen = trial.where(trial.found)
    if not len(seen.truth):
        return {}
    scores = {
        name: dict(metrics.summary(row, seen.truth, _face_shapes())) for name, row in baselines.rows(seen).items()
    }
    if np.isfinite(seen.landmarks).all():
        scores["ours"]["nme"] = float(metrics.nme(seen.landmarks[:, 1], seen.landmarks[:, 0], OUTER_EYES).mean())
    return scores


@lru_cache(maxsize=1)
def _face_shapes() -> Float[np.ndarray, "A V 3"]:
    from mien.rigs.ict import load_ict

    rig = load_ict()
    return rig.basis(spec.CHANNELS)[:, rig.neutral.topology.groups["face"]]


def window_scores(trial: Trial, baselines: Baselines) -> dict[str, dict[str, float]]:
    """Means over channels of the scores of motion: Pearson within takes, concordance, velocity error.

    Ours is also given after each of the two filters, which shows what they remove of jitter and of motion.
    """
    seen = trial.where(trial.found)
    if not len(seen.truth):
        return {}
    rows = baselines.rows(seen)
    rows |= {"with the live filter": _filtered(seen, smooth)}
    rows |= {"with the filter that looks ahead": _filtered(seen, smooth_ahead)}
    return {
        name: {
            "pearson": _mean(pearson_over_time(row, seen.truth, seen.take)),
            "concordance": _mean(metrics.concordance(row, seen.truth)),
            "velocity_error": velocity_error(row, seen.truth, seen.times, seen.take),
        }
        for name, row in rows.items()
    }


def _filtered(trial: Trial, work: Callable[[Clip], Clip]) -> Float[np.ndarray, "N A"]:
    """Our weights after a filter that starts anew with every take."""
    out = trial.answers["ours"].copy()
    for take in np.unique(trial.take):
        own = trial.take == take
        out[own] = work(Clip(times=trial.times[own], weights=out[own], channels=spec.CHANNELS)).weights
    return out


def window_channel_scores(trial: Trial) -> dict[str, dict[str, float]]:
    """Pearson within takes and concordance of every channel."""
    seen = trial.where(trial.found)
    if not len(seen.truth):
        return {}
    return _by_channel(
        {
            "pearson": pearson_over_time(seen.answers["ours"], seen.truth, seen.take),
            "concordance": metrics.concordance(seen.answers["ours"], seen.truth),
        }
    )


def channel_scores(trial: Trial, baselines: Baselines) -> dict[str, dict[str, float]]:
    """Per channel: Pearson, concordance, active MAE and false activation of ours, Pearson of the other rows."""
    seen = trial.where(trial.found)
    if not len(seen.truth):
        return {}
    rows, truth = baselines.rows(seen), seen.truth
    error = metrics.active_error(rows["ours"], truth)
    others = {name: row for name, row in rows.items() if name not in ("ours", ONE_LOOK, ZEROS)}
    return _by_channel(
        {
            "pearson": metrics.pearson(rows["ours"], truth),
            "concordance": metrics.concordance(rows["ours"], truth),
            "active_mae": error.mae,
            "false_activation": error.false_activation,
            **{f"pearson, {name}": metrics.pearson(row, truth) for name, row in others.items()},
        }
    )


def _by_channel(columns: Mapping[str, np.ndarray]) -> dict[str, dict[str, float]]:
    return {name: {k: round(float(v[c]), 4) for k, v in columns.items()} for c, name in enumerate(spec.CHANNELS)}


def selectivity_scores(trial: Trial) -> dict[str, dict[str, Any]]:
    """How selectively each channel responds by itself; takes must show `SHOWN` in order, repeatedly."""
    columns = [spec.CHANNELS.index(name) for name in SHOWN]
    found = trial.found
    if not found.any():
        return {}
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
    """The five largest mean weights while one channel is shown; {} where its face was never found."""
    if not np.isfinite(row).all():
        return {}
    return {SHOWN[c]: round(float(row[c]), 3) for c in np.argsort(-row)[:5]}


def neutral_scores(trial: Trial) -> dict[str, dict[str, Any]]:
    """Bias, spread and pose leakage of neutral faces; takes must show `TURNS` in order, repeatedly.

    Also {} where no face was found in a frontal view.
    """
    seen = trial.where(trial.found)
    frontal = np.array([turn == (0, 0) for turn in TURNS])[seen.take % len(TURNS)]
    if not frontal.any():
        return {}
    known = np.isin(seen.identity, seen.identity[frontal])
    turned = known & ~frontal
    out: dict[str, dict[str, Any]] = {}
    for name, row in seen.answers.items():
        bias, spread = metrics.neutral_bias(row[frontal], seen.identity[frontal])
        leakage = metrics.pose_leakage(row[known], seen.identity[known], frontal[known]) if turned.any() else np.nan
        out[name] = {
            "bias_mean": float(bias.mean()),
            "bias_worst": float(bias.max()),
            "spread_mean": float(spread.mean()),
            "pose_leakage_mean": float(np.mean(leakage)),
            "bias": {channel: round(float(b), 4) for channel, b in zip(spec.CHANNELS, bias, strict=True)},
        }
    return out


def head_scores(trial: Trial) -> dict[str, dict[str, float]]:
    """Median error of head yaw, pitch and roll relative to the camera [degrees]; the other row is a head that never
    turns."""
    seen = trial.where(trial.found)
    if not len(seen.truth):
        return {}
    truth, answered = seen.angles[:, 0], seen.angles[:, 1]
    return {
        name: dict(zip(ANGLES, np.degrees(np.median(np.abs(error), axis=0)).tolist(), strict=True))
        for name, error in (("ours", answered - truth), ("a head that never turns", truth))
    }


def sight_scores(trial: Trial) -> dict[str, float]:
    """How well hidden regions are told from visible ones: per region, the mean of the two shares that are correct.

    A region is hidden when less than 0.4 of it is visible and visible when more than `TRUSTED` is; frames between the
    two are left out. It is called hidden under the middle of the thresholds that capture uses. Guessing gives one half.
    NaN where the region is hidden in no frame, or visible in none.
    """
    seen = trial.where(trial.found)
    out: dict[str, float] = {}
    for region, truth, answer in zip(spec.REGIONS, seen.visible[:, 0].T, seen.visible[:, 1].T, strict=True):
        middle = (HIDDEN + TRUSTED) / 2
        hidden, visible = answer[truth < 0.4] < middle, answer[truth > TRUSTED] > middle
        both = len(hidden) and len(visible)
        out[region] = float((hidden.mean() + visible.mean()) / 2) if both else float("nan")
    return out


def _mean(values: np.ndarray) -> float:
    """Mean of the finite values."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
