"""A continuous projection of any 52 weights onto weights that a face can show."""

import numpy as np
from jaxtyping import Float

from mien.synth.motion.groups import AT

__all__ = ["LID_CLOSURE", "LID_CLOSURE_LIMIT", "OPPOSITES", "SHARED", "VERGENCE", "plausible"]

OPPOSITES: tuple[tuple[str, str], ...] = (
    ("jawLeft", "jawRight"),
    ("mouthLeft", "mouthRight"),
    ("mouthSmileLeft", "mouthFrownLeft"),
    ("mouthSmileRight", "mouthFrownRight"),
)
"""Pairs that pull one point in opposite directions; only their difference is kept.

Over the two MIT range-of-motion takes (7,839 frames) the smaller of each pair is 0.00 in every frame.
"""

SHARED: tuple[tuple[tuple[str, ...], float], ...] = (
    (("browDownLeft", "browOuterUpLeft"), 1.0),
    (("browDownRight", "browOuterUpRight"), 1.0),
    (("browDownLeft", "browInnerUp"), 1.2),
    (("browDownRight", "browInnerUp"), 1.2),
    (("eyeSquintLeft", "eyeWideLeft"), 1.0),
    (("eyeSquintRight", "eyeWideRight"), 1.0),
    (("mouthSmileLeft", "mouthPucker"), 1.0),
    (("mouthSmileRight", "mouthPucker"), 1.0),
    (("mouthSmileLeft", "mouthFunnel"), 1.0),
    (("mouthSmileRight", "mouthFunnel"), 1.0),
    (("mouthStretchLeft", "mouthPucker"), 1.0),
    (("mouthStretchRight", "mouthPucker"), 1.0),
    (("mouthDimpleLeft", "mouthPucker"), 1.0),
    (("mouthDimpleRight", "mouthPucker"), 1.0),
    (("mouthStretchLeft", "mouthFunnel"), 1.1),
    (("mouthStretchRight", "mouthFunnel"), 1.1),
    (("mouthRollLower", "mouthFunnel"), 1.0),
    (("mouthRollUpper", "mouthFunnel"), 1.0),
    (("mouthRollLower", "mouthShrugLower"), 1.2),
    (("mouthRollLower", "mouthLowerDownLeft"), 1.0),
    (("mouthRollLower", "mouthLowerDownRight"), 1.0),
    (("mouthRollUpper", "mouthUpperUpLeft"), 1.0),
    (("mouthRollUpper", "mouthUpperUpRight"), 1.0),
    (("mouthPressLeft", "mouthLowerDownLeft"), 1.0),
    (("mouthPressRight", "mouthLowerDownRight"), 1.0),
    (("mouthPressLeft", "mouthUpperUpLeft"), 1.0),
    (("mouthPressRight", "mouthUpperUpRight"), 1.0),
)
"""Channels whose sum is limited, and the limit; larger sums are scaled down.

Sums in the takes stay at or below 1.0 for smile + pucker (0.91), smile + funnel (1.01), roll + funnel (0.83), brow
down + inner up (1.00) and brow down + outer up (0.97). Brow down + inner up may reach 1.2: sadness is AU1+4.
"""

LIPS_CLOSED: tuple[tuple[str, float], ...] = (
    ("mouthPressLeft", 1.0),
    ("mouthPressRight", 1.0),
    ("cheekPuff", 1.0),
    ("mouthShrugLower", 1.4),
    ("mouthRollLower", 1.4),
    ("mouthRollUpper", 1.4),
)
"""Channels that need (nearly) closed lips, and their limits: at most limit - (jawOpen - mouthClose). Sums in the takes
reach 1.0."""

TONGUE_NEEDS = 0.3
"""Least opening of lips and teeth (jawOpen less mouthClose) at tongueOut 1 (`synth.tongue`)."""

LID_CLOSURE: dict[str, float] = {"eyeBlink": 0.954, "eyeSquint": 0.243, "cheekSquint": 0.285, "eyeLookDown": 0.542}
"""Share of the open lid gap that each fully active channel closes, measured on ICT-FaceKit's lid landmarks."""

LID_CLOSURE_LIMIT = 1.1
"""Largest total closure: shapes are linear and have no contact, so more would push the lids through each other."""

VERGENCE = (-0.05, 0.3)
"""Range of (right eye's turn to the subject's left) - (left eye's), in weights: 0.3 is 9.6 degrees, a target at 37 cm.

The takes have 0.06-0.11 throughout.
"""

_VERTICAL = 0.03
"""Largest difference of the two eyes' vertical turn, in weights (0.8 deg; the takes: under 0.01)."""


