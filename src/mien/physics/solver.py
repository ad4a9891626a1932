"""Quasi-static equilibrium: L-BFGS on an energy, preconditioned by its Hessian at rest.

The two-loop recursion of Nocedal and Wright ("Numerical Optimization", 2006, algorithm 7.4) begins with the factored
Hessian at rest instead of a multiple of the identity (Liu, Bouaziz and Kavan, "Quasi-Newton methods for real-time
simulation of hyperelastic materials", 2017). A step is halved until the energy falls as Armijo's condition demands, so
the energy is monotone, and a step that turns a prism inside out has infinite energy and is never taken.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from mien.physics.model import Model, Preconditioner

__all__ = ["History", "Settings", "Solution", "minimise"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """When a solve ends, and how far it steps."""

    iterations: int = 200
    """Largest number of steps."""
    tolerance: float = 2e-3
    """A solve has converged when no vertex would move farther than this in the next step [mm]."""
    memory: int = 8
    """Number of past steps that the recursion uses."""
    longest: float = 5.0
    """Largest movement of a vertex in one step [mm]."""
    decrease: float = 1e-4
    """Armijo's constant (Nocedal and Wright 2006, section 3.1)."""
    halvings: int = 30
    """How often a step is halved before the solve ends."""


@dataclass(eq=False)
class History:
    """Past steps and changes of the gradient, which a following solve of nearly the same energy starts from."""

    pairs: deque[tuple[np.ndarray, np.ndarray, float]] = field(
        default_factory=deque[tuple[np.ndarray, np.ndarray, float]]
    )
    """(step, change of the gradient, 1 / their product)."""

    def add(self, step: np.ndarray, change: np.ndarray, memory: int) -> None:
        """Keep a pair if it has positive curvature."""
        product = float(np.vdot(step, change))
        if product > 1e-12 * float(np.sqrt(np.vdot(step, step) * np.vdot(change, change))):
            self.pairs.append((step, change, 1.0 / product))
            while len(self.pairs) > memory:
                self.pairs.popleft()


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """The end of a solve."""

    positions: Float[np.ndarray, "N 3"]
    """The positions of least energy that were found [mm]; the start when the energy there was not finite."""
    energies: tuple[float, ...]
    """The energy at the start and after every step [mJ]; it never rises."""
    converged: bool
    """Whether the last step was below the tolerance."""
    diverged: bool
    """Whether the energy or its gradient at the start was not finite; `positions` are then the start."""


def minimise(
    model: Model,
    start: Float[np.ndarray, "N 3"],
    precondition: Preconditioner,
    settings: Settings | None = None,
    history: History | None = None,
) -> Solution:
    """Positions of equilibrium, found from `start`; `history` is used and extended when it is given."""
    settings, history = settings or Settings(), History() if history is None else history
    x, gradient = np.array(start, np.float64), np.zeros((len(start), 3))
    value = model.energy(x, gradient)
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        return Solution(positions=x, energies=(value,), converged=False, diverged=True)
    energies, converged = [value], False
    following, trial = np.empty_like(gradient), np.empty_like(x)
    for _ in range(settings.iterations):
        step = _direction(gradient, precondition, history)
        slope = float(np.vdot(step, gradient))
        if slope >= 0:
            history.pairs.clear()
            step = -precondition(gradient)
            slope = float(np.vdot(step, gradient))
        farthest = float(np.sqrt((step * step).sum(axis=1).max()))
        if farthest < settings.tolerance:
            converged = True
            break
        scale = min(1.0, settings.longest / farthest)
        for _ in range(settings.halvings):
            np.add(x, scale * step, out=trial)
            found = model.energy(trial, following)
            if found <= value + settings.decrease * scale * slope:
                break
            scale *= 0.5
        else:
            converged = not history.pairs  # the energy cannot fall by more than it is rounded
            if converged:
                break
            history.pairs.clear()
            continue
        history.add(trial - x, following - gradient, settings.memory)
        x, trial = trial, x
        gradient, following = following, gradient
        value = found
        energies.append(value)
    return Solution(positions=x.copy(), energies=tuple(energies), converged=converged, diverged=False)


def _direction(gradient: np.ndarray, precondition: Preconditioner, history: History) -> np.ndarray:
    q, shares = gradient.copy(), []
    for step, change, inverse in reversed(history.pairs):
        share = inverse * float(np.vdot(step, q))
        q -= share * change
        shares.append(share)
    r = precondition(q)
    for (step, change, inverse), share in zip(history.pairs, reversed(shares), strict=True):
        r += (share - inverse * float(np.vdot(change, r))) * step
    return -r
