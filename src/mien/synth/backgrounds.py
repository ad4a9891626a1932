"""Procedural backgrounds: rooms, walls, bokeh, gardens. Each process has a pool of images, cropped and tinted per use.

Pixels are encoded like the renderer's, as the square root of half the linear value, as the sensor takes both.
"""

from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mien.synth.noise import fractal

__all__ = ["sample_background"]

_POOL, _SIZE = 36, 512


def sample_background(rng: np.random.Generator, size: int) -> tuple[UInt8[np.ndarray, "S S 3"], Float[np.ndarray, "3"]]:
    """A background of `size` px, encoded, and its mean linear colour."""
    image = _pool()[rng.integers(_POOL)]
    span = int(rng.integers(min(size // 2, _SIZE - 100), _SIZE))
    x, y = rng.integers(0, _SIZE - span + 1, 2)
    cut = image[y : y + span, x : x + span, ::1]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    cut = cv2.resize(
        np.ascontiguousarray(cut), (size, size), interpolation=cv2.INTER_AREA if span > size else cv2.INTER_LINEAR
    )
    blur = rng.uniform(0, 9) if rng.random() < 0.7 else 0
    if blur > 3:  # at a quarter of the size, which is not visible after this much blur
        small = cv2.resize(cut, (size // 4, size // 4), interpolation=cv2.INTER_AREA)
        cut = cv2.resize(cv2.GaussianBlur(small, (0, 0), blur / 4), (size, size), interpolation=cv2.INTER_LINEAR)
    elif blur > 0.5:
        cut = cv2.GaussianBlur(cut, (0, 0), blur)
    gain = np.exp(rng.normal(0.2, 0.4)) * np.exp(rng.normal(0, 0.03, 3))
    cut = np.clip(cut.astype(np.float32) * gain.astype(np.float32), 0, 255)
    mean = (cut.mean(axis=(0, 1)) / 255) ** 2 * 2
    return cut.astype(np.uint8), mean


@lru_cache(maxsize=1)
def _pool() -> list[UInt8[np.ndarray, "N N 3"]]:
    rng = np.random.default_rng(77)
    makers = (_room, _room, _wall, _bokeh, _outdoors, _shelves)
    return [_encode(makers[k % len(makers)](rng)) for k in range(_POOL)]


def _encode(image: np.ndarray) -> np.ndarray:
    return (np.sqrt(np.clip(image, 0, 2) / 2) * 255).astype(np.uint8)


def _paint(rng: np.random.Generator, bright: float = 0.5) -> np.ndarray:
    """A muted interior colour, linear: walls, wood and cloth have low saturation."""
    value = np.exp(rng.normal(np.log(bright), 0.5))
    # Colours vary far more from warm to cool than from green to purple, as woods, plasters and daylight do.
    warm, green = rng.normal(0, 1, 2) * (1.0, 0.22)
    hue = np.array([warm - 0.5 * green, green, -warm - 0.5 * green])
    hue = (hue + rng.normal(0, 0.12, 3)) * rng.choice([0.06, 0.15, 0.35], p=[0.55, 0.33, 0.12])
    return np.clip(value * np.exp(hue - hue.mean()), 0.01, 1.2)


def _light_field(rng: np.random.Generator) -> np.ndarray:
    """Smooth falloff of light over a wall."""
    y, x = np.mgrid[0:_SIZE, 0:_SIZE].astype(np.float32) / _SIZE
    field = np.full_like(x, rng.uniform(0.35, 0.8))
    for _ in range(int(rng.integers(1, 4))):
        cx, cy, r = rng.uniform(-0.3, 1.3), rng.uniform(-0.4, 1.0), rng.uniform(0.2, 0.9)
        field += rng.uniform(0.2, 0.9) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r))
    return field


def _wall(rng: np.random.Generator) -> np.ndarray:
    texture = 1 + 0.03 * fractal(rng, 1.5, 2)
    return _paint(rng)[None, None] * (_light_field(rng) * texture)[..., None]


def _rect(
    image: np.ndarray, rng: np.random.Generator, x0: float, y0: float, x1: float, y1: float, color: np.ndarray
) -> None:
    n = _SIZE
    tilt = rng.normal(0, 0.01, 8) * n
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) * n + tilt.reshape(4, 2)
    cv2.fillPoly(image, [np.round(corners * 16).astype(np.int32)], color.tolist(), cv2.LINE_AA, shift=4)


def _room(rng: np.random.Generator) -> np.ndarray:
    """A wall with a window or door, pictures, furniture, a lamp."""
    image = np.ascontiguousarray(np.broadcast_to(_paint(rng)[None, None], (_SIZE, _SIZE, 3)).astype(np.float32))
    if rng.random() < 0.6:  # another wall or the ceiling
        x = rng.uniform(0.1, 0.9)
        _rect(image, rng, *((x, -0.1, 1.1, 1.1) if rng.random() < 0.7 else (-0.1, -0.1, 1.1, 0.25 * x)), _paint(rng))
    for _ in range(int(rng.integers(2, 8))):
        x, y, w, h = rng.uniform(-0.1, 0.9), rng.uniform(0, 0.9), rng.uniform(0.06, 0.4), rng.uniform(0.06, 0.5)
        frame = _paint(rng, 0.15)
        _rect(image, rng, x, y, x + w, y + h, frame)
        if rng.random() < 0.6:
            m = 0.012
            _rect(image, rng, x + m, y + m, x + w - m, y + h - m, _paint(rng))
    image *= _light_field(rng)[..., None]
    if rng.random() < 0.45:  # a window
        x, w = rng.uniform(-0.2, 0.9), rng.uniform(0.15, 0.4)
        sky = np.array([0.9, 1.0, 1.15]) * rng.uniform(0.7, 1.8)
        for k in range(2):
            _rect(image, rng, x + k * w / 2, 0.05, x + (k + 1) * w / 2 - 0.012, rng.uniform(0.4, 0.7), sky)
    if rng.random() < 0.4:  # a lamp
        centre, r = rng.uniform(0, _SIZE, 2), rng.uniform(12, 40)
        y, x = np.mgrid[0:_SIZE, 0:_SIZE].astype(np.float32)
        glow = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * r * r))
        image += glow[..., None] * np.array([1.6, 1.3, 0.85]) * rng.uniform(0.5, 1.2)
    return image * (1 + 0.02 * fractal(rng, 1.2, 4))[..., None]


