"""The solver: exact on a quadratic, monotone on springs, and it keeps the last good state when it fails."""

import numpy as np
import pytest

from mien.physics.energies.springs import Springs
from mien.physics.energies.ties import Ties
from mien.physics.model import Model, factor, precondition
from mien.physics.solver import History, Settings, minimise

CHAIN = np.column_stack([np.arange(12.0), np.zeros(12), np.zeros(12)])


def chain(ratio: float = 4.0) -> tuple[Model, Ties]:
    """A chain of springs whose first and last vertices are held, and all vertices weakly."""
    ends = np.column_stack([np.arange(11), np.arange(1, 12)])
    springs = Springs(ends=ends, rest=np.ones(11), stiffness=np.full(11, 2.0), ratio=ratio)
    ties = Ties(index=np.arange(12), stiffness=np.r_[50.0, np.full(10, 1e-3), 50.0], targets=CHAIN.copy())
    return Model(rest=CHAIN, terms=(springs, ties)), ties


def test_the_factor_solves_the_system() -> None:
    model, _ = chain()
    hessian = model.hessian(CHAIN)
    scalar = sum(hessian[k::3, k::3] for k in range(3)) / 3
    right = np.random.default_rng(0).normal(size=(12, 3))
    np.testing.assert_allclose(factor(scalar)(right), np.linalg.solve(scalar.toarray(), right), atol=1e-9)


def test_a_quadratic_is_solved_exactly() -> None:
    _, ties = chain()
    ties.targets[:] = np.random.default_rng(1).normal(size=(12, 3))
    model = Model(rest=CHAIN, terms=(ties,))
    done = minimise(model, CHAIN, precondition(model, (ties,)), Settings(tolerance=1e-9, longest=100.0))
    assert done.converged and len(done.energies) <= 3
    np.testing.assert_allclose(done.positions, ties.targets, atol=1e-8)


@pytest.mark.parametrize("pull", [2.0, 30.0])
def test_equilibrium_and_energy(pull: float) -> None:
    model, ties = chain()
    ties.targets[-1] += [pull, pull / 2, 0]
    settings = Settings(tolerance=1e-7, iterations=500, longest=1.0)
    done = minimise(model, CHAIN, precondition(model, model.terms), settings)
    assert done.converged and not done.diverged
    assert (np.diff(done.energies) <= 0).all() and done.energies[-1] < done.energies[0]
    gradient = np.empty_like(CHAIN)
    model.energy(done.positions, gradient)
    assert np.abs(gradient).max() < 1e-4


def test_a_warm_start_needs_fewer_steps() -> None:
    model, ties = chain(ratio=1.0)
    solve, history = precondition(model, model.terms), History()
    settings = Settings(tolerance=1e-4, iterations=500, longest=1.0)
    ties.targets[-1] += [8.0, 0, 0]
    first = minimise(model, CHAIN, solve, settings, history)
    ties.targets[-1] += [0.05, 0, 0]
    warm = minimise(model, first.positions, solve, settings, history)
    cold = minimise(model, CHAIN, solve, settings)
    assert warm.converged and cold.converged and len(warm.energies) < len(cold.energies)
    np.testing.assert_allclose(warm.positions, cold.positions, atol=1e-2)


def test_a_start_that_is_not_finite_is_kept_and_said() -> None:
    model, ties = chain()
    ties.targets[3] = np.nan
    done = minimise(model, CHAIN, lambda g: g)
    assert done.diverged and not done.converged
    np.testing.assert_array_equal(done.positions, CHAIN)
