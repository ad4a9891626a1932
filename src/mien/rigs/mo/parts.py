"""Mo's pieces besides its skin: eyeballs, teeth, tongue, brows, lashes. Left pieces are mirrored to the right."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mien.core.transforms import GAZE_LIMITS
from mien.rigs.mo.piece import Piece, Sheet, grid, mirror_by_position
from mien.rigs.mo.sculpt import EYE_CENTRE, EYE_RADIUS, gradient, march

__all__ = [
    "IRIS_ANGLE",
    "catchlight_motion",
    "make_brows",
    "make_catchlights",
    "make_eyeballs",
    "make_lashes",
    "make_teeth",
    "make_tongue",
    "paired",
    "tongue_out",
]

IRIS_ANGLE = np.radians(28.0)
_EYE_RINGS = np.radians([4.3, 8.6, 12.1, 13.1, 14.6, 17.2, 20.2, 23.2, 26.0, 27.7, 29.4, 34, 43, 57, 76, 98])
"""Angles of an eyeball's rings from its axis [rad]; the last ring stays behind the lids at the largest rotation."""
_LIMBUS = 9
"""Index of the ring at the rim of the iris."""
_EYE_SEGMENTS = 36
_CATCHLIGHTS = (((-0.22, 0.25), 5.0), ((0.13, -0.23), 1.8))
"""Highlights of a lamp on a cornea: (x and y of the direction from the eye's centre, radius [deg])."""
_LAMP_SHARE, _LAMP_RISE = 0.5, 1.02


def paired(
    name: str,
    vertices: Float[np.ndarray, "V 3"],
    triangles: np.ndarray,
    color: tuple[float, float, float],
    tint: np.ndarray | None = None,
    roughness: float = 0.6,
    sheets: list[Sheet] | None = None,
) -> Piece:
    """A piece of two mirrored halves, from its left half."""
    count = len(vertices)
    tint = np.ones((count, 3)) if tint is None else tint
    return Piece(
        name=name,
        vertices=np.concatenate([vertices, vertices * [-1, 1, 1]]),
        triangles=np.concatenate([triangles, triangles[:, ::-1] + count]),
        mirror=np.concatenate([np.arange(count) + count, np.arange(count)]),
        color=color,
        tint=np.concatenate([tint, tint]),
        roughness=roughness,
        sheets=[sheet.shifted(*at) for at in ((0, 0), (count, len(triangles))) for sheet in sheets or []],
    )


