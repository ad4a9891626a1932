"""Finite differences of an energy term, which every test of an energy uses."""

import warnings
from importlib import import_module
from typing import Any

import numpy as np

from mien.physics.energies.term import Term

STEP = 1e-5


def energy(term: Term, x: np.ndarray) -> float:
    return term.add(x, np.zeros_like(x))


def gradient(term: Term, x: np.ndarray) -> np.ndarray:
    out = np.zeros_like(x)
    term.add(x, out)
    return out


def check(term: Term, x: np.ndarray, tolerance: float = 1e-6) -> None:
    """The gradient is that of the energy, and the Hessian that of the gradient, by central differences everywhere."""
    by_energy, by_gradient = np.zeros(x.size), np.zeros((x.size, x.size))
    for k in range(x.size):
        moved = [x.copy(), x.copy()]
        for sign, y in zip((1, -1), moved, strict=True):
            y.reshape(-1)[k] += sign * STEP
        by_energy[k] = (energy(term, moved[0]) - energy(term, moved[1])) / (2 * STEP)
        by_gradient[:, k] = (gradient(term, moved[0]) - gradient(term, moved[1])).reshape(-1) / (2 * STEP)
    slope, curve = gradient(term, x).reshape(-1), term.hessian(x).toarray()
    assert np.abs(slope).max() > 0 and np.abs(curve).max() > 0  # a term that does nothing would pass
    np.testing.assert_allclose(slope, by_energy, atol=tolerance * np.abs(slope).max())
    np.testing.assert_allclose(curve, by_gradient, atol=tolerance * np.abs(curve).max())
    np.testing.assert_allclose(curve, curve.T, atol=1e-12 * np.abs(curve).max())


def simkit(module: str) -> Any:
    """A module of simkit's energies, the independent implementation; importing it warns of optional parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module(f"simkit.energies.{module}")


def agrees(term: Term, x: np.ndarray, energy_of: float, gradient_of: np.ndarray, hessian_of: Any) -> None:
    """The term is the energy that another implementation computed."""
    assert energy_of > 0
    np.testing.assert_allclose(energy(term, x), energy_of, rtol=1e-10)
    np.testing.assert_allclose(gradient(term, x).reshape(-1), np.asarray(gradient_of).reshape(-1), atol=1e-10)
    np.testing.assert_allclose(term.hessian(x).toarray(), hessian_of.toarray(), atol=1e-9)
