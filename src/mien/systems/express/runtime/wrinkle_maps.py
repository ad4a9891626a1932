"""Normal maps of wrinkles, one for each region of `wrinkles.py`, which computes how much of each shows; in
ICT-FaceKit's uvs.

Every map is flat, (0.5, 0.5, 1), except in its region. Strokes follow the folds that the muscles make (across the
forehead, up the glabella, out from the eyes, from the nose round the mouth); a stroke is a furrow between two low
ridges, as skin that is pressed together keeps its length. The maps are procedural, without scans. Does not import
torch.
"""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mien.core import MienError
from mien.core.landmarks import MOUTH_CORNERS, OUTER_EYE_CORNERS
from mien.io.atomic import write_whole
from mien.synth.uvmaps import FACE_SIZE, face_chart, open_curve
from mien.systems.express.runtime.wrinkles import REGIONS

__all__ = ["SIZE", "normal_map", "wrinkle_heights", "write_maps"]

SIZE = 1024
"""Side of a map [px]: a pixel is 0.2 to 0.3 mm of skin on ICT's mean face."""
_SCALE = SIZE / FACE_SIZE
_FURROW, _RIDGES = 1.0, 2.6
"""Spread [mm] of a furrow, and of the ridges on both sides; both have the same volume, so the mean height of the skin
stays."""
_MM = 4.2
"""Pixels to a millimetre in the middle of the face; it scales widths, while slopes use the scale at each pixel."""

Curve = tuple[np.ndarray, float]
"""Points [P, 2] in the chart at FACE_SIZE [px], and depth [mm]."""


def wrinkle_heights() -> dict[str, Float[np.ndarray, "N N"]]:
    """Region -> height of the skin [mm] at a full wrinkle, SIZE x SIZE, row 0 at v = 0. Deterministic."""
    rng = np.random.default_rng(0x3717)
    heights = {name: _relief(curves) for name, curves in _curves(rng).items()}
    return heights | {"chin": _pebbles(rng)}


def _curves(rng: np.random.Generator) -> dict[str, list[Curve]]:
    points = face_chart().points
    middle, brow = float(points[27, 0]), float(points[17:27, 1].mean())
    out: dict[str, list[Curve]] = {name: [] for name in REGIONS}
    for k in range(4):
        # The frontalis ends below the hairline; its furrows arch over the brows and break up towards the temples.
        x = np.linspace(-82, 82, 7) * (1.0 - 0.08 * abs(k - 1.5))
        y = brow + 24 + 15 * k - 4 * np.cos(x / 30) + rng.normal(0, 1.2, 7)
        out["forehead"].append((np.stack([middle + x, y], axis=1), (0.8, 1.0, 0.8, 0.5)[k]))
    for side in (-1, 1):
        x = middle + side * 6.0
        frown = np.array([[x - side, brow - 12], [x, brow], [x + side * 1.5, brow + 15]])
        out["glabella"].append((frown, 0.9))
    root = points[27] * 0.6 + points[28] * 0.4
    for k, offset in enumerate((-7.0, 0.0, 7.0)):
        across = np.array([[-11, 3.0], [0, 0.0], [11, 3.0]]) + root + (0, offset)
        out["noseBridge"].append((across, (0.4, 0.5, 0.4)[k]))
    ends = zip((-1, 1), ("Right", "Left"), OUTER_EYE_CORNERS, (31, 35), MOUTH_CORNERS, strict=True)
    for side, name, eye, wing, mouth in ends:
        for angle in np.radians((-30, -12, 6, 24)):
            away = np.array([side * np.cos(angle), np.sin(angle)])
            bow = np.array([0, 3.0 * np.sin(angle)])
            ray = np.stack([points[eye] + away * r + bow * (r / 20) ** 2 for r in (10, 19, 30)])
            out[f"crowsFeet{name}"].append((ray, 0.5))
        nose, lip = points[wing], points[mouth]
        steps = ((nose, (7, 8)), (0.55 * nose + 0.45 * lip, (15, 4)), (lip, (22, 0)), (lip, (25, -8)))
        fold = np.stack([place + np.array([side * x, y]) for place, (x, y) in steps])
        out[f"nasolabial{name}"].append((fold, 1.6))
    return out


