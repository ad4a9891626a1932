"""Estimate whose face it is from the network's codes: a linear first guess for `mien fit`.

Landmarks alone hold little identity: their error exceeds the differences between people and is the same in every frame
of one person. The network's codes (features and landmarks) hold more. A person's mean code is modelled as in
probabilistic linear discriminant analysis (Ioffe 2006): normal between people, normal within a person, frames
independent given the person. In the directions that whiten the covariance within people and diagonalise the one between
people, the best guess of the identity coefficients z from the mean of F frames is A V' (mean - m) / (spread + 1/F), and
the remaining covariance of z is I - A A' / (spread + 1/F).

`mien export capture --stills DIR` learns the read-out (`training.identity_readout`); every network needs its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.rigs.fit import Guess

__all__ = ["Readout"]

_PREFIX = "identity_"


@dataclass(frozen=True, kw_only=True, eq=False)
class Readout:
    """Linear map from codes to identity. Shapes: E code, K directions, M identity modes."""

    mean: Float[np.ndarray, "E"]
    """m: mean of the codes of all people."""
    directions: Float[np.ndarray, "E K"]
    """V: directions with unit variance within a person."""
    spread: Float[np.ndarray, "K"]
    """Variance between people in each direction."""
    modes: Float[np.ndarray, "M K"]
    """A: covariance of the identity coefficients with each direction."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Readout | None":
        """From a bundle's arrays; None when the bundle has no read-out."""
        names = cls.__dataclass_fields__
        if any(_PREFIX + name not in arrays for name in names):
            return None
        return cls(**{name: arrays[_PREFIX + name].astype(np.float64) for name in names})

    def arrays(self) -> dict[str, np.ndarray]:
        """For a bundle."""
        return {_PREFIX + name: value.astype(np.float32) for name, value in vars(self).items()}

    def guess(self, codes: Float[np.ndarray, "F E"]) -> Guess:
        """The identity of the person in F frames; raises ValueError when codes are not finite or there are none."""
        if not len(codes) or not np.isfinite(codes).all():
            raise ValueError("a guess needs the finite codes of at least one frame")
        gain = 1.0 / (self.spread + 1.0 / len(codes))
        at = (codes.mean(axis=0) - self.mean) @ self.directions
        return Guess(
            mean=self.modes @ (gain * at),
            covariance=np.eye(len(self.modes)) - (self.modes * gain) @ self.modes.T,
        )
