"""The face chart of the rig's uv layout as images of positions and regions, for painting skin; built once per
process."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float

from mien.synth.body import body

__all__ = [
    "FACE_SIZE",
    "HEAD_SIZE",
    "FaceChart",
    "closed_curve",
    "face_chart",
    "head_positions",
    "open_curve",
    "window_of",
]

FACE_SIZE = 512
HEAD_SIZE = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceChart:
    """Images [FACE_SIZE, FACE_SIZE], row 0 at v = 0 (GL's order): the chart is upside down as an image."""

    positions: Float[np.ndarray, "N N 3"]
    """Neutral position of each texel [mm]."""
    points: Float[np.ndarray, "68 2"]
    """iBUG 68 landmarks in the chart [px], x right, y along rows."""
    lips: Float[np.ndarray, "N N"]
    """1 on the red of the lips, 0 elsewhere."""
    mouth_line: Float[np.ndarray, "N N"]
    """1 close to the line where the lips meet."""
    eyes: Float[np.ndarray, "N N"]
    """1 inside the lids' openings, fading over the lids."""
    nostrils: Float[np.ndarray, "N N"]
    ears: Float[np.ndarray, "N N"]


@lru_cache(maxsize=1)
def face_chart() -> FaceChart:
    """The process's one chart."""
    b = body()
    positions = _positions("face", FACE_SIZE, 0.0)
    rig_points = b.rig.landmarks["ibug68"].indices[:, 0]
    corner_of = {int(v): c for c, v in enumerate(b.corners) if b.uv[c, 0] <= 1.0}
    where = {int(v): i for i, v in enumerate(b.vertex_ids)}
    points = np.array([b.uv[corner_of[where[int(v)]]] for v in rig_points]) * FACE_SIZE - 0.5
    lips = _polygon(closed_curve(points[48:60]), 1.6)
    middle = np.vstack([points[60:65], points[[67, 66, 65]][::-1]])
    line = _polygon(closed_curve(points[60:68]), 2.5)
    del middle
    eyes = np.maximum(_polygon(closed_curve(points[36:42]), 2.0), _polygon(closed_curve(points[42:48]), 2.0))
    u = np.linspace(0, 1, FACE_SIZE)[None]
    v = np.linspace(0, 1, FACE_SIZE)[:, None]
    ears = (((u < 0.11) | (u > 0.89)) & (v > 0.44) & (v < 0.70)).astype(np.float32)
    nose = b.neutral[[where[int(v)] for v in rig_points[[31, 35]]]]
    nostrils = np.zeros((FACE_SIZE, FACE_SIZE))
    for side in nose:
        centre = side * (0.62, 1, 1) + (0, 1.5, 3)
        nostrils = np.maximum(nostrils, np.exp(-(((positions - centre) / (3.6, 2.6, 5)) ** 2).sum(-1)))
    return FaceChart(
        positions=positions,
        points=points,
        lips=lips,
        mouth_line=line,
        eyes=eyes,
        nostrils=nostrils.astype(np.float32),
        ears=cv2.GaussianBlur(ears, (0, 0), 4),
    )


@lru_cache(maxsize=1)
def head_positions() -> Float[np.ndarray, "M M 3"]:
    """Neutral position of each texel of the head-and-neck chart [mm], [HEAD_SIZE, HEAD_SIZE, 3]."""
    return _positions("head_neck", HEAD_SIZE, 1.0)


def window_of(points: Float[np.ndarray, "P 2"], margin: int) -> tuple[slice, slice]:
    """Rows and columns round some points of the chart."""
    low = np.maximum(np.floor(points.min(axis=0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(points.max(axis=0)).astype(int) + margin, FACE_SIZE)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _positions(part: str, size: int, offset: float) -> np.ndarray:
    from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

    b = body()
    corners = np.unique(b.parts[part])
    uv = b.uv[corners] - (offset, 0)
    values = b.neutral[b.corners[corners]].astype(np.float64)
    at = (np.arange(size) + 0.5) / size
    grid = np.stack(np.meshgrid(at, at), axis=-1)
    filled = LinearNDInterpolator(uv, values)(grid)
    lost = np.isnan(filled[..., 0])
    filled[lost] = NearestNDInterpolator(uv, values)(grid[lost])
    return filled.astype(np.float32)


def closed_curve(points: Float[np.ndarray, "P 2"], per_side: int = 6) -> Float[np.ndarray, "Q 2"]:
    """Closed Catmull-Rom curve (uniform, not centripetal) through points."""
    p0, p1, p2, p3 = (np.roll(points, k, axis=0)[:, None] for k in (1, 0, -1, -2))
    return _catmull(p0, p1, p2, p3, per_side)


def open_curve(points: Float[np.ndarray, "P 2"], per_side: int = 8) -> Float[np.ndarray, "Q 2"]:
    """Catmull-Rom curve through points, from the first to the last."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    pieces = [padded[k : len(padded) - 3 + k, None] for k in range(4)]
    return np.vstack([_catmull(pieces[0], pieces[1], pieces[2], pieces[3], per_side), points[-1:]])


def _catmull(p0: np.ndarray, p1: np.ndarray, p2: np.ndarray, p3: np.ndarray, per_side: int) -> np.ndarray:
    t = (np.arange(per_side) / per_side)[None, :, None]
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    return curve.reshape(-1, 2)


def _polygon(curve: np.ndarray, blur: float) -> np.ndarray:
    """Antialiased filled polygon, its edge softened by `blur` [px]."""
    image = np.zeros((FACE_SIZE, FACE_SIZE), np.uint8)
    cv2.fillPoly(image, [np.round(curve * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(image.astype(np.float32) / 255, (0, 0), blur)
