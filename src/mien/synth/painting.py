"""Skin textures in the rig's uv space, which move with the face.

Texels are the square root of linear reflectance in RGB; alpha is gloss (skin's oil below 128, lips from 160 up).
"""

from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mien.core.landmarks import OUTER_EYE_CORNERS
from mien.synth.body import smoothstep
from mien.synth.brows import paint_brow
from mien.synth.looks import Look
from mien.synth.noise import fractal, streaks
from mien.synth.uvmaps import FACE_SIZE, HEAD_SIZE, FaceChart, face_chart, head_positions, open_curve, window_of

__all__ = ["LINES", "beard_mask", "paint_face", "paint_head", "paint_lines"]

LINES = ("forehead", "glabella", "crow", "nasolabial")
"""Channels of the line texture, in RGBA order."""
LINE_ZERO = 0.25
"""Value of smooth skin in the line texture; the skin shader contains the same value."""


def paint_face(rng: np.random.Generator, look: Look, beard: Float[np.ndarray, "N N"]) -> UInt8[np.ndarray, "N N 4"]:
    """The face chart's texture; `beard` is a result of `beard_mask`."""
    chart = face_chart()
    blood, melanin = _tone(rng, look, chart)
    _spots(rng, look, chart, melanin)
    color = cv2.merge(
        [
            np.asarray(cv2.exp(float(m) * melanin - float(h) * blood)) * np.float32(c)
            for m, h, c in zip(_MELANIN, _HAEMOGLOBIN, look.skin, strict=True)
        ]
    )
    color = np.asarray(color)
    _stubble(rng, look, beard, color)
    _scalp(rng, look, "face", color)
    _lips(rng, look, chart, color)
    _eye_make_up(look, chart, color)
    for side in (0, 1):
        paint_brow(rng, look.brows, color, side)
    nose = window_of(chart.points[27:36], 24)
    color[nose] *= (1 - 0.75 * chart.nostrils[nose])[..., None]
    gloss = np.full((FACE_SIZE, FACE_SIZE), 70 * look.oil, np.float32)
    gloss += 40 * look.oil * _regions()["oily"]
    gloss = gloss * (1 - chart.lips) + (165 + 85 * look.lip_gloss) * chart.lips
    return _packed(color, gloss)


def paint_head(rng: np.random.Generator, look: Look) -> UInt8[np.ndarray, "M M 4"]:
    """The head-and-neck chart's texture."""
    field = fractal(rng, 2.2, 2)[::2, ::2]
    color = look.skin[None, None] * np.exp(look.mottling * field)[..., None] * (0.97, 0.95, 0.95)
    color = color.astype(np.float32)
    _scalp(rng, look, "head", color)
    return _packed(color, np.full((HEAD_SIZE, HEAD_SIZE), 40 * look.oil, np.float32))


def paint_lines(rng: np.random.Generator) -> UInt8[np.ndarray, "N N 4"]:
    """Expression lines as relief: dark furrows between lit ridges, `LINE_ZERO` where the skin is smooth.

    The expression controls how much of each channel (`LINES`) shows.
    """
    chart = face_chart()
    points = chart.points
    out = np.zeros((4, FACE_SIZE, FACE_SIZE), np.uint8)
    brow = points[17:27, 1].mean()
    middle = points[27, 0]
    for k in range(int(rng.integers(3, 6))):
        y = brow + 22 + 15 * k + rng.normal(0, 3)
        x = np.linspace(-95, 95, 9) * rng.uniform(0.7, 1.05)
        curve = np.stack([middle + x, y - 6 * np.cos(x / 40) + rng.normal(0, 1.5, 9)], axis=1)
        _stroke(out[0], open_curve(curve), 255, rng.uniform(1.2, 2.6))
    for side in (-1, 1):
        for k in range(int(rng.integers(1, 3))):
            x0 = middle + side * (5 + 7 * k + rng.normal(0, 1))
            _stroke(out[1], np.array([[x0, brow - 14], [x0 + side * rng.normal(1, 1), brow + 14]]), 230, 2.4)
        corner = points[OUTER_EYE_CORNERS[side > 0]]
        for angle in np.radians(rng.uniform(-32, 28, int(rng.integers(2, 5)))):
            start = corner + side * np.array([12, 0]) + (0, 14 * np.sin(angle))
            end = start + side * np.array([rng.uniform(18, 34), 0]) + (0, 26 * np.sin(angle))
            _stroke(out[2], np.stack([start, end]), 230, rng.uniform(1.0, 2.0))
        nose, mouth = points[31 if side < 0 else 35], points[48 if side < 0 else 54]
        curve = np.stack(
            [nose + np.array([side * 6, 6]), (nose + mouth) / 2 + (side * 14, 2), mouth + np.array([side * 17, -8])]
        )
        _stroke(out[3], open_curve(curve), 230, rng.uniform(2.0, 4.0))
    strokes = np.ascontiguousarray(np.moveaxis(out, 0, -1))
    ridges = cv2.GaussianBlur(strokes, (0, 0), 3.0)
    furrows = cv2.GaussianBlur(strokes, (0, 0), 1.1)
    return np.asarray(cv2.addWeighted(furrows, 1 - LINE_ZERO, ridges, -0.6 * (1 - LINE_ZERO), 255 * LINE_ZERO))


