"""Does a captured face move as far as the real one? Slopes and gains beside correlation, which cannot tell.

Correlation alone hides a face that moves half as far as it should; an error alone hides that faces differ at rest. So
within a person: the slope of the captured change over the true one. Over a clip: Pearson's correlation and the gain,
and only where the true curve moves, because the correlation with a tracker's noise says nothing.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.engine.metrics import pearson

__all__ = ["FEWEST", "Followed", "follow", "gain", "moves", "slope_through_origin"]

FEWEST = 10
"""Frames that a clip needs for its curve to count: the shortest clips of real faces have a dozen."""
_AGREE = 0.5
"""Correlation of two trackers under which one does not measure what the other does, so that its noise cancels no noise
but adds some: between the two trackers of the reference curves, lids (0.37) and the gap of the brows (0.03)."""


@dataclass(frozen=True, kw_only=True)
class Followed:
    """How a captured curve follows a true one over a clip."""

    r: float
    """Pearson's correlation; 0 where the captured curve stands still."""
    gain: float
    """How far the captured curve moves for each unit of the true one; 1 is right."""


def slope_through_origin(ours: Float[np.ndarray, "N M"], truth: Float[np.ndarray, "N M"]) -> Float[np.ndarray, "M"]:
    """How far each of M measures changes for each unit of its true change, least squares over N people; 1 is right.

    Through the origin: who does not change must be seen not to. NaN for a measure that nobody changes.
    """
    ours, truth = np.asarray(ours, np.float64), np.asarray(truth, np.float64)
    square = (truth**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(square > 0, (ours * truth).sum(axis=0) / square, np.nan)


def moves(curve: Float[np.ndarray, "T"], least: float) -> bool:
    """Whether a tracker's curve moves: `FEWEST` finite values, and a standard deviation of at least `least`."""
    finite = curve[np.isfinite(curve)]
    return len(finite) >= FEWEST and float(finite.std()) >= least


def gain(
    ours: Float[np.ndarray, "T"], truth: Float[np.ndarray, "T"], other: Float[np.ndarray, "T"] | None = None
) -> float:
    """How far `ours` moves for each unit of `truth`; 1 is right.

    With one tracker it is the slope cov(ours, truth) / var(truth), which the tracker's noise makes too small. With an
    `other` tracker of the same thing, in any unit, it is cov(ours, other) / cov(truth, other): the noise of the two is
    independent and cancels. NaN where there is nothing to divide by.
    """
    reference = truth if other is None else other
    centred = reference - reference.mean()
    below = float((centred * (truth - truth.mean())).sum())
    return float((centred * (ours - ours.mean())).sum()) / below if below else float("nan")


def follow(
    ours: Float[np.ndarray, "T"],
    truth: Float[np.ndarray, "T"],
    other: Float[np.ndarray, "T"] | None = None,
    *,
    least: float,
) -> Followed | None:
    """Correlation and gain over the frames where `ours` and `truth` are finite; None where `truth` does not `moves`.

    `other` is a second tracker's curve. It serves where it is finite too, if `truth` moves there and the two agree;
    else the gain is that of one tracker.
    """
    both = np.isfinite(ours) & np.isfinite(truth)
    if not moves(truth[both], least):
        return None
    r = float(pearson(ours[both], truth[both])[0])
    if other is not None:
        all_three = both & np.isfinite(other)
        if moves(truth[all_three], least) and pearson(other[all_three], truth[all_three])[0] >= _AGREE:
            return Followed(r=r, gain=gain(ours[all_three], truth[all_three], other[all_three]))
    return Followed(r=r, gain=gain(ours[both], truth[both]))
