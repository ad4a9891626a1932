"""A painter for rigs that needs no GPU: depth-sorted triangles filled by OpenCV, shaded once per triangle.

The painter's algorithm (Newell, Newell & Sancha 1972) without splitting: triangles are small against the features of
a head, so sorting by centroid is right almost everywhere; thin things that lie on others (brows, lashes) are pulled
towards the viewer by a bias.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from mien.core.errors import MienError
from mien.core.rig import Rig

__all__ = ["Painter"]

_BIAS = {"brow": 6.0, "lash": 3.0}
"""Parts whose name holds the key are sorted as if nearer by this much [mm]: half the edge of the skin below them."""
_SHIFT = 4
"""Fractional bits of the vertex positions handed to OpenCV."""
_GAMMA = 2.2
_KEY = np.array([-0.45, 0.55, 0.70])
_FILL = np.array([0.75, 0.10, 0.55])
_RIM = np.array([0.55, 0.45, -0.75])
_SKY, _GROUND = np.array([0.40, 0.43, 0.50]), np.array([0.26, 0.21, 0.19])
_KEY_COLOR, _FILL_COLOR, _RIM_COLOR = (
    np.array([0.98, 0.90, 0.80]),
    np.array([0.13, 0.15, 0.20]),
    np.array([0.35, 0.38, 0.45]),
)
_WRAP = 0.25
"""Light reaches this far past the terminator (cosine), a cheap stand-in for skin's subsurface scattering."""


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


class Painter:
    """Draws a rig's vertices from the front (or turned by `yaw`, `pitch`) as RGB pictures of one size.

    The frame is fitted once to the neutral, so that a moving head stays in place. Weak perspective: the viewer is five
    head heights away.
    """

    def __init__(
        self,
        rig: Rig,
        width: int,
        height: int,
        *,
        yaw: float = 0.0,
        pitch: float = 0.0,
        fill: float = 0.86,
        background: tuple[int, int, int] = (58, 62, 72),
        supersample: int = 2,
    ) -> None:
        """`yaw` turns the nose to image right, `pitch` lifts it [rad]; `fill` is the share of the frame the head takes."""
        import cv2
        from scipy.sparse import csr_matrix

        if width < 1 or height < 1:
            raise MienError(f"cannot paint a {width}x{height} picture; both sides must be positive")
        self.width, self.height = width, height
        self._cv: Any = cv2
        self._s = supersample
        triangles = np.asarray(rig.neutral.topology.triangles)
        self._triangles = triangles.astype(np.int32)
        self._albedo, self._gloss, self._shine, self._bias = _materials(rig)
        count, vertices = len(triangles), len(rig.neutral.vertices)
        ones = np.ones(3 * count, np.float32)
        rows, columns = triangles.reshape(-1), np.repeat(np.arange(count), 3)
        self._gather = csr_matrix((ones, (rows, columns)), shape=(vertices, count))
        self._turn = _view(yaw, pitch)
        self._fit(np.asarray(rig.neutral.vertices, np.float32), fill)
        self._empty = _backdrop(width * supersample, height * supersample, background)

    def _fit(self, neutral: np.ndarray, fill: float) -> None:
        low, high = neutral.min(axis=0), neutral.max(axis=0)
        self._centre = ((low + high) / 2).astype(np.float32)
        turned = (neutral - self._centre) @ self._turn
        self._distance = float(5.0 * (high[1] - low[1]))
        spread = np.abs(turned[:, :2] * (self._distance / (self._distance - turned[:, 2:]))).max(axis=0)
        # the same scale for every view of one rig: the widest side of the box decides, not the turned width
        across = float(np.abs(neutral - self._centre)[:, [0, 2]].max()) if self.width >= self.height else spread[0]
        self._scale = fill * 0.5 * min(self.width / max(across, 1e-6), self.height / max(spread[1], 1e-6)) * self._s

    def project(self, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        """Pixel x, y (pixel centres at integers) and depth towards the viewer [mm] of points in the rig's frame."""
        p = self._screen(np.asarray(vertices, np.float32))
        return np.column_stack([(p[:, :2] + 0.5) / self._s - 0.5, p[:, 2]])

    def _screen(self, vertices: np.ndarray) -> np.ndarray:
        p = (vertices - self._centre) @ self._turn
        scale = self._scale * self._distance / (self._distance - p[:, 2])
        out = np.empty_like(p)
        out[:, 0] = self.width * self._s / 2 - 0.5 + p[:, 0] * scale
        out[:, 1] = self.height * self._s / 2 - 0.5 - p[:, 1] * scale
        out[:, 2] = p[:, 2]
        return out

    def draw(self, vertices: Float[np.ndarray, "V 3"]) -> UInt8[np.ndarray, "H W 3"]:
        """A picture of posed vertices [mm]; raises MienError when they are not this rig's or not finite."""
        vertices = np.asarray(vertices, np.float32)
        if vertices.shape != (self._gather.shape[0], 3):
            raise MienError(f"cannot paint vertices of shape {vertices.shape}; the rig has {self._gather.shape[0]}")
        if not np.isfinite(vertices).all():
            raise MienError("cannot paint vertices that are not finite")
        tri = self._triangles
        turned = (vertices - self._centre) @ self._turn
        normals = self._normals(turned)
        p = self._screen(vertices)
        corners = p[:, :2][tri]
        e, f = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        seen = np.flatnonzero(e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0] < 0)  # y runs down: front faces turn clockwise
        depth = p[:, 2][tri[seen]].sum(axis=1) / 3 + self._bias[seen]
        seen = seen[np.argsort(depth, kind="stable")]
        colors = self._shade(normals[tri[seen]].sum(axis=1), seen)
        points = np.rint(corners[seen] * (1 << _SHIFT)).astype(np.int32)
        image = self._empty.copy()
        fill = self._cv.fillConvexPoly
        for polygon, color in zip(points, colors.tolist(), strict=True):
            fill(image, polygon, color, 8, _SHIFT)
        if self._s == 1:
            return image
        return self._cv.resize(image, (self.width, self.height), interpolation=self._cv.INTER_AREA)

    def _normals(self, turned: np.ndarray) -> np.ndarray:
        a, b, c = (turned[self._triangles[:, k]] for k in range(3))
        u, v = b - a, c - a
        face = np.empty_like(u)
        for k in range(3):
            i, j = (k + 1) % 3, (k + 2) % 3
            face[:, k] = u[:, i] * v[:, j] - u[:, j] * v[:, i]
        total = self._gather @ face
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)

    def _shade(self, normals: np.ndarray, seen: np.ndarray) -> np.ndarray:
        n = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        key, fill, rim = (_unit(light).astype(np.float32) for light in (_KEY, _FILL, _RIM))
        wrapped = np.clip((n @ key + _WRAP) / (1 + _WRAP), 0, None)[:, None]
        up = (0.5 + 0.5 * n[:, 1:2]).astype(np.float32)
        light = wrapped * _KEY_COLOR + np.clip(n @ fill, 0, None)[:, None] * _FILL_COLOR
        light = light + up * _SKY + (1 - up) * _GROUND
        edge = (1 - np.clip(n[:, 2], 0, 1)) ** 3 * np.clip(n @ rim + 0.6, 0, None)
        light = light + edge[:, None] * _RIM_COLOR
        half = _unit(key + np.array([0, 0, 1], np.float32))
        glint = self._gloss[seen] * np.clip(n @ half, 0, None) ** self._shine[seen]
        linear = self._albedo[seen] * light + glint[:, None]
        return 255 * np.clip(linear, 0, 1) ** (1 / _GAMMA)