def plausible(weights: Float[np.ndarray, "*batch 52"]) -> Float[np.ndarray, "*batch 52"]:
    """Weights near `weights` that a face can show, float32 in [0, 1]; `weights` itself is not changed.

    Continuous (so smooth curves stay smooth) and idempotent. Guarantees: one of each of `OPPOSITES` and of up/down,
    in/out gaze is zero; gaze is conjugate within `VERGENCE`; eyeWide <= 1 - 2.5 eyeBlink; sums within `SHARED`; lid
    closure within `LID_CLOSURE_LIMIT`; mouthClose <= jawOpen; a tongue that is out parts the lips (`TONGUE_NEEDS`);
    pressing and puffing need closed lips.
    """
    w = np.clip(np.nan_to_num(np.asarray(weights, np.float64)), 0.0, 1.0)
    for a, b in OPPOSITES:
        _subtract(w, AT[a], AT[b])
    _conjugate(w)
    for side in ("Left", "Right"):
        blink, wide = w[..., AT["eyeBlink" + side]], w[..., AT["eyeWide" + side]]
        # In the takes eyeWide is 0 wherever eyeBlink exceeds 0.3: the levator cannot pull on a closing lid.
        w[..., AT["eyeWide" + side]] = np.minimum(wide, np.maximum(1.0 - 2.5 * blink, 0.0))
    for names, limit in SHARED:
        columns = [AT[name] for name in names]
        total = w[..., columns].sum(axis=-1, keepdims=True)
        w[..., columns] *= np.minimum(1.0, limit / np.maximum(total, limit))
    _limit_lids(w)
    room = TONGUE_NEEDS * w[..., AT["tongueOut"]]
    w[..., AT["mouthClose"]] = np.minimum(np.minimum(w[..., AT["mouthClose"]], w[..., AT["jawOpen"]]), 1.0 - room)
    w[..., AT["jawOpen"]] = np.maximum(w[..., AT["jawOpen"]], w[..., AT["mouthClose"]] + room)
    lips_apart = w[..., AT["jawOpen"]] - w[..., AT["mouthClose"]]
    for name, limit in LIPS_CLOSED:
        w[..., AT[name]] = np.minimum(w[..., AT[name]], limit - lips_apart)
    return np.clip(w, 0.0, 1.0).astype(np.float32)


def _subtract(w: np.ndarray, a: int, b: int) -> None:
    """Leave only the difference of two opposite channels, on the stronger one."""
    difference = w[..., a] - w[..., b]
    w[..., a] = np.maximum(difference, 0.0)
    w[..., b] = np.maximum(-difference, 0.0)


def _conjugate(w: np.ndarray) -> None:
    """Make both eyes turn together, up to a small vergence."""
    left_x = w[..., AT["eyeLookOutLeft"]] - w[..., AT["eyeLookInLeft"]]
    right_x = w[..., AT["eyeLookInRight"]] - w[..., AT["eyeLookOutRight"]]
    left_y = w[..., AT["eyeLookUpLeft"]] - w[..., AT["eyeLookDownLeft"]]
    right_y = w[..., AT["eyeLookUpRight"]] - w[..., AT["eyeLookDownRight"]]
    x, y = (left_x + right_x) / 2, (left_y + right_y) / 2
    converge = np.clip(right_x - left_x, *VERGENCE) / 2
    skew = np.clip(right_y - left_y, -_VERTICAL, _VERTICAL) / 2
    # Keep both eyes inside [-1, 1] without a change of vergence, which a second pass would change again.
    x = np.clip(x, -1.0 + np.abs(converge), 1.0 - np.abs(converge))
    y = np.clip(y, -1.0 + np.abs(skew), 1.0 - np.abs(skew))
    for name, value in (
        ("eyeLookOutLeft", x - converge),
        ("eyeLookInLeft", converge - x),
        ("eyeLookInRight", x + converge),
        ("eyeLookOutRight", -x - converge),
        ("eyeLookUpLeft", y - skew),
        ("eyeLookDownLeft", skew - y),
        ("eyeLookUpRight", y + skew),
        ("eyeLookDownRight", -y - skew),
    ):
        w[..., AT[name]] = np.maximum(value, 0.0)


def _limit_lids(w: np.ndarray) -> None:
    """Limit the lid closure in favour of the blink: reduce first the two squints, then looking down (of both eyes, so
    that gaze stays conjugate)."""
    room = []
    for side in ("Left", "Right"):
        left_over = LID_CLOSURE_LIMIT - LID_CLOSURE["eyeBlink"] * w[..., AT["eyeBlink" + side]]
        down = LID_CLOSURE["eyeLookDown"] * w[..., AT["eyeLookDown" + side]]
        # Half of what is left is kept for the squints: lids squeezed shut are visible, a gaze behind them is not.
        squints = sum(LID_CLOSURE[name] * w[..., AT[name + side]] for name in ("eyeSquint", "cheekSquint"))
        allowed = np.maximum(left_over - down, 0.5 * left_over)
        scale = np.minimum(1.0, allowed / np.maximum(squints, 1e-9))
        for name in ("eyeSquint", "cheekSquint"):
            w[..., AT[name + side]] *= scale
        room.append((left_over - squints * scale) / LID_CLOSURE["eyeLookDown"])
    cap = np.minimum(*room)
    for side in ("Left", "Right"):
        column = AT["eyeLookDown" + side]
        w[..., column] = np.minimum(w[..., column], cap)
