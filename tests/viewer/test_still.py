"""The still painter: the same frame as the painter, nearest surfaces by depth, shading true at every pixel."""

import numpy as np
import pytest

from mien.core import Mesh, MienError, Part, Rig, Topology
from mien.rigs.mo.load import load_mo
from mien.viewer.paint import GAMMA, Painter, shade
from mien.viewer.still import Still

COLOR = (0.7, 0.5, 0.4)


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
    still = Still(rig, side, side, background=(0, 0, 0), glow=False)
    image = still.draw(rig.neutral.vertices).astype(float)
    edge = still.project(np.array([[50.0, 0, 0]], np.float32))[0, 0]
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


def test_it_draws_where_the_painter_draws():
    rig = load_mo()
    options = {"background": (0, 0, 0), "glow": False}
    a, b = (kind(rig, 120, 120, **options).draw(rig.neutral.vertices).any(axis=2) for kind in (Still, Painter))
    assert (a != b).mean() < 0.01
    assert a.mean() > 0.2


def test_depth_decides_whatever_the_order():
    front, back = ball(), ball()
    for first, second in ((front, back), (back, front)):
        shift = np.array([0, 0, 80], np.float32)
        near = 0 if first is front else 1
        points = [
            rig.neutral.vertices * (0.5 if k == near else 1) + shift * (k == near)
            for k, rig in enumerate((first, second))
        ]
        t, n = first.neutral.topology.triangles, len(first.neutral.vertices)
        parts = (
            Part(name="a", start=0, stop=len(t), color=(1.0, 0.0, 0.0), roughness=1.0),
            Part(name="b", start=len(t), stop=2 * len(t), color=(0.0, 1.0, 0.0), roughness=1.0),
        )
        mesh = Mesh(
            vertices=np.concatenate(points), topology=Topology(triangles=np.concatenate([t, t + n]), parts=parts)
        )
        rig = Rig(name="two", neutral=mesh, shape_names=(), shapes=np.zeros((0, 2 * n, 3), np.float32))
        middle = Still(rig, 61, 61, glow=False).draw(mesh.vertices)[30, 30]
        assert middle[near] > 100
        assert middle[1 - near] == 0


def test_bad_input_is_one_clear_line():
    still = Still(ball(), 16, 16)
    with pytest.raises(MienError, match="finite"):
        still.draw(np.full((1800, 3), np.nan))
    with pytest.raises(MienError, match="1800"):
        still.draw(np.zeros((5, 3)))
