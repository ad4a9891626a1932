"""Bending: derivatives, rigid and linear motions of a flat plate cost nothing, a paraboloid costs its closed form."""

import numpy as np
import pytest
from tests.physics.differences import check, energy

from mien.physics.energies.bending import Bending, bilaplacian, cotangent_laplacian

SIDE = 21


def plate() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:SIDE, :SIDE]
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(SIDE * SIDE)], axis=1).astype(float)
    a = (y[:-1, :-1] * SIDE + x[:-1, :-1]).ravel()
    return vertices, np.concatenate([np.stack([a, a + 1, a + SIDE], 1), np.stack([a + 1, a + SIDE + 1, a + SIDE], 1)])


def test_derivatives() -> None:
    x = np.random.default_rng(9).normal(size=(6, 3))
    triangles = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 5], [0, 5, 1]])
    check(Bending.of(x, bilaplacian(x, triangles)), x + np.random.default_rng(10).normal(size=(6, 3)) * 0.1)


def test_the_laplacian_of_a_parabola_is_constant_and_of_a_plane_zero() -> None:
    vertices, triangles = plate()
    laplacian, areas = cotangent_laplacian(vertices, triangles)
    inner = np.all((vertices[:, :2] > 1) & (vertices[:, :2] < SIDE - 2), axis=1)
    curved = laplacian @ (vertices[:, :2] ** 2).sum(axis=1)
    np.testing.assert_allclose((curved / areas)[inner], -4.0, rtol=0.1)  # weights are kept above 0.01
    np.testing.assert_allclose((laplacian @ (2 * vertices[:, 0] + 3))[inner], 0.0, atol=1e-9)


def test_energy() -> None:
    vertices, triangles = plate()
    term = Bending.of(vertices, bilaplacian(vertices, triangles))
    assert energy(term, vertices + np.array([3.0, -2.0, 5.0])) == pytest.approx(0.0, abs=1e-9)
    once = vertices + np.outer(vertices[:, 0] ** 2, [0, 0, 0.01])
    twice = vertices + np.outer(vertices[:, 0] ** 2, [0, 0, 0.02])
    assert energy(term, twice) == pytest.approx(4 * energy(term, once))
