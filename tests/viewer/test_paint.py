"""The painter: what it draws, where, in which order, how it is lit, and with which texture."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mien.core import Mesh, MienError, Part, Rig, Topology
from mien.rigs.mo.load import load_mo
from mien.viewer.light import GAMMA, shade
from mien.viewer.openness import openness
from mien.viewer.paint import Painter

COLOR = (0.7, 0.5, 0.4)


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


def ball(radius: float = 50.0, columns: int = 60, rows: int = 30) -> Rig:
    """A rough sphere of one colour, facing outwards."""
    turn, polar = np.arange(columns) / columns * 2 * np.pi, np.linspace(0.01, np.pi - 0.01, rows)
    s, c = np.sin(polar)[:, None], np.cos(polar)[:, None] + 0 * turn
    points = radius * np.stack([s * np.sin(turn), c, s * np.cos(turn)], axis=-1).reshape(-1, 3)
    at = np.arange(rows * columns).reshape(rows, columns)
    a, b = at[:-1].ravel(), np.roll(at, -1, axis=1)[:-1].ravel()
    d, e = at[1:].ravel(), np.roll(at, -1, axis=1)[1:].ravel()
    triangles = np.concatenate([np.stack([a, d, e], 1), np.stack([a, e, b], 1)]).astype(np.int32)
    part = Part(name="ball", start=0, stop=len(triangles), color=COLOR, roughness=1.0)
    mesh = Mesh(vertices=points.astype(np.float32), topology=Topology(triangles=triangles, parts=(part,)))
    return Rig(name="ball", neutral=mesh, shape_names=(), shapes=np.zeros((0, len(points), 3), np.float32))


def test_a_ball_is_shaded_as_its_normals_say():
    rig = ball()
    side = 121
    painter = Painter(rig, side, side, background=(0, 0, 0), glow=False)
    image = painter.draw(rig.neutral.vertices).astype(float)
    edge = painter.project(np.array([[50.0, 0, 0]], np.float32))[0, 0]
    y, x = (np.mgrid[0:side, 0:side] - (side - 1) / 2) / (edge - (side - 1) / 2)
    # where the viewer's ray, from five ball heights away, meets the ball: in units of its radius
    away = 10.0
    k = (x**2 + y**2) / away**2
    square = (k * away) ** 2 - (k + 1) * (k * away**2 - 1)
    z = (k * away + np.sqrt(np.clip(square, 0, None))) / (k + 1)
    normal = np.stack([x * (away - z) / away, -y * (away - z) / away, z], axis=-1)
    inside = (square > 0) & (z > 0.4)
    count = int(inside.sum())
    albedo = np.tile(np.asarray(COLOR) ** GAMMA, (count, 1))
    wanted = shade(normal[inside], albedo, np.zeros(count), np.full(count, 4.0))
    assert np.abs(image[inside] - wanted).max() < 4


def textured(picture: np.ndarray, yaw: float = 0.0, **part: Any) -> np.ndarray:
    """A square card with a texture, drawn without glow on black; its light is the same everywhere."""
    rig = cards((0.0, 0.0))
    uv = np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), (2, 1))
    look = Part(name="card", start=0, stop=2, color=(1.0, 1.0, 1.0), roughness=1.0, texture="t", **part)
    topology = Topology(triangles=rig.neutral.topology.triangles[:2], uv=uv, parts=(look,), textures={"t": picture})
    rig = replace(rig, neutral=Mesh(vertices=rig.neutral.vertices, topology=topology))
    return Painter(rig, 96, 96, fill=0.5, background=(0, 0, 0), glow=False, yaw=yaw).draw(rig.neutral.vertices)


def test_a_texture_lies_where_its_coordinates_say():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, :32], picture[:32, 32:], picture[32:, :32] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    drawn = textured(picture)
    corners = [drawn[y, x].astype(int) for y, x in ((30, 30), (30, 66), (66, 30))]
    assert [int(c.argmax()) for c in corners] == [0, 1, 2], "the first row of a texture is at v = 1, the top"
    assert all(c.max() > 100 and np.sort(c)[1] == 0 for c in corners)
    assert not drawn[66, 66].any(), "black stays black under any light"


def test_a_texture_multiplies_the_light_and_colour_exactly():
    plain, half = textured(np.full((8, 8, 3), 255, np.uint8)), textured(np.full((8, 8, 3), 128, np.uint8))
    inside = np.s_[30:66, 30:66]
    np.testing.assert_allclose(half[inside], plain[inside] * (128 / 255), atol=1)


def test_a_card_shows_what_lies_behind_where_it_is_clear():
    picture = np.full((64, 64, 4), 255, np.uint8)
    picture[:, :32, 3] = 0
    drawn = textured(picture)
    assert not drawn[30:66, 28:44].any() and (drawn[30:66, 52:68] > 100).all()


def test_backs_are_drawn_when_the_material_says_so_and_lit_from_their_side():
    picture = np.full((8, 8, 3), 255, np.uint8)
    assert not textured(picture, yaw=np.pi).any()
    assert textured(picture, yaw=np.pi, two_sided=True)[48, 48].min() > 100


def test_an_invisible_part_hides_nothing():
    rig = cards((0.0, 5.0))
    back, front = rig.neutral.topology.parts
    topology = replace(rig.neutral.topology, parts=(back, replace(front, opacity=0.0)))
    rig = replace(rig, neutral=replace(rig.neutral, topology=topology))
    assert Painter(rig, 40, 40).draw(rig.neutral.vertices)[20, 20, 0] > 100


def test_a_surface_that_cuts_another_hides_it_on_one_side_only():
    """Two cards that cross: what no order of triangles can draw."""
    rig = cards((0.0, 0.0))
    tilted = rig.neutral.vertices.copy()
    tilted[4:, 2] = -0.5 * tilted[4:, 0]
    image = Painter(rig, 80, 80, fill=0.8).draw(tilted)
    assert image[40, 30, 1] > 100 > image[40, 30, 0], "green is nearer at the left"
    assert image[40, 50, 0] > 100 > image[40, 50, 1]


def test_the_depth_of_a_mouth_is_darker():
    rig = load_mo()
    names = [part.name for part in rig.neutral.topology.parts]
    tongue = rig.neutral.topology.parts[names.index("tongue")]
    members = np.unique(rig.neutral.topology.triangles[tongue.start : tongue.stop])
    share = openness(rig, rig.neutral.topology.triangles, rig.neutral.vertices)
    z = rig.neutral.vertices[members, 2]
    front, back = share[members[z > np.quantile(z, 0.8)]], share[members[z < np.quantile(z, 0.2)]]
    assert 0 < back.mean() < 0.6 * front.mean()
    nose = rig.landmarks["ibug68"].indices[30, 0]
    assert share[nose] > 0.85 and share.min() >= 0 and share.max() <= 1


def test_an_open_ball_is_open_everywhere_and_a_shell_around_it_closes_it():
    rig = ball()
    t, v = rig.neutral.topology.triangles, rig.neutral.vertices
    assert openness(rig, t, v).min() > 0.9
    both = Topology(triangles=np.concatenate([t, t + len(v)]))
    shell = replace(
        rig,
        neutral=Mesh(vertices=np.concatenate([v, 1.3 * v]), topology=both),
        shapes=np.zeros((0, 2 * len(v), 3), np.float32),
    )
    assert openness(shell, both.triangles, v)[: len(v)].max() < 0.2
