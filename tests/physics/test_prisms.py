"""Prisms: derivatives, volumes in closed form, the barrier of ipctk, and no way through the inside-out state."""

import ipctk
import numpy as np
import pytest
from tests.physics.differences import check, energy, gradient

from mien.physics.energies.prisms import Prisms, volumes

TRIANGLE = np.array([[0.0, 0, 0], [5, 0, 0], [0, 5, 0]])
PRISM = np.vstack([TRIANGLE, TRIANGLE + np.array([0, 0, 3])])
CORNERS = np.arange(6)[None]


def prism(rest: float = 37.5) -> Prisms:
    return Prisms(corners=CORNERS, rest=np.array([rest]))


@pytest.mark.parametrize("rest", [37.5, 150.0, 600.0])  # without, at the start of and deep inside the barrier
def test_derivatives(rest: float) -> None:
    check(prism(rest), PRISM + np.random.default_rng(3).normal(size=(6, 3)) * 0.3)


def test_volume() -> None:
    assert volumes(PRISM, CORNERS) == pytest.approx([37.5])
    assert volumes(PRISM[[3, 4, 5, 0, 1, 2]], CORNERS) == pytest.approx([-37.5])
    turned = PRISM @ np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0] + 200
    assert np.abs(volumes(turned, CORNERS)) == pytest.approx([37.5])


def test_a_mirrored_prism_has_mirrored_forces() -> None:
    x = PRISM + np.random.default_rng(5).normal(size=(6, 3)) * 0.5
    flip, order = np.array([-1.0, 1, 1]), [1, 0, 2, 4, 3, 5]  # a mirror image lists its corners the other way round
    there, here = gradient(prism(), (x * flip)[order]), gradient(prism(), x)
    np.testing.assert_allclose(there, (here * flip)[order], atol=1e-13)


def test_the_barrier_is_that_of_incremental_potential_contact() -> None:
    flat = PRISM * [1, 1, 0.2]
    bare = Prisms(corners=CORNERS, rest=np.array([37.5]), barrier=0.0)
    added = energy(prism(), flat) - energy(bare, flat)
    assert added == pytest.approx(37.5 * prism().barrier * ipctk.barrier(0.2, prism().threshold))


def test_a_prism_without_volume_has_infinite_energy() -> None:
    assert energy(prism(), PRISM * [1, 1, 1e-9]) > 0.1
    assert energy(prism(), PRISM * [1, 1, 0]) == np.inf
    assert energy(prism(), PRISM * [1, 1, -1]) == np.inf
