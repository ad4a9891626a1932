"""The scores of `evaluate.bench` as figures, each named in a whole phrase and beside its baselines."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from mien.engine.figures import Figure
from mien.systems.capture.evaluation.scores import ANGLES

__all__ = ["figures_of"]


class _Row(NamedTuple):
    """How one score is shown."""

    key: str
    what: str
    better: Literal["higher", "lower"]
    unit: str = ""
    headline: bool = False
    target: float | None = None
    reason: str = ""
    """Why there may be no number even when the face was found."""


_LOST, _STILL = "the face was found in no render", "the truth never changes"
_UNMARKED = "the rig does not have the network's landmarks"

_PEARSON = _Row(
    "pearson", "correlation of weights with the truth, mean of 52 channels", "higher", headline=True, reason=_STILL
)
_CONCORDANCE = _Row(
    "concordance", "concordance of weights with the truth, mean of 52 channels", "higher", reason=_STILL
)
_ERROR = _Row("active_mae", "error of weights whose truth is over 0.05", "lower", reason="no truth is over 0.05")
_FALSE = _Row("false_activation", "weight answered where the truth is 0", "lower", reason="no truth is 0")
_NME = _Row("nme", "landmark error, share of the distance of the outer eye corners", "lower", reason=_UNMARKED)

_STILLS = (
    _PEARSON,
    _CONCORDANCE,
    _Row("vertex_mm", "distance of the face's vertices from the true expression", "lower", "mm", True),
    _ERROR,
    _FALSE,
    _NME._replace(headline=True, target=0.015),
)
_UNSEEN_STILLS = (_PEARSON, _ERROR, _FALSE, _NME)
_WINDOWS = (
    _Row(
        "pearson",
        "correlation of weights over time, each take's mean taken out",
        "higher",
        headline=True,
        reason=_STILL,
    ),
    _CONCORDANCE,
    _Row("velocity_error", "error of the weights' velocities, share of the true motion", "lower", reason=_STILL),
)
_HEAD = tuple(_Row(angle, f"head {angle}, median error", "lower", "degrees", True) for angle in ANGLES)
_SELECTIVITY = (
    _Row("accuracy", "one channel shown alone, share in which it is answered strongest", "higher", headline=True),
    _Row("mean_leakage", "one channel shown alone, mean weight of the other channels", "lower", headline=True),
)
_NEUTRAL = (
    _Row("bias_mean", "face at rest, weight answered, mean of the channels", "lower", headline=True),
    _Row("bias_worst", "face at rest, weight answered, worst channel", "lower", headline=True),
)
_TURNED = _Row(
    "pose_leakage_mean",
    "face at rest, change of the weights when the head turns, mean",
    "lower",
    reason="the face was found in no turned view",
)


def figures_of(scores: Mapping[str, Any]) -> list[Figure]:
    """Every figure beside its baselines; a figure that could not be computed has the reason."""
    where = "Renders of unseen people"
    figures = _figures(_STILLS, scores["held_out"], where)
    figures += _figures(_WINDOWS, scores["windows"], "Rendered motion of unseen people")
    figures += _figures(_HEAD, scores["head_degrees"], where)
    figures += [_sight(region, share, where) for region, share in scores["sight"].items()]
    figures += _figures(_SELECTIVITY, scores["selectivity"], where)
    figures += _figures((*_NEUTRAL, _TURNED._replace(headline=True)), scores["neutral"], where)
    for name, own in scores["unseen_rigs"].items():
        where = f"Renders of the unseen rig {name}"
        figures += _figures(_UNSEEN_STILLS, own["stills"], where)
        for rows, kind in ((_HEAD, "head_degrees"), (_SELECTIVITY, "selectivity"), (_NEUTRAL, "neutral")):
            figures += _figures([row._replace(headline=False) for row in rows], own[kind], where)
    return figures


def _figures(rows: Sequence[_Row], scores: Mapping[str, Mapping[str, Any]], where: str) -> list[Figure]:
    return [
        Figure(
            name=f"{where}: {row.what}",
            ours=scores.get("ours", {}).get(row.key),
            unit=row.unit,
            better=row.better,
            target=row.target,
            headline=row.headline,
            baselines={name: own[row.key] for name, own in scores.items() if name != "ours" and row.key in own},
            reason=row.reason if scores else _LOST,
        )
        for row in rows
    ]


def _sight(region: str, share: float | None, where: str) -> Figure:
    subject = f"the {region} {'is' if region == 'mouth' else 'are'}"
    return Figure(
        name=f"{where}: whether {subject} hidden, share of frames told right",
        ours=share,
        baselines={"guessing": 0.5},
        reason=f"{subject} hidden in no frame of this run, or visible in none",
    )
