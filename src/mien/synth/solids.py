"""Coloured triangle meshes for everything that is not the rig: hair, clothes, glasses, hats, hands."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Id", "Solid", "box", "ellipsoid", "grid", "join", "tube"]


class Id(IntEnum):
    """The kind of surface that a pixel shows, written to the frame buffer's alpha."""

    BACKGROUND = 0
    SKIN = 10
    LIPS = 20
    SCLERA = 30
    IRIS = 40
    MOUTH = 50
    TEETH = 60
    HAIR = 70
    BEARD = 80
    CLOTHES = 90
    GLASSES = 100
    HAT = 110
    OCCLUDER = 120


COLUMNS = 15
"""Floats per vertex: position 3, normal 3, linear colour 3, streak coordinates 2, (cover, streak, gloss, id)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Solid:
    """Vertices with all attributes of the shaders, and triangles."""

    vertices: Float[np.ndarray, "P 15"]
    triangles: Int[np.ndarray, "F 3"]

    def moved(self, matrix: Float[np.ndarray, "3 3"], offset: Float[np.ndarray, "3"]) -> "Solid":
        """The solid rotated (and uniformly scaled), then shifted."""
        out = self.vertices.copy()
        out[:, :3] = out[:, :3] @ matrix.T + offset
        out[:, 3:6] = out[:, 3:6] @ (matrix / max(np.cbrt(abs(np.linalg.det(matrix))), 1e-9)).T
        return Solid(vertices=out, triangles=self.triangles)


def join(solids: list[Solid]) -> Solid:
    """Several solids as one."""
    if not solids:
        return Solid(vertices=np.zeros((0, COLUMNS), np.float32), triangles=np.zeros((0, 3), np.int32))
    starts = np.cumsum([0, *[len(s.vertices) for s in solids[:-1]]])
    return Solid(
        vertices=np.concatenate([s.vertices for s in solids]).astype(np.float32),
        triangles=np.concatenate([s.triangles + n for s, n in zip(solids, starts, strict=True)]).astype(np.int32),
    )


def grid(
    points: Float[np.ndarray, "A B 3"],
    color: np.ndarray,
    part: Id,
    *,
    cover: float | np.ndarray = 1.0,
    streak: float = 0.0,
    gloss: float = 0.1,
    uv_scale: tuple[float, float] = (1.0, 1.0),
    outward: np.ndarray | None = None,
) -> Solid:
    """A sheet from a grid of points. Normals point away from the point `outward`."""
    a, b = points.shape[:2]
    du = np.gradient(points, axis=0)
    dv = np.gradient(points, axis=1)
    if np.allclose(points[0], points[-1]):  # a closed ring, where the normals at the seam must agree
        du[0] = du[-1] = points[1] - points[-2]
    normals = np.cross(du, dv)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    if outward is not None:
        normals *= np.sign(((points - outward) * normals).sum(-1, keepdims=True).mean(axis=(0, 1)) + 1e-9)
        flip = ((points - outward) * normals).sum(-1, keepdims=True) < 0
        normals = np.where(flip, -normals, normals)
    vertices = np.empty((a, b, COLUMNS), np.float32)
    vertices[..., :3], vertices[..., 3:6] = points, normals
    vertices[..., 6:9] = color
    vertices[..., 9] = np.linspace(0, uv_scale[0], a)[:, None]
    vertices[..., 10] = np.linspace(0, uv_scale[1], b)[None]
    vertices[..., 11] = cover
    vertices[..., 12], vertices[..., 13], vertices[..., 14] = streak, gloss, float(part)
    index = np.arange(a * b).reshape(a, b)
    q = [index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]]
    triangles = np.concatenate([np.stack([q[0], q[1], q[2]], -1), np.stack([q[0], q[2], q[3]], -1)]).reshape(-1, 3)
    return Solid(vertices=vertices.reshape(-1, COLUMNS), triangles=triangles.astype(np.int32))


def tube(
    path: Float[np.ndarray, "P 3"], radius: float | np.ndarray, color: np.ndarray, part: Id, *, sides: int = 7,
    gloss: float = 0.3, flat: float = 1.0,
) -> Solid:  # fmt: skip
    """A tube along a path; `flat` squeezes it across its second axis."""
    path = np.asarray(path, float)
    tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    spread = tangent.max(axis=0) - tangent.min(axis=0)
    reference = np.eye(3)[int(np.argmin(np.abs(tangent).max(axis=0) + 0.01 * spread))]
    first = np.cross(tangent, reference)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-9)
    second = np.cross(tangent, first)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    radius = np.broadcast_to(radius, len(path))[:, None, None]
    ring = np.cos(angle)[None, :, None] * first[:, None] + flat * np.sin(angle)[None, :, None] * second[:, None]
    points = path[:, None] + radius * ring
    solid = grid(points, color, part, gloss=gloss)
    normals = ring / np.maximum(np.linalg.norm(ring, axis=-1, keepdims=True), 1e-9)
    solid.vertices[:, 3:6] = normals.reshape(-1, 3)
    return solid


def ellipsoid(
    centre: np.ndarray,
    radii: tuple[float, float, float],
    color: np.ndarray,
    part: Id,
    *,
    gloss: float = 0.2,
    n: int = 14,
) -> Solid:
    """An axis-aligned ellipsoid."""
    a, e = np.linspace(0, 2 * np.pi, n + 1)[:, None], np.linspace(-np.pi / 2, np.pi / 2, n // 2 + 1)[None]
    unit = np.stack([np.cos(e) * np.sin(a), np.sin(e) * np.ones_like(a), np.cos(e) * np.cos(a)], -1)
    solid = grid(unit * np.array(radii) + centre, color, part, gloss=gloss)
    normals = unit / np.array(radii)
    solid.vertices[:, 3:6] = (normals / np.linalg.norm(normals, axis=-1, keepdims=True)).reshape(-1, 3)
    return solid


def box(size: tuple[float, float, float], color: np.ndarray, part: Id, *, gloss: float = 0.4) -> Solid:
    """A box centred on the origin."""
    sheets = []
    for axis in range(3):
        for sign in (-1, 1):
            s, t = np.meshgrid([-1.0, 1.0], [-1.0, 1.0], indexing="ij")
            points = np.zeros((2, 2, 3))
            points[..., axis] = sign
            points[..., (axis + 1) % 3], points[..., (axis + 2) % 3] = s, t
            sheets.append(grid(points * np.array(size) / 2, color, part, gloss=gloss, outward=np.zeros(3)))
    return join(sheets)
