"""Contact with spheres: derivatives, and simkit's contact springs away from the rounded edge."""

import numpy as np
import pytest
from tests.physics.differences import check, energy, simkit

from mien.physics.energies.sphere_contact import SphereContact


def contact(radii: np.ndarray, width: float = 0.05) -> SphereContact:
    count = len(radii)
    stiffness = np.full(count, 2.0)
    return SphereContact(
        index=np.arange(count), centers=np.zeros((count, 3)), radii=radii, stiffness=stiffness, width=width
    )


def test_derivatives() -> None:
    x = np.random.default_rng(11).normal(size=(6, 3)) * 3
    check(contact(np.linalg.norm(x, axis=1) + np.linspace(-0.1, 0.4, 6)), x)


def test_it_is_a_spring_inside_and_nothing_outside() -> None:
    x = np.random.default_rng(12).normal(size=(30, 3)) * 3
    term, other = contact(np.full(30, 4.0), width=1e-7), simkit("contact_springs_sphere")
    inside = np.linalg.norm(x, axis=1) < 4
    assert 5 < inside.sum() < 30
    expected = other.contact_springs_sphere_energy(x, 2.0, np.zeros((1, 3)), 4.0)
    assert energy(term, x) == pytest.approx(float(np.asarray(expected).item()), rel=1e-9)
    assert energy(term, x[~inside].repeat(30, axis=0)[:30]) == 0.0
    np.testing.assert_allclose(term.depth(x), np.maximum(4 - np.linalg.norm(x, axis=1), 0))
