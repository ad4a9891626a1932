"""Shapes of jaw, brows, cheeks, nose and tongue."""

import numpy as np
from jaxtyping import Float

from mien.rigs.mo.creases import forehead_depth, frown_depth
from mien.rigs.mo.deform import Handles, Skin, hump, ramp
from mien.rigs.mo.mouth import Move, lip_field
from mien.rigs.mo.rings import BORDER, CONTACT, LINING, RED

__all__ = ["JAW_HINGE", "brow_shapes", "cheek_shapes", "jaw_motion", "jaw_shapes", "mouth_close", "parted_lips"]

JAW_HINGE = np.array([0.0, -28.0, -16.0])
"""A point of the jaw's hinge axis, in front of and below the ear canals [mm]."""
JAW_ANGLE = np.radians(16.5)
"""Rotation of the jaw at jawOpen = 1; people reach about 25 degrees, animated films use less."""
_CORNER_SHARE = 0.40
"""Share of the jaw's motion that the corners of the mouth follow."""


def jaw_motion(name: str, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Displacement [mm] of points fixed to the jawbone at a jaw channel of 1."""
    q = points - JAW_HINGE
    if name == "jawOpen":
        c, s = np.cos(JAW_ANGLE), np.sin(JAW_ANGLE)
        turned = np.stack([q[:, 0], c * q[:, 1] - s * q[:, 2], c * q[:, 2] + s * q[:, 1]], axis=1)
        # the condyles glide forward on their sockets as the mouth opens (Gray's Anatomy: translation with rotation)
        return turned - q + [0.0, -1.0, 7.0]
    if name == "jawForward":
        return np.broadcast_to([0.0, -1.2, 7.0], q.shape).copy()
    swing = np.radians(5.0)
    c, s = np.cos(swing), np.sin(swing)
    turned = np.stack([c * q[:, 0] + s * q[:, 2], q[:, 1], c * q[:, 2] - s * q[:, 0]], axis=1)
    return turned - q + [1.8, -0.5, 0.0]


def jaw_shapes(skin: Skin) -> dict[str, Float[np.ndarray, "V 3"]]:
    """The displacements of jawOpen, jawForward and jawLeft."""
    shares = {"jawOpen": (_CORNER_SHARE, -0.03), "jawForward": (0.45, 0.12), "jawLeft": (0.5, 0.22)}
    return {name: _jaw(skin, name, *share) for name, share in shares.items()}


def _jaw(skin: Skin, name: str, corner: float, upper_middle: float) -> np.ndarray:
    v = skin.v
    handles: Handles = []
    bone = (v[:, 1] < -74 - 0.10 * (v[:, 2] - 60)) & (v[:, 1] > -99) & (v[:, 2] > 34) & ~skin.hidden
    bone &= np.abs(v[:, 0]) < 26
    for side in ("upper", "lower"):
        for row in range(BORDER + 1):
            at = skin.lips(side, row)
            t = np.abs(skin.along(at))
            if side == "lower":
                share = corner + (1 - corner) * np.clip(1 - t**3, 0, 1) ** 0.75
            else:
                share = upper_middle + (corner - upper_middle) * t**2.8
            if row < LINING:  # the cavity: its floor moves with the jawbone, its roof does not move
                share = np.where(t > 0.99, corner, 0.95 if side == "lower" else 0.0) * (0.3 + 0.7 * row / (LINING - 1))
            moves = jaw_motion(name, v[at]) * share[:, None]
            if name == "jawOpen":  # opening narrows the mouth
                narrow = 0.11 * np.clip(row / (LINING + 1), 0, 1)
                moves[:, 0] -= narrow * v[at, 0] * t**0.5
            handles.append((at, moves))
    if name == "jawLeft":  # the lips shear, and move together where they meet
        rows = BORDER + 1
        for row in range(LINING, CONTACT + 1):
            (up, above), (low, below) = handles[row], handles[rows + row]
            handles[row], handles[rows + row] = (up, (above + below) / 2), (low, (above + below) / 2)
    bones = np.setdiff1d(np.flatnonzero(bone), np.concatenate([at for at, _ in handles]))
    handles.append((bones, jaw_motion(name, v[bones])))
    hold = (v[:, 1] > -27) | (v[:, 1] < -112) | (v[:, 2] < -38) | ((v[:, 2] < -5) & (v[:, 1] > -40))
    hold |= skin.near(((0, -28, 80), 14.0))
    return skin.drag(handles, hold)


def mouth_close(skin: Skin, jaw_open: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
    """The corrective that closes the lips over a dropped jaw: the lips of jawOpen + mouthClose meet."""
    rows = range(LINING, BORDER + 1)
    handles: Handles = []
    for row in rows:
        up, down = skin.lips("upper", row), skin.lips("lower", row)
        t = np.abs(skin.along(up))
        meet = 0.55 * jaw_open[up] + 0.45 * jaw_open[down]  # a little above the middle of the gap
        for at in (up, down):
            moves = meet - jaw_open[at]
            moves[:, 2] += 2.4 * np.clip(1 - t**2, 0, 1)  # the jaw has moved back, the upper teeth have not
            handles.append((at, moves * np.clip((row - LINING + 2) / 3, 0, 1)))
    v = skin.v
    hold = (v[:, 1] > -36) | (v[:, 1] < -84) | (np.abs(v[:, 0]) > 40) | (v[:, 2] < 20)
    hold |= skin.near(((0, -28, 80), 12.0))
    for side in ("upper", "lower"):
        for row in range(LINING):
            hold[skin.lips(side, row)] = True
    return skin.drag(handles, hold)


def parted_lips(skin: Skin, up: float, down: float, out: float) -> Float[np.ndarray, "V 3"]:
    """Displacements that part the lips for the tongue [mm]."""

    def move(amount: float) -> Move:
        def one(u: np.ndarray, r: np.ndarray) -> np.ndarray:
            full = np.clip(1 - np.abs(u) ** 2.5, 0, 1)
            return np.stack([-1.5 * u, amount * full, out * full * np.ones_like(u)], axis=1)

        return one

    return lip_field(skin, move(up), move(-down))


def _patch(skin: Skin, centre: tuple[float, float, float], radius: float) -> np.ndarray:
    return np.flatnonzero(skin.near((centre, radius)) & ~skin.hidden)


def brow_shapes(skin: Skin) -> dict[str, Float[np.ndarray, "V 3"]]:
    """The displacements of browDownLeft, browOuterUpLeft (left) and browInnerUp (both sides), with their furrows."""
    v = skin.v
    x_all, y = np.abs(v[:, 0]), v[:, 1]
    line = np.interp(x_all, (0, 11, 25, 33, 42, 50), (23.0, 23.4, 26.4, 26.8, 25.2, 22.4))
    band = (np.abs(y - line) < 5.5) & (v[:, 2] > 30) & (x_all < 54) & ~skin.hidden
    hold = (y < 1) | (y > 86) | (v[:, 2] < -2)
    for name in ("eye_upper", "eye_lower"):
        rings = skin.labels[name][: 8 if name == "eye_lower" else 7].ravel()
        hold[rings] = hold[skin.mirror[rings]] = True

    def field(at: np.ndarray, dx: np.ndarray, dy: np.ndarray, out: np.ndarray) -> np.ndarray:
        moves = skin.slide(at, np.stack([dx, dy, 0 * dx], axis=1)) + out[:, None] * skin.normals[at]
        return skin.drag([(at, moves)], hold)

    def folded(depth: np.ndarray) -> np.ndarray:
        return -(depth * (v[:, 2] > 20) * ~skin.hidden)[:, None] * skin.normals

    sided = np.flatnonzero(band)
    x = v[sided, 0]
    inner, outer = ramp(x, 48, 12) * ramp(x, -9, 9), ramp(x, 4, 38)
    down = field(sided, -2.6 * inner, -6.4 * ramp(x, -8, 10) * ramp(x, 62, 36), 1.2 * inner)
    raised = field(sided, 0.6 * outer, 8.5 * outer * ramp(x, 74, 48), 0.6 * outer)
    near = ramp(x_all[sided], 46, 10)
    middle = field(sided, 0.2 * near * np.sign(x), 9.0 * near, 0.7 * near)
    furrows = forehead_depth(v[:, 0], y)
    return {
        "browDownLeft": down + folded(1.4 * frown_depth(v[:, 0], y)),
        "browOuterUpLeft": raised + folded(0.85 * furrows * ramp(v[:, 0], 8, 24)),
        "browInnerUp": middle + folded(1.1 * furrows * ramp(x_all, 34, 16)),
    }


def cheek_shapes(skin: Skin, squint: Float[np.ndarray, "V 3"]) -> dict[str, Float[np.ndarray, "V 3"]]:
    """The displacements of cheekPuff (both sides), cheekSquintLeft and noseSneerLeft; `squint` lifts the lower lid."""
    v, n = skin.v, skin.normals
    puff = np.zeros_like(v)
    for sign in (1.0, -1.0):
        swell = skin.bell((sign * 42, -45, 44), 23.0) * ramp(v[:, 2], -5, 30) * ramp(v[:, 1], -94, -54)
        puff += 11.0 * swell[:, None] * (0.75 * n + 0.25 * np.array([sign, 0, 0.4]))
    puff += 2.2 * (skin.bell((0, -44, 74), 12.0) + 0.8 * skin.bell((0, -70, 70), 12.0))[:, None] * n
    for side in ("upper", "lower"):  # lips stay shut: they follow their common line
        for row in range(LINING, BORDER + 1):
            at = skin.lips(side, row)
            u = skin.along(at)
            puff[at] = np.stack([-0.8 * u, 0 * u, 1.2 + 1.8 * u**2], axis=1) * min(1.0, (row - LINING + 2) / 3)
    apple = _patch(skin, (37, -30, 60), 11.0)
    weight = hump(np.linalg.norm(v[apple] - [37, -30, 60], axis=1), 0, 14)
    moves = skin.slide(apple, weight[:, None] * [0.8, 6.5, 0.0]) + 3.6 * weight[:, None] * n[apple]
    hold = (v[:, 1] < -54) | (v[:, 0] < 12) | (v[:, 0] > 66) | (v[:, 1] > 4)
    for name in ("eye_upper", "eye_lower"):
        hold[skin.labels[name].ravel()] = True
    lower = np.zeros_like(v)
    for row in range(9):
        at = skin.labels["eye_lower"][row]
        hold[at] = False
        lower[at] = 0.45 * squint[at]
    at = skin.labels["eye_lower"].ravel()
    cheek = skin.drag([(apple, moves), (np.setdiff1d(at, apple), lower[np.setdiff1d(at, apple)])], hold)
    return {"cheekPuff": puff, "cheekSquintLeft": cheek, "noseSneerLeft": _sneer(skin)}


def _sneer(skin: Skin) -> np.ndarray:
    v, n = skin.v, skin.normals
    wing = _patch(skin, (11, -30, 76), 6.5)
    fold = _patch(skin, (19, -36, 67), 7.0)
    root = _patch(skin, (8, 6, 68), 5.0)
    lip = skin.lips("upper", BORDER)
    u = skin.along(lip)
    weight = hump(np.linalg.norm(v[wing] - [11, -30, 76], axis=1), 0, 8)
    handles: Handles = [
        (wing, weight[:, None] * [1.8, 6.3, -0.6]),
        (np.setdiff1d(fold, wing), np.tile([0.8, 5.0, 2.2], (len(np.setdiff1d(fold, wing)), 1))),
        (root, np.tile([-0.6, -1.6, 0.0], (len(root), 1)) + 1.6 * n[root]),
    ]
    for row in range(LINING + 1, BORDER + 1):
        at = skin.lips("upper", row)
        lift = (1.2 + 1.1 * RED.get(row, 0.0)) * hump(u, 0.42, 0.42) * (1 - ramp(u, 0.65, 1.0))
        handles.append((at, np.stack([0 * u, lift, 0.2 * lift], axis=1)))
    hold = (v[:, 0] < 1.5) & (v[:, 1] > -42) | (v[:, 1] < -62) | (v[:, 1] > 24) | (v[:, 0] > 42) | (v[:, 2] < 30)
    for side in ("upper", "lower"):
        for row in range(LINING + 1 if side == "upper" else BORDER + 4):
            hold[skin.lips(side, row)] = True
    for name in ("eye_upper", "eye_lower"):
        hold[skin.labels[name].ravel()] = True
    return skin.drag(handles, hold)