@lru_cache(maxsize=2)
def _scalp_terms(chart: str) -> tuple[np.ndarray, np.ndarray]:
    """Height over the hairline and its derivative by receding; the mask is linear in these, so they are computed
    once."""
    from mien.synth.hair import HEAD_CENTRE, hairline_elevation

    d = (face_chart().positions if chart == "face" else head_positions()) - HEAD_CENTRE.astype(np.float32)
    azimuth = np.arctan2(d[..., 0], d[..., 2])
    elevation = np.arctan2(d[..., 1], np.hypot(d[..., 0], d[..., 2]))
    edge = hairline_elevation(azimuth, 0.0)
    return (elevation - edge).astype(np.float32), (hairline_elevation(azimuth, 1.0) - edge).astype(np.float32)


def _packed(color: np.ndarray, gloss: np.ndarray) -> np.ndarray:
    out = np.empty((*gloss.shape, 4), np.uint8)
    out[..., :3] = cv2.convertScaleAbs(np.sqrt(np.maximum(color, 0)), alpha=255).reshape(color.shape)
    out[..., 3] = np.clip(gloss, 0, 255)
    return out


def _blob(centre: np.ndarray, radius: float | tuple[float, float]) -> np.ndarray:
    """A soft disc in the chart, centre and radius in px."""
    rx, ry = radius if isinstance(radius, tuple) else (radius, radius)
    x = np.arange(FACE_SIZE, dtype=np.float32)
    return np.exp(-(((x - centre[1]) / ry) ** 2))[:, None] * np.exp(-(((x - centre[0]) / rx) ** 2))[None]


def _cheeks(chart: FaceChart) -> np.ndarray:
    p = chart.points
    left, right = (p[36] + p[48]) / 2 + (-26, 8), (p[45] + p[54]) / 2 + (26, 8)
    return _blob(left, 42) + _blob(right, 42)


def _oily(chart: FaceChart) -> np.ndarray:
    p = chart.points
    return _blob(p[29], (22, 55)) + 0.8 * _blob(p[27] + (0, 90), (90, 45)) + 0.5 * _blob(p[57] - (0, 30), 30)


_MELANIN = (0.75, 1.0, 1.15)
"""Log reflectance per unit of the melanin field (which is negative where skin is darker)."""
_HAEMOGLOBIN = (0.10, 0.62, 0.42)
"""Absorbance per unit of blood, as in `looks.skin_color`."""


@lru_cache(maxsize=1)
def _regions() -> dict[str, Float[np.ndarray, "N N"]]:
    """Soft regions of the chart that many looks share."""
    chart = face_chart()
    p = chart.points
    cheeks = _cheeks(chart)
    under = _blob(p[[40, 41]].mean(0) - (0, 13), (24, 10)) + _blob(p[[46, 47]].mean(0) - (0, 13), (24, 10))
    sockets = sum(_blob(p[eye].mean(0) + np.array([0, 6]), (34, 17)) for eye in (slice(36, 42), slice(42, 48)))
    return {
        "flush": (cheeks + 0.9 * _blob(p[30], (34, 30)) + 0.7 * chart.ears).astype(np.float32),
        "under": under.astype(np.float32),
        "sockets": np.asarray(sockets, np.float32),
        "freckled": np.clip(cheeks + _blob(p[29], 60), 0, 1).astype(np.float32),
        "oily": _oily(chart).astype(np.float32),
    }


