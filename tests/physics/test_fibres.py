"""Fibres: derivatives, the force stated for them, its fall when they are short, and a muscle that pushes."""

import numpy as np
import pytest
from tests.physics.differences import check, gradient

from mien.physics.energies.fibres import Fibres


def fibres(activation: float = 0.5, force: float = 2.0) -> Fibres:
    """Bone to a patch of three vertices, and from there to a second patch."""
    return Fibres(
        starts=np.array([0, 0, 3, 6]),
        vertices=np.arange(6),
        weights=np.full(6, 1 / 3),
        offsets=np.array([[9.0, 3, 2], [0, 0, 0], [0, 0, 0]]),
        ends=np.array([[0, 1], [1, 2]]),
        rest=np.array([9.0, 7.0]),
        force=np.array([force, -3.0]),
        muscle=np.array([0, 0]),
        activations=np.array([activation]),
    )


@pytest.mark.parametrize("scale", [0.5, 3.0])  # slack and taut
def test_derivatives(scale: float) -> None:
    check(fibres(), np.random.default_rng(13).normal(size=(6, 3)) * scale)


def test_force_and_direction() -> None:
    x = np.vstack([np.zeros((3, 3)), np.tile([0.0, 20, 0], (3, 1))])
    slope = gradient(fibres(1.0), x)
    toward = np.array([9.0, 3, 2]) / np.linalg.norm([9, 3, 2])
    # the first patch is pulled to the bone with 2 N, and pushed from the second, which is above it, with 3 N
    np.testing.assert_allclose(-slope[:3].sum(axis=0), 2 * toward + [0, -3, 0], atol=1e-12)
    np.testing.assert_allclose(-slope[3:].sum(axis=0), [0, 3, 0], atol=1e-12)
    np.testing.assert_allclose(gradient(fibres(0.25), x), 0.25 * slope, atol=1e-12)
    assert not gradient(fibres(0.0), x).any()


def test_a_fibre_of_a_quarter_of_its_length_pulls_no_more() -> None:
    term = fibres(1.0)
    near = np.tile([9.0, 3, 2], (3, 1)) + np.array([2.2, 0, 0])
    slope = gradient(term, np.vstack([near, near + np.array([0, 1.7, 0])]))
    assert not slope.any()
