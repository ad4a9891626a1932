"""A renderer for rigs without a GPU: depth-sorted triangles filled by OpenCV, shaded once per triangle.

It uses the painter's algorithm (Newell, Newell & Sancha 1972) without splitting: triangles are small compared with the
features of a head, so sorting by centroid is right almost everywhere; thin parts on top of others (brows, lashes) are
biased towards the viewer.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from mien.core.errors import MienError
from mien.core.rig import Rig

__all__ = ["GAMMA", "Painter", "materials", "shade"]

_BIAS = {"brow": 6.0, "lash": 3.0, "hair": 6.0}
"""Text in a part's name -> depth by which the part is sorted nearer [mm]: half the edge length of the skin below it."""
_SHIFT = 4
"""Fractional bits of the vertex positions that OpenCV gets."""
_LARGE, _MOTLEY, _CUTS = 7.0, 0.10, 3600
"""A triangle is split into four when a side is over `_LARGE` [px], or over a quarter of that and the colours of its
corners differ by more than `_MOTLEY`; at most `_CUTS` are split, the largest first, because drawing a triangle takes 2
microseconds."""
_UNSEEN = ("occlusion", "eye_blend", "lacrimal")
"""Parts that are not drawn: they blend or darken the eye in a renderer with transparency, and would cover it when drawn
opaque. The lashes (textured cards) of a rig without colours are not drawn for the same reason."""
_GLOSSY = 0.2
_IRIS, _PUPIL = 29.0, 12.0
"""Radii of iris and pupil as angles from the eye's axis [deg]: 6 and 2.5 mm on an eyeball with a radius of 12 mm."""
_FACE_SHARE = 0.35
"""A rig is a whole person and not a head when its shapes move less than this share of its height."""
GAMMA = 2.2
"""Gamma of the pictures; albedos are linear."""
_KEY = np.array([-0.45, 0.55, 0.70])
_FILL = np.array([0.75, 0.10, 0.55])
_RIM = np.array([0.55, 0.45, -0.75])
_SKY, _GROUND = np.array([0.40, 0.43, 0.50]), np.array([0.26, 0.21, 0.19])
_KEY_COLOR, _FILL_COLOR, _RIM_COLOR = (
    np.array([0.92, 0.85, 0.76]),
    np.array([0.22, 0.22, 0.25]),
    np.array([0.35, 0.38, 0.45]),
)
_WET = 400.0
_SPOT = (np.cos(np.radians(6.0)), np.cos(np.radians(9.0)))
"""Cosines of the angles from the mirror direction within which a wet surface shows the lamp fully, and at all."""
_WRAP = 0.25
"""Cosine by which light reaches past the terminator, a cheap approximation of skin's subsurface scattering."""


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


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
        background: tuple[int, int, int] = (58, 62, 72),
        glow: bool = True,
        supersample: int = 2,
    ) -> None:
        """`yaw` turns the nose to image right, `pitch` lifts it [rad]; `fill` is the share of the picture for the head.

        `face` fits the view to the landmarks (when the rig has them) instead of the whole rig; without `glow` the
        background has one flat colour.
        """
        import cv2
        from scipy.sparse import csr_matrix

        if width < 1 or height < 1:
            raise MienError(f"cannot paint a {width}x{height} picture; both sides must be positive")
        self.width, self.height = width, height
        self._cv: Any = cv2
        self._s = supersample
        self._base = np.asarray(rig.neutral.topology.triangles).astype(np.int32)
        count, vertices = len(self._base), len(rig.neutral.vertices)
        ones = np.ones(3 * count, np.float32)
        rows, columns = self._base.reshape(-1), np.repeat(np.arange(count), 3)
        self._count = vertices
        self._gather: Any = csr_matrix((ones, (rows, columns)), shape=(vertices, count))
        self._turn = _view(yaw, pitch)
        neutral = np.asarray(rig.neutral.vertices, np.float32)
        framed = _framed(rig, face)
        self._distance = float(5.0 * np.ptp(framed[:, 1]))
        self._fit(framed, fill)
        self._empty = _backdrop(width * supersample, height * supersample, background, glow)
        self._colors = _painted_eyes(rig) if rig.colors is None else np.asarray(rig.colors, np.float32)
        screen = self._screen(neutral)[:, :2] / supersample
        self._shown = shown = np.flatnonzero(
            ~_parts_like(rig, _UNSEEN if rig.colors is not None else (*_UNSEEN, "lash"))
        )
        self._triangles, self._edges, source = _refined(
            self._base[shown], screen, self._colors, _parts_like(rig, (), _GLOSSY)[shown]
        )
        found = materials(rig, self._triangles, shown[source], self._fine(self._colors))
        self._albedo, self._gloss, self._shine, self._bias = found

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
        scale = self._scale * self._distance / (self._distance - p[:, 2])
        out = np.empty_like(p)
        out[:, 0] = self.width * self._s / 2 - 0.5 + p[:, 0] * scale
        out[:, 1] = self.height * self._s / 2 - 0.5 - p[:, 1] * scale
        out[:, 2] = p[:, 2]
        return out

    def draw(self, vertices: Float[np.ndarray, "V 3"]) -> UInt8[np.ndarray, "H W 3"]:
        """A picture of posed vertices [mm]; raises MienError when they are not this rig's or not finite."""
        vertices = self._checked(vertices)
        tri = self._triangles
        normals = self._fine(self._normals((vertices - self._centre) @ self._turn))
        p = self._fine(self._screen(vertices))
        corners = p[:, :2][tri]
        e, f = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        seen = np.flatnonzero(e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0] < 0)  # y points down: front faces are clockwise
        depth = p[:, 2][tri[seen]].sum(axis=1) / 3 + self._bias[seen]
        seen = seen[np.argsort(depth, kind="stable")]
        colors = shade(normals[tri[seen]].sum(axis=1), self._albedo[seen], self._gloss[seen], self._shine[seen])
        points = np.rint(corners[seen] * (1 << _SHIFT)).astype(np.int32)
        image = self._empty.copy()
        fill = self._cv.fillConvexPoly
        for polygon, color in zip(points, colors.tolist(), strict=True):
            fill(image, polygon, color, 8, _SHIFT)
        if self._s == 1:
            return image
        return self._cv.resize(image, (self.width, self.height), interpolation=self._cv.INTER_AREA)

    def _checked(self, vertices: Float[np.ndarray, "V 3"]) -> np.ndarray:
        vertices = np.asarray(vertices, np.float32)
        if vertices.shape != (self._count, 3):
            raise MienError(f"cannot paint vertices of shape {vertices.shape}; the rig has {self._count}")
        if not np.isfinite(vertices).all():
            raise MienError("cannot paint vertices that are not finite")
        return vertices

    def _fine(self, values: np.ndarray) -> np.ndarray:
        """Per-vertex values, extended by those of the added vertices at edge midpoints."""
        return np.concatenate([values, 0.5 * (values[self._edges[:, 0]] + values[self._edges[:, 1]])])

    def _normals(self, turned: np.ndarray) -> np.ndarray:
        a, b, c = (turned[self._base[:, k]] for k in range(3))
        u, v = b - a, c - a
        face = np.empty_like(u)
        for k in range(3):
            i, j = (k + 1) % 3, (k + 2) % 3
            face[:, k] = u[:, i] * v[:, j] - u[:, j] * v[:, i]
        total = self._gather @ face
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)


