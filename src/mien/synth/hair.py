"""Hair as sheets that run from the crown along meridians of the head: caps, fringes, quiffs, curls, curtains."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from mien.synth.body import body, smoothstep
from mien.synth.looks import HairStyle
from mien.synth.solids import Id, Solid, ellipsoid, grid, join

__all__ = ["HEAD_CENTRE", "grow_hair", "hairline_elevation", "head_radius", "radius_at"]

HEAD_CENTRE = np.array([0.0, 40.0, 0.0])
"""Origin of the directions of the scalp [mm, rig frame]."""

_AZIMUTHS, _ELEVATIONS = np.radians(np.linspace(-180, 180, 73)), np.radians(np.linspace(-66, 90, 40))


def hairline_elevation(azimuth: Float[np.ndarray, "*n"], recede: float) -> Float[np.ndarray, "*n"]:
    """Elevation [rad] of the hairline at an azimuth [rad] (0 front, pi nape); `recede` lifts front and temples."""
    at = np.radians([0, 22, 38, 50, 58, 66, 72, 96, 112, 140, 180])
    height = np.radians([40, 39, 37, 26, 5, -8, 9, 9, -22, -44, -50])
    front = np.array([0.9, 1.0, 1.4, 1.0, 0.3, 0, 0, 0, 0, 0, 0])
    return np.interp(np.abs(azimuth), at, height + recede * front)


@lru_cache(maxsize=1)
def _lookup() -> np.ndarray:
    """Body vertex for each direction of the radius map."""
    from scipy.spatial import KDTree

    b = body()
    ids = np.concatenate([b.part_vertices("face"), b.part_vertices("head_neck")])
    d = b.neutral[ids] - HEAD_CENTRE
    keep = b.neutral[ids, 1] > -95
    ids, d = ids[keep], d[keep]
    unit = d / np.linalg.norm(d, axis=1, keepdims=True)
    a, e = np.meshgrid(_AZIMUTHS, _ELEVATIONS, indexing="ij")
    wanted = np.stack([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)], -1).reshape(-1, 3)
    near = np.asarray(KDTree(unit).query(wanted, k=4)[1])
    radii = np.linalg.norm(d, axis=1)[near]
    return ids[near[np.arange(len(near)), radii.argmax(axis=1)]].reshape(a.shape)


def head_radius(neutral: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "73 40"]:
    """Radius of a performer's head over (azimuth, elevation) [mm]."""
    return np.linalg.norm(neutral[_lookup()] - HEAD_CENTRE, axis=-1)


def radius_at(radius: np.ndarray, azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """`head_radius` [mm] between its nodes, at azimuths and elevations [rad] of one shape."""
    x = np.clip((azimuth + np.pi) / (2 * np.pi) * 72, 0, 71.999)
    y = np.clip((elevation - _ELEVATIONS[0]) / (_ELEVATIONS[-1] - _ELEVATIONS[0]) * 39, 0, 38.999)
    i, j = x.astype(int), y.astype(int)
    s, t = x - i, y - j
    return (radius[i, j] * (1 - s) + radius[i + 1, j] * s) * (1 - t) + (
        radius[i, j + 1] * (1 - s) + radius[i + 1, j + 1] * s
    ) * t


def _wave(rng: np.random.Generator, columns: int, octaves: int = 4) -> np.ndarray:
    """Smooth periodic noise over the ring of columns, about unit size; the last value equals the first."""
    angle = np.linspace(0, 2 * np.pi, columns)
    total = np.zeros(columns)
    for k in range(octaves):
        n = int(rng.integers(1, 4)) * 2**k
        total += np.sin(n * angle + rng.uniform(0, 2 * np.pi)) * rng.uniform(0.4, 1) * 0.75**k
    return total


def grow_hair(rng: np.random.Generator, style: HairStyle, neutral: Float[np.ndarray, "V 3"]) -> Solid:
    """The hair of one performer in the head frame; empty when bald or shorn, which is painted."""
    if style.kind in ("bald", "buzz"):
        return join([])
    radius = head_radius(neutral)
    layers = 2
    parts = [_sheet(rng, style, radius, layer, layers) for layer in range(layers)]
    if rng.random() < 0.75:
        parts.append(_flyaways(rng, parts[0]))
    if style.kind == "bun":
        parts.append(_bun(rng, style, radius))
    if style.kind in ("medium", "long", "back", "bun", "fringe", "curly"):
        parts.extend(_strand(rng, style, radius) for _ in range(int(rng.integers(0, 6))))
    return join(parts)


def _flyaways(rng: np.random.Generator, sheet: Solid) -> Solid:
    """Single hairs that stand off a sheet and make its outline irregular."""
    vertices = sheet.vertices.copy()
    vertices[:, :3] += vertices[:, 3:6] * rng.uniform(2.0, 6.0)
    vertices[:, 11] *= rng.uniform(0.12, 0.26)  # cover
    vertices[:, 9] += 0.37
    return Solid(vertices=vertices, triangles=sheet.triangles)


def _bun(rng: np.random.Generator, style: HairStyle, radius: np.ndarray) -> Solid:
    """A knot on top of the head or behind it."""
    azimuth, elevation = np.pi + rng.normal(0, 0.12), np.radians(rng.uniform(15, 88))
    size = rng.uniform(20, 40)
    out = np.array([np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)])
    wrapped = (azimuth + np.pi) % (2 * np.pi) - np.pi
    reach = float(radius_at(radius, np.array([wrapped]), np.array([elevation]))[0]) + style.volume + 0.45 * size
    radii = (size * rng.uniform(1.0, 1.25), size * rng.uniform(0.75, 1.0), size)
    knot = ellipsoid(HEAD_CENTRE + out * reach, radii, style.color * rng.uniform(0.8, 1.0), Id.HAIR)
    knot.vertices[:, 9:11] = knot.vertices[:, :2] * (0.018, 0.004)
    knot.vertices[:, 13] = 0.3
    return knot