def _relief(curves: list[Curve]) -> Float[np.ndarray, "N N"]:
    """Furrows of unit spread between ridges, fading out at both ends."""
    drawn = np.zeros((SIZE, SIZE), np.float32)
    for places, depth in curves:
        curve = open_curve(places) * _SCALE
        ends = np.sin(np.linspace(0, np.pi, len(curve))) ** 0.6
        for (a, b), share in zip(pairwise(curve), (ends[1:] + ends[:-1]) / 2, strict=True):
            low = np.maximum(np.minimum(a, b).astype(int) - 4, 0)
            high = np.maximum(a, b).astype(int) + 5
            window = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
            p, q = (tuple(np.round((v - low) * 16).astype(int).tolist()) for v in (a, b))
            cv2.line(window, p, q, 255, 1, cv2.LINE_AA, shift=4)
            part = drawn[low[1] : high[1], low[0] : high[0]]
            np.maximum(part, window * np.float32(depth * share / 255), out=part)
    furrow, ridges = _FURROW * _MM, _RIDGES * _MM
    # A line one pixel wide blurred by s is 1 / (s sqrt(2 pi)) high.
    narrow = cv2.GaussianBlur(drawn, (0, 0), furrow) * (furrow * np.sqrt(2 * np.pi))
    wide = cv2.GaussianBlur(drawn, (0, 0), ridges) * (furrow * np.sqrt(2 * np.pi))
    return (wide - narrow).astype(np.float32)


def _pebbles(rng: np.random.Generator) -> Float[np.ndarray, "N N"]:
    """The chin's skin pulled up by the mentalis: dimples of some millimetres instead of lines."""
    points = face_chart().points * _SCALE
    x, y = points[57] * 0.55 + points[8] * 0.45
    noise = rng.standard_normal((SIZE, SIZE)).astype(np.float32)
    band = cv2.GaussianBlur(noise, (0, 0), 0.9 * _MM) - cv2.GaussianBlur(noise, (0, 0), 1.8 * _MM)
    at = np.arange(SIZE)
    spot = np.exp(-(((at - y) / (7 * _MM)) ** 2))[:, None] * np.exp(-(((at - x) / (10 * _MM)) ** 2))
    return (0.12 * spot * band / band.std()).astype(np.float32)


def normal_map(height: Float[np.ndarray, "N N"]) -> UInt8[np.ndarray, "N N 3"]:
    """Tangent-space normals (OpenGL's: green up) of a relief [mm], row 0 at v = 1, as in an image file."""
    positions = cv2.resize(face_chart().positions, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    positions = cv2.GaussianBlur(positions, (0, 0), 3.0)
    size_u, size_v = (np.linalg.norm(np.gradient(positions, axis=axis), axis=2) for axis in (1, 0))
    slope = [np.gradient(height, axis=axis) / np.maximum(size, 0.05) for axis, size in ((1, size_u), (0, size_v))]
    normal = np.stack([-slope[0], -slope[1], np.ones_like(height)], axis=2)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    return np.ascontiguousarray(np.rint(127.5 + 127.5 * normal)[::-1]).astype(np.uint8)


def write_maps(folder: Path) -> list[Path]:
    """Write a PNG for each region, named after its column of the signal, into a folder, which is created.

    Raises MienError when the folder cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MienError(f"cannot make the folder {folder}: {error.strerror}; choose another place") from error
    written: list[Path] = []
    for name, height in wrinkle_heights().items():
        path = folder / f"{name}.png"
        _, coded = cv2.imencode(".png", normal_map(height)[..., ::-1])
        with write_whole(path) as temporary:
            temporary.write_bytes(coded.tobytes())
        written.append(path)
    return written
