"""Shapes of the left eye's lids, which rotate about the eye's axis and so stay on the eyeball."""

import numpy as np
from jaxtyping import Float

from mien.rigs.mo.deform import Handles, Skin, hump, ramp
from mien.rigs.mo.rings import closing_line, ring_parameter
from mien.rigs.mo.sculpt import EYE_CENTRE, EYE_RADIUS, LID

__all__ = ["eye_correctives", "eye_shapes"]

_UPPER_FOLLOW = (1.0, 1.0, 1.0, 1.0, 1.0, 0.96, 0.86, 0.70, 0.50)
_LOWER_FOLLOW = (1.0, 1.0, 1.0, 1.0, 1.0, 0.92, 0.75, 0.5, 0.25)
"""Share of the margin's rotation for each row of `rings.eye_rings` (0-3 behind the lid, 4 its edge, 5-8 skin)."""


def _turn(points: np.ndarray, angle: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Displacement by an upward rotation of `angle` [rad] about the eye's x axis; `onto` pulls to the lid's sphere."""
    q = points - EYE_CENTRE
    c, s = np.cos(angle), np.sin(angle)
    turned = np.stack([q[:, 0], c * q[:, 1] + s * q[:, 2], c * q[:, 2] - s * q[:, 1]], axis=1)
    arm = np.hypot(turned[:, 1], turned[:, 2])
    wanted = np.sqrt(np.maximum((EYE_RADIUS + LID) ** 2 - q[:, 0] ** 2, 1.0))
    turned[:, 1:] *= (1 + onto * (np.minimum(wanted / arm, 1) - 1))[:, None]
    return turned - q


def _lids(
    skin: Skin,
    upper: np.ndarray,
    lower: np.ndarray,
    extra: list[tuple[np.ndarray, np.ndarray]] | None = None,
    *,
    tangent: bool = False,
) -> Float[np.ndarray, "V 3"]:
    """Displacements by a rotation of the upper and lower margin [rad per margin vertex, + up].

    With `tangent` vertices move along the tangent of the sphere instead, because a rotation that is added to another
    one must not cut into the eyeball.
    """
    handles = []
    for name, angle, follow in (("eye_upper", upper, _UPPER_FOLLOW), ("eye_lower", lower, _LOWER_FOLLOW)):
        for row, share in enumerate(follow):
            at = skin.labels[name][row]
            onto = np.full(len(at), 0.0 if row < 5 else 0.8 * share) * np.minimum(np.abs(angle) / 0.3, 1)
            moves = _turn(skin.v[at], share * angle, onto)
            if tangent:
                turned = skin.v[at] + moves - EYE_CENTRE
                moves += turned * (1 / np.cos(share * angle) - 1)[:, None] * [0, 1, 1]
            handles.append((at, moves))
    corners = skin.labels["eye_upper"][:, [0, -1]].ravel()
    handles.append((corners, np.zeros((len(corners), 3))))
    handles += extra or []
    reach = skin.near(((34.5, 2, 66), 30.0)) if not extra else skin.near(((36, -14, 60), 44.0))
    hold = ~reach | (skin.v[:, 0] < 5)
    return skin.drag(handles, hold)


def eye_shapes(skin: Skin) -> dict[str, np.ndarray]:
    """Displacements of the seven lid channels of the left eye."""
    s = ring_parameter()
    q = {side: skin.v[skin.labels[f"eye_{side}"][4]] - EYE_CENTRE for side in ("upper", "lower")}
    angle = {side: np.arctan2(p[:, 1], p[:, 2]) for side, p in q.items()}
    arch = np.sin(np.pi * s) ** 0.7
    to_close = {side: closing_line(s) - angle[side] for side in angle}

    def degrees(value: float) -> np.ndarray:
        return np.radians(value) * arch

    pouch = np.flatnonzero(skin.near(((35, -26, 62), 7.0)) & ~skin.hidden)
    lift = np.array([0.0, 2.4, 1.0]) * hump(np.linalg.norm(skin.v[pouch] - [35, -26, 62], axis=1), 0, 7)[:, None]
    shapes = {
        "eyeBlinkLeft": _lids(skin, to_close["upper"], to_close["lower"]),
        "eyeWideLeft": _lids(skin, degrees(12), degrees(-4), tangent=True),
        "eyeSquintLeft": _lids(skin, degrees(-9), degrees(14), [(pouch, lift)]),
        "eyeLookUpLeft": _lids(skin, degrees(13), degrees(4)),
        "eyeLookDownLeft": _lids(skin, degrees(-30), degrees(-11)),
    }
    for name, way in (("eyeLookOutLeft", 1.0), ("eyeLookInLeft", -1.0)):
        ahead = ramp(s if way > 0 else 1 - s, 0.25, 0.85)  # lids open on the side the iris moves to, close behind it
        raised, lowered = degrees(7.5) * ahead - degrees(2.5) * (1 - ahead), degrees(-6) * ahead
        shapes[name] = _lids(skin, raised, lowered, tangent=True) + _sideways(skin, way * np.radians(5.0))
    return shapes


def _sideways(skin: Skin, angle: float) -> np.ndarray:
    """Displacements by the bulge of the cornea, which moves the lids slightly about the vertical axis."""
    field = np.zeros_like(skin.v)
    for name in ("eye_upper", "eye_lower"):
        for row, share in enumerate((1, 1, 1, 1, 1, 0.8, 0.5, 0.25, 0.1)):
            at = skin.labels[name][row]
            q = skin.v[at] - EYE_CENTRE
            a = angle * share * ramp(np.abs(np.linspace(-1, 1, len(at))), 1.0, 0.55)
            turned = np.stack(
                [np.cos(a) * q[:, 0] + np.sin(a) * q[:, 2], q[:, 1], np.cos(a) * q[:, 2] - np.sin(a) * q[:, 0]], axis=1
            )
            field[at] = turned - q
    return field


def eye_correctives(skin: Skin, shapes: dict[str, np.ndarray]) -> dict[tuple[str, str], np.ndarray]:
    """Correctives of the left eye, at weight 1 of both channels: closed lids stay closed whatever else moves them.

    At smaller weights the gap between the lids is (1 - blink) times the gap of the other shape, so lids never cross.
    """
    s = ring_parameter()
    arch = np.sin(np.pi * s) ** 0.7
    blink = shapes["eyeBlinkLeft"]
    out: dict[tuple[str, str], np.ndarray] = {}
    for name, squeeze, bulge in (
        ("eyeSquintLeft", 4.0, 0.0), ("eyeLookDownLeft", -3.0, 0.0), ("eyeLookUpLeft", 2.0, 1.2),
        ("eyeWideLeft", 0.0, 1.2), ("eyeLookInLeft", 0.0, 0.0), ("eyeLookOutLeft", 0.0, 0.0),
        ("cheekSquintLeft", 2.0, 0.0),
    ):  # fmt: skip
        other = shapes[name]
        handles: Handles = []
        for edge, follow in (("eye_upper", _UPPER_FOLLOW), ("eye_lower", _LOWER_FOLLOW)):
            for row, share in enumerate(follow):
                at = skin.labels[edge][row]
                shut = skin.v[at] + blink[at]
                # the line where the lids meet moves as a whole: squeezed eyes close higher
                shift = _turn(shut, np.radians(squeeze) * share * arch, np.zeros(len(at)))
                # a longer path is a deeper chord: half-way along it the lids must still clear the eyeball
                away = (shut - EYE_CENTRE) / np.linalg.norm(shut - EYE_CENTRE, axis=1, keepdims=True)
                shift += (bulge * share * arch)[:, None] * away
                handles.append((at, shift - share * other[at]))
        reach = skin.near(((34.5, 2, 66), 30.0))
        out["eyeBlinkLeft", name] = skin.drag(handles, ~reach | (skin.v[:, 0] < 5))
    return out