def _strand(rng: np.random.Generator, style: HairStyle, radius: np.ndarray) -> Solid:
    """A loose wisp from the hairline: over the forehead with a fringe, else down the temple."""
    over = style.kind == "fringe" or rng.random() < 0.2
    side = float(rng.choice([-1, 1]))
    azimuth = side * np.radians(rng.uniform(8, 45) if over else rng.uniform(50, 72))
    start = float(hairline_elevation(np.array([azimuth]), style.hairline)[0]) + np.radians(8)
    stop = np.radians(rng.uniform(4, 24) if over else rng.uniform(-42, -5))
    s = np.linspace(0, 1, 9)
    elevation = start + (stop - start) * s
    drift = azimuth + side * np.radians(rng.normal(0, 9)) * s**1.5
    r = radius_at(radius, drift, elevation) + 2.0 + min(style.volume, 10) * 0.5 * np.sin(np.pi * np.clip(s, 0, 0.9))
    unit = np.stack([np.cos(elevation) * np.sin(drift), np.sin(elevation), np.cos(elevation) * np.cos(drift)], -1)
    middle = HEAD_CENTRE + unit * r[:, None]
    across = np.stack([np.cos(drift), np.zeros(9), -np.sin(drift)], -1)
    half = rng.uniform(0.7, 2.2) * (1 - 0.8 * s[:, None])
    points = np.stack([middle - across * half, middle, middle + across * half])
    return grid(
        points, style.color * rng.uniform(0.8, 1.1), Id.HAIR, cover=np.broadcast_to(1.0 - 0.6 * s, (3, 9)),
        streak=0.9, gloss=0.2, uv_scale=(0.12, 0.2), outward=HEAD_CENTRE,
    )  # fmt: skip


