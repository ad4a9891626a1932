"""A renderer for rigs without a GPU: depth-buffered triangles, light per vertex, textures and wet eyes per pixel.

OpenCV's rasteriser tests depth at every pixel (`mien.rigs.raster`). The light on every vertex is interpolated
(Gouraud 1971), because the triangles of a head are a few pixels large; surfaces with a texture, and the lamp's mirror
image on eyes, get a second pass that interpolates places in the texture atlas. Pictures are drawn larger and averaged.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from mien.core.camera import Camera
from mien.core.errors import MienError
from mien.core.rig import Rig
from mien.rigs.raster import Camera as Pinhole
from mien.rigs.raster import Raster
from mien.viewer.light import GAMMA, lamps, shade, spot
from mien.viewer.openness import openness
from mien.viewer.surface import solid_triangles, surface_of

__all__ = ["Painter"]

_FACE_SHARE = 0.35
"""A rig is a whole person and not a head when its shapes move less than this share of its height."""
_NEAREST, _FARTHEST = 20.0, 20_000.0
"""Distances from a camera between which a head is drawn [mm]."""
_NEARER = np.float32(1 - 5e-5)
"""Factor on the positions of the second pass: the same places in the picture, 0.1 mm nearer than the first pass."""
_TEXELS = 2.0
"""Texels from v = 0 to v = 1 that are kept for each pixel of the picture's height: a face fills half of either."""


