"""Ties: derivatives, and simkit's quadratic energy."""

import numpy as np
from tests.physics.differences import check, energy, gradient, simkit

from mien.physics.energies.ties import Ties


def ties() -> Ties:
    targets = np.random.default_rng(6).normal(size=(3, 3))
    return Ties(index=np.array([0, 2, 2]), stiffness=np.array([1.0, 0.3, 5.0]), targets=targets)


def test_derivatives() -> None:
    check(ties(), np.random.default_rng(7).normal(size=(4, 3)))


def test_it_is_a_quadratic_energy() -> None:
    term, x = ties(), np.random.default_rng(8).normal(size=(4, 3))
    other, matrix = simkit("quadratic"), term.hessian(x)
    linear, constant = gradient(term, np.zeros((4, 3))).reshape(-1, 1), energy(term, np.zeros((4, 3)))
    expected = other.quadratic_energy(x.reshape(-1, 1), matrix, linear) + constant
    np.testing.assert_allclose(energy(term, x), expected, rtol=1e-12)
    expected = other.quadratic_gradient(x.reshape(-1, 1), matrix, linear)
    np.testing.assert_allclose(gradient(term, x).reshape(-1), expected.reshape(-1), atol=1e-12)


def test_targets_that_move_pull_along() -> None:
    term, x = ties(), np.zeros((4, 3))
    before = gradient(term, x)
    term.targets[:] += 1.0
    np.testing.assert_allclose(gradient(term, x) - before, -np.array([1.0, 0, 5.3, 0])[:, None] * np.ones(3))