def _sheet(rng: np.random.Generator, style: HairStyle, radius: np.ndarray, layer: int, layers: int) -> Solid:
    columns, rows = 64, 18
    azimuth = np.linspace(-np.pi, np.pi, columns)
    s = np.linspace(0, 1, rows)[None]
    edge = hairline_elevation(azimuth, style.hairline)
    front = smoothstep(np.radians(75), np.radians(30), np.abs(azimuth))
    jag = _wave(rng, columns, 5)
    end = edge + np.radians(2.0) * jag * style.rough
    end = np.where(np.abs(azimuth) > np.radians(66), np.maximum(end, np.radians(-46)), end)
    if style.kind == "fringe":
        reach = smoothstep(np.radians(58), np.radians(40), np.abs(azimuth - 0.3 * style.part))
        low = np.radians(rng.uniform(9, 24)) + np.radians(3.5) * jag
        end = end * (1 - reach) + np.maximum(low, np.radians(4)) * reach
    hanging = style.kind in ("long", "medium")
    start = np.radians(89)
    elevation = start + (end[:, None] - start) * s**0.9
    lift = style.volume * (1 - 0.18 * layer) * (1 + 0.16 * style.rough * _wave(rng, columns)[:, None])
    if style.kind == "quiff":
        lift = lift * (0.35 + 0.9 * front[:, None] * smoothstep(0.2, 0.85, s))
    if style.kind == "back":
        lift = lift * (0.75 + 0.25 * front[:, None])
    lumps = _lumps(rng, style, azimuth, s, layer)
    frizzy = style.kind in ("curly", "afro")
    taper = 1 - smoothstep(0.9 if frizzy else 0.72, 1.0, s) * (0.93 if not hanging else 0.55)
    thick = 1.5 + lift * taper + lumps
    r = radius_at(radius, azimuth[:, None] * np.ones_like(s), elevation) + thick
    unit = np.stack(
        [np.cos(elevation) * np.sin(azimuth)[:, None], np.sin(elevation), np.cos(elevation) * np.cos(azimuth)[:, None]],
        -1,
    )
    points = HEAD_CENTRE + unit * r[..., None]
    if hanging:
        points = _hang(rng, style, points, azimuth, jag)
    shade = np.exp(0.10 * _wave(rng, columns))[:, None, None] * np.linspace(0.9, 1.05, rows)[None, :, None]
    # The hairline becomes sparse over the painted scalp; hanging hair keeps its density.
    kept = hanging or style.kind == "fringe"
    fade = smoothstep(0.82 if kept else 0.68, 1.0, s) * (0.8 if layer == layers - 1 else 0.97)
    cover = np.broadcast_to(1 - fade, (columns, rows))
    return grid(
        points,
        np.clip(style.color * shade * (1 - 0.1 * layer), 0, 0.9),
        Id.HAIR,
        cover=cover,
        streak=0.55 if frizzy else 0.9,
        gloss=float(rng.uniform(0.1, 0.5)),
        uv_scale=(float(rng.integers(1, 3)), 2.0 if frizzy else 0.2),
        outward=HEAD_CENTRE,
    )


def _lumps(rng: np.random.Generator, style: HairStyle, azimuth: np.ndarray, s: np.ndarray, layer: int) -> np.ndarray:
    """Unevenness of a sheet's height over (azimuth, place along the strand) [mm]; the seam closes."""
    random = rng.normal(size=(len(azimuth), s.shape[1]))
    if style.kind == "curly":
        turns = np.sin(9 * azimuth[:, None] + 17 * s * np.pi + layer) * np.cos(14 * s * np.pi + 3 * azimuth[:, None])
        lumps = style.volume * (0.12 * turns + 0.08 * random)
    elif style.kind == "afro":
        lumps = (1.5 + 0.05 * style.volume) * random
    else:
        lumps = 0.07 * style.rough * (style.volume + 4) * random * (s > 0.05)
    lumps[-1] = lumps[0]
    return lumps


def _hang(
    rng: np.random.Generator, style: HairStyle, points: np.ndarray, azimuth: np.ndarray, jag: np.ndarray
) -> np.ndarray:
    """Let the sides and back fall straight from where the head is widest; the hair parts into two curtains beside the
    face."""
    rows = points.shape[1]
    opening = np.radians(rng.uniform(46, 66))
    falls = np.abs(azimuth) > opening
    s = np.linspace(0, 1, rows)
    turn = 0.45  # share of the path over the skull
    bottom = 36.0 - style.length * (1 + 0.06 * jag)
    flow = rng.uniform(-0.10, 0.22)
    forward = rng.uniform(15, 70) if style.kind == "long" and rng.random() < 0.5 else 0.0  # [mm] before the shoulders
    front = smoothstep(opening + 0.9, opening + 0.2, np.abs(azimuth))
    wave, phase = rng.uniform(0, 5), rng.uniform(0, 6)
    out = points.copy()
    for c in np.flatnonzero(falls):
        path = points[c]
        # The strand follows the meridian down to eye height, then hangs vertically.
        leave = int(np.argmax(path[:, 1] < 55.0)) or rows - 1
        anchor = path[leave]
        skull = s <= turn
        place = s[skull] / turn * leave
        low = np.minimum(place.astype(int), rows - 2)
        out[c, skull] = path[low] + (path[low + 1] - path[low]) * (place - low)[:, None]
        t = (s[~skull] - turn) / (1 - turn)
        drop = anchor[1] + (bottom[c] - anchor[1]) * t
        sideways = anchor[[0, 2]] * (1 + flow * t[:, None] * np.sign(style.length - 60))
        sideways = sideways * (1 + 0.012 * wave * np.sin(5 * t[:, None] * 3 + phase))
        sideways[:, 1] += forward * front[c] * t
        # Behind the head, the hair follows neck and back instead of the skull's overhang.
        out[c, ~skull] = np.stack([sideways[:, 0], drop, sideways[:, 1]], axis=1)
    return out