class Painter:
    """Draws a rig's vertices from the front (or turned by `yaw`, `pitch`) as RGB pictures of one size.

    The view is fitted once to the neutral, so that it stays fixed when the head moves. The perspective is weak: the
    viewer is five head heights away.
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
        face: bool = False,
        background: tuple[int, int, int] | UInt8[np.ndarray, "H W 3"] = (58, 62, 72),
        glow: bool = True,
        supersample: float = 2.0,
        camera: Camera | None = None,
    ) -> None:
        """`yaw` turns the nose to image right, `pitch` lifts it [rad]; `fill` is the share of the picture for the head.

        `face` fits the view to the landmarks (when the rig has them) instead of the whole rig; without `glow` the
        background has one flat colour, or it is a picture. Each pixel is the mean of `supersample` x `supersample`
        samples, at least 1. With a `camera`, whose picture has this size and is centred, the vertices that are drawn
        are in the camera's frame, and the options of the view do not count.
        """
        import cv2
        from scipy.sparse import csr_matrix

        if width < 1 or height < 1:
            raise MienError(f"cannot paint a {width}x{height} picture; both sides must be positive")
        self.width, self.height = width, height
        self._cv: Any = cv2
        self._s = supersample
        wide, tall = round(width * supersample), round(height * supersample)
        self._base = np.asarray(rig.neutral.topology.triangles).astype(np.int32)
        count, vertices = len(self._base), len(rig.neutral.vertices)
        ones = np.ones(3 * count, np.float32)
        rows, columns = self._base.reshape(-1), np.repeat(np.arange(count), 3)
        self._count = vertices
        self._gather: Any = csr_matrix((ones, (rows, columns)), shape=(vertices, count))
        self._turn = _view(yaw, pitch)
        framed = _framed(rig, face)
        near, far = self._look(framed, fill, camera)
        self._empty = _backdrop(wide, tall, background, glow).astype(np.float32)
        self._surface = surface_of(rig, _TEXELS * height * supersample)
        self._on_detail, self._on_cards = np.unique(self._surface.detailed), np.unique(self._surface.cards)
        self._opaque = np.ascontiguousarray(self._surface.atlas[..., :3])
        self._wet = np.flatnonzero(self._surface.wet)
        self._open = openness(rig, self._base[solid_triangles(rig)], _framed(rig, False))[self._surface.source]
        self._raster = Raster(Pinhole(width=wide, height=tall, focal=self._focal, near=near, far=far))
        # Fresh memory costs as much as drawing does, so that the buffers are kept from picture to picture.
        self._image, self._depth = self._empty.copy(), self._raster.empty_depth()
        self._found, self._shaded = np.zeros_like(self._empty), np.zeros_like(self._empty)

    def _look(self, framed: np.ndarray, fill: float, camera: Camera | None) -> tuple[float, float]:
        """Fit the view, or take over the camera's; returns the distances between which a head is drawn [mm]."""
        self._distance = float(5.0 * np.ptp(framed[:, 1])) or 1.0
        self._fit(framed, fill)
        self._focal = self._scale * self._distance
        if camera is None:
            return 0.05 * self._distance, 20 * self._distance
        self._centre, self._turn, self._distance = np.zeros(3, np.float32), np.eye(3, dtype=np.float32), 0.0
        self._focal = camera.focal * self._s
        return _NEAREST, _FARTHEST

    def _fit(self, neutral: np.ndarray, fill: float) -> None:
        low, high = neutral.min(axis=0), neutral.max(axis=0)
        self._centre = ((low + high) / 2).astype(np.float32)
        turned = (neutral - self._centre) @ self._turn
        spread = np.abs(turned[:, :2] * (self._distance / (self._distance - turned[:, 2:]))).max(axis=0)
        # every view of a rig has the same scale: it follows from the widest side of the box and not the turned width
        across = float(np.abs(neutral - self._centre)[:, [0, 2]].max()) if self.width >= self.height else spread[0]
        self._scale = fill * 0.5 * min(self.width / max(across, 1e-6), self.height / max(spread[1], 1e-6)) * self._s

    def project(self, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        """Pixel x, y (pixel centres at integers) and depth towards the viewer [mm] of points in the rig's frame."""
        p = self._screen(np.asarray(vertices, np.float32))
        return np.column_stack([(p[:, :2] + 0.5) / self._s - 0.5, p[:, 2]])

    def _screen(self, vertices: np.ndarray) -> np.ndarray:
        p = (vertices - self._centre) @ self._turn
        scale = self._focal / (self._distance - p[:, 2])
        out = np.empty_like(p)
        out[:, 0] = self.width * self._s / 2 - 0.5 + p[:, 0] * scale
        out[:, 1] = self.height * self._s / 2 - 0.5 - p[:, 1] * scale
        out[:, 2] = p[:, 2]
        return out

    def draw(self, vertices: Float[np.ndarray, "V 3"]) -> UInt8[np.ndarray, "H W 3"]:
        """A picture of posed vertices [mm]; raises MienError when they are not this rig's or not finite."""
        vertices = self._checked(vertices)
        surface = self._surface
        turned = (vertices - self._centre) @ self._turn
        normals = self._normals(turned)[surface.source] * surface.flip
        points = turned[surface.source]
        points[:, 2] -= self._distance
        colors = shade(normals, surface.albedo, surface.gloss, surface.shine, self._open, surface.wet)
        image, depth = self._image, self._depth
        np.copyto(image, self._empty)
        depth.fill(self._raster.camera.far)
        self._raster.draw(points, surface.triangles, colors, image, depth)
        if len(surface.detailed):
            self._detail(points * _NEARER, normals, image, depth)
        if len(surface.cards):
            self._cards(points, colors, image, depth)
        small = self._cv.resize(image, (self.width, self.height), interpolation=self._cv.INTER_AREA)
        return self._cv.convertScaleAbs(small)

    def _detail(self, points: np.ndarray, normals: np.ndarray, image: np.ndarray, depth: np.ndarray) -> None:
        """Multiply the picture by the textures, and add the lamp's image on wet surfaces."""
        surface = self._surface
        facing = np.zeros(len(points), np.float32)
        facing[self._wet] = 1 + lamps(normals[self._wet])[1] * self._open[self._wet]
        values = np.column_stack([surface.at, facing]).astype(np.float32)
        rows, columns = self._window(points[self._on_detail])
        self._found[rows, columns] = 0
        self._raster.draw(points, surface.detailed, values, self._found, depth)
        found, part = self._found[rows, columns], image[rows, columns]
        if not found.size:
            return
        if len(self._opaque) > 2:
            picture = self._cv.remap(self._opaque, found[..., 0], found[..., 1], self._cv.INTER_LINEAR)
            self._cv.multiply(part, picture, part, 1 / 255, self._cv.CV_32F)
        y, x = np.nonzero(found[..., 2] > 1.5)
        glint = spot(found[y, x, 2] - 1)[:, None]
        part[y, x] = 255 * np.clip((part[y, x] / 255) ** GAMMA + glint, 0, 1) ** (1 / GAMMA)

    def _cards(self, points: np.ndarray, colors: np.ndarray, image: np.ndarray, depth: np.ndarray) -> None:
        """Blend the nearest cards (lashes, strands of hair) over the picture by their texture's opacity."""
        surface = self._surface
        values = np.column_stack([surface.at, np.ones(len(points))]).astype(np.float32)
        rows, columns = self._window(points[self._on_cards])
        for buffer in (self._found, self._shaded):
            buffer[rows, columns] = 0
        self._raster.draw(points, surface.cards, values, self._found, depth.copy())
        self._raster.draw(points, surface.cards, colors, self._shaded, depth)
        found, shaded, part = (picture[rows, columns] for picture in (self._found, self._shaded, image))
        if not found.size:
            return
        texel = self._cv.remap(surface.atlas, found[..., 0], found[..., 1], self._cv.INTER_LINEAR)
        # Only pixels with a card are blended: they are a fraction of the window.
        y, x = np.nonzero(found[..., 2] > 0.5)
        looked = texel[y, x].astype(np.float32) * np.float32(1 / 255)
        under = part[y, x]
        part[y, x] = under + looked[:, 3:] * (shaded[y, x] * looked[:, :3] - under)

    def _window(self, points: np.ndarray) -> tuple[slice, slice]:
        """Rows and columns of the picture that points in the viewer's frame cover."""
        height, width = self._empty.shape[:2]
        seen = points[:, :2] * (self._focal / -points[:, 2:])
        x, y = seen[:, 0] + width / 2, height / 2 - seen[:, 1]
        rows = slice(max(int(y.min()) - 2, 0), min(int(y.max()) + 3, height))
        return rows, slice(max(int(x.min()) - 2, 0), min(int(x.max()) + 3, width))

    def _checked(self, vertices: Float[np.ndarray, "V 3"]) -> np.ndarray:
        vertices = np.asarray(vertices, np.float32)
        if vertices.shape != (self._count, 3):
            raise MienError(f"cannot paint vertices of shape {vertices.shape}; the rig has {self._count}")
        if not np.isfinite(vertices).all():
            raise MienError("cannot paint vertices that are not finite")
        return vertices

    def _normals(self, turned: np.ndarray) -> np.ndarray:
        a, b, c = (turned[self._base[:, k]] for k in range(3))
        u, v = b - a, c - a
        face = np.empty_like(u)
        for k in range(3):
            i, j = (k + 1) % 3, (k + 2) % 3
            face[:, k] = u[:, i] * v[:, j] - u[:, j] * v[:, i]
        total = self._gather @ face
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)