def shade(
    normals: Float[np.ndarray, "N 3"],
    albedo: Float[np.ndarray, "N 3"],
    gloss: Float[np.ndarray, "N"],
    shine: Float[np.ndarray, "N"],
) -> Float[np.ndarray, "N 3"]:
    """Colours in [0, 255] of surfaces under the painter's three lamps.

    Args:
        normals: normals in the viewer's frame, of any length.
        albedo: linear albedo.
        gloss: strength of the highlight.
        shine: Blinn-Phong exponent of the highlight.
    """
    n = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    key, fill, rim = (_unit(light).astype(np.float32) for light in (_KEY, _FILL, _RIM))
    wrapped = np.clip((n @ key + _WRAP) / (1 + _WRAP), 0, None)[:, None]
    up = (0.5 + 0.5 * n[:, 1:2]).astype(np.float32)
    light = wrapped * _KEY_COLOR + np.clip(n @ fill, 0, None)[:, None] * _FILL_COLOR
    light = light + up * _SKY + (1 - up) * _GROUND
    edge = (1 - np.clip(n[:, 2], 0, 1)) ** 3 * np.clip(n @ rim + 0.6, 0, None)
    light = light + edge[:, None] * _RIM_COLOR
    facing = np.clip(n @ _unit(key + np.array([0, 0, 1], np.float32)), 0, None)
    glint = gloss * facing**shine
    wet = shine >= _WET  # an eye reflects the lamp itself as a sharp spot
    glint[wet] = 0.9 * np.clip((facing[wet] - _SPOT[1]) / (_SPOT[0] - _SPOT[1]), 0, 1)
    return 255 * np.clip(albedo * light + glint[:, None], 0, 1) ** (1 / GAMMA)


