"""Two ridge regressions from landmarks and head angles to weights, as baselines of the network."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.engine.metrics import Ridge
from mien.systems.capture import spec
from mien.systems.capture.evaluation.rendered_takes import Trial

__all__ = ["ZEROS", "Baselines"]

ZEROS = "all weights zero"
_PREDICTED, _TRUE = "ridge regression on predicted landmarks", "ridge regression on true landmarks"


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Both regressions, fitted on renders of training identities."""

    predicted: Ridge
    """From the landmarks that the network itself predicts. If the network is better, its pixels add information."""
    true: Ridge
    """From the true landmarks, for reference."""

    @classmethod
    def fit(cls, trial: Trial) -> "Baselines":
        """Penalties are chosen on identities left out of the fit; all frames have equal weight."""
        seen = trial.where(trial.found)
        true, predicted = (Ridge.fit(_features(seen, which), seen.truth, groups=seen.identity) for which in (0, 1))
        return cls(predicted=predicted, true=true)

    def rows(self, trial: Trial) -> dict[str, Float[np.ndarray, "N A"]]:
        """Weights by name: ours, the other trackers', zeros, and the regressions whose landmarks are known."""
        rows = {**trial.answers, ZEROS: np.zeros_like(trial.truth)}
        for name, ridge, which in ((_PREDICTED, self.predicted, 1), (_TRUE, self.true, 0)):
            if np.isfinite(trial.landmarks[:, which]).all():
                rows[name] = np.clip(ridge.predict(_features(trial, which)), 0.0, 1.0)
        return rows


def _features(trial: Trial, which: int) -> Float[np.ndarray, "N D"]:
    """Landmarks in crop widths and the three head angles; true for `which` 0, predicted for 1."""
    points = trial.landmarks[:, which].reshape(len(trial.truth), -1) / spec.CROP
    return np.concatenate([points, trial.angles[:, which]], axis=1)
