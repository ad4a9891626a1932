"""The painter: what it draws, where, in which order."""

import numpy as np
import pytest

from mien.core import Mesh, MienError, Part, Rig, Topology
from mien.rigs.mo.load import load_mo
from mien.viewer.paint import Painter


def cards(depths: tuple[float, float], flip: bool = False) -> Rig:
    """Two unit squares over each other, red and green, at two depths."""
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32) * 10
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    faces = faces[:, ::-1] if flip else faces
    vertices = np.concatenate([square + np.array([0, 0, z]) for z in depths]).astype(np.float32)
    parts = (
        Part(name="red", start=0, stop=2, color=(1.0, 0.0, 0.0), roughness=1.0),
        Part(name="green", start=2, stop=4, color=(0.0, 1.0, 0.0), roughness=1.0),
    )
    topology = Topology(triangles=np.concatenate([faces, faces + 4]), parts=parts)
    mesh = Mesh(vertices=vertices, topology=topology)
    return Rig(name="cards", neutral=mesh, shape_names=(), shapes=np.zeros((0, 8, 3), np.float32))


def test_the_nearer_hides_the_farther():
    for depths, channel in (((0.0, 5.0), 1), ((5.0, 0.0), 0)):
        rig = cards(depths)
        image = Painter(rig, 40, 40).draw(rig.neutral.vertices)
        assert image[20, 20, channel] > 100
        assert image[20, 20, 1 - channel] == 0


def test_back_faces_are_not_drawn():
    rig = cards((0.0, 5.0), flip=True)
    painter = Painter(rig, 40, 40, background=(7, 8, 9), glow=False)
    assert (painter.draw(rig.neutral.vertices) == (7, 8, 9)).all()


def test_fills_the_frame_as_asked_and_projects_where_it_draws():
    rig = cards((0.0, 0.0))
    painter = Painter(rig, 80, 80, fill=0.5, background=(0, 0, 0), glow=False)
    drawn = painter.draw(rig.neutral.vertices).any(axis=2)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    at = painter.project(rig.neutral.vertices)
    assert np.ptp(at[:, 0]) == pytest.approx(40, abs=0.01)
    assert (columns[0], columns[-1]) == pytest.approx((at[:, 0].min(), at[:, 0].max()), abs=1)
    assert (rows[0], rows[-1]) == pytest.approx((at[:, 1].min(), at[:, 1].max()), abs=1)


def test_mo_is_drawn_inside_the_frame():
    rig = load_mo()
    painter = Painter(rig, 160, 120, background=(0, 0, 0), glow=False)
    image = painter.draw(rig.neutral.vertices)
    assert image.shape == (120, 160, 3)
    assert image.dtype == np.uint8
    drawn = image.any(axis=2)
    assert 0.15 < drawn.mean() < 0.7
    assert not drawn[[0, -1]].any()
    assert not drawn[:, [0, -1]].any()
    assert np.array_equal(image, painter.draw(rig.neutral.vertices))


def test_views_turn_the_nose_the_way_angles_say():
    rig = load_mo()
    nose = rig.landmarks["ibug68"].positions(rig.neutral.vertices)[30:31]
    straight = Painter(rig, 100, 100).project(nose)[0]
    assert Painter(rig, 100, 100, yaw=0.5).project(nose)[0, 0] > straight[0] + 5
    assert Painter(rig, 100, 100, pitch=0.5).project(nose)[0, 1] < straight[1] - 5


def test_a_rig_without_colours_parts_or_landmarks_is_drawn():
    mesh = Mesh(vertices=cards((0, 1)).neutral.vertices, topology=Topology(triangles=np.array([[0, 1, 2]])))
    rig = Rig(name="bare", neutral=mesh, shape_names=(), shapes=np.zeros((0, 8, 3), np.float32))
    painter = Painter(rig, 32, 32, face=True, background=(0, 0, 0), glow=False)
    assert painter.draw(rig.neutral.vertices).any()


def test_bad_input_is_one_clear_line():
    rig = cards((0, 1))
    with pytest.raises(MienError, match="positive"):
        Painter(rig, 0, 10)
    painter = Painter(rig, 10, 10)
    with pytest.raises(MienError, match="8"):
        painter.draw(np.zeros((5, 3)))
    with pytest.raises(MienError, match="finite"):
        painter.draw(np.full((8, 3), np.nan))


def test_of_a_whole_person_the_head_is_framed(assets):
    from mien.rigs.load import load_rig

    rig = load_rig(str(assets / "rigs" / "rocketbox_female_01.glb"))
    moved = np.abs(rig.shapes).max(axis=(0, 2))
    face = rig.neutral.vertices[moved > 0.3 * moved.max()]
    share = np.ptp(face[:, 1]) / np.ptp(rig.neutral.vertices[:, 1])
    assert share < 0.2, "the asset is a person from head to foot"
    painter = Painter(rig, 120, 120)
    at = painter.project(face)
    assert np.ptp(at[:, 1]) > 25
    assert at[:, :2].min() > 0
    assert at[:, :2].max() < 119
    assert painter.draw(rig.neutral.vertices).std() > 20
