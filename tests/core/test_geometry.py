import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.core import FIVE, IBUG68, MIEN70, MIEN198, Camera, Mesh, Topology, vertex_normals


def sphere(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit sphere with poles; triangles counter-clockwise from outside."""
    polar, around = np.meshgrid(
        np.linspace(0, np.pi, rows)[1:-1], np.arange(columns) * 2 * np.pi / columns, indexing="ij"
    )
    rings = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], -1).reshape(-1, 3)
    vertices = np.concatenate([rings, [[0, 1, 0], [0, -1, 0]]])
    at = np.arange(len(rings)).reshape(rows - 2, columns)
    a, b, c, d = at[:-1], np.roll(at, -1, 1)[:-1], at[1:], np.roll(at, -1, 1)[1:]
    top, bottom = np.full(columns, len(rings)), np.full(columns, len(rings) + 1)
    faces = [(a, c, b), (b, c, d), (top, at[0], np.roll(at[0], -1)), (bottom, np.roll(at[-1], -1), at[-1])]
    return vertices, np.concatenate([np.stack(f, -1).reshape(-1, 3) for f in faces])


def test_normals_of_a_sphere_point_outwards():
    """The error is that of the triangles: half a degree at the poles, and it falls as they are refined."""
    errors: list[float] = []
    for rows in (64, 128):
        vertices, triangles = sphere(rows, rows)
        normals = vertex_normals(vertices * 80, triangles)
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-9)
        errors.append(np.degrees(np.arccos(np.clip((normals * vertices).sum(axis=1), -1, 1))).max())
    assert errors[0] < 0.6 and errors[1] < 0.55 * errors[0]


def test_normals_turn_with_the_mesh_and_weigh_by_area():
    vertices, triangles = sphere(8, 10)
    mesh = Mesh(vertices=vertices, topology=Topology(triangles=triangles))
    np.testing.assert_allclose(
        Mesh(vertices=vertices[:, ::-1] * -1, topology=mesh.topology).normals, mesh.normals[:, ::-1] * -1, atol=1e-12
    )
    # A corner between a triangle of area 1/2 along +Z and one of area 2 along +X.
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 2, 0], [0, 0, 2.0]])
    normal = vertex_normals(corner, np.array([[0, 1, 2], [0, 3, 4]]))[0]
    np.testing.assert_allclose(normal, np.array([2, 0, 0.5]) / np.hypot(2, 0.5))


def test_vertices_of_no_area_have_no_normal_and_the_type_is_kept():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]], np.float32)
    normals = vertex_normals(vertices, np.array([[0, 1, 2]]))
    assert not normals.any() and normals.dtype == np.float32


CAMERA = Camera.guess(640, 480)


@given(arrays(float, (5, 3), elements=st.floats(-300, 300)))
def test_projection_agrees_with_opencv(points: np.ndarray):
    points = points + np.array([0, 0, -900])
    seen_by_cv = points * (1, -1, -1)  # x right, y down, z forward
    expected, _ = cv2.projectPoints(seen_by_cv, np.zeros(3), np.zeros(3), CAMERA.matrix, None)
    np.testing.assert_allclose(CAMERA.project(points), expected[:, 0], atol=1e-6)


def test_the_camera_looks_along_minus_z():
    centre = CAMERA.project(np.array([[0, 0, -500.0], [10, 0, -500], [0, 10, -500]]))
    assert centre[0].tolist() == [319.5, 239.5]
    assert centre[1, 0] > 319.5 and centre[1, 1] == 239.5  # +X is image right
    assert centre[2, 1] < 239.5  # +Y is up, pixels count downwards
    assert CAMERA.focal == 768 and Camera.guess(480, 640).focal == 768


@pytest.mark.parametrize("layout", [FIVE, IBUG68, MIEN70, MIEN198])
def test_layouts_mirror_onto_themselves(layout):
    swap = np.array(layout.mirror)
    assert np.array_equal(swap[swap], np.arange(layout.count))
    for name, members in layout.groups.items():
        other = name.replace("left", "#").replace("right", "left").replace("#", "right")
        assert {layout.mirror[i] for i in members} == set(layout.groups[other])
    assert layout.closed <= layout.groups.keys()
    points = np.arange(layout.count * 2.0).reshape(1, layout.count, 2)
    group = next(iter(layout.groups))
    assert np.array_equal(layout.take(points, group)[0, 0], points[0, layout.groups[group][0]])


def test_the_dense_layout_begins_with_mien70():
    assert MIEN198.mirror[:70] == MIEN70.mirror
    assert sorted(i for members in MIEN198.groups.values() for i in members) == list(range(198))
    assert MIEN70.closed <= MIEN198.closed
    for name, members in MIEN70.groups.items():
        assert {i for i in MIEN198.groups[name] if i < 70} == set(members)
