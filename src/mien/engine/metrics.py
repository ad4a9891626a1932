"""All figures about faces that mien reports, with their definitions; numpy only, so that benchmarks need no torch.

Weights are [N, C] (samples x channels) unless said otherwise. Plain mean absolute error is left out on purpose:
expression weights are sparse, so always predicting zero gives the smallest error.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

__all__ = [
    "ACTIVE",
    "ActiveError",
    "EventScore",
    "Ridge",
    "Selectivity",
    "active_error",
    "concordance",
    "events",
    "jitter",
    "lag",
    "match_events",
    "neutral_bias",
    "nme",
    "pearson",
    "pose_leakage",
    "selectivity",
    "summary",
    "vertex_error",
]

ACTIVE = 0.05
"""A channel counts as active above this weight."""

_CONSTANT = 1e-12
"""Variance under which a series counts as constant (weights are of order 1, float32 noise is 1e-14)."""


def _columns(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return values[:, None] if values.ndim == 1 else values


def _moments(prediction: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, ...]:
    """(covariance, variance of prediction, variance of truth, difference of means), each [C], over all N."""
    p, t = _columns(prediction), _columns(truth)
    if p.shape != t.shape:
        raise ValueError(f"prediction {p.shape} and truth {t.shape} differ in shape")
    centred_p, centred_t = p - p.mean(axis=0), t - t.mean(axis=0)
    return (
        (centred_p * centred_t).mean(axis=0),
        (centred_p**2).mean(axis=0),
        (centred_t**2).mean(axis=0),
        p.mean(axis=0) - t.mean(axis=0),
    )


def pearson(prediction: Float[np.ndarray, "N C"], truth: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "C"]:
    """Pearson correlation per channel: cov(p, t) / (std(p) std(t)).

    NaN where the truth is constant (there is nothing to follow), 0 where only the prediction is constant.
    """
    covariance, of_p, of_t, _ = _moments(prediction, truth)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = covariance / np.sqrt(of_p * of_t)
    return np.where(of_t < _CONSTANT, np.nan, np.where(of_p < _CONSTANT, 0.0, np.clip(r, -1.0, 1.0)))


def concordance(prediction: Float[np.ndarray, "N C"], truth: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "C"]:
    """Concordance per channel (Lin 1989): 2 cov(p, t) / (var(p) + var(t) + (mean(p) - mean(t))^2).

    Unlike Pearson it also counts wrong gain and bias. NaN where the truth is constant.
    """
    covariance, of_p, of_t, shift = _moments(prediction, truth)
    with np.errstate(invalid="ignore", divide="ignore"):
        c = 2.0 * covariance / (of_p + of_t + shift**2)
    return np.where(of_t < _CONSTANT, np.nan, c)


@dataclass(frozen=True, kw_only=True)
class ActiveError:
    """Errors of active and of inactive samples, per channel; NaN where a channel is never active or never zero."""

    mae: Float[np.ndarray, "C"]
    """Mean |prediction - truth| over samples whose truth exceeds `ACTIVE`."""
    false_activation: Float[np.ndarray, "C"]
    """Mean prediction over samples whose truth is exactly 0."""


def active_error(prediction: Float[np.ndarray, "N C"], truth: Float[np.ndarray, "N C"]) -> ActiveError:
    """Active mean absolute error together with false activation (report both: bias can lower one alone)."""
    p, t = _columns(prediction), _columns(truth)
    on, off = t > ACTIVE, t == 0
    return ActiveError(mae=_mean_where(np.abs(p - t), on), false_activation=_mean_where(p, off))


def _mean_where(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    count = where.sum(axis=0)
    total = np.where(where, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def vertex_error(
    prediction: Float[np.ndarray, "N C"], truth: Float[np.ndarray, "N C"], shapes: Float[np.ndarray, "C V 3"]
) -> Float[np.ndarray, "N"]:
    """Mean distance per sample [mm]: mean over vertices of |B (prediction - truth)|, B the rig's shape offsets [mm].

    Give the face's vertices only: vertices that no shape moves would lower the mean.
    """
    basis = np.asarray(shapes, np.float32).reshape(len(shapes), -1)
    difference = (np.asarray(prediction, np.float64) - np.asarray(truth, np.float64)).astype(np.float32)
    errors = np.empty(len(difference))
    # Blocks keep the [block, 3 V] product near 16 MB.
    block = max(1, 4_000_000 // basis.shape[1])
    for start in range(0, len(difference), block):
        moved = (difference[start : start + block] @ basis).reshape(-1, shapes.shape[1], 3)
        errors[start : start + block] = np.linalg.norm(moved, axis=2).mean(axis=1)
    return errors


@dataclass(frozen=True, kw_only=True)
class Selectivity:
    """How selectively the prediction responds when a single channel is active."""

    accuracy: float
    """Share of samples in which the active channel has the largest predicted weight."""
    leakage: Float[np.ndarray, "C C"]
    """Mean prediction of channel j (column) while channel i (row) is active; NaN where i never is."""
    mean_leakage: float
    """Mean of `leakage` off the diagonal, over the rows that are not NaN."""
    mean_answer: float
    """Mean of `leakage` on the diagonal: 1 is ideal when the weight of the active channel is 1."""


def selectivity(prediction: Float[np.ndarray, "N C"], shown: Int[np.ndarray, "N"]) -> Selectivity:
    """Argmax accuracy and leakage matrix on samples with one active channel each, `shown` [N]."""
    p = np.asarray(prediction, np.float64)
    shown = np.asarray(shown)
    channels = p.shape[1]
    leakage = np.full((channels, channels), np.nan)
    for channel in np.unique(shown):
        leakage[channel] = p[shown == channel].mean(axis=0)
    rows = np.unique(shown)
    diagonal = leakage[rows, rows]
    off = leakage[rows].sum() - diagonal.sum()
    return Selectivity(
        accuracy=float((p.argmax(axis=1) == shown).mean()),
        leakage=leakage,
        mean_leakage=float(off / max(len(rows) * (channels - 1), 1)),
        mean_answer=float(diagonal.mean()),
    )


def _identity_means(prediction: np.ndarray, identity: np.ndarray) -> np.ndarray:
    names, inverse = np.unique(identity, return_inverse=True)
    sums = np.zeros((len(names), prediction.shape[1]))
    np.add.at(sums, inverse, np.asarray(prediction, np.float64))
    return sums / np.bincount(inverse)[:, None]


def neutral_bias(
    prediction: Float[np.ndarray, "N C"], identity: Int[np.ndarray, "N"]
) -> tuple[Float[np.ndarray, "C"], Float[np.ndarray, "C"]]:
    """(mean, between-identity standard deviation) per channel of the predictions on neutral faces.

    Identities weigh equally; the deviation (ddof 1; NaN for one identity) is that of the identities' mean predictions.
    """
    means = _identity_means(_columns(prediction), np.asarray(identity))
    spread = means.std(axis=0, ddof=1) if len(means) > 1 else np.full(means.shape[1], np.nan)
    return means.mean(axis=0), spread


def pose_leakage(
    prediction: Float[np.ndarray, "N C"], identity: Int[np.ndarray, "N"], frontal: Bool[np.ndarray, "N"]
) -> Float[np.ndarray, "C"]:
    """Mean |prediction - the same identity's mean frontal prediction| per channel over turned neutral faces.

    `frontal` [N] marks the reference views. Identities without a frontal view raise ValueError.
    """
    p, identity, frontal = _columns(prediction), np.asarray(identity), np.asarray(frontal, bool)
    names = np.unique(identity[frontal])
    missing = np.setdiff1d(identity, names)
    if len(missing):
        raise ValueError(f"{len(missing)} identities have no frontal view")
    reference = _identity_means(p[frontal], identity[frontal])
    turned = ~frontal
    return np.abs(p[turned] - reference[np.searchsorted(names, identity[turned])]).mean(axis=0)


def jitter(series: Float[np.ndarray, "T *rest"]) -> Float[np.ndarray, "*rest"]:
    """Standard deviation over time of the second difference x[t+1] - 2 x[t] + x[t-1], per column, without motion.

    White noise of deviation s gives s sqrt(6). A filter lowers jitter and raises `lag`: always report both. Divide
    points by the eye distance first. Raises ValueError below three frames.
    """
    series = np.asarray(series, np.float64)
    if len(series) < 3:
        raise ValueError("jitter needs at least three frames")
    return np.diff(series, 2, axis=0).std(axis=0)


def lag(
    prediction: Float[np.ndarray, "T"], truth: Float[np.ndarray, "T"], fps: float, *, longest: float = 0.5
) -> float:
    """Delay of the prediction [ms], positive when late: the shift of largest Pearson correlation, to sub-frame.

    The series are evenly sampled; shifts go up to `longest` seconds; a parabola through the best shift and its two
    neighbours gives the fraction. NaN when either series is constant.
    """
    p, t = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    if p.var() < _CONSTANT or t.var() < _CONSTANT:
        return float("nan")
    reach = min(int(np.ceil(longest * fps)), len(t) - 3)
    shifts = np.arange(-reach, reach + 1)
    scores = np.array([_shifted_correlation(p, t, int(shift)) for shift in shifts])
    best = int(np.nanargmax(scores))
    fraction = 0.0
    if 0 < best < len(shifts) - 1:
        before, peak, after = scores[best - 1 : best + 2]
        curvature = before - 2 * peak + after
        if np.isfinite(curvature) and curvature < 0:
            fraction = 0.5 * (before - after) / curvature
    return float(1e3 * (shifts[best] + fraction) / fps)


def _shifted_correlation(p: np.ndarray, t: np.ndarray, shift: int) -> float:
    early, late = (t, p) if shift >= 0 else (p, t)
    overlap = len(t) - abs(shift)
    return float(pearson(late[abs(shift) :], early[:overlap])[0])


def nme(
    prediction: Float[np.ndarray, "N L 2"],
    truth: Float[np.ndarray, "N L 2"],
    eyes: tuple[int, int],
    *,
    visible: Bool[np.ndarray, "N L"] | None = None,
) -> Float[np.ndarray, "N"]:
    """Normalised mean error per sample: mean point distance divided by the true distance of the outer eye corners.

    `eyes` are the layout's outer eye corners (Sagonas et al. 2013, the 300-W definition). With `visible`, only those
    points count; NaN for a sample without any.
    """
    truth = np.asarray(truth, np.float64)
    distance = np.linalg.norm(np.asarray(prediction, np.float64) - truth, axis=2)
    between = np.linalg.norm(truth[:, eyes[0]] - truth[:, eyes[1]], axis=1)
    counted = np.ones(distance.shape, bool) if visible is None else np.asarray(visible, bool)
    return _mean_where(distance.T, counted.T) / between


def events(curve: Float[np.ndarray, "T"], *, on: float = 0.5, off: float = 0.35) -> Int[np.ndarray, "K 2"]:
    """(first, last) frames of closures: the interval around a rise to `on` in which `curve` is not below `off`.

    There are two thresholds because a curve that jitters at a single one would count as many closures. NaN frames end
    an event.
    """
    curve = np.asarray(curve, np.float64)
    above = np.concatenate([[False], np.nan_to_num(curve, nan=-np.inf) >= off, [False]])
    edges = np.diff(above.astype(np.int8))
    spans = np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1], axis=1)
    deep = [curve[first : last + 1].max() >= on for first, last in spans]
    return spans[np.array(deep, bool)]


@dataclass(frozen=True, kw_only=True)
class EventScore:
    """Precision and recall of event detection; NaN where the divisor is zero."""

    precision: float
    """Share of detected events that match a true one."""
    recall: float
    """Share of true events that match a detected one."""


def match_events(found: Int[np.ndarray, "K 2"], truth: Int[np.ndarray, "M 2"], *, tolerance: int = 0) -> EventScore:
    """Precision and recall of intervals (first, last, inclusive): overlapping ones match, each at most once.

    `tolerance` widens the detected intervals by that many frames on both sides. Matching is one to one in order of
    time, so a single long closure cannot match every blink.
    """
    found = np.asarray(found).reshape(-1, 2)
    truth = np.asarray(truth).reshape(-1, 2)
    found, truth = found[np.argsort(found[:, 1])], truth[np.argsort(truth[:, 1])]
    free = np.ones(len(truth), bool)
    hits = 0
    for first, last in found:
        touching = np.flatnonzero(free & (truth[:, 0] <= last + tolerance) & (truth[:, 1] >= first - tolerance))
        if len(touching):
            free[touching[0]] = False
            hits += 1
    return EventScore(
        precision=hits / len(found) if len(found) else float("nan"),
        recall=hits / len(truth) if len(truth) else float("nan"),
    )


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """Linear regression with a squared penalty, on standardised inputs: a baseline for networks."""

    mean: Float[np.ndarray, "D"]
    scale: Float[np.ndarray, "D"]
    """Standard deviation of each input; 1 where the input is constant."""
    coefficients: Float[np.ndarray, "D C"]
    intercept: Float[np.ndarray, "C"]
    penalty: float
    """Chosen lambda, per sample: minimises |Y - X b|^2 / N + lambda |b|^2."""

    PENALTIES = tuple(10.0 ** np.arange(-6, 2.01, 0.5))

    @classmethod
    def fit(
        cls,
        inputs: Float[np.ndarray, "N D"],
        targets: Float[np.ndarray, "N C"],
        *,
        groups: Int[np.ndarray, "N"] | None = None,
        held_out: float = 0.2,
        seed: int = 0,
    ) -> "Ridge":
        """Closed form; lambda has the least squared error on a held-out share of the samples; the fit then uses all.

        With `groups` (identities), whole groups are held out, as in the benchmarks that use the baseline. Raises
        ValueError when fewer than two samples (or groups) are given.
        """
        x, y = np.asarray(inputs, np.float64), _columns(targets)
        groups = np.arange(len(x)) if groups is None else np.asarray(groups)
        names = np.random.default_rng(seed).permutation(np.unique(groups))
        if len(names) < 2:
            raise ValueError("a ridge needs at least two samples (or groups) to choose its penalty")
        test = np.isin(groups, names[: min(max(1, round(held_out * len(names))), len(names) - 1)])
        path = _ridge_path(x[~test], y[~test], cls.PENALTIES)
        errors = [float(((fit.predict(x[test]) - y[test]) ** 2).mean()) for fit in path]
        return _ridge_path(x, y, (cls.PENALTIES[int(np.argmin(errors))],))[0]

    def predict(self, inputs: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N C"]:
        """Targets for new inputs; the values are not clipped."""
        return (np.asarray(inputs, np.float64) - self.mean) / self.scale @ self.coefficients + self.intercept


def _ridge_path(x: np.ndarray, y: np.ndarray, penalties: tuple[float, ...]) -> list[Ridge]:
    """One fit per penalty from a single eigendecomposition of the inputs' correlation matrix."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale < 1e-12, 1.0, scale)
    standard = (x - mean) / scale
    intercept = y.mean(axis=0)
    values, vectors = np.linalg.eigh(standard.T @ standard / len(x))
    projected = vectors.T @ (standard.T @ (y - intercept) / len(x))
    return [
        Ridge(
            mean=mean,
            scale=scale,
            coefficients=vectors @ (projected / (np.maximum(values, 0.0) + penalty)[:, None]),
            intercept=intercept,
            penalty=float(penalty),
        )
        for penalty in penalties
    ]


def summary(
    prediction: Float[np.ndarray, "N C"],
    truth: Float[np.ndarray, "N C"],
    shapes: Float[np.ndarray, "C V 3"] | None = None,
) -> Mapping[str, float]:
    """Means over channels (those that are NaN are left out) of Pearson, concordance, active MAE and false activation,
    and the mean vertex error [mm] when `shapes` are given."""
    error = active_error(prediction, truth)
    figures = {
        "pearson": _nanmean(pearson(prediction, truth)),
        "concordance": _nanmean(concordance(prediction, truth)),
        "active_mae": _nanmean(error.mae),
        "false_activation": _nanmean(error.false_activation),
    }
    if shapes is not None:
        figures["vertex_mm"] = float(vertex_error(prediction, truth, shapes).mean())
    return figures


def _nanmean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
