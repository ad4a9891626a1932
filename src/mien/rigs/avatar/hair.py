"""Hair as a plain cap: the scalp once more, lifted, with strands painted from the crown to the hairline."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import Mesh, Rig
from mien.core.mesh import Part, vertex_normals
from mien.rigs.avatar.hairline import FRONT, directions, scalp_margin
from mien.rigs.avatar.photo import Seen, sampled
from mien.rigs.avatar.zones import step
from mien.rigs.ict_topology import SKIN

__all__ = ["HAIR", "hair_color", "hairline_of", "strands", "with_cap"]

HAIR = "hair"
"""Name of the part and of its texture."""
_HEIGHT = 13.0
"""Height of the cap over the scalp [mm]: the scalp of a head with short hair."""
_EDGE = 0.28
"""Angle from the hairline over which the cap reaches its height [rad], 3 cm."""
_SMOOTHING = 12
"""Times that the cap is smoothed, so that no ear or fold of the scalp shows."""
_SIDE = 256
_TIPS = 0.07
"""Angle below and above the hairline over which hair thins out [rad]."""
_AROUND = 4
"""Times that the texture is repeated around the head."""
_LOWEST, _HIGHEST = 20.0, 60.0
"""Elevations between which the hairline of the forehead is searched [deg]."""
_APART = 0.5
"""Difference from bare skin, in the logarithm of one colour channel, from which a point shows hair."""
_HAIRY = 0.4
"""Share of the points of the scalp that must show hair."""
_ENOUGH = 40
"""Vertices of the scalp that a photo must show for a colour of its hair."""


def hairline_of(rig: Rig, views: list[Seen], skin: Float[np.ndarray, "3"]) -> float:
    """Elevation of the hairline over the forehead [rad]: where skin gives way to hair in the middle of the photos.

    `skin` is the colour of bare skin, linear. It is `FRONT` when no photo shows the change.
    """
    azimuth, elevation = directions(rig.neutral.vertices[:SKIN])
    edges = np.radians(np.arange(_LOWEST, _HIGHEST, 2.0))
    found: list[float] = []
    for view in views:
        middle = np.flatnonzero((np.abs(azimuth) < np.radians(14)) & (view.facing[:SKIN] > 0.12))
        apart = np.abs(np.log(_colors(view, middle)) - np.log(skin)).max(axis=1)
        place = np.digitize(elevation[middle], edges)
        rows = [apart[place == k] for k in range(1, len(edges))]
        hair = [len(row) >= 3 and np.median(row) > _APART for row in rows]
        if any(hair) and not hair[0]:
            found.append(float(edges[hair.index(True)]))
    return float(np.median(found)) if found else FRONT


def hair_color(
    rig: Rig, views: list[Seen], skin: Float[np.ndarray, "3"], front: float
) -> Float[np.ndarray, "3"] | None:
    """Linear colour of the hair that the photos show on the scalp; None when it shows skin, or none of it.

    `front` is the elevation of the hairline over the forehead [rad].
    """
    inside = np.flatnonzero(scalp_margin(rig.neutral.vertices[:SKIN], front) > 0.04)
    found = [_colors(view, inside[view.facing[inside] > 0.1]) for view in views]
    colors = np.concatenate([part for part in found if len(part) >= _ENOUGH] or [np.zeros((0, 3))])
    if not len(colors):
        return None
    is_hair = np.abs(np.log(colors) - np.log(skin)).max(axis=1) > _APART
    return np.median(colors[is_hair], axis=0) if is_hair.mean() > _HAIRY else None


def _colors(view: Seen, vertices: np.ndarray) -> Float[np.ndarray, "N 3"]:
    import cv2

    if not len(vertices):
        return np.zeros((0, 3), np.float32)
    soft = cv2.GaussianBlur(view.light, (0, 0), max(0.5, view.detail))
    return np.maximum(sampled(np.asarray(soft), view.place[vertices]), 1e-3)


def strands(color: Float[np.ndarray, "3"]) -> UInt8[np.ndarray, "N N 4"]:
    """A texture of strands along v about an sRGB colour in [0, 1], periodic in u; single hairs stand at v = 0."""
    import cv2

    rng = np.random.default_rng(3)
    lines, tips = np.zeros((_SIDE, _SIDE), np.float32), np.zeros((_SIDE, _SIDE), np.float32)
    for width, strength in ((0.7, 0.5), (2.0, 0.8), (6.0, 0.9)):
        noise = np.tile(rng.normal(size=(_SIDE, _SIDE)).astype(np.float32), (1, 3))
        soft = cv2.GaussianBlur(noise, (0, 0), sigmaX=width, sigmaY=width * 14)[:, _SIDE : 2 * _SIDE]
        lines += strength * soft / soft.std()
        # Rolled, so that the hairs that reach over the hairline are not those of one shade.
        tips = tips + np.roll(soft, _SIDE // 3, axis=1) / soft.std() if width < 3 else tips
    painted = np.asarray(color) * np.exp(0.13 * lines)[..., None]
    above = (np.arange(_SIDE)[::-1, None] + 0.5) / _SIDE  # the first row is at v = 1
    cover = np.clip(0.5 + (above - _TIPS * (1.2 + 0.35 * tips)) / (0.5 * _TIPS), 0, 1)
    return np.rint(255 * np.clip(np.concatenate([painted, cover[..., None]], axis=2), 0, 1)).astype(np.uint8)


def with_cap(rig: Rig, color: Float[np.ndarray, "3"], front: float) -> Rig:
    """The rig with a cap of hair as its last part, moved as the scalp below it is.

    `color` is sRGB in [0, 1]; `front` is the elevation of the hairline over the forehead [rad].
    """
    margin = scalp_margin(rig.neutral.vertices[:SKIN], front)
    topology = rig.neutral.topology
    triangles = topology.triangles[(topology.triangles < SKIN).all(axis=1)]
    covered = triangles[(margin[triangles] > -_TIPS).all(axis=1)]
    source, cap = np.unique(covered, return_inverse=True)
    cap = cap.reshape(-1, 3)
    vertices = _lifted(rig, source, cap, margin[source])
    start, count = len(topology.triangles), len(rig.neutral.vertices)
    corners = _coordinates(rig.neutral.vertices[source], margin[source], cap)
    assert topology.uv is not None and topology.uv_triangles is not None
    part = Part(
        name=HAIR, start=start, stop=start + len(cap), color=(1.0, 1.0, 1.0), roughness=0.6, texture=HAIR
    )  # fmt: skip
    merged = replace(
        topology,
        triangles=np.concatenate([topology.triangles, cap + count]).astype(np.int32),
        uv=np.concatenate([topology.uv, corners.reshape(-1, 2)]).astype(np.float32),
        uv_triangles=np.concatenate(
            [topology.uv_triangles, np.arange(3 * len(cap)).reshape(-1, 3) + len(topology.uv)]
        ).astype(np.int32),
        parts=(*topology.parts, part),
        groups={**topology.groups, HAIR: np.arange(count, count + len(source))},
        textures={**topology.textures, HAIR: strands(color)},
    )
    return replace(
        rig,
        neutral=Mesh(vertices=np.concatenate([rig.neutral.vertices, vertices]), topology=merged),
        shapes=np.concatenate([rig.shapes, rig.shapes[:, source]], axis=1),
        joint_weights=None if rig.joint_weights is None else rig.joint_weights[np.r_[np.arange(count), source]],
        identity_modes=None,
    )


def _coordinates(scalp: np.ndarray, margin: np.ndarray, cap: np.ndarray) -> Float[np.ndarray, "F 3 2"]:
    """Texture coordinates of the cap's corners: u around the head, v from the hairline to the crown.

    Where the azimuth jumps at the nape a triangle's corners stay on one side of the jump.
    """
    azimuth, _ = directions(scalp)
    v = np.clip((margin + _TIPS) / (np.pi / 2 + _TIPS), 0.004, 0.996)
    out = np.stack([_AROUND * azimuth / (2 * np.pi), v], axis=1)[cap]
    jump = np.ptp(out[..., 0], axis=1) > _AROUND / 2
    out[jump, :, 0] += np.where(out[jump, :, 0] < 0, _AROUND, 0)
    return out


def _lifted(rig: Rig, source: np.ndarray, cap: np.ndarray, margin: np.ndarray) -> Float[np.ndarray, "C 3"]:
    """The cap's vertices: lifted off the scalp, and smoothed away from the hairline."""
    from scipy.sparse import coo_matrix, diags

    normals = vertex_normals(rig.neutral.vertices, rig.neutral.topology.triangles)[source]
    rise = 0.8 + _HEIGHT * step(-_TIPS, _EDGE, margin)
    out = rig.neutral.vertices[source] + normals * rise[:, None]
    i, j = np.concatenate([cap[:, [0, 1]], cap[:, [1, 2]], cap[:, [2, 0]]]).T
    links = coo_matrix((np.ones(2 * len(i)), (np.r_[i, j], np.r_[j, i])), shape=(len(source),) * 2).tocsr()
    links.data[:] = 1.0
    mean = diags(1 / np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1)) @ links
    share = step(0.0, 0.12, margin)[:, None]
    for _ in range(_SMOOTHING):
        out = out + share * (mean @ out - out)
    return out.astype(np.float32)
