"""Eyebrows: hair painted along a line of the face chart, and landmarks that lie in that hair."""

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Float, Int

from mien.synth.body import body, smoothstep
from mien.synth.looks import Brows
from mien.synth.noise import fractal
from mien.synth.uvmaps import FACE_SIZE, face_chart, open_curve, window_of

if TYPE_CHECKING:
    from scipy.spatial import KDTree

__all__ = ["brow_anchors", "brow_height", "brow_line", "paint_brow"]


def paint_brow(rng: np.random.Generator, brows: Brows, color: Float[np.ndarray, "N N 3"], side: int) -> None:
    """Paint one brow into the face chart `color`, in place; side 0 is the subject's right.

    Hairs follow the brow's line: they are upright at the inner end and slant outwards towards the outer end.
    """
    out = 1 if side else -1  # towards the outer end in the chart
    curve = open_curve(brow_line(brows, side), 12)
    count = int(110 + 420 * brows.density * min(brows.thickness / 14, 1.6))
    along = rng.uniform(0, 1, count)
    across = rng.uniform(-1, 1, count)
    width = brows.thickness * (1 - brows.taper * smoothstep(0.35, 1.0, along)) * smoothstep(-0.15, 0.12, along) / 2
    place = along * (len(curve) - 1)
    low = np.minimum(place.astype(int), len(curve) - 2)
    base = curve[low] + (curve[low + 1] - curve[low]) * (place - low)[:, None]
    base[:, 1] += across * width
    angle = np.interp(along, [0, 0.25, 1], [1.25, 0.65, 0.05]) - 0.5 * across * along + rng.normal(0, 0.18, count)
    length = rng.uniform(4.5, 9.5, count)
    hair = np.stack([out * np.cos(angle), np.sin(angle)], axis=1) * length[:, None]
    base, tip = base - 0.5 * hair, base + 0.5 * hair  # equal lengths above and below the line of the landmarks
    window = window_of(np.concatenate([base, tip, curve]), 10)
    corner = (window[1].start, window[0].start)
    part = color[window]
    image = np.zeros(part.shape[:2], np.uint8)
    segments = np.round((np.stack([base, tip], axis=1) - corner) * 16).astype(np.int32)
    for group, value in enumerate((120, 185, 255)):  # fine hairs under strong ones
        cv2.polylines(image, list(segments[group::3]), False, value, 1, cv2.LINE_AA, shift=4)
    hairs = cv2.GaussianBlur(image.astype(np.float32) / 255, (0, 0), 0.9)
    band = np.zeros_like(image)
    half = np.array([[0, 0.5]]) * brow_height(brows, np.linspace(0, 1, len(curve)))[:, None]
    ring = np.vstack([curve + half, (curve - half)[::-1]]) - corner
    cv2.fillPoly(band, [np.round(ring * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    # A texel is 1.5 times as high as wide; the border is a few hairs wide.
    blur = 0.6 + 0.24 * brows.thickness
    soft = cv2.GaussianBlur(band.astype(np.float32) / 255, (0, 0), 2.0 * blur, sigmaY=blur)
    patchy = 1 + 0.25 * fractal(rng, 0.8, 20)[window]
    under = np.maximum(1.1 * brows.body * (0.35 + 0.65 * brows.density) * patchy, brows.made_up) * soft
    hairs = hairs * (0.6 + 0.75 * brows.density)
    strength = np.clip(hairs + under * (1 - hairs), 0, 0.95)[..., None]
    part += strength * (brows.color.astype(np.float32) - part)


def brow_line(brows: Brows, side: int) -> Float[np.ndarray, "5 2"]:
    """The middle line of the hair in the chart [px], from the inner to the outer end; side 0 is the subject's right."""
    points = face_chart().points
    out = 1 if side else -1
    line = points[22:27] if side else points[17:22][::-1]
    # ICT-FaceKit marks the upper edge of the brow; the middle of the hair lies half a mean brow below.
    line = line + np.array([0, brows.lift - 6])
    line[0, 0] += out * brows.gap
    line[4] += np.array([out * 26, -14]) * (brows.tail - 1)
    line[2:4, 1] += brows.arch * np.array([0.7, 1.0])
    return line


def brow_height(brows: Brows, along: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Height of the hairy band [px] at places from the inner end (0) to the outer end (1)."""
    return brows.thickness * np.interp(along, [0, 0.18, 0.4, 1], [0.4, 0.95, 1, 0.8 * (1 - brows.taper)])


def brow_anchors(brows: Brows) -> tuple[Int[np.ndarray, "20 3"], Float[np.ndarray, "20 3"]]:
    """Body vertices and weights of mien198's brow points (`performer.BROW_POINTS`) on the painted hair.

    The rig's own anchors lie on its mean brow, but only hair is visible. The upper row runs midway between the middle
    of the hair and its upper border, and the lower row midway between the middle and its lower border.
    """
    rows: list[np.ndarray] = []
    for side in (0, 1):
        line = brow_line(brows, side)
        quarter = np.array([[0, 0.25]]) * brow_height(brows, np.linspace(0, 1, 5))[:, None]
        upper, lower = line + quarter, line - quarter
        rows += [upper, lower[::-1]] if side else [upper[::-1], lower[::-1]]
    points = np.concatenate([rows[0], rows[2], rows[1], rows[3]])
    tree, vertices, corners = _brow_triangles()
    near = np.asarray(tree.query(points, k=16)[1])
    a, b, c = np.moveaxis(corners[near], 2, 0)
    u, v, w = b - a, c - a, points[:, None] - a
    area = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    second = (w[..., 0] * v[..., 1] - w[..., 1] * v[..., 0]) / area
    third = (u[..., 0] * w[..., 1] - u[..., 1] * w[..., 0]) / area
    weights = np.stack([1 - second - third, second, third], axis=-1)
    best = weights.min(axis=-1).argmax(axis=1)  # the triangle that holds the point
    at = np.arange(len(points))
    inside = np.maximum(weights[at, best], 0)
    return vertices[near[at, best]], inside / inside.sum(axis=1, keepdims=True)


@lru_cache(maxsize=1)
def _brow_triangles() -> "tuple[KDTree, np.ndarray, np.ndarray]":
    """A search tree over the centres of the chart's triangles round the brows, their body vertices and corners."""
    from scipy.spatial import KDTree

    b, points = body(), face_chart().points[17:27]
    triangles = b.parts["face"]
    corners = b.uv[triangles] * FACE_SIZE - 0.5
    middles = corners.mean(axis=1)
    low, high = points.min(axis=0) - 50, points.max(axis=0) + 50
    near = ((middles > low) & (middles < high)).all(axis=1)
    return KDTree(middles[near]), b.corners[triangles[near]], corners[near]
