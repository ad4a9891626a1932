"""The skin's texture: photos projected onto the charts, blended over views, on a base that fills what none shows.

The base is one colour per vertex of the skin, which agrees with the photos where they see well and is as smooth as
possible elsewhere (a Laplace equation on the mesh's edges, as in Poisson image editing, Perez et al. 2003). It does not
know charts, so that their seams are invisible. The photos are added per texel: their low frequencies as a mean over all
views, their high ones from the best (two bands of Burt & Adelson 1983, "A multiresolution spline").
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from mien.core import Rig
from mien.rigs.avatar.light import evened, shading
from mien.rigs.avatar.photo import Seen, sampled, srgb
from mien.rigs.avatar.zones import bare_points, border_fade, hairy, lids, step
from mien.rigs.ict_topology import SKIN
from mien.rigs.raster import chart

__all__ = ["Skin", "part_chart", "skin_of"]

_SIDE, _FINE, _HEAD_SIDE = 1024, 2048, 512
"""Sides of the face's texture, of one from photos with more than `_DENSE` pixels per millimetre, and of the head's."""
_DENSE = 6.0
_SEEN = (0.3, 0.6)
"""Cosines between which a view gains its full weight: beyond 72 degrees a texel is smeared over the skin."""
_BEST = 6
"""Exponent on the views' weights for high frequencies, which makes the best view count nearly alone."""
_BAND = 6.0
"""Standard deviation of the blur that divides the bands [texels of 1,024]."""
_HAIR_LUMA, _HAIR_CHROMA = 0.30, 0.10
"""Standard deviations of bare skin about its median, in logarithm of luminance and of chroma: what differs more,
outside of the oval of the face, is hair or cloth."""
_PULL = 2e-3
"""Weight of the skin's median colour on vertices that no photo shows, relative to that of an edge."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Skin:
    """The textures of face and head, and what they were made from."""

    face: UInt8[np.ndarray, "N N 3"]
    head: UInt8[np.ndarray, "M M 3"]
    base: Float[np.ndarray, "S 3"]
    """The filled colour of every vertex of the skin, linear."""
    median: Float[np.ndarray, "3"]
    """The colour of bare skin, linear."""
    coverage: float
    """Share of the face's texels that a photo shows."""


def skin_of(rig: Rig, views: list[Seen]) -> Skin:
    """The skin of a fitted rig from at least one view of it."""
    fade, loose = border_fade(rig) * (1 - lids(rig)), hairy(rig)
    near = _nearest(rig, bare_points(rig))
    lights = [_light(view, fade * (1 - loose)) for view in views]
    pictures = [_even_exposure(views, lights, near, k) for k in range(len(views))]
    median = np.exp(
        np.mean([np.log(_bare(v, p, s, near)) for v, p, s in zip(views, pictures, lights, strict=True)], axis=0)
    )
    base = _base(rig, views, pictures, lights, fade, loose, median)
    side = _FINE if max(view.detail for view in views) > _DENSE else _SIDE
    uv, corners, vertex = part_chart(rig, "face")
    filled = chart(uv, corners, base[vertex], side, side)
    color, share = _projected(views, pictures, lights, (uv, corners, vertex), fade, loose, median, side)
    mixed = filled + share[..., None] * (color - filled)
    known = np.isfinite(mixed).all(axis=2)
    uv_head, corners_head, vertex_head = part_chart(rig, "head_neck")
    head = chart(uv_head, corners_head, base[vertex_head], _HEAD_SIDE, _HEAD_SIDE)
    return Skin(
        face=_bytes(mixed), head=_bytes(head), base=base, median=median, coverage=float((share > 0.5)[known].mean())
    )


def part_chart(rig: Rig, name: str) -> tuple[Float[np.ndarray, "U 2"], Int[np.ndarray, "F 3"], Int[np.ndarray, "U"]]:
    """(texture coordinates moved into [0, 1], triangles on them, vertex of each) of a part of the rig."""
    topology = rig.neutral.topology
    assert topology.uv is not None and topology.uv_triangles is not None
    part = next(part for part in topology.parts if part.name == name)
    corners = topology.uv_triangles[part.start : part.stop]
    used, triangles = np.unique(corners, return_inverse=True)
    vertex = np.zeros(len(topology.uv), np.int64)
    vertex[corners] = topology.triangles[part.start : part.stop]
    uv = topology.uv[used]
    return uv - np.floor(uv.mean(axis=0)), triangles.reshape(-1, 3).astype(np.int32), vertex[used]


def _nearest(rig: Rig, points: np.ndarray) -> Int[np.ndarray, "P"]:
    from scipy.spatial import KDTree

    return np.asarray(KDTree(rig.neutral.vertices[:SKIN]).query(points)[1])


def _light(view: Seen, trusted: np.ndarray) -> np.ndarray:
    """Coefficients of the light of a view."""
    weight = trusted * step(0.2, 0.6, view.facing[:SKIN])
    return evened(sampled(view.light, view.place[:SKIN]), view.normals[:SKIN], weight)


