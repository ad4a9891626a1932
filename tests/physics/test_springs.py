"""Springs: derivatives, simkit's spring below the knee, the published ratio beyond it, and no resolution dependence."""

import numpy as np
import pytest
from tests.physics.differences import agrees, check, energy, simkit

from mien.physics.energies.springs import Springs

ENDS = np.array([[0, 1], [1, 2], [3, 4], [0, 4]])


def springs(**options: float) -> Springs:
    rest, stiffness = np.array([2.0, 3.0, 4.0, 3.5]), np.array([1.0, 2.0, 3.0, 0.5])
    return Springs(ends=ENDS, rest=rest, stiffness=stiffness, **options)


@pytest.mark.parametrize("scale", [0.6, 1.0, 3.0])
def test_derivatives(scale: float) -> None:
    check(springs(ratio=6.0), np.random.default_rng(1).normal(size=(5, 3)) * scale)


def test_within_the_knee_it_is_a_linear_spring() -> None:
    x = np.random.default_rng(2).normal(size=(5, 3)) * 2
    other, term = simkit("mass_springs"), springs(ratio=1.0)
    arguments = (ENDS, term.stiffness[:, None], np.ones((4, 1)), term.rest[:, None])
    agrees(
        term,
        x,
        other.mass_springs_energy_x(x, *arguments),
        other.mass_springs_gradient_x(x, *arguments),
        other.mass_springs_hessian_x(x, *arguments, psd=False),
    )


def test_beyond_the_knee_it_is_stiffer_by_the_ratio() -> None:
    term = Springs(ends=np.array([[0, 1]]), rest=np.array([10.0]), stiffness=np.array([2.0]), ratio=6.0)
    for strain, expected in ((-0.3, 2.0), (0.1, 2.0), (0.5, 12.0), (0.9, 12.0)):
        along = term.hessian(np.array([[0.0, 0, 0], [10 * (1 + strain), 0, 0]])).toarray()[0, 0]
        assert along == pytest.approx(expected, rel=1e-12)


def test_coincident_ends_are_refused() -> None:
    assert energy(springs(), np.zeros((5, 3))) == np.inf
