from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.engine.mesh.hierarchy import build_hierarchy, load_hierarchy
from mien.engine.mesh.spirals import edges_of
from mien.rigs.decimate import closest_on_triangles, decimate, up_matrix, upsampling

Surface = tuple[np.ndarray, np.ndarray]
Sphere = Callable[[int, int], Surface]
Sheet = Callable[[int, int, int], Surface]


@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.1, 1.0))
@settings(max_examples=4)
def test_a_closed_surface_stays_one_and_up_of_down_is_the_nearest_point_of_it(
    sphere: Sphere, seed: int, share: float
) -> None:
    points, triangles = sphere(2, seed)
    target = max(12, int(share * len(points)))
    coarse = decimate(points, triangles, target)
    assert len(coarse.kept) == target and (np.diff(coarse.kept) > 0).all()
    assert target - len(edges_of(coarse.triangles)) + len(coarse.triangles) == 2  # Euler: still a sphere
    up = upsampling(points, coarse)
    assert (up.weight >= 0).all()
    np.testing.assert_allclose(up.weight.sum(axis=1), 1)
    corners = points[coarse.kept][coarse.triangles]
    made = up_matrix(up, target) @ points[coarse.kept]
    error = np.linalg.norm(made - points, axis=1)
    np.testing.assert_array_equal(error[coarse.kept], 0)
    # a dense reference: every vertex against every triangle
    weights = closest_on_triangles(points[:, None], corners[None])
    nearest = np.linalg.norm(np.einsum("vfc,fcd->vfd", weights, corners) - points[:, None], axis=2).min(axis=1)
    np.testing.assert_allclose(error, nearest, atol=1e-9)
    # the bound: no point of a unit sphere is farther from an inscribed triangle over it than its sagitta
    a, b, c = (np.linalg.norm(corners[:, i] - corners[:, j], axis=1) for i, j in ((0, 1), (1, 2), (2, 0)))
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    radius = np.minimum((a * b * c / (4 * area)).max(), 1.0)
    assert error.max() <= 1 - np.sqrt(1 - radius**2) + 1e-9


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8)
def test_a_flat_sheet_keeps_its_outline_and_every_affine_function(sheet: Sheet, seed: int) -> None:
    points, triangles = sheet(9, 11, seed)
    points[:, :2] = np.round(points[:, :2])  # straight borders
    coarse = decimate(points, triangles, 20)
    kept = points[coarse.kept]
    corners = {tuple(p) for p in kept.tolist()}
    assert {(0.0, 0.0, 0.0), (10.0, 0.0, 0.0), (0.0, 8.0, 0.0), (10.0, 8.0, 0.0)} <= corners
    function = points @ np.random.default_rng(seed).normal(size=3) + 3.0
    up = upsampling(points, coarse)
    np.testing.assert_allclose((function[coarse.kept][up.index] * up.weight).sum(1), function, atol=1e-9)


def test_lips_that_touch_are_not_glued_together(sheet: Sheet) -> None:
    # a strip folded in the middle onto itself: 0.01 apart, cells of size 1
    points, triangles = sheet(6, 41, 1)
    upper = points[:, 0] > 20
    folded = points.copy()
    folded[upper, 0] = 40 - points[upper, 0]
    folded[upper, 2] = 0.01
    coarse = decimate(folded, triangles, 40)
    up = upsampling(folded, coarse)
    used = up.weight > 1e-9
    side = upper[coarse.kept][up.index]
    far = np.abs(points[:, 0] - 20) > 8  # at the fold itself the sheets are one
    assert not (used & (side != upper[:, None]))[far].any()


def test_small_parts_go_whole_into_their_neighbours(sphere: Sphere) -> None:
    points, triangles = sphere(2, 0)
    tooth = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) * 0.05
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    places = points[::40] * 1.1
    everything = np.concatenate([points, *(tooth + p for p in places)])
    all_faces = np.concatenate([triangles, *(faces + len(points) + 4 * k for k in range(len(places)))])
    coarse = decimate(everything, all_faces, 24)
    assert len(coarse.kept) == 24 and coarse.kept.max() < len(points)
    assert 24 - len(edges_of(coarse.triangles)) + len(coarse.triangles) == 2
    up = upsampling(everything, coarse)
    np.testing.assert_allclose(up.weight.sum(axis=1), 1)


@pytest.mark.parametrize("target", [1, 2, 3, 5])
def test_any_target_is_reached(sphere: Sphere, target: int) -> None:
    points, triangles = sphere(1, 2)
    coarse = decimate(points, triangles, target)
    up = upsampling(points, coarse)
    assert len(coarse.kept) == target and coarse.owner.max() < target
    np.testing.assert_allclose(up_matrix(up, target).sum(axis=1), 1)


@pytest.mark.parametrize("target", [0, 43])
def test_an_impossible_target_is_refused(sphere: Sphere, target: int) -> None:
    with pytest.raises(ValueError, match="42"):
        decimate(*sphere(1, 0), target)


@given(seed=st.integers(0, 2**32 - 1), flat=st.booleans())
@settings(max_examples=40)
def test_no_point_of_a_triangle_is_nearer_than_the_closest(seed: int, flat: bool) -> None:
    rng = np.random.default_rng(seed)
    corners, point = rng.normal(size=(3, 3)), rng.normal(size=3)
    if flat:
        corners[2] = corners[0] + rng.uniform(-1, 2) * (corners[1] - corners[0])
    weight = closest_on_triangles(point, corners)
    assert (weight >= 0).all() and weight.sum() == pytest.approx(1)
    others = rng.dirichlet(np.ones(3) * 0.5, 500) @ corners
    assert np.linalg.norm(weight @ corners - point) <= np.linalg.norm(others - point, axis=1).min() + 1e-9


def test_a_hierarchy_comes_from_the_cache_as_it_was_built(sphere: Sphere, tmp_path: Path) -> None:
    points, triangles = sphere(2, 7)
    points = points.astype(np.float32)
    arguments = {"reference": 3, "length": 9, "levels": 3, "factor": 5}
    built = build_hierarchy(points, triangles, **arguments)
    assert built.counts == (162, 33, 7, 2)
    np.testing.assert_array_equal(built.kept(1), built.downs[0])
    first = load_hierarchy(points, triangles, **arguments, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    stored = load_hierarchy(points, triangles, **arguments, folder=tmp_path)
    file.write_bytes(b"damaged")
    again = load_hierarchy(points, triangles, **arguments, folder=tmp_path)
    for other in (first, stored, again):
        assert other.counts == built.counts
        for k in range(3):
            np.testing.assert_array_equal(other.spirals[k], built.spirals[k])
            np.testing.assert_array_equal(other.ups[k].weight, built.ups[k].weight)
    load_hierarchy(points + np.float32(1e-3), triangles, **arguments, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
