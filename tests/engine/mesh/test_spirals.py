from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.engine.mesh.spirals import edges_of, geodesics, spirals

Surface = tuple[np.ndarray, np.ndarray]
Sphere = Callable[[int, int], Surface]
Sheet = Callable[[int, int, int], Surface]


@given(seed=st.integers(0, 2**32 - 1), closed=st.booleans(), regular=st.booleans())
@settings(max_examples=15)
def test_spirals_do_not_depend_on_how_vertices_are_numbered(
    sphere: Sphere, sheet: Sheet, seed: int, closed: bool, regular: bool
) -> None:
    points, triangles = sphere(2, seed) if closed else sheet(7, 8, seed)
    if regular:  # equal edge lengths everywhere: every choice is a tie
        points = np.round(points, 1 if closed else 0)
    rng = np.random.default_rng(seed)
    reference, count = int(rng.integers(len(points))), len(points)
    wound = spirals(points, triangles, reference=reference, length=14)
    new = rng.permutation(count)  # vertex v becomes new[v]
    moved = np.empty_like(points)
    moved[new] = points
    turned = np.stack([np.roll(t, rng.integers(3)) for t in new[triangles]])[rng.permutation(len(triangles))]
    again = spirals(moved, turned, reference=int(new[reference]), length=14)
    expected = np.append(new, count)[wound]
    if regular and len(np.unique(points, axis=0)) < count:
        return  # two vertices in one place cannot be told apart by where they lie
    np.testing.assert_array_equal(again[new], expected)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_rings_follow_each_other_and_the_first_turns_counter_clockwise_from_the_geodesic(
    sheet: Sheet, seed: int
) -> None:
    points, triangles = sheet(8, 8, seed)
    reference = 27
    distance = geodesics(points, triangles, reference)
    hops = _hops(len(points), edges_of(triangles))
    wound = spirals(points, triangles, reference=reference, length=30)
    for v in range(len(points)):
        row = wound[v][wound[v] < len(points)]
        assert row[0] == v and len(set(row.tolist())) == len(row)
        assert (np.diff(hops[v][row]) >= 0).all()  # ring after ring
        ring = np.flatnonzero(hops[v] == 1)
        if not (0 < v // 8 < 7 and 0 < v % 8 < 7):  # at a border the fan has a gap
            continue
        # an independent order: by angle, from the neighbour nearest to the reference
        delta = points[ring] - points[v]
        angle = np.arctan2(delta[:, 1], delta[:, 0])
        first = int(distance[ring].argmin())
        order = ring[np.argsort((angle - angle[first]) % (2 * np.pi), kind="stable")]
        np.testing.assert_array_equal(row[1 : 1 + len(ring)], order)


def test_geodesics_equal_a_dense_all_pairs_computation(sphere: Sphere) -> None:
    points, triangles = sphere(1, 3)
    table = np.full((len(points), len(points)), np.inf)
    np.fill_diagonal(table, 0)
    for a, b in edges_of(triangles):
        table[a, b] = table[b, a] = np.linalg.norm(points[a] - points[b])
    for k in range(len(points)):  # Floyd and Warshall
        table = np.minimum(table, table[:, k : k + 1] + table[k : k + 1])
    np.testing.assert_allclose(geodesics(points, triangles, 5), table[5])


def test_what_is_not_connected_is_padded_with_no_vertex() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5], [6, 5, 5], [5, 6, 5], [9, 9, 9]], float)
    triangles = np.array([[0, 1, 2], [3, 4, 5]])
    wound = spirals(points, triangles, reference=0, length=4)
    assert wound[6].tolist() == [6, 7, 7, 7]
    assert sorted(wound[3].tolist()) == [3, 4, 5, 7] and wound[3, 0] == 3 and wound[3, 3] == 7
    assert wound[4].tolist() == [4, 3, 5, 7] or wound[4].tolist() == [4, 5, 3, 7]


@pytest.mark.parametrize(("reference", "length"), [(-1, 3), (3, 3), (0, 0)])
def test_a_reference_that_is_no_vertex_is_refused(reference: int, length: int) -> None:
    with pytest.raises(ValueError):
        spirals(np.eye(3), np.array([[0, 1, 2]]), reference=reference, length=length)


def _hops(count: int, edges: np.ndarray) -> np.ndarray:
    table = np.full((count, count), count)
    np.fill_diagonal(table, 0)
    table[edges[:, 0], edges[:, 1]] = table[edges[:, 1], edges[:, 0]] = 1
    for k in range(count):
        table = np.minimum(table, table[:, k : k + 1] + table[k : k + 1])
    return table