def make_eyeballs() -> Piece:
    """Spheres with rings about their axis +z, dense at pupil and iris; the first vertex is the pupil's centre."""
    turn = np.arange(_EYE_SEGMENTS) / _EYE_SEGMENTS * 2 * np.pi
    rings = [[(0.0, 0.0, 1.0)]]
    for angle in _EYE_RINGS:
        c, s = np.cos(angle), np.sin(angle)
        rings.append([(s * np.cos(t), s * np.sin(t), c) for t in turn])
    d = np.concatenate([np.array(r) for r in rings])
    rows = 1 + np.arange(len(_EYE_RINGS) * _EYE_SEGMENTS).reshape(len(_EYE_RINGS), -1)
    fan = np.stack([np.zeros(_EYE_SEGMENTS, int), rows[0], np.roll(rows[0], -1)], axis=1)
    triangles = np.concatenate([fan, grid(rows, closed=True)[:, ::-1]])
    angle = np.arccos(np.clip(d[:, 2], -1, 1))
    sheet = Sheet(rows=np.concatenate([np.zeros((1, _EYE_SEGMENTS), int), rows]), closed=True, polar=True)
    piece = paired(
        "eyeballs", d * EYE_RADIUS + EYE_CENTRE, triangles, (0.965, 0.965, 0.965), _eye_tint(angle, d), 0.35, [sheet]
    )
    quarter = np.arange(4) * (_EYE_SEGMENTS // 4)
    piece.labels["limbus"] = rows[_LIMBUS, quarter]  # of the left eye: outer, upper, inner, lower
    return piece


def make_catchlights() -> Piece:
    """White caps just above the eyeballs, which show the reflection of a lamp; their motion is `catchlight_motion`.

    They are modelled and not left to the viewer's lights, because eyes without highlights look lifeless. Both eyes
    reflect the same lamp, so the caps of the two eyes are not mirror images, and each counts as its own.
    """
    segments = 14
    turn = np.arange(segments) / segments * 2 * np.pi
    vertices, triangles, sheets = [], [], []
    for side in (1.0, -1.0):
        for (x, y), radius in _CATCHLIGHTS:
            axis = np.array([x, y, np.sqrt(1 - x * x - y * y)])
            right = np.cross([0.0, 1.0, 0.0], axis)
            right /= np.linalg.norm(right)
            rim = np.cos(turn)[:, None] * right + np.sin(turn)[:, None] * np.cross(axis, right)
            r = np.radians(radius)
            cap = np.concatenate([[axis], axis * np.cos(r) + rim * np.sin(r)])
            first = sum(len(v) for v in vertices)
            spokes = first + 1 + np.arange(segments)
            triangles.append(np.stack([np.full(segments, first), spokes, np.roll(spokes, -1)], axis=1))
            sheets.append(Sheet(rows=np.stack([np.full(segments, first), spokes]), closed=True, polar=True))
            vertices.append(EYE_CENTRE * [side, 1, 1] + cap * (EYE_RADIUS + 0.2))
    all_vertices = np.concatenate(vertices)
    return Piece(
        name="catchlights",
        vertices=all_vertices,
        triangles=np.concatenate(triangles),
        mirror=np.arange(len(all_vertices)),
        color=(1.0, 1.0, 1.0),
        tint=np.ones((len(all_vertices), 3)),
        roughness=0.3,
        sheets=sheets,
    )


def catchlight_motion(channel: str, catchlights: Piece) -> Float[np.ndarray, "V 3"]:
    """Displacements [mm] at an eyeLook channel of 1: the reflection moves with the cornea, half as far as the pupil.

    The cornea bulges, so the reflection lies between the centre of the eye and the pupil. A reflection that did not
    move would slip off the iris and cut into its rim.
    """
    away = channel.removeprefix("eyeLook").removesuffix("Left").removesuffix("Right")
    angle = _LAMP_SHARE * GAZE_LIMITS[away]
    side = 1.0 if channel.endswith("Left") else -1.0
    sideways = angle * side * {"Out": 1.0, "In": -1.0}.get(away, 0.0)
    turn = Rotation.from_euler("xy", [angle * {"Up": -1.0, "Down": 1.0}.get(away, 0.0), sideways])
    own = np.sign(catchlights.vertices[:, 0]) == side
    centre = EYE_CENTRE * [side, 1, 1]
    # a straight path is a chord: the end of the path is raised a little, so that it clears the eyeball half-way
    moved = centre + _LAMP_RISE * turn.apply(catchlights.vertices - centre)
    return np.where(own[:, None], moved - catchlights.vertices, 0.0)


def _eye_tint(angle: np.ndarray, d: np.ndarray) -> np.ndarray:
    degrees = np.degrees(angle)
    stops = [0, 12.2, 13.0, 14.8, 17.4, 23.3, 26.0, 27.8, 29.5, 44, 80]
    red = [0.02, 0.02, 0.26, 0.58, 0.52, 0.36, 0.20, 0.13, 0.93, 0.91, 0.80]
    green = [0.02, 0.02, 0.15, 0.38, 0.31, 0.20, 0.11, 0.08, 0.92, 0.88, 0.66]
    blue = [0.03, 0.03, 0.06, 0.16, 0.12, 0.08, 0.06, 0.06, 0.91, 0.85, 0.62]
    tint = np.stack([np.interp(degrees, stops, c) for c in (red, green, blue)], axis=1)
    around = np.arctan2(d[:, 1], d[:, 0])
    iris = (degrees > 12.5) & (degrees < 27.0)
    fibres = 1 + 0.13 * np.cos(11 * around + 0.7) + 0.09 * np.cos(19 * around + 2.1)
    low = 1.0 - 0.62 * d[:, 1] / np.sin(IRIS_ANGLE)  # the lower part of an iris is brighter
    shadow = 1 - 0.30 * np.clip((d[:, 1] - 0.20) / 0.30, 0, 1)  # of the upper lid and its lashes
    return np.clip(tint * np.where(iris, fibres * low, shadow)[:, None], 0, 1)


def _teeth_columns() -> tuple[np.ndarray, np.ndarray]:
    """(positions along the dental arch in (-1, 1), relief of each: 0 between teeth, 1 on them)."""
    widths = np.array([1.25, 1.0, 0.95, 0.9, 0.9, 0.9])
    edges = np.append(0, np.cumsum(widths)) / widths.sum()
    at, out = [], []
    for a, b in pairwise(edges.tolist()):
        for f, h in ((0.0, 0.0), (0.25, 0.9), (0.75, 0.9)):
            at.append(a + f * (b - a))
            out.append(h)
    at.append(1.0)
    out.append(0.0)
    left, height = np.array(at), np.array(out)
    return np.concatenate([-left[:0:-1], left]), np.concatenate([height[:0:-1], height])


def _arch(u: np.ndarray, width: float, front: float, deep: float) -> np.ndarray:
    """(x, z) along a dental arch, which is half an ellipse."""
    a = u * np.radians(84.0)
    return np.stack([width * np.sin(a), front - deep * (1 - np.cos(a))], axis=1)


def make_teeth(front: float) -> Piece:
    """Upper and lower teeth with gums; `front` is the z of the upper incisors [mm]."""
    u, out = _teeth_columns()
    rows: list[np.ndarray] = []
    tints: list[np.ndarray] = []
    gum, tooth, shade = np.array([0.80, 0.45, 0.45]), np.array([1.0, 0.985, 0.95]), np.array([0.70, 0.62, 0.55])
    for side, biting, offset in ((1.0, -59.6, 0.0), (-1.0, -58.4, -2.4)):
        flat = _arch(u, 22.0 + 0.35 * offset, front + offset, 27.0)
        normal = np.stack([np.sin(u * 1.36), np.cos(u * 1.36)], axis=1)
        edge = biting + side * (0.55 * (1 - out) + 1.2 * u**2)
        tall = (7.6 if side > 0 else 6.6) - 1.0 * u**2 - 1.5 * u**8
        layout = ((14.0, -0.6, 0), (9.0, 0.5, 0), (7.8, 0.7, 0), (6.9, 0.35, 1), (3.0, 0.75, 2), (0.6, 0.35, 2))
        layout += ((0.0, -0.6, 2), (0.4, -2.0, 2), (9.0, -3.2, 1))
        for up, push, kind in layout:
            y = edge + side * up * tall / 7.6 + (side * 1.2 * (1 - out) * (-1 if 6 < up < 8 else 0))
            stand = push + (0.8 * (out - 1) if kind == 2 else 0)
            xz = flat + normal * np.broadcast_to(stand, len(u))[:, None]
            rows.append(np.stack([xz[:, 0], y, xz[:, 1]], axis=1))
            tone = gum if kind == 0 else (shade if kind == 1 else tooth)
            tints.append(np.where((kind == 2) & (out == 0), 0.80, 1.0)[:, None] * tone)
    count, half = len(u), len(rows) // 2
    index = np.arange(len(rows) * count).reshape(len(rows), count)
    triangles = np.concatenate([grid(index[:half])[:, ::-1], grid(index[half:])])
    vertices = np.concatenate(rows)
    return Piece(
        name="teeth",
        vertices=vertices,
        triangles=triangles,
        mirror=mirror_by_position(vertices),
        color=(0.95, 0.94, 0.90),
        tint=np.concatenate(tints),
        roughness=0.3,
        labels={
            "upper": index[:half].ravel(),
            "lower": index[half:].ravel(),
            "crowns": index[[r for r in range(len(rows)) if 3 <= r % half < 8]].ravel(),
            "gums": index[[r for r in range(len(rows)) if r % half <= 3 or r % half == 8]].ravel(),
        },
        sheets=[Sheet(rows=index[:half]), Sheet(rows=index[half:])],
    )


_TONGUE_REST = ((0.0, 0.3, 0.6, 0.85, 1.0), (-69.0, -60.8, -58.2, -57.9, -57.8), (20.0, 30.0, 39.5, 45.6, 50.5))
_TONGUE_OUT = (
    (0.0, 0.3, 0.52, 0.70, 0.86, 1.0),
    (-69.0, -63.0, -64.35, -64.15, -66.4, -70.9),
    (22.0, 45.0, 62.0, 76.0, 88.0, 95.0),
)
"""Middle line of the tongue: positions from root (0) to tip (1), with y and z [mm]. At rest it lies behind the upper
teeth; stretched out it passes between teeth opened by `build.TONGUE_JAW` and over the lower lip."""


def _middle(line: tuple[tuple[float, ...], ...], s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(y, z) [N, 2] of a middle line, and its upward normals."""
    from scipy.interpolate import PchipInterpolator

    curve = PchipInterpolator(line[0], np.stack(line[1:], axis=1))
    along = curve.derivative()(s)
    return curve(s), np.stack([along[:, 1], -along[:, 0]], axis=1) / np.linalg.norm(along, axis=1, keepdims=True)


def make_tongue() -> Piece:
    """A rounded tongue with its tip behind the upper teeth; the label "along" is 0 at the root and 1 at the tip."""
    segments, stations = 16, 13
    s = np.sin(0.5 * np.pi * np.linspace(0, 1, stations)) ** 1.1
    turn = np.arange(segments) / segments * 2 * np.pi + np.pi / 2
    across, up = (np.sign(c) * np.abs(c) ** 0.8 for c in (np.cos(turn).round(9), np.sin(turn).round(9)))
    width = 12.4 * np.sqrt(np.clip(1 - np.clip((s - 0.38) / 0.622, 0, 1) ** 2.2, 0, 1))
    flat = 1 - 0.5 * np.clip((s - 0.4) / 0.4, 0, 1) ** 1.5  # flattened so that the tip fits between the teeth
    thick = 7.0 * (1 - 0.46 * s) * flat * np.sqrt(np.clip(1 - np.clip((s - 0.25) / 0.752, 0, 1) ** 2.4, 0, 1))
    groove = np.exp(-((across / 0.3) ** 2)) * (up > 0) * 0.2 * np.sin(np.pi * s)[:, None]
    (centre, _), along = _middle(_TONGUE_REST, s), np.repeat(s, segments)
    y = centre[:, :1] + thick[:, None] * (up - groove)
    rows = np.stack([width[:, None] * across, y, np.repeat(centre[:, 1:], segments, axis=1)], axis=-1)
    index = np.arange(stations * segments).reshape(stations, segments)
    tip = len(index) * segments
    fan = np.stack([index[-1], np.roll(index[-1], -1), np.full(segments, tip)], axis=1)
    vertices = np.concatenate([rows.reshape(-1, 3), [[0.0, centre[-1, 0], centre[-1, 1] + 0.15]]])
    along = np.append(along, 1.0)
    low = np.append(np.tile(up, stations), 0.0)
    tint = (0.76 + 0.20 * along + 0.04 * low)[:, None] * np.ones(3)
    tint[: len(s) * segments : segments] *= 0.93  # the groove
    return Piece(
        name="tongue",
        vertices=vertices,
        triangles=np.concatenate([grid(index, closed=True), fan]),
        mirror=mirror_by_position(vertices),
        color=(0.90, 0.48, 0.47),
        tint=tint,
        roughness=0.4,
        labels={"along": along},
        sheets=[Sheet(rows=np.concatenate([index, np.full((1, segments), tip)]), closed=True)],
    )


def tongue_out(tongue: Piece) -> Float[np.ndarray, "V 3"]:
    """Displacements of tongueOut [mm]: the tongue passes between the teeth, where it is thin, and hangs over the lower
    lip."""
    s, v = tongue.labels["along"], tongue.vertices
    (rest, _), (line, normal) = _middle(_TONGUE_REST, s), _middle(_TONGUE_OUT, s)
    high = (v[:, 1] - rest[:, 0]) * np.interp(s, (0, 0.4, 0.55, 0.8, 1), (1.0, 0.46, 0.5, 0.9, 1.3))
    goal = line + high[:, None] * normal + (v[:, 2] - rest[:, 1])[:, None] * [0, 1]
    return np.stack([v[:, 0] * np.interp(s, (0, 0.5, 0.8), (1.0, 0.9, 1.0)), goal[:, 0], goal[:, 1]], axis=1) - v


def make_brows() -> Piece:
    """Raised ribbons along the brow ridge, wide and round at the inner end and tapered at the outer end."""
    from scipy.interpolate import PchipInterpolator

    s = np.sin(0.5 * np.pi * np.linspace(-0.93, 1, 15)) * 0.5 + 0.5
    x = 11.0 + 38.5 * s
    y = PchipInterpolator((0, 0.22, 0.55, 0.8, 1.0), (23.4, 25.0, 26.8, 25.6, 22.4))(s)
    tall = 3.5 * PchipInterpolator((0, 0.05, 0.2, 0.5, 0.8, 1), (0.50, 0.74, 0.92, 0.92, 0.62, 0.12))(s)
    rows = []
    for across, lift in ((-1.0, -0.8), (-0.74, 1.3), (0.0, 2.3), (0.74, 1.3), (1.0, -0.8)):
        lean = 0.8 * across * (1 - s) * np.clip(s / 0.1, 0, 1)  # the inner end leans upwards and is round
        flat = np.stack([x - lean + 2.4 * across**2 * np.clip(1 - s / 0.09, 0, 1), y + across * tall], axis=1)
        start = np.concatenate([flat, np.full((len(flat), 1), 160.0)], axis=1)
        skin = march(start, np.tile([0.0, 0.0, -1.0], (len(flat), 1)), outward=False)
        rows.append(skin + gradient(skin) * (lift * np.clip(tall / 2.2, 0.3, 1))[:, None])
    index = np.arange(5 * len(s)).reshape(5, len(s))
    shade = np.repeat([0.80, 0.88, 0.95, 1.0, 0.92], len(s)) * (0.94 + 0.06 * np.cos(np.arange(5 * len(s)) * 2.4))
    tint = shade[:, None] * np.ones(3)
    return paired("brows", np.concatenate(rows), grid(index), (0.36, 0.225, 0.155), tint, 0.75, [Sheet(rows=index)])


def make_lashes(margin: Float[np.ndarray, "N 3"]) -> Piece:
    """A dark ridge along the upper lid's edge, longer towards the outer corner; row by row like the margin."""
    s = np.linspace(0, 1, len(margin))
    out = margin - EYE_CENTRE
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    length = 0.5 + 2.6 * np.sin(np.pi * np.clip(0.05 + 0.85 * s, 0, 1)) ** 0.8 * (0.35 + 0.65 * s)
    length[[0, -1]] *= [0.2, 0.75]
    sweep = np.stack([0.75 * s**2, 0.55 + 0.1 * s, 0.35 - 0 * s], axis=1) + 0.5 * out
    sweep /= np.linalg.norm(sweep, axis=1, keepdims=True)
    low = margin - 0.5 * out
    rows = [low, margin + 0.35 * out + [0, 0.9, 0] * np.sin(np.pi * s)[:, None], margin + sweep * length[:, None]]
    index = np.arange(3 * len(margin)).reshape(3, -1)
    ridge = np.concatenate([grid(index), grid(index[[2, 0]])])
    around = index.T  # row by row along the lid: the ridge is a tube
    sides = [Sheet(rows=around, closed=True, triangles=(k * len(ridge), (k + 1) * len(ridge))) for k in (0, 1)]
    both = np.concatenate([ridge, ridge[:, ::-1]])
    return paired("lashes", np.concatenate(rows), both, (0.10, 0.06, 0.05), None, 0.7, sides)