def _tone(rng: np.random.Generator, look: Look, chart: FaceChart) -> tuple[np.ndarray, np.ndarray]:
    """Images of blood and melanin over the face."""
    regions = _regions()
    blood = np.float32(look.redness) * regions["flush"]
    blood += np.float32(0.10 * (0.4 + look.redness)) * fractal(rng, 2.6, 2)
    blood += np.float32(0.25) * chart.eyes
    # Capillaries and pigment vary independently down to millimetres, so the hue of skin varies, not only its
    # lightness.
    blood += np.float32(look.patches) * fractal(rng, 0.9, 24)
    melanin = np.float32(look.mottling) * fractal(rng, 1.8, 3) + np.float32(look.pores) * fractal(rng, 0.4, 60)
    melanin -= np.float32(look.shadows) * regions["under"] + np.float32(look.sockets) * regions["sockets"]
    blood += np.float32(0.8 * look.sockets) * regions["sockets"]
    return blood, melanin


def _spots(rng: np.random.Generator, look: Look, chart: FaceChart, melanin: np.ndarray) -> None:
    """Freckles and moles."""
    if look.freckles > 0:
        dots = smoothstep(1.5, 2.3, fractal(rng, 0.9, 26)) * _regions()["freckled"]
        melanin -= np.float32(0.6 * look.freckles) * dots
    for _ in range(look.moles):
        centre = rng.uniform(90, FACE_SIZE - 90, 2)
        window = window_of(centre[None], 12)
        spot = _blob(centre, float(rng.uniform(1.5, 4.0)))[window]
        melanin[window] -= (1.4 * spot).astype(np.float32)
    del chart


@lru_cache(maxsize=8)
def beard_region(kind: str = "full") -> Float[np.ndarray, "N N"]:
    """Where a beard of some kind grows, in [0, 1]."""
    chart = face_chart()
    p = chart.points
    rows = np.arange(FACE_SIZE, dtype=np.float32)[:, None]
    columns = np.arange(FACE_SIZE, dtype=np.float32)[None]
    off = np.abs(columns - p[8, 0])
    lip_y, nose_y, chin_y = p[48, 1], p[33, 1], p[8, 1]
    # Border on the cheek: from the sideburn (high, far out) down towards the corner of the mouth.
    border = lip_y + np.interp(off[0], [40, 70, 120, 165], [2, 6, 30, 150])[None]
    low = smoothstep(chin_y - 75, chin_y - 35, rows)
    full = smoothstep(8, -6, rows - border) * low * smoothstep(188, 172, off)
    top = nose_y - 2 - 0.006 * off**2
    moustache = smoothstep(2, -5, rows - top) * smoothstep(lip_y - 20, lip_y - 2, rows) * smoothstep(74, 44, off)
    chin = smoothstep(60, 26, off) * smoothstep(lip_y - 18, lip_y - 30, rows) * low
    goatee = np.maximum(chin, 0.6 * full * smoothstep(74, 44, off))
    soul = smoothstep(16, 6, off) * (rows < p[57, 1])
    below = {"full": full, "moustache": 0 * full, "goatee": goatee, "chin": chin}[kind]
    below = np.maximum(below, soul * chin) if kind != "moustache" else below
    above = {"full": moustache, "moustache": moustache, "goatee": moustache * smoothstep(64, 44, off), "chin": 0 * full}
    # A moustache is a centimetre high, and the blur of the cheeks would remove it.
    shape = np.maximum(_soft(below, 8.0), np.clip(1.25 * _soft(above[kind], 3.5), 0, 1))
    return (shape * (1 - np.clip(_soft(chart.lips, 1.5) * 1.9, 0, 1))).astype(np.float32)


def _soft(image: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(np.ascontiguousarray(image, np.float32), (0, 0), sigma))


def beard_mask(rng: np.random.Generator, look: Look) -> Float[np.ndarray, "N N"]:
    """How dense one performer's beard grows, in [0, 1]: thinner and patchier towards its border, which is irregular."""
    if look.beard == "none":
        return np.zeros((FACE_SIZE, FACE_SIZE), np.float32)
    region = beard_region(look.beard)
    # Noise has most effect where the region fades, so that no border is a clean line.
    wander = region + region * (1 - region) * (0.9 * fractal(rng, 2.4, 4) + 0.5 * fractal(rng, 1.0, 30))
    dense = np.clip(wander, 0, 1) ** float(rng.uniform(1.0, 2.2))
    return (dense * np.clip(0.92 + 0.12 * fractal(rng, 2.0, 3), 0, 1)).astype(np.float32)


def _stubble(rng: np.random.Generator, look: Look, beard: np.ndarray, color: np.ndarray) -> None:
    amount = np.zeros((FACE_SIZE, FACE_SIZE), np.float32)
    if look.stubble > 0:
        grain = 0.45 + 0.35 * fractal(rng, 0.1, 40)
        amount = np.clip(look.stubble * 0.75 * beard_region() * grain, 0, 0.8)
    if look.beard != "none":
        # Roots darken the skin well beyond the place where hair hides it.
        under = beard**0.8 * np.clip(0.7 + 0.3 * streaks(rng, 5), 0.15, 1)
        amount = np.maximum(amount, 0.75 * under)
    if amount.any():
        color += amount[..., None] * (look.beard_color.astype(np.float32) * 0.8 - color)


