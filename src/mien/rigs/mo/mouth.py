"""Shapes of the lips. One-sided shapes are modelled on the left; the right ones are their mirror images."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from mien.rigs.mo.deform import Handles, Skin, hump, ramp
from mien.rigs.mo.rings import CONTACT, LINING, MOUTH_WIDTH, RED, lip_line

__all__ = ["Move", "lip_field", "mouth_correctives", "mouth_shapes"]

Move = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(position along the lip in [-1, 1], row offset as in `rings.RED`) -> displacements [N, 3] mm."""

_GIVES = {LINING: 0.0, LINING + 1: 0.1, LINING + 2: 0.55}
"""Row behind the lips -> share of the lips' backward motion that it follows, because the teeth leave little room."""


def lip_field(skin: Skin, upper: Move, lower: Move, *, extra: Handles | None = None, slide: float = 1.0) -> np.ndarray:
    """Displacements of the skin when the lips' rows move by `upper` and `lower`; cheeks and chin follow, the mouth
    cavity does not."""
    handles: Handles = []
    for side, move in (("upper", upper), ("lower", lower)):
        for row, share in ((LINING, 0.5), (LINING + 1, 0.9), (LINING + 2, 1.0), *((row, 1.0) for row in RED)):
            at = skin.lips(side, row)
            u = skin.along(at)
            joined = share + (1 - share) * 0.7 * np.abs(u[:, None]) ** 3  # the corner moves as a whole
            d = move(u, np.full(len(at), RED.get(row, 0.0))) * joined
            # parts of the lips that move back are pressed flat against the teeth
            d[:, 2] = np.where(d[:, 2] < 0, d[:, 2] * _GIVES.get(row, 1.0), d[:, 2])
            rest = skin.lips(side, CONTACT)  # the rows behind the lips move with them
            base = at if row >= CONTACT else rest
            handles.append((at, skin.slide(base, d) * slide + d * (1 - slide)))
    handles += extra or []
    v = skin.v
    hold = (v[:, 1] > -20) | (v[:, 1] < -96) | (v[:, 2] < -5) | skin.near(((0, -25, 82), 13.0))
    for side in ("upper", "lower"):
        for row in range(LINING):
            hold[skin.lips(side, row)] = True
    return skin.drag(handles, hold)


def _vector(*parts: np.ndarray | float) -> np.ndarray:
    return np.stack(np.broadcast_arrays(*[np.asarray(p, float) for p in parts]), axis=-1)


def _left(u: np.ndarray, power: float = 1.5) -> np.ndarray:
    """A factor that is 0 on the right side and 1 at the left corner."""
    return np.clip((u + 0.25) / 1.25, 0, 1) ** power


def _toward_line(skin: Skin, side: str, row: np.ndarray) -> np.ndarray:
    """Displacement of each vertex of a lip's row to the line where the lips meet."""
    at = next(number for number, offset in RED.items() if offset == row[0])
    return skin.v[skin.lips(side, CONTACT)] - skin.v[skin.lips(side, at)]


def _bump(skin: Skin, centre: tuple[float, float, float], width: float, move: tuple[float, float, float]) -> Handles:
    """A patch of skin as a handle, with the full displacement in the middle and less around it."""
    at = np.flatnonzero(skin.near((centre, 0.55 * width)) & ~skin.hidden)
    weight = hump(np.linalg.norm(skin.v[at] - np.asarray(centre), axis=1), 0, width)
    return [(at, weight[:, None] * np.asarray(move))]


def mouth_shapes(skin: Skin) -> dict[str, Float[np.ndarray, "V 3"]]:
    """Displacements of the lip channels (the left one of each pair), without those of the jaw."""
    return {**_sided(skin), **_parting(skin), **_central(skin)}


