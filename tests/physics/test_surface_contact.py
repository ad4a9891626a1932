"""Contact with triangles: derivatives, ipctk's distance of a point from a plane, and Newton's third law."""

import ipctk
import numpy as np
import pytest
from tests.physics.differences import check, energy, gradient

from mien.physics.energies.surface_contact import SurfaceContact

TRIANGLE = np.array([[0.0, 0, 0], [4, 0, 0], [0, 4, 0]])


def contact(floor: float = 0.0) -> SurfaceContact:
    return SurfaceContact(
        index=np.array([[3, 0, 1, 2]]),
        weights=np.array([[0.5, 0.25, 0.25]]),
        normals=np.array([[0.0, 0, 1]]),
        floor=np.array([floor]),
        stiffness=3.0,
    )


@pytest.mark.parametrize("height", [-0.5, 0.01])
def test_derivatives(height: float) -> None:
    check(contact(), np.vstack([TRIANGLE, [1.0, 1.0, height]]))


def test_gap_and_energy() -> None:
    x = np.vstack([TRIANGLE, [1.3, 0.9, -0.7]])
    expected = ipctk.point_plane_signed_distance(x[3], *x[:3])
    assert contact().gaps(x)[0] == pytest.approx(expected) == -0.7
    assert energy(contact(), x) == pytest.approx(0.5 * 3 * (0.7**2 + contact().width ** 2 / 3))
    assert energy(contact(floor=-0.8), x) == 0.0  # as far behind the plane as at rest
    assert energy(contact(), x * [1, 1, -1]) == 0.0


def test_vertex_and_triangle_push_each_other_equally() -> None:
    slope = gradient(contact(), np.vstack([TRIANGLE, [1.0, 1.0, -0.5]]))
    np.testing.assert_allclose(slope.sum(axis=0), 0.0, atol=1e-12)
    assert slope[3, 2] < 0 < slope[0, 2]