def _scalp(rng: np.random.Generator, look: Look, chart: str, color: np.ndarray) -> None:
    if look.hair.kind == "bald":
        return
    above, recede = _scalp_terms(chart)
    mask = smoothstep(-0.08, 0.10, above - np.float32(look.hair.hairline) * recede)
    rows = np.flatnonzero(mask.any(axis=1))
    window = slice(rows[0], rows[-1] + 1) if len(rows) else slice(0, 0)
    grain = fractal(rng, 0.3, 30)
    grain = grain if mask.shape[0] == FACE_SIZE else grain[::2, ::2]
    strength = 0.65 if look.hair.kind == "buzz" else 0.9
    # Grain has most effect where hair is sparse, so that the border looks like single hairs.
    soft = mask[window] * (strength + 0.2 * grain[window]) + 0.3 * mask[window] * (1 - mask[window]) * grain[window]
    amount = np.clip(soft, 0, 0.95)[..., None]
    part = color[window]
    part += amount * ((look.hair.color * 0.8).astype(np.float32) - part)


def _lips(rng: np.random.Generator, look: Look, chart: FaceChart, color: np.ndarray) -> None:
    window = window_of(chart.points[48:68], 14)
    mask = np.ascontiguousarray(chart.lips[window])
    if abs(look.lip_edge) > 0.5:
        size = 2 * int(abs(look.lip_edge) + 0.5) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        mask = cv2.dilate(mask, kernel) if look.lip_edge > 0 else cv2.erode(mask, kernel)
    fine = (1 + 0.06 * streaks(rng, 4)[window]) * (1 - 0.25 * chart.mouth_line[window])
    part = color[window]
    part += mask[..., None] * (look.lips.astype(np.float32) * fine[..., None] - part)


def _eye_make_up(look: Look, chart: FaceChart, color: np.ndarray) -> None:
    for eye in (chart.points[36:42], chart.points[42:48]):
        window = window_of(eye, 34)
        upper = eye[:4] - (window[1].start, window[0].start)
        lower = eye[[3, 4, 5, 0]] - (window[1].start, window[0].start)
        part = color[window]
        near = _soft_line(part, upper, 4.0, 1.8)
        below = _soft_line(part, lower, 3.0, 1.5)
        inner = cv2.GaussianBlur(np.ascontiguousarray(chart.eyes[window]), (0, 0), 1.5)
        # Lash roots and the lid's shadow outline every eye from afar, more above than below.
        dark = np.clip((0.55 + 0.4 * look.lashes + 0.6 * look.liner) * near, 0, 0.93)
        dark = 1 - (1 - dark) * (1 - np.clip((0.12 + 0.2 * look.lashes + 0.35 * look.liner) * below, 0, 0.8))
        if look.crease > 0:
            fold = upper + np.array([[0, 0.45], [0, 1], [0, 1], [0, 0.5]]) * look.crease_height
            dark = 1 - (1 - dark) * (1 - look.crease * _soft_line(part, fold, 3.0, 2.4))
        part *= ((1 - dark) * (1 - 0.25 * inner))[..., None]
        if look.eye_shadow > 0:
            x, y = np.arange(part.shape[1]), np.arange(part.shape[0])[:, None]
            cx, cy = upper.mean(0) + np.array([0, 12])
            soft = look.eye_shadow * np.exp(-(((x - cx) / 26) ** 2) - ((y - cy) / 12) ** 2)
            part += soft[..., None].astype(np.float32) * (look.shadow_color.astype(np.float32) - part)


def _soft_line(like: np.ndarray, points: np.ndarray, width: float, blur: float) -> Float[np.ndarray, "H W"]:
    """A blurred curve through points, with the value 1 in its middle."""
    line = np.zeros(like.shape[:2], np.uint8)
    _stroke(line, open_curve(points), 255, width)
    return cv2.GaussianBlur(line.astype(np.float32) / 255, (0, 0), blur)


def _stroke(image: np.ndarray, curve: np.ndarray, value: int, width: float) -> None:
    cv2.polylines(
        image, [np.round(curve * 16).astype(np.int32)], False, value, max(round(width), 1), cv2.LINE_AA, shift=4
    )