def _materials(rig: Rig) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Per triangle: linear albedo, highlight strength, highlight exponent, depth bias [mm]."""
    triangles = rig.neutral.topology.triangles
    count = len(triangles)
    color = np.full((count, 3), 0.8, np.float32)
    rough, bias = np.full(count, 0.6, np.float32), np.zeros(count, np.float32)
    for part in rig.neutral.topology.parts:
        run = slice(part.start, part.stop)
        color[run], rough[run] = part.color, part.roughness
        bias[run] = max((v for key, v in _BIAS.items() if key in part.name.lower()), default=0.0)
    if rig.colors is not None:
        color = color * np.asarray(rig.colors, np.float32)[triangles].mean(axis=1)
    # Blinn-Phong exponent for a roughness, 2 / r^4 - 2 (Walter et al. 2007), kept within what triangles can resolve
    shine = np.clip(2 / np.maximum(rough, 0.05) ** 4 - 2, 4, 400).astype(np.float32)
    gloss = (0.9 * np.clip(1 - rough, 0, 1) ** 3).astype(np.float32)
    return color**_GAMMA, gloss, shine, bias


def _view(yaw: float, pitch: float) -> np.ndarray:
    """Row-vector rotation by the head's yaw, then pitch."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return (about_x @ about_y).T.astype(np.float32)


def _backdrop(width: int, height: int, color: tuple[int, int, int]) -> np.ndarray:
    """A dark studio backdrop, lighter behind the head."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    far = np.hypot((x - width / 2) / width, (y - height * 0.45) / height)
    glow = (1.35 - 0.9 * np.clip(far, 0, 0.75))[..., None]
    return np.clip(glow * np.asarray(color, np.float32), 0, 255).astype(np.uint8)
