"""Pictures of the muscles: drawn as coloured strips over the face, and each activated alone."""

import colorsys
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from mien.physics.face.face import CONTROLS_OF_JAW, Face, State
from mien.viewer.paint import Painter

__all__ = ["muscle_sheet", "strips"]

_BACKGROUND = (52, 56, 65)
_INK = (235, 238, 245)
_WIDTH = 4.0
"""Width of a strip at its insertion [mm]; at its origin it is half of that."""
_OPAQUE = 0.75
_BACK = -0.15
"""Cosine between the skin and the line of sight below which a strip is on the far side of the head."""
_GOLDEN = 0.61803


def strips(face: Face, state: State, chosen: int | None = None) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(muscle, points along it [mm], normals of the skin there) of every bundle, on the posed skin.

    A bundle of a fan is drawn once, from its origin to its insertion, on the skin above it. `chosen` restricts the
    muscles to one, by its number among the controls.
    """
    from scipy.spatial import KDTree

    from mien.core.mesh import vertex_normals

    skin = state.positions[: len(face.layers.skin)]
    normals = vertex_normals(skin, face.mesh.triangles)
    tree, points = KDTree(skin), face.fibres.points(state.positions)
    whole = (face.fibres.force >= 0.99 * _largest(face)) | _chained(face)
    for (start, end), muscle in zip(face.fibres.ends[whole], face.fibres.muscle[whole], strict=True):
        if chosen is not None and muscle != chosen:
            continue
        line = points[start] + np.linspace(0, 1, 13)[:, None] * (points[end] - points[start])
        near = tree.query(line, k=3)[1]
        lifted = skin[near].mean(axis=1)
        normal = normals[near].mean(axis=1)
        height = ((lifted - line) * normal).sum(axis=1, keepdims=True)
        yield int(muscle), line + np.maximum(height, 0.0) * normal, normal


def _chained(face: Face) -> np.ndarray:
    """Whether each fibre is part of a sphincter: both of its ends are patches of tissue."""
    patch = np.diff(face.fibres.starts) > 0
    return np.asarray(patch[face.fibres.ends].all(axis=1))


def _largest(face: Face) -> np.ndarray:
    """For every fibre the largest force among those of its muscle: that of the fibres which end at an insertion."""
    top = np.zeros(int(face.fibres.muscle.max()) + 1)
    np.maximum.at(top, face.fibres.muscle, face.fibres.force)
    return top[face.fibres.muscle]


def muscle_sheet(face: Face, *, level: float = 0.7, cell: int = 220, columns: int = 6) -> UInt8[np.ndarray, "H W 3"]:
    """All muscles over the face from the front and the side, then every muscle and actuator of the jaw alone.

    Args:
        face: the simulated face.
        level: activation of the single muscles, in [0, 1].
        cell: side of the small pictures [px].
        columns: number of small pictures in a row.
    """
    width = cell * columns
    options: dict[str, Any] = {"face": True, "background": _BACKGROUND, "glow": False}
    rest = face.state()
    charts = []
    for yaw in (0.0, 0.8):
        draw = Painter(face.rig, width // 2, width // 2, fill=0.92, yaw=yaw, **options)
        picture = draw.draw(face.rig.neutral.vertices)
        charts.append(_painted(picture, draw, face, rest, yaw, None))
    small = Painter(face.rig, cell, cell, fill=0.92, **options)
    cells = []
    for name in [*(m.name for m in face.table), *CONTROLS_OF_JAW]:
        state = face.pose(face.control({name: level}))
        picture = small.draw(face.vertices(state).astype(np.float32))
        at = face.controls.index(name if name in CONTROLS_OF_JAW else f"{name}_left")
        picture = _painted(picture, small, face, state, 0.0, at)
        action = next((m.action for m in face.table if m.name == name), "")
        cells.append(_bar(_text(picture, name, action), level, _color(at)))
    blank = np.full((cell, cell, 3), _BACKGROUND, np.uint8)
    cells += [blank] * (-len(cells) % columns)
    rows = [np.concatenate(cells[k : k + columns], axis=1) for k in range(0, len(cells), columns)]
    return np.concatenate([np.concatenate(charts, axis=1), *rows])


def _color(muscle: int) -> tuple[int, int, int]:
    """A colour of its own for each muscle, the same on both sides."""
    r, g, b = colorsys.hsv_to_rgb((muscle % 26) * _GOLDEN % 1.0, 0.65, 0.95)
    return round(255 * r), round(255 * g), round(255 * b)


def _painted(
    picture: np.ndarray, draw: Painter, face: Face, state: State, yaw: float, chosen: int | None
) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with the strips of all muscles of both sides, or outlines of one muscle of the left side."""
    import cv2

    toward = np.array([-np.sin(yaw), 0.0, np.cos(yaw)])
    unit = draw.project(np.array([[0.0, 0.0, 90.0], [0.0, 10.0, 90.0]]))
    scale = abs(float(unit[0, 1] - unit[1, 1])) / 10.0
    out = picture.copy()
    for muscle, points, normals in strips(face, state, chosen):
        if (normals @ toward).mean() < _BACK:
            continue
        polygon = _strip(draw.project(points)[:, :2], scale * _WIDTH / 2)
        cv2.fillPoly(out, [np.rint(polygon * 16).astype(np.int32)], _color(muscle), cv2.LINE_AA, 4)
        if chosen is None:
            line = np.rint(polygon * 16).astype(np.int32)
            cv2.polylines(out, [line], True, tuple(c // 2 for c in _color(muscle)), 1, cv2.LINE_AA, 4)
    share = _OPAQUE if chosen is None else 0.55
    return np.rint(share * out + (1 - share) * picture).astype(np.uint8)


def _strip(line: Float[np.ndarray, "P 2"], half: float) -> Float[np.ndarray, "Q 2"]:
    """The outline of a strip along a line, half as wide at its start."""
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    across = along[:, ::-1] * [-1, 1] * (half * np.linspace(0.5, 1.0, len(line)))[:, None]
    return np.concatenate([line + across, (line - across)[::-1]])


def _text(picture: np.ndarray, name: str, action: str) -> np.ndarray:
    import cv2

    size = 0.36 * picture.shape[1] / 220
    label = name.replace("_", " ") + (f"  {action}" if action else "")
    cv2.putText(picture, label, (5, picture.shape[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, size, _INK, 1, cv2.LINE_AA)
    return picture


def _bar(picture: np.ndarray, level: float, color: tuple[int, int, int]) -> np.ndarray:
    """A bar of the activation at the right edge."""
    height = picture.shape[0]
    full, top = height // 3, height // 12
    picture[top : top + full, -10:-5] = 80
    picture[top + full - round(level * full) : top + full, -10:-5] = color
    return picture
