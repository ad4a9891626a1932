"""Things that people wear and hold: clothes, glasses, hats, headphones, hands, microphones, phones."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.synth.hair import HEAD_CENTRE, head_radius
from mien.synth.looks import Look
from mien.synth.performer import Performer
from mien.synth.solids import Id, Solid, box, ellipsoid, grid, join, tube

__all__ = ["Held", "clothes", "glasses", "headgear", "sample_held"]


def clothes(rng: np.random.Generator, performer: Performer) -> Solid:
    """A torso with shoulders under the neck, in torso coordinates (the rig's frame at rest)."""
    # Most clothes are nearly black, white, grey or navy, and a few are bright.
    strength = rng.choice([0.08, 0.4], p=[0.65, 0.35])
    color = np.clip(np.exp(rng.normal(np.log(0.12), 1.1)) * np.exp(rng.normal(0, strength, 3)), 0.01, 0.8)
    rows = np.linspace(0, 1, 18)[None]
    angle = np.linspace(0, 2 * np.pi, 49)[:, None]
    broad, drop = rng.uniform(175, 225), rng.uniform(45, 85)
    collar = rng.uniform(-1, 1)
    neck = rng.uniform(66, 80) if collar > 0 else rng.uniform(85, 125)
    top = rng.uniform(-125, -112) if collar > 0 else rng.uniform(-165, -140)
    # From the ring of the collar outwards over the shoulders, then down.
    out = np.clip(rows / 0.55, 0, 1)
    rx = neck + (broad - neck) * out**0.8
    rz = neck * 0.95 + (105 - neck * 0.95) * out
    y = top - drop * out**1.6 - 260 * np.clip((rows - 0.55) / 0.45, 0, 1) - 12 * np.cos(angle) * (1 - out)
    y = y - 25 * np.maximum(np.cos(angle), 0) * (1 - out) * (collar < 0)
    x = rx * np.sin(angle)
    z = rz * np.cos(angle) - 12 + 0 * rows
    points = np.stack([x, y + 0 * x, z], -1)
    solid = grid(points, color, Id.CLOTHES, gloss=0.02, outward=np.array([0.0, -320.0, -12.0]))
    if rng.random() < 0.35:  # stripes
        other = np.clip(color * np.exp(rng.normal(0, 0.8, 3)), 0.01, 0.8)
        band = np.sin(points[..., int(rng.integers(2))].reshape(-1) / rng.uniform(4, 16)) > rng.uniform(-0.3, 0.7)
        solid.vertices[band, 6:9] = other
    parts = [solid]
    if collar > 0.35:  # polo neck, scarf or hood behind the neck
        heights = np.linspace(-118, rng.uniform(-100, -78), 5)[None]
        r = rng.uniform(70, 90) + 4 * np.sin(angle * 5 + heights)
        ring = np.stack([r * np.sin(angle), heights - 14 * np.cos(angle), 0.95 * r * np.cos(angle) - 10], -1)
        parts.append(
            grid(ring, color * rng.uniform(0.7, 1.2), Id.CLOTHES, gloss=0.02, outward=np.array([0, -100.0, -10]))
        )
    del performer
    return join(parts)


def glasses(rng: np.random.Generator, performer: Performer) -> tuple[Solid, Solid, Float[np.ndarray, "4"]]:
    """Frames, lenses and the lenses' tint (linear colour, opacity), fitted to the eyes, nose and ears."""
    eyes = performer.eyes
    lm = performer.landmarks(performer.neutral)
    width, height = rng.uniform(21, 28), rng.uniform(15, 24)
    power = rng.uniform(2.0, 4.5)  # exponent of the rim's superellipse: 2 round, 4 rectangular
    bridge_z = float(lm[27, 2]) + rng.uniform(1.5, 5)
    dark = rng.random() < 0.3
    color = (
        np.array([0.015, 0.014, 0.014]) if rng.random() < 0.55 else np.clip(np.exp(rng.normal(-2.0, 0.9, 3)), 0.01, 0.7)
    )
    wire = rng.uniform(0.5, 1.0) if rng.random() < 0.45 else rng.uniform(1.1, 2.6)
    angle = np.linspace(0, 2 * np.pi, 33)
    frames: list[Solid] = []
    lenses: list[Solid] = []
    drop = rng.uniform(-1, 4)
    wrap = rng.uniform(0.04, 0.16)
    ends: list[np.ndarray] = []
    inners: list[np.ndarray] = []
    temple = np.abs(performer.neutral - np.array([0.0, float(eyes[:, 1].mean()), 45.0]))
    side = float(temple[(temple[:, 1] < 12) & (temple[:, 2] < 22), 0].max()) + 2.0  # half the width at the temples
    for k, sign in ((0, 1), (1, -1)):
        c, s = np.cos(angle), np.sin(angle)
        rx, ry = np.sign(c) * np.abs(c) ** (2 / power), np.sign(s) * np.abs(s) ** (2 / power)
        middle_x = sign * max(abs(float(eyes[k, 0])) + 1.0, width + 4.0)
        x = middle_x + width * rx
        y = float(eyes[k, 1]) - drop + height * ry * np.where(s > 0, 0.85, 1.0)
        z = bridge_z - wrap * np.maximum(np.abs(x) - 12, 0) ** 1.25 * 0.9
        rim = np.stack([x, y, z], 1)
        if rng.random() < 0.9 or k:
            frames.append(tube(rim, wire, color, Id.GLASSES, sides=6, gloss=0.6))
        centre = rim.mean(0)
        disc = centre + (rim[:, None] - centre) * np.linspace(0, 1, 4)[None, :, None]
        lens = grid(disc, color, Id.GLASSES, outward=np.zeros(3))
        bulge = np.array([0.0, 0.0, 1.0]) + 0.012 * (lens.vertices[:, :3] - centre) * (1, 1, 0)
        lens.vertices[:, 3:6] = bulge / np.linalg.norm(bulge, axis=1, keepdims=True)
        lenses.append(lens)
        ends.append(rim[np.argmax(sign * rim[:, 0])])
        inner = rim[np.argmin(sign * rim[:, 0] - 0.05 * rim[:, 1])]
        inners.append(inner)
        if k:
            span = np.linspace(0, 1, 7)[:, None]
            path = inners[0] * (1 - span) + inner * span + np.array([0, 2.5, 1.5]) * np.sin(np.pi * span)
            frames.append(tube(path, wire * 1.1, color, Id.GLASSES, sides=6, gloss=0.6))
        hinge = np.array([sign * max(side, abs(float(ends[k][0]))), ends[k][1], ends[k][2] - 9.0])
        over = np.array([sign * (side + 4.0), float(eyes[k, 1]) + 2.0, 20.0])
        ear = np.array([sign * (side + 5.0), float(eyes[k, 1]) - 2.0, -10.0])
        path = np.stack([ends[k], (ends[k] + hinge) / 2 + (sign * 1.5, 0, 1.5), hinge, (hinge + over) / 2, over, ear])
        frames.append(tube(path, max(wire, 1.0), color, Id.GLASSES, sides=6, gloss=0.6))
    tint = (
        np.array([*rng.uniform(0.0, 0.12, 3), rng.uniform(0.75, 0.96)])
        if dark
        else np.array([*rng.uniform(0.3, 0.8, 3), rng.uniform(0, 0.12)])
    )
    return join(frames), join(lenses), tint


def headgear(rng: np.random.Generator, performer: Performer) -> Solid:
    """A cap, beanie, headband, hood or headphones."""
    kind = str(rng.choice(["cap", "beanie", "band", "headphones", "headphones", "hood"]))
    radius = head_radius(performer.neutral)
    color = np.clip(np.exp(rng.normal(np.log(0.1), 0.9)) * np.exp(rng.normal(0, 0.4, 3)), 0.01, 0.7)
    if kind == "headphones":
        return _headphones(rng, performer, color)
    lift = {"cap": 9.0, "beanie": 14.0, "band": 7.0, "hood": 30.0}[kind] + rng.uniform(0, 6)
    azimuth = np.linspace(-np.pi, np.pi, 61)
    front = rng.uniform(22, 36)
    low = np.radians(np.interp(np.abs(azimuth), np.radians([0, 60, 95, 180]), [front, front - 14, 4, -20]))
    if kind == "hood":
        low = np.radians(np.interp(np.abs(azimuth), np.radians([0, 45, 60, 180]), [48, 40, -60, -64]))
    high = low + np.radians(rng.uniform(8, 14)) if kind == "band" else np.full_like(low, np.radians(89.5))
    s = np.linspace(0, 1, 14)[None]
    elevation = high[:, None] + (low - high)[:, None] * s
    from mien.synth.hair import radius_at  # hair uses the same map of the head

    r = radius_at(radius, azimuth[:, None] + 0 * s, elevation)
    smooth = 0.5 * r + 0.5 * r.mean(axis=0, keepdims=True) if kind != "hood" else r
    r = np.maximum(r, smooth) + lift * (1 - 0.4 * (s > 0.99))
    unit = np.stack(
        [np.cos(elevation) * np.sin(azimuth)[:, None], np.sin(elevation), np.cos(elevation) * np.cos(azimuth)[:, None]],
        -1,
    )
    points = HEAD_CENTRE + unit * r[..., None]
    solid = grid(points, color, Id.HAT, gloss=0.03, outward=HEAD_CENTRE)
    if kind == "beanie":
        ribs = 0.8 + 0.2 * np.sin(azimuth * 40)
        solid.vertices[:, 6:9] *= np.repeat(ribs, 14)[:, None]
    parts = [solid]
    if kind == "cap":
        parts.append(_brim(rng, points, color))
    return join(parts)


def _brim(rng: np.random.Generator, points: np.ndarray, color: np.ndarray) -> Solid:
    rim = points[16:45, -1]
    length = rng.uniform(45, 75)
    t = np.linspace(0, 1, 5)[None, :, None]
    reach = np.sin(np.linspace(0.12, np.pi - 0.12, len(rim)))[:, None, None]
    forward = np.array([0.0, rng.uniform(-0.35, 0.05), 1.0]) * length
    sheet = rim[:, None] + t * reach * forward + np.array([0, -6.0, 0]) * (1 - reach) * t
    return grid(sheet, color * rng.uniform(0.6, 1.3), Id.HAT, gloss=0.05, outward=np.array([0.0, -500.0, 80.0]))


def _headphones(rng: np.random.Generator, performer: Performer, color: np.ndarray) -> Solid:
    angle = np.linspace(-0.12, np.pi + 0.12, 24)
    wide = 84 + rng.uniform(0, 6)
    top = float(performer.neutral[:, 1].max()) + rng.uniform(5, 14) - 20
    band = np.stack([wide * np.cos(angle), 20 + top * np.sin(angle), np.full_like(angle, -4.0)], 1)
    parts = [tube(band, rng.uniform(4, 9), color, Id.HAT, sides=8, flat=2.0)]
    size = rng.uniform(26, 42)
    for sign in (-1, 1):
        parts.append(ellipsoid(np.array([sign * (wide + 4), 18.0, -4.0]), (13, size, size * 0.9), color * 0.8, Id.HAT))
    if rng.random() < 0.4:  # boom microphone
        sign = rng.choice([-1, 1])
        path = np.array([[sign * wide, 5, 5], [sign * 84, -25, 55], [sign * 60, -52, 100], [sign * 34, -55, 118.0]])
        parts.append(tube(path, 2.5, color * 0.6, Id.OCCLUDER, sides=6))
        parts.append(ellipsoid(path[-1], (7, 6, 6), np.full(3, 0.02), Id.OCCLUDER))
    return join(parts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """A thing before the face, which drifts a little from frame to frame."""

    solid: Solid
    start: Float[np.ndarray, "3"]
    """Shift in the head frame at t = 0 [mm]."""
    speed: Float[np.ndarray, "3"]
    """Velocity in the head frame [mm/s]."""

    def at(self, time: float) -> Solid:
        """The solid at a time [s]."""
        return self.solid.moved(np.eye(3), self.start + self.speed * time)


def sample_held(rng: np.random.Generator, performer: Performer, look: Look) -> Held:
    """A hand at chin, cheek, mouth, brow or over the face; a microphone; a phone, cup or sheet."""
    lm = performer.landmarks(performer.neutral)
    spots = {
        "chin": lm[8],
        "mouth": lm[66],
        "cheek": lm[3],
        "cheek2": lm[13],
        "brow": lm[24],
        "eye": lm[37],
        "nose": lm[30],
    }
    spot = spots[str(rng.choice(list(spots)))] + rng.normal(0, 10, 3)
    kind = str(rng.choice(["hand", "fingers", "microphone", "slab", "cup"], p=[0.42, 0.26, 0.2, 0.04, 0.08]))
    speed = rng.normal(0, 35, 3) * (rng.random() < 0.6)
    from scipy.spatial.transform import Rotation

    if kind in ("hand", "fingers"):
        solid = _hand(rng, look, fingers=4 if kind == "hand" else int(rng.integers(2, 4)))
        side = 1 if spot[0] > 0 else -1
        turn = Rotation.from_euler(
            "ZYX", [side * rng.uniform(0.1, 1.4), side * rng.uniform(-0.3, 0.8), rng.normal(0, 0.3)]
        )
        return Held(
            solid=solid.moved(turn.as_matrix(), np.zeros(3)),
            start=spot + np.array([0, 0, rng.uniform(10, 30)]),
            speed=speed,
        )
    if kind == "microphone":
        dark = np.full(3, rng.uniform(0.01, 0.08))
        head = ellipsoid(np.zeros(3), (22, 26, 22), dark, Id.OCCLUDER)
        stick = tube(
            np.array([[0, -20, 0], [rng.normal(0, 20), -160, rng.uniform(0, 60)]]),
            11,
            dark * 1.5,
            Id.OCCLUDER,
            sides=10,
        )
        return Held(
            solid=join([head, stick]),
            start=lm[8] + (rng.normal(0, 25), rng.uniform(-10, 30), rng.uniform(35, 70)),
            speed=speed,
        )
    color = np.clip(np.exp(rng.normal(-1.8, 1.0, 3)), 0.01, 0.8)
    if kind == "cup":
        rows = np.linspace(0, 1, 4)[None]
        angle = np.linspace(0, 2 * np.pi, 25)[:, None]
        r = rng.uniform(34, 42) * (1 - 0.2 * rows)
        cup = np.stack([r * np.sin(angle), -rows * 90 + 0 * angle, r * np.cos(angle)], -1)
        return Held(
            solid=grid(cup, color, Id.OCCLUDER),
            start=lm[66] + (rng.normal(0, 15), rng.uniform(-10, 10), 38),
            speed=speed,
        )
    solid = box((rng.uniform(60, 160), rng.uniform(40, 160), 8), color, Id.OCCLUDER)
    turn = Rotation.from_euler("ZYX", rng.normal(0, 0.35, 3)).as_matrix()
    away = np.array([rng.choice([-1, 1]) * rng.uniform(20, 90), rng.normal(0, 40), rng.uniform(30, 60)])
    return Held(solid=solid.moved(turn, np.zeros(3)), start=spot + away, speed=speed)


def _hand(rng: np.random.Generator, look: Look, fingers: int) -> Solid:
    """Fingers as bent tubes along +y with nails, on a palm; the fingertips lie at the origin."""
    skin = look.skin * rng.uniform(0.85, 1.1) * np.array([1.03, 0.97, 0.96])
    parts: list[Solid] = []
    curl = rng.uniform(0.0, 0.5)
    for k in range(fingers):
        x = (k - (fingers - 1) / 2) * rng.uniform(16, 19)
        length = (68, 78, 74, 58)[k % 4] * rng.uniform(0.9, 1.1)
        t = np.linspace(0, 1, 9)
        y = -length * t
        z = 26 * curl * np.sin(np.pi * t) + 2
        radius = np.interp(t, [0, 0.06, 0.2, 0.45, 0.5, 1], [2.5, 6.2, 7.4, 7.6, 8.2, 9.0])
        path = np.stack([x + rng.normal(0, 1) * t * 6, y - abs(k - 1.3) * 6, z], 1)
        parts.append(tube(path, radius, skin * rng.uniform(0.95, 1.05), Id.OCCLUDER, sides=9, gloss=0.15))
        parts.append(
            ellipsoid(path[0] + (0, -7, 6.3), (4.4, 6.5, 1.6), np.clip(skin * (1.15, 1.05, 1.05), 0, 0.9), Id.OCCLUDER)
        )
    parts.append(ellipsoid(np.array([0, -112.0, 4]), (42, 52, 15), skin, Id.OCCLUDER))
    if fingers >= 3:
        thumb = np.array([[-36, -100, 8], [-50, -72, 12], [-52, -48, 14.0]]) * (rng.choice([-1, 1]), 1, 1)
        parts.append(tube(thumb, np.array([12, 10, 6.0]), skin, Id.OCCLUDER, sides=9))
    return join(parts)