def _parts_like(rig: Rig, words: tuple[str, ...], glossier_than: float = 0.0) -> np.ndarray:
    """True for triangles of parts whose name contains a word or whose roughness is below a limit."""
    out = np.zeros(len(rig.neutral.topology.triangles), bool)
    for part in rig.neutral.topology.parts:
        named = any(word in part.name.lower() for word in words)
        out[part.start : part.stop] = named or part.roughness < glossier_than
    return out


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


def _painted_eyes(rig: Rig) -> np.ndarray:
    """Vertex colours: white, with an iris and a pupil by angle from the axis on eyeballs without colours."""
    colors = np.ones((len(rig.neutral.vertices), 3), np.float32)
    for name, members in rig.neutral.topology.groups.items():
        if name in ("sclera_left", "sclera_right"):
            ball = rig.neutral.vertices[members]
            toward = _unit(ball - (ball.min(axis=0) + ball.max(axis=0)) / 2)
            angle = np.degrees(np.arccos(np.clip(toward[:, 2], -1, 1)))
            iris = np.where(angle[:, None] < _PUPIL, 0.03, np.array([0.36, 0.25, 0.16], np.float32))
            colors[members] = np.where(angle[:, None] < _IRIS, iris, 1.0)
    return colors


def _refined(
    triangles: np.ndarray, screen: np.ndarray, colors: np.ndarray, glossy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(triangles, of which large or many-coloured ones are split into four; the split edges [E, 2]; the source of each
    triangle).

    A triangle has one colour, so it must be small where shading or colour changes. Neighbours that are not split keep
    straight edges, so no gaps appear.
    """
    corners = screen[triangles]
    side = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    spread = np.ptp(colors[triangles], axis=1).max(axis=1)
    cut = (side > _LARGE) | ((side > _LARGE / 4) & (spread > _MOTLEY))
    cut |= glossy & (side > _LARGE / 4)
    if cut.sum() > _CUTS:
        cut &= np.argsort(np.argsort(-side)) < _CUTS
    t = triangles[cut]
    ends = np.sort(np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]), axis=1)
    edges, at = np.unique(ends, axis=0, return_inverse=True)
    ab, bc, ca = (len(screen) + at.reshape(3, -1)).astype(np.int32)
    a, b, c = t.T
    fine = [np.stack(f, axis=1) for f in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    source = np.concatenate([np.flatnonzero(~cut), np.tile(np.flatnonzero(cut), 4)])
    return np.concatenate([triangles[~cut], *fine]).astype(np.int32), edges, source


def materials(
    rig: Rig, fine: np.ndarray, source: np.ndarray, colors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Per drawn triangle: linear albedo, highlight strength, highlight exponent, depth bias [mm]."""
    count = len(rig.neutral.topology.triangles)
    color = np.full((count, 3), 0.8, np.float32)
    rough, bias = np.full(count, 0.6, np.float32), np.zeros(count, np.float32)
    for part in rig.neutral.topology.parts:
        run = slice(part.start, part.stop)
        white = min(part.color) > 0.97 and part.roughness >= _GLOSSY  # the texture is not drawn: plaster instead
        color[run], rough[run] = (0.80, 0.78, 0.76) if white else part.color, part.roughness
        bias[run] = max((v for key, v in _BIAS.items() if key in part.name.lower()), default=0.0)
    color, rough, bias = color[source] * colors[fine].mean(axis=1), rough[source], bias[source]
    # Blinn-Phong exponent for a roughness, 2 / r^4 - 2 (Walter et al. 2007), kept within what triangles can resolve
    shine = np.clip(2 / np.maximum(rough, 0.05) ** 4 - 2, 4, 400).astype(np.float32)
    gloss = (0.9 * np.clip(1 - rough, 0, 1) ** 3).astype(np.float32)
    albedo = color**GAMMA
    # dark colours mean that a surface lies in shadow (the inside of a mouth) and has no highlight
    gloss = np.where(shine < _WET, gloss * np.clip(albedo.max(axis=1) / 0.12, 0, 1), gloss)
    return albedo, gloss, shine, bias


def _view(yaw: float, pitch: float) -> np.ndarray:
    """Rotation matrix for row vectors by the head's yaw, then pitch."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return (about_x @ about_y).T.astype(np.float32)


def _backdrop(width: int, height: int, color: tuple[int, int, int], glow: bool) -> np.ndarray:
    """A dark studio backdrop, lighter behind the head."""
    if not glow:
        return np.full((height, width, 3), color, np.uint8)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    far = np.hypot((x - width / 2) / width, (y - height * 0.45) / height)
    light = (1.35 - 0.9 * np.clip(far, 0, 0.75))[..., None]
    return np.clip(light * np.asarray(color, np.float32), 0, 255).astype(np.uint8)
