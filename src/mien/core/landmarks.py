"""Landmark layouts: a name for each set of points, and where its eyes, brows and lips are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

__all__ = [
    "FIVE",
    "IBUG68",
    "MIEN70",
    "MIEN198",
    "MOUTH_CORNERS",
    "OUTER_EYE_CORNERS",
    "LandmarkAnchors",
    "LandmarkLayout",
]


@dataclass(frozen=True, kw_only=True)
class LandmarkLayout:
    """A landmark set: the number of points, their meaning, and their order in the mirror image.

    Left and right are the subject's.
    """

    name: str
    count: int
    groups: dict[str, tuple[int, ...]]
    """Semantic name -> indices in drawing order ("lips_inner", "eye_left", ...)."""
    mirror: tuple[int, ...]
    """The index each point takes in the mirror image."""
    closed: frozenset[str] = frozenset()
    """Groups that are closed curves."""

    def take(self, points: Float[np.ndarray, "*batch L D"], group: str) -> Float[np.ndarray, "*batch G D"]:
        """The points of one group."""
        return points[..., list(self.groups[group]), :]


@dataclass(frozen=True, kw_only=True)
class LandmarkAnchors:
    """The points of a landmark layout on a mesh: each is a weighted mean of K vertices."""

    layout: LandmarkLayout
    indices: Int[np.ndarray, "L K"]
    """Vertex indices."""
    weights: Float[np.ndarray, "L K"]
    """Rows sum to 1."""

    def positions(self, vertices: Float[np.ndarray, "*batch V 3"]) -> Float[np.ndarray, "*batch L 3"]:
        """Landmark positions [mm] on a posed mesh."""
        return np.einsum("...lkd,lk->...ld", vertices[..., self.indices, :], self.weights)


def _mirror(count: int, pairs: list[tuple[int, int]]) -> tuple[int, ...]:
    to = list(range(count))
    for a, b in pairs:
        to[a], to[b] = b, a
    return tuple(to)


FIVE = LandmarkLayout(
    name="five",
    count=5,
    groups={"eye_right": (0,), "eye_left": (1,), "nose": (2,), "mouth_right": (3,), "mouth_left": (4,)},
    mirror=(1, 0, 2, 4, 3),
)
"""MTCNN's five points; the subject's right eye comes first because it is on the image's left."""

_PAIRS_68 = (
    [(i, 16 - i) for i in range(8)]
    + [(17 + i, 26 - i) for i in range(5)]
    + [(31, 35), (32, 34)]
    + [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]
    + [(48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67)]
)
_GROUPS_68: dict[str, tuple[int, ...]] = {
    "jaw": tuple(range(17)),
    "brow_right": tuple(range(17, 22)),
    "brow_left": tuple(range(22, 27)),
    "nose_bridge": tuple(range(27, 31)),
    "nose_base": tuple(range(31, 36)),
    "eye_right": tuple(range(36, 42)),
    "eye_left": tuple(range(42, 48)),
    "lips_outer": tuple(range(48, 60)),
    "lips_inner": tuple(range(60, 68)),
}
_CLOSED_68 = frozenset({"eye_right", "eye_left", "lips_outer", "lips_inner"})

IBUG68 = LandmarkLayout(name="ibug68", count=68, groups=_GROUPS_68, mirror=_mirror(68, _PAIRS_68), closed=_CLOSED_68)
"""The 68 points of the iBUG 300-W annotation (Sagonas et al. 2013), numbered from 0."""

OUTER_EYE_CORNERS, MOUTH_CORNERS = (36, 45), (48, 54)
"""The subject's (right, left) point in every layout that begins with iBUG's 68 points."""

MIEN70 = LandmarkLayout(
    name="mien70",
    count=70,
    groups={**_GROUPS_68, "iris_right": (68,), "iris_left": (69,)},
    mirror=_mirror(70, [*_PAIRS_68, (68, 69)]),
    closed=_CLOSED_68,
)
"""iBUG 68 and the two iris centres (right, left)."""


def _refined(curve: tuple[int, ...], first: int, each: int, *, closed: bool = False) -> tuple[int, ...]:
    """A curve with `each` new points, numbered from `first`, after each of its points except the end of an open one."""
    out: list[int] = []
    for k, point in enumerate(curve):
        out.append(point)
        if closed or k + 1 < len(curve):
            out += range(first + k * each, first + (k + 1) * each)
    return tuple(out)


_SIDED_198 = {
    "brow_lower": (122, 5),
    "iris_rim": (132, 4),
    "nose_side": (140, 4),
    "nostril": (148, 4),
    "cheek": (156, 6),
    "under_eye": (168, 3),
    "smile_fold": (174, 3),
    "forehead": (180, 4),
}
"""Pairs of groups without points in mien70: the first index of the right group, and the number of points in each."""


def _mien198() -> LandmarkLayout:
    groups = dict(MIEN70.groups)
    groups["eye_right"] = _refined(_GROUPS_68["eye_right"], 70, 2, closed=True)
    groups["eye_left"] = tuple(MIEN70.mirror[i] if i < 70 else i + 12 for i in groups["eye_right"])
    groups["lips_outer"] = _refined(_GROUPS_68["lips_outer"], 94, 1, closed=True)
    groups["lips_inner"] = _refined(_GROUPS_68["lips_inner"], 106, 1, closed=True)
    jaw = _GROUPS_68["jaw"]
    groups["jaw"] = jaw[:4] + _refined(jaw[4:13], 114, 1) + jaw[13:]
    for name, (first, count) in _SIDED_198.items():
        groups[f"{name}_right"] = tuple(range(first, first + count))
        groups[f"{name}_left"] = tuple(range(first + count, first + 2 * count))
    groups |= {"forehead": (188, 189, 190), "chin": (191, 192, 193, 194), "philtrum": (195, 196, 197)}
    pairs = list(enumerate(MIEN70.mirror))
    for name, right in groups.items():
        if name.endswith("_right") and name not in ("brow_right", "iris_right"):
            pairs += zip(right, groups[name.replace("right", "left")], strict=True)
    for name in ("lips_outer", "lips_inner"):  # a loop from the right mouth corner; the left one is half way round
        loop = groups[name]
        pairs += [(loop[k], loop[len(loop) // 2 - k]) for k in range(len(loop))]
    pairs += zip(groups["jaw"], groups["jaw"][::-1], strict=True)
    pairs += [(191, 193), (195, 197)]
    closed = MIEN70.closed | {f"{name}_{side}" for name in ("iris_rim", "nostril") for side in ("right", "left")}
    return LandmarkLayout(name="mien198", count=198, groups=groups, mirror=_mirror(198, pairs), closed=closed)


MIEN198 = _mien198()
"""The points of mien70 in their order; then points that make the closed lid contours three times and the lip contours
two times as dense, the lower edges of the brows, four points on each iris's rim (outer, upper, inner, lower), and
points of nose, cheeks, jaw and forehead that lie on no edge but move with the muscles below. Every point is in one
group, contours in drawing order."""