def _framed(rig: Rig, face: bool) -> np.ndarray:
    """The points that the view must contain: those of the rig, or of its face; of a whole person those of the head."""
    neutral = np.asarray(rig.neutral.vertices, np.float32)
    if face and rig.landmarks:
        marks = next(iter(rig.landmarks.values())).positions(neutral)
        tall = np.ptp(marks, axis=0) * [0.0, 1.0, 0.0]
        # forehead above the brows, room for a dropped jaw below the chin
        return np.concatenate([marks, marks + 0.24 * tall, marks - 0.12 * tall]).astype(np.float32)
    reach = np.abs(rig.shapes).max(axis=(0, 2), initial=0.0)
    moving = neutral[reach > 0.1 * reach.max(initial=0.0)]
    if not len(moving) or np.ptp(moving[:, 1]) > _FACE_SHARE * np.ptp(neutral[:, 1]):
        return neutral if not face or not len(moving) else moving
    # of a person from head to foot the shapes move only the face; the skull ends half a face height above it
    low, high = moving.min(axis=0), moving.max(axis=0)
    tall = high[1] - low[1]
    top, bottom = (0.15, 0.05) if face else (0.75, 0.35)
    return np.array([[*low[:1], low[1] - bottom * tall, low[2]], [high[0], high[1] + top * tall, high[2]]], np.float32)


def _view(yaw: float, pitch: float) -> np.ndarray:
    """Rotation matrix for row vectors by the head's yaw, then pitch."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return (about_x @ about_y).T.astype(np.float32)


def _backdrop(width: int, height: int, color: tuple[int, int, int] | np.ndarray, glow: bool) -> np.ndarray:
    """A dark studio backdrop, lighter behind the head; or a picture in the wanted size."""
    if isinstance(color, np.ndarray):
        import cv2

        return np.asarray(cv2.resize(color, (width, height), interpolation=cv2.INTER_LINEAR))
    if not glow:
        return np.full((height, width, 3), color, np.uint8)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    far = np.hypot((x - width / 2) / width, (y - height * 0.45) / height)
    light = (1.35 - 0.9 * np.clip(far, 0, 0.75))[..., None]
    return np.clip(light * np.asarray(color, np.float32), 0, 255).astype(np.uint8)
