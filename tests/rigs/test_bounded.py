from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import lsq_linear, minimize

from mien.rigs.bounded import SolveSettings, solve

PLAIN = SolveSettings(sparsity=0, symmetry=0, smoothness=0, iterations=5000, tolerance=1e-8)


@given(st.integers(0, 10_000), st.sampled_from([1e-4, 1e-3, 0.1]))
def test_the_bounded_optimum_is_found(seed: int, ridge: float) -> None:
    rng = np.random.default_rng(seed)
    basis, motion = rng.normal(size=(20, 6)) * rng.uniform(0.1, 10, 6), rng.normal(size=20) * 5
    found = solve(basis.T @ basis, (basis.T @ motion)[None], replace(PLAIN, ridge=ridge))[0]
    scale = np.sqrt(ridge * (basis**2).sum(axis=0))
    best = lsq_linear(np.vstack([basis, np.diag(scale)]), np.r_[motion, np.zeros(6)], (0, 1), tol=1e-12)
    np.testing.assert_allclose(found, best.x, atol=1e-4)


@given(st.integers(0, 10_000))
def test_the_mouth_never_closes_more_than_the_jaw_opens_and_costs_nothing_more(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ("jawOpen", "mouthClose", "other")
    basis = rng.normal(size=(8, 3))
    motion = basis @ np.array([0.2, 0.9, 0.4]) + rng.normal(size=8) * 0.1
    gram, product = basis.T @ basis, basis.T @ motion
    found = solve(gram, product[None], PLAIN, names=names)[0]
    assert found[1] <= found[0] + 1e-9

    def cost(w: np.ndarray) -> float:
        return float(0.5 * w @ gram @ w - product @ w + 0.5e-4 * (np.diag(gram) * w**2).sum())

    other = minimize(
        cost, [0.5, 0.4, 0.5], bounds=[(0, 1)] * 3, constraints={"type": "ineq", "fun": lambda w: w[0] - w[1]}
    )
    assert cost(found) <= other.fun + 1e-6


def test_sparsity_prefers_one_shape_and_smoothness_steadies() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=30)
    basis = np.stack([one, one + rng.normal(size=30), rng.normal(size=30)], axis=1)
    motion = np.tile(0.7 * one, (40, 1)) + rng.normal(size=(40, 30)) * 0.3
    gram, products = basis.T @ basis, motion @ basis

    def run(**settings: float) -> np.ndarray:
        return solve(gram, products, replace(PLAIN, **settings), times=np.arange(40) / 30)

    assert (run(sparsity=0.1)[:, 1:] > 1e-3).mean() < (run()[:, 1:] > 1e-3).mean()
    assert np.abs(np.diff(run(smoothness=5.0), axis=0)).mean() < 0.4 * np.abs(np.diff(run(), axis=0)).mean()


def test_symmetry_counts_only_where_the_source_is_symmetric() -> None:
    gram = np.eye(2)
    products = np.array([[0.8, 0.4], [0.8, 0.4]])
    settings = replace(PLAIN, symmetry=100.0, iterations=50_000)
    alike, apart = solve(gram, products, settings, names=("xLeft", "xRight"), symmetric=np.array([1.0, 0.0]))
    np.testing.assert_allclose(alike, 0.6, atol=2e-3)
    np.testing.assert_allclose(apart, [0.8, 0.4], atol=1e-3)


@given(st.integers(0, 1000))
def test_weights_that_made_a_movement_are_found_and_still_shapes_stay_at_rest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(6, 120)) * rng.uniform(0.1, 10, (6, 1))
    basis[4] = 0
    weights = rng.uniform(0, 1, (5, 6)) * (rng.random((5, 6)) < 0.6)
    weights[:, 4] = 0
    found = solve(basis @ basis.T, weights @ basis @ basis.T, PLAIN)
    assert not found[:, 4].any()
    np.testing.assert_allclose(found, weights, atol=2e-3)  # the ridge


def test_orthogonal_shapes_are_cut_to_the_box_each_by_itself() -> None:
    strength = np.array([1.0, 4.0, 100.0])
    wanted = np.array([[3.0, -2.0, 0.5], [0.0, 0.25, 7.0]])
    found = solve(np.diag(strength), wanted * strength, replace(PLAIN, limit=1.5))
    np.testing.assert_allclose(found, np.clip(wanted / (1 + PLAIN.ridge), 0, 1.5), atol=1e-7)