def _bare(view: Seen, picture: np.ndarray, light: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Median colour of the bare skin that a view shows, without its light."""
    seen = near[view.facing[near] > 0.2]
    seen = seen if len(seen) else near
    colors = sampled(picture, view.place[seen]) / shading(light, view.normals[seen])[:, None]
    return np.maximum(np.median(colors, axis=0), 1e-3)


def _even_exposure(views: list[Seen], lights: list[np.ndarray], near: np.ndarray, number: int) -> np.ndarray:
    """A view's picture with the exposure and white balance of the sharpest view."""
    best = int(np.argmax([view.detail for view in views]))
    goal, own = (_bare(views[k], views[k].light, lights[k], near) for k in (best, number))
    return (views[number].light * (goal / own)).astype(np.float32)


def _skinlike(color: np.ndarray, median: np.ndarray) -> np.ndarray:
    """1 for the colour of bare skin, towards 0 for hair and cloth."""
    apart = np.log(np.maximum(color, 1e-3)) - np.log(median)
    luma = apart @ [0.2126, 0.7152, 0.0722]
    chroma = np.linalg.norm(apart - luma[..., None], axis=-1)
    return np.exp(-0.5 * ((luma / _HAIR_LUMA) ** 2 + (chroma / (2 * _HAIR_CHROMA)) ** 2))


def _base(
    rig: Rig,
    views: list[Seen],
    pictures: list[np.ndarray],
    lights: list[np.ndarray],
    fade: np.ndarray,
    loose: np.ndarray,
    median: np.ndarray,
) -> Float[np.ndarray, "S 3"]:
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import splu

    total, summed = np.zeros(SKIN), np.zeros((SKIN, 3))
    for view, picture, light in zip(views, pictures, lights, strict=True):
        soft = _blurred(picture, view.skin, max(1.0, 1.5 * view.detail))
        color = sampled(soft, view.place[:SKIN]) / shading(light, view.normals[:SKIN])[:, None]
        weight = step(*_SEEN, view.facing[:SKIN]) * (1 - loose + loose * _skinlike(color, median) ** 2) * fade
        weight = weight * sampled(view.skin, view.place[:SKIN])
        total += weight
        summed += weight[:, None] * color
    triangles = rig.neutral.topology.triangles
    triangles = triangles[(triangles < SKIN).all(axis=1)]
    i, j = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).T
    edges = coo_matrix((np.ones(2 * len(i)), (np.r_[i, j], np.r_[j, i])), shape=(SKIN, SKIN)).tocsr()
    edges.data[:] = 1.0
    laplacian = diags(np.asarray(edges.sum(axis=1)).ravel()) - edges
    # A vertex that is seen well keeps its colour; elsewhere neighbours decide, and far from them the median.
    system = laplacian + diags(4.0 * total + _PULL)
    return np.maximum(splu(system.tocsc()).solve(4.0 * summed + _PULL * median), 1e-4)


def _projected(
    views: list[Seen],
    pictures: list[np.ndarray],
    lights: list[np.ndarray],
    charted: tuple[np.ndarray, np.ndarray, np.ndarray],
    fade: np.ndarray,
    loose: np.ndarray,
    median: np.ndarray,
    side: int,
) -> tuple[Float[np.ndarray, "N N 3"], Float[np.ndarray, "N N"]]:
    """(colour of each texel in the photos without their light, how much of it to use), all views blended."""
    import cv2

    uv, corners, vertex = charted
    low, high = np.zeros((side, side, 3)), np.zeros((side, side, 3))
    low_total, high_total, most = (np.zeros((side, side)) for _ in range(3))
    for view, picture, light in zip(views, pictures, lights, strict=True):
        weight = step(*_SEEN, view.facing[:SKIN]) * fade
        at = chart(uv, corners, np.column_stack([view.place[vertex], weight[vertex]]), side, side)
        bright = shading(light, view.normals[:SKIN])[vertex]
        extra = chart(uv, corners, np.column_stack([bright, loose[vertex], bright]), side, side)
        at, extra = np.nan_to_num(at), np.nan_to_num(extra, nan=1.0)
        color = cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_CUBIC) / np.maximum(extra[..., :1], 0.1)
        color = np.maximum(color, 1e-4)
        bare = cv2.GaussianBlur(_skinlike(color, median), (0, 0), 2.0 * side / 1024)
        opening = cv2.remap(view.skin, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
        share = at[..., 2] * opening * (1 - extra[..., 1] + extra[..., 1] * bare**2)
        soft = _blurred(color, opening, _BAND * side / 1024)
        rank = share * view.detail
        low += (share * rank)[..., None] * soft
        low_total += share * rank
        high += (rank**_BEST)[..., None] * (color - soft)
        high_total += rank**_BEST
        most = np.maximum(most, share)
    mixed = low / np.maximum(low_total, 1e-12)[..., None] + high / np.maximum(high_total, 1e-12)[..., None]
    return np.clip(mixed, 0, 1), np.where(low_total > 0, np.clip(most, 0, 1), 0)


def _blurred(image: np.ndarray, valid: np.ndarray, sigma: float) -> np.ndarray:
    """The image blurred, without the colours of pixels whose `valid` is 0."""
    import cv2

    total = cv2.GaussianBlur(valid, (0, 0), sigma)[..., None]
    soft = cv2.GaussianBlur(np.asarray(image * valid[..., None], np.float32), (0, 0), sigma)
    return np.where(total > 0.02, soft / np.maximum(total, 0.02), image).astype(np.float32)


def _bytes(light: np.ndarray) -> UInt8[np.ndarray, "N N 3"]:
    """8-bit sRGB; texels outside of the chart get the colour of the nearest one inside, for mip maps."""
    import cv2

    out = np.rint(255 * srgb(np.nan_to_num(light))).astype(np.uint8)
    outside = ~np.isfinite(light).all(axis=2)
    _, label = cv2.distanceTransformWithLabels(
        np.asarray(outside, np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    color_of = np.zeros((int(label.max()) + 1, 3), np.uint8)
    nearest = np.asarray(label, np.int64)
    color_of[nearest[~outside]] = out[~outside]
    return color_of[nearest]