def _sided(skin: Skin) -> dict[str, np.ndarray]:
    def same(move: Move, extra: Handles | None = None) -> np.ndarray:
        return lip_field(skin, move, move, extra=extra)

    apple = _bump(skin, (40, -33, 57), 16, (2.6, 4.8, 3.2))

    def corner_up(side: str) -> Move:  # a smiling mouth is a bow and no wedge, and stretched lips get thinner
        def move(u: np.ndarray, r: np.ndarray) -> np.ndarray:
            width = _left(u, 1.2)
            sag = _vector(0.0, 9.0 * _left(u, 2.8) + 0.6 * hump(u, 0.0, 0.35), 0.0)
            thin = 0.16 * width * (1 - u**4)
            return sag + _vector(8.0, 0.0, 0.0) * width[:, None] + thin[:, None] * _toward_line(skin, side, r)

        return move

    smile = lip_field(skin, corner_up("upper"), corner_up("lower"), extra=apple)
    frown = same(
        lambda u, r: (
            _vector(1.5, -6.8, 0.0) * _left(u, 1.7)[:, None]
            + _vector(0, 0.8 * hump(u, 0.15, 0.4), 0.3) * np.clip(u + 0.5, 0, 1)[:, None]
        ),
        extra=_bump(skin, (24, -72, 58), 9, (0.6, -2.5, 0.8)),
    )
    dimple = same(lambda u, r: _vector(5.0, 1.5, -1.0) * _left(u, 2.2)[:, None])
    dimple -= 2.6 * skin.bell((30.5, -52.5, 60), 5.0)[:, None] * skin.normals
    stretch = same(
        lambda u, r: _vector(7.5, -3.5, 0.0) * _left(u, 1.6)[:, None],
        extra=_bump(skin, (34, -68, 46), 10, (2.5, -2.0, 0.5)),
    )

    return {
        "mouthSmileLeft": smile,
        "mouthFrownLeft": frown,
        "mouthDimpleLeft": dimple,
        "mouthStretchLeft": stretch,
        "mouthLeft": same(lambda u, r: _vector(9.0 - 1.5 * np.abs(u), 0.6 * u, 0.0)),
    }


def _parting(skin: Skin) -> dict[str, np.ndarray]:
    """Pressed, lowered and raised lips, in which the two lips move in different directions."""

    def press(side: str) -> Move:
        def move(u: np.ndarray, r: np.ndarray) -> np.ndarray:
            weight = ramp(u, -0.35, 0.35)[:, None]
            return weight * (0.5 * _toward_line(skin, side, r) + _vector(0.8 * np.abs(u), 0.0, -1.3))

        return move

    def lower_down(u: np.ndarray, r: np.ndarray) -> np.ndarray:
        weight = 0.95 * hump(u, 0.36, 0.48) * (1 - ramp(u, 0.55, 1.0))
        return _vector(0.8, -8.0, 0.5) * weight[:, None]

    def upper_up(u: np.ndarray, r: np.ndarray) -> np.ndarray:
        weight = 0.95 * hump(u, 0.38, 0.48) * (1 - ramp(u, 0.6, 1.0))
        return _vector(0.6, 7.0, 0.0) * weight[:, None]

    fold = _bump(skin, (22, -40, 64), 8, (1.0, 3.5, 0.8))
    return {
        "mouthPressLeft": lip_field(skin, press("upper"), press("lower"), slide=0.0),
        "mouthLowerDownLeft": lip_field(skin, _resting, lower_down),
        "mouthUpperUpLeft": lip_field(skin, upper_up, _resting, extra=fold),
    }


