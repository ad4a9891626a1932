"""Whose face it is, read off the network's own codes: a linear guess for `mien fit`.

Landmarks alone say little: the network's err by more than what tells people apart, and alike in every frame of one
person. Its codes (features and landmarks) say more. A person's mean code is modelled as probabilistic linear
discriminant analysis does (Ioffe 2006): normal between people, normal within, frames independent given the person. In
the directions that whiten the within and diagonalise the between, the best guess of the identity coefficients z from
the mean of F frames is A V' (mean - m) / (spread + 1/F), and what is left unknown of z is I - A A' / (spread + 1/F).

`mien export capture --stills DIR` learns it (`training.identity_readout`): codes are each network's own.
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
    """What a network's codes say of identity. E code, K directions, M identity modes."""

    mean: Float[np.ndarray, "E"]
    """Of everybody's codes."""
    directions: Float[np.ndarray, "E K"]
    """V: unit variance within a person."""
    spread: Float[np.ndarray, "K"]
    """Variance between people in each."""
    modes: Float[np.ndarray, "M K"]
    """A: covariance of identity coefficients with each."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Readout | None":
        """From a bundle's arrays; None where the bundle has none."""
        names = cls.__dataclass_fields__
        if any(_PREFIX + name not in arrays for name in names):
            return None
        return cls(**{name: arrays[_PREFIX + name].astype(np.float64) for name in names})

    def arrays(self) -> dict[str, np.ndarray]:
        """For a bundle."""
        return {_PREFIX + name: value.astype(np.float32) for name, value in vars(self).items()}

    def guess(self, codes: Float[np.ndarray, "F E"]) -> Guess:
        """Who is in F frames of one person; raises ValueError when codes are not finite or there are none."""
        if not len(codes) or not np.isfinite(codes).all():
            raise ValueError("a guess needs the finite codes of at least one frame")
        gain = 1.0 / (self.spread + 1.0 / len(codes))
        at = (codes.mean(axis=0) - self.mean) @ self.directions
        return Guess(
            mean=self.modes @ (gain * at),
            covariance=np.eye(len(self.modes)) - (self.modes * gain) @ self.modes.T,
        )