def _shelves(rng: np.random.Generator) -> np.ndarray:
    """Book shelves: rows of narrow upright boxes."""
    image = np.ascontiguousarray(np.broadcast_to(_paint(rng, 0.2)[None, None], (_SIZE, _SIZE, 3)).astype(np.float32))
    rows = int(rng.integers(3, 7))
    for row in range(rows):
        y0, y1 = row / rows, (row + 0.92) / rows
        x = 0.0
        while x < 1:
            w = rng.uniform(0.012, 0.06)
            if rng.random() < 0.85:
                _rect(image, rng, x, y0 + rng.uniform(0.01, 0.5 / rows), x + w, y1, _paint(rng, 0.3))
            x += w
    return image * _light_field(rng)[..., None]


def _bokeh(rng: np.random.Generator) -> np.ndarray:
    image = (_paint(rng, 0.12)[None, None] * _light_field(rng)[..., None]).astype(np.float32)
    for _ in range(int(rng.integers(15, 70))):
        centre, r = rng.uniform(0, _SIZE, 2), rng.uniform(5, 34)
        disc = np.zeros((_SIZE, _SIZE), np.float32)
        cv2.circle(disc, tuple(int(v) for v in centre), int(r), 1.0, -1, cv2.LINE_AA)
        image += disc[..., None] * _paint(rng, 0.5) * rng.uniform(0.2, 1.2)
    return cv2.GaussianBlur(image, (0, 0), 2.0)


def _outdoors(rng: np.random.Generator) -> np.ndarray:
    """Sky, foliage, a street or field, out of focus."""
    y = np.linspace(0, 1, _SIZE, dtype=np.float32)[:, None, None]
    horizon = rng.uniform(0.2, 0.75)
    sky = (
        np.array([0.55, 0.75, 1.05]) * rng.uniform(0.6, 1.5)
        if rng.random() < 0.6
        else np.full(3, rng.uniform(0.6, 1.4))
    )
    ground = np.array([0.16, 0.19, 0.09]) * rng.uniform(0.5, 2) if rng.random() < 0.5 else _paint(rng, 0.25)
    image = np.where(
        y < horizon + 0.02 * fractal(rng, 2.5, 1)[..., None], sky * (0.7 + 0.5 * y), ground * (1.3 - 0.5 * y)
    )
    trees = fractal(rng, 2.2, 2) + 2.2 * np.exp(-(((y[..., 0] - horizon) / 0.2) ** 2)) - rng.uniform(0.6, 1.8)
    leaf = np.array([0.07, 0.12, 0.03]) * rng.uniform(0.5, 2.5) * np.exp(0.55 * fractal(rng, 1.4, 4))[..., None]
    mask = np.clip(trees * 3, 0, 1)[..., None]
    return cv2.GaussianBlur((image * (1 - mask) + leaf * mask).astype(np.float32), (0, 0), float(rng.uniform(1, 6)))
