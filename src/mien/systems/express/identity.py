"""What the identity-aware decoder knows of a neutral. Knows no torch."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

__all__ = ["IdentityCode"]


@dataclass(frozen=True, kw_only=True, eq=False)
class IdentityCode:
    """A neutral's shape as a few numbers of zero mean and unit variance over the training subjects."""

    kept: Int[np.ndarray, "M"]
    """Vertices that are looked at."""
    mean: Float[np.ndarray, "M*3"]
    basis: Float[np.ndarray, "M*3 E"]

    @classmethod
    def fit(cls, neutrals: Float[np.ndarray, "S V 3"], kept: Int[np.ndarray, "M"], size: int) -> "IdentityCode":
        """Principal components of the training subjects' neutrals at `kept`; zeros beyond what subjects allow."""
        rows = neutrals[:, kept].reshape(len(neutrals), -1).astype(np.float64)
        mean = rows.mean(axis=0)
        _, scale, axes = np.linalg.svd(rows - mean, full_matrices=False)
        deviation = scale[:size] / np.sqrt(len(rows))
        # A component that nobody differs in (the last of few subjects) would be noise blown up.
        basis = np.where(deviation > 1e-3, axes[:size].T / np.maximum(deviation, 1e-3), 0.0)
        basis = np.pad(basis, ((0, 0), (0, size - basis.shape[1])))
        return cls(kept=kept, mean=mean.astype(np.float32), basis=basis.astype(np.float32))

    def __call__(self, neutral: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "E"]:
        """Code of a neutral, cut at three deviations: beyond them nobody was seen."""
        code = (neutral[self.kept].reshape(-1) - self.mean) @ self.basis
        return np.clip(code, -3.0, 3.0).astype(np.float32)