def _central(skin: Skin) -> dict[str, np.ndarray]:
    def funnel(way: float) -> Move:
        def move(u: np.ndarray, r: np.ndarray) -> np.ndarray:
            open_by = way * (4.8 if way > 0 else 6.0) * np.sqrt(np.clip(1 - u**2, 0, 1)) + _level(u, 0.8)
            out = 6.5 * np.clip(1 - 0.65 * u**2, 0, 1) + 0.8 * (1 - r)
            return _vector(-8.0 * u, open_by + way * 0.6 * (r - 1) * (1 - u**2), out)

        return move

    def pucker(way: float) -> Move:
        def move(u: np.ndarray, r: np.ndarray) -> np.ndarray:
            full = np.clip(1 - u**2, 0, 1)
            # narrow lips are round: the middle of the wide bow recedes, and both sides of it bulge
            swell = way * r * (0.9 * full + 0.6 * hump(np.abs(u), 0.55, 0.3))
            out = 8.0 * (1 - 0.3 * u**2) - 0.7 * r * full
            return _vector(-9.5 * np.sin(np.pi / 2 * u), swell + _level(u, 0.85), out)

        return move

    def roll(side: str) -> Move:
        way = 1.0 if side == "upper" else -1.0

        def move(u: np.ndarray, r: np.ndarray) -> np.ndarray:
            full = np.clip(1 - u**4, 0, 1)[:, None]
            into = _vector(0.0, -way * 0.3 * r, -3.4 + 0.7 * r)
            return full * (0.82 * _toward_line(skin, side, r) + into)

        return move

    def follow(share: float) -> Move:
        return lambda u, r: _vector(0.0, 0.0, -1.2 * share * np.clip(1 - u**2, 0, 1))

    def shrug(lift: float, out: float, turn: float = 0.0) -> Move:
        def move(u: np.ndarray, r: np.ndarray) -> np.ndarray:
            full = np.clip(1 - u**2, 0, 1)
            return _vector(0.0, lift * (full * 0.85 + 0.15) + turn * r * full, out * full * (0.4 + 0.3 * r))

        return move

    chin = _bump(skin, (0, -80, 68), 14, (0.0, 4.5, 1.6))
    philtrum = _bump(skin, (0, -42, 74), 9, (0.0, 1.5, 1.0))
    pursed = lip_field(skin, pucker(1.0), pucker(-1.0), slide=0.0)
    for x, y, z, rise in ((5, -44, 72, 0.8), (13, -76, 66, 2.2)):  # gathered skin is round and has no ridge
        beside = skin.bell((x, y, z), 7.0) + skin.bell((-x, y, z), 7.0)
        beside[np.unique(np.concatenate([skin.lips(side, row) for side in ("upper", "lower") for row in RED]))] = 0.0
        pursed += rise * beside[:, None] * skin.normals
    return {
        "mouthFunnel": lip_field(skin, funnel(1.0), funnel(-1.0), slide=0.0),
        "mouthPucker": pursed,
        "mouthRollUpper": lip_field(skin, roll("upper"), follow(0.3), slide=0.0),
        "mouthRollLower": lip_field(skin, follow(0.3), roll("lower"), slide=0.0),
        "mouthShrugUpper": lip_field(skin, shrug(3.4, 2.6, 0.5), shrug(3.4, 0.8), extra=philtrum, slide=0.4),
        "mouthShrugLower": lip_field(skin, shrug(4.1, 0.6), shrug(4.1, 3.2, -0.3), extra=chin, slide=0.4),
    }


def mouth_correctives(skin: Skin) -> dict[tuple[str, str], Float[np.ndarray, "V 3"]]:
    """Correctives of the lips (the left one of each pair), at weight 1 of both channels, for pairs of shapes whose sum
    is wrong."""

    def unpressed(side: str) -> Move:  # pressed and rolled lips hide the red once, not one and a half times
        return lambda u, r: -0.45 * ramp(u, -0.35, 0.35)[:, None] * _toward_line(skin, side, r)

    def bow(u: np.ndarray, r: np.ndarray) -> np.ndarray:  # the lower lip of a laugh is a bowl
        weight = ramp(u, -0.35, 0.35) * hump(u, 0.62, 0.33)
        return _vector(1.2, -3.4, 0.5) * weight[:, None] + _corner(u)

    def bared(u: np.ndarray, r: np.ndarray) -> np.ndarray:  # the upper lip shows the teeth
        weight = ramp(u, -0.5, 0.4) * (1 - np.abs(u) ** 3)
        return _vector(0.0, 2.4, -0.4) * weight[:, None] + _corner(u)

    return {
        ("mouthPressLeft", "mouthRollUpper"): lip_field(skin, unpressed("upper"), _resting, slide=0.0),
        ("mouthPressLeft", "mouthRollLower"): lip_field(skin, _resting, unpressed("lower"), slide=0.0),
        ("jawOpen", "mouthSmileLeft"): lip_field(skin, bared, bow, slide=0.5),
    }


def _level(u: np.ndarray, share: float) -> np.ndarray:
    """Vertical displacement [mm] that straightens the line of the lips by a share, because rounded lips are no bow."""
    line = lip_line(MOUTH_WIDTH * u)
    return share * (float(lip_line(np.array(0.6 * MOUTH_WIDTH))) - line)


def _corner(u: np.ndarray) -> np.ndarray:
    """Displacement of the corner of a smile, which the cheeks hold up and back when the jaw drops."""
    return _vector(0.6, 2.6, 0.0) * _left(u, 2.5)[:, None]


def _resting(u: np.ndarray, r: np.ndarray) -> np.ndarray:
    return np.zeros((len(u), 3))
