"""How deep the soft tissue is: from the skin to the bone, and to the fascia between them."""

import numpy as np
from jaxtyping import Float, Int

from mien.physics.face.anatomy import spots

__all__ = ["bone_depths", "fascia_depths", "inner_radii"]

_DEPTHS: tuple[tuple[float, float, float], ...] = (
    (0, 88, 4.5), (40, 86, 4.5), (0, 57, 5.5), (0, 37, 6.0), (0, 22, 3.5), (0, 4, 8.0), (14, -3, 7.0), (0, -14, 12.0),
    (0, -19, 11.0), (0, -26, 11.0), (0, -43, 12.0), (0, -52, 11.0), (0, -64, 11.0), (0, -75, 8.5), (0, -90, 9.0),
    (30, 58, 6.5), (46, 58, 6.5), (58, 35, 8.0), (31, 20, 7.0), (19, 24, 6.0), (45, 12, 11.0), (66, 15, 9.0),
    (22, -12, 13.0), (45, -15, 18.0), (45, -35, 18.0), (40, -52, 15.0), (66, -40, 15.0), (35, -70, 10.0),
    (62, 60, 8.0), (26, -35, 13.0), (30, -90, 10.0),
)  # fmt: skip
"""(x, y, depth) [mm] on ICT-FaceKit's mean face from the front, subject's left; the right mirrors it. Depths are in
round numbers after the means of adults of Stephan and Simpson, "Facial soft tissue depths in craniofacial
identification (part I)", J. Forensic Sci. 53(6), 2008, written from memory: right to about 20 %. Below the tip of the
nose lies cartilage, not bone, and between the jaws the teeth: the surrogate is what the tissue rests on."""

_FASCIA = 0.5
"""Depth of the fascia as a share of the depth of the bone: the superficial musculoaponeurotic system lies between skin
and bone, near the middle over the cheek (Lee, Terzopoulos and Waters 1995, figure 4)."""
_INSIDE = 0.42
"""Largest depth of the fascia as a share of the radius of the largest ball inside the surface, so that the layers of
the two sides of a lip or a wing of the nose stay apart."""


def bone_depths(
    mean: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"], chosen: Int[np.ndarray, "N"]
) -> Float[np.ndarray, "N"]:
    """Depth of the bone below chosen vertices of the mean face [mm], by inverse squared distance from the table."""
    table = np.array([row for x, y, d in _DEPTHS for row in ({(x, y, d), (-x, y, d)})])
    points = np.array([spot.on(mean) for spot in spots(table[:, :2], mean, triangles)])
    square = ((mean[chosen][:, None] - points[None]) ** 2).sum(axis=2)
    weight = 1 / (square + 9.0)  # rounded within 3 mm of a point
    weight *= weight
    return (weight @ table[:, 2]) / weight.sum(axis=1)


def inner_radii(points: Float[np.ndarray, "N 3"], normals: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
    """Radius of the largest ball that touches each point from inside and contains no other point [mm]."""
    out = np.empty(len(points))
    for i, (p, n) in enumerate(zip(points, normals, strict=True)):
        apart = p - points
        inward = apart @ n
        ahead = inward > 1e-6
        square = (apart[ahead] ** 2).sum(axis=1)
        out[i] = (square / (2 * inward[ahead])).min(initial=100.0)
    return out


def fascia_depths(
    bone: Float[np.ndarray, "N"], radii: Float[np.ndarray, "N"], neighbours: list[Int[np.ndarray, "_"]]
) -> Float[np.ndarray, "N"]:
    """Depth of the fascia [mm], smoothed over the surface but never beyond its limits."""
    limit = np.minimum(_FASCIA * bone, _INSIDE * radii)
    depth = limit.copy()
    for _ in range(10):
        mean = np.array([depth[around].mean() for around in neighbours])
        depth = np.minimum(limit, 0.5 * (depth + mean))
    return np.maximum(depth, 0.3)  # thinner prisms have hardly any volume to keep
