"""Activation dynamics: how fast a muscle follows its excitation."""

import numpy as np
from jaxtyping import Float

__all__ = ["ACTIVATION", "DEACTIVATION", "follow"]

ACTIVATION = 0.010
"""Time constant of a rising activation [s] (Zajac, "Muscle and tendon", 1989; Thelen 2003: 10 to 15 ms)."""
DEACTIVATION = 0.040
"""Time constant of a falling activation [s] (the same sources: 40 to 50 ms)."""


def follow(
    activation: Float[np.ndarray, "C"], excitation: Float[np.ndarray, "C"], seconds: float
) -> Float[np.ndarray, "C"]:
    """Activations after `seconds` of a constant excitation: a first-order lag, solved exactly."""
    constant = np.where(excitation > activation, ACTIVATION, DEACTIVATION)
    return excitation + (activation - excitation) * np.exp(-seconds / constant)
