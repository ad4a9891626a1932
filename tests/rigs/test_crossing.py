"""Triangles that cross, against closed forms."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mien.rigs.crossing import crossings

FLAT = np.array([[0.0, 0, 0], [4, 0, 0], [0, 4, 0]])
A, B = np.array([[0, 1, 2]]), np.array([[3, 4, 5]])


@given(st.floats(-3, 3), st.floats(0.2, 1.5), st.floats(0.2, 1.5))
def test_a_spike_through_a_plate(height: float, x: float, y: float):
    """A spike of length 2 stands at (x, y), its tip `height` below the plate; the plate lies in z = 0, normal +z."""
    spike = np.array([[x, y, -height], [x + 0.1, y, 2 - height], [x, y + 0.1, 2 - height]])
    pairs, depth = crossings(np.concatenate([FLAT, spike]), A, B)
    crossing = 1e-6 < height < 2 - 1e-6
    if abs(height) > 1e-5 and abs(height - 2) > 1e-5:
        assert len(pairs) == int(crossing)
    if len(pairs):
        assert 0 <= depth[0] <= height + 1e-9


def test_depth_is_how_far_the_smaller_reaches_behind():
    spike = np.array([[1.0, 1, -0.25], [1.0, 1.5, 3], [1.5, 1.0, 3]])
    _, depth = crossings(np.concatenate([FLAT, spike]), A, B)
    np.testing.assert_allclose(depth, [0.25])


def test_neighbours_and_touching_triangles_do_not_cross():
    shared = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.3, 0.3, -1]])
    pairs, _ = crossings(shared, np.array([[0, 1, 2]]), np.array([[0, 3, 4]]))
    assert len(pairs) == 0
    above = np.concatenate([FLAT, FLAT])  # coplanar
    assert len(crossings(above, A, B)[0]) == 0
    assert len(crossings(np.concatenate([FLAT, FLAT + np.array([0, 0, 1])]), A, B)[0]) == 0


@given(st.integers(0, 10_000))
def test_order_does_not_matter(seed: int):
    rng = np.random.default_rng(seed)
    v = rng.normal(size=(24, 3))
    first, second = np.arange(12).reshape(4, 3), np.arange(12, 24).reshape(4, 3)
    there, depth = crossings(v, first, second)
    back, again = crossings(v, second, first)
    assert {(i, j): d for (i, j), d in zip(there.tolist(), depth.tolist(), strict=True)} == {
        (i, j): d for (j, i), d in zip(back.tolist(), again.tolist(), strict=True)
    }
