"""Mo, put together: pieces, their shapes, joints, landmarks."""

import numpy as np
from jaxtyping import Float

from mien.core.channels import ARKIT, mirrored
from mien.core.mesh import Mesh, Part, Topology
from mien.core.rig import Joint, Rig
from mien.rigs.mo.anchors import make_landmarks
from mien.rigs.mo.deform import Skin
from mien.rigs.mo.eyes import eye_shapes
from mien.rigs.mo.face import JAW_HINGE, brow_shapes, cheek_shapes, jaw_motion, jaw_shapes, mouth_close, parted_lips
from mien.rigs.mo.hair import make_ears, make_hair
from mien.rigs.mo.mouth import mouth_shapes
from mien.rigs.mo.parts import make_brows, make_eyeballs, make_lashes, make_teeth, make_tongue
from mien.rigs.mo.piece import Piece
from mien.rigs.mo.rings import CONTACT, RED
from mien.rigs.mo.sculpt import EYE_CENTRE
from mien.rigs.mo.skin import make_skin
from mien.rigs.mo.tint import skin_tint

__all__ = ["build"]

_NECK = np.array([0.0, -139.0, -34.0])
_HEAD = np.array([0.0, -82.0, -28.0])


def build() -> Rig:
    """Model mo from scratch (some ten seconds); the same rig every time."""
    piece = make_skin()
    skin = Skin(piece)
    piece.tint = skin_tint(skin)
    front = float(skin.v[piece.labels["mouth_upper"][4, 0], 2]) - 1.2
    pieces = [
        piece,
        make_eyeballs(),
        make_teeth(front),
        make_tongue(),
        make_brows(),
        make_lashes(skin.v[piece.labels["eye_upper"][4]]),
        make_ears(),
        make_hair(),
    ]
    starts = dict(zip([p.name for p in pieces], np.cumsum([0, *(len(p.vertices) for p in pieces)]), strict=False))
    vertices = np.concatenate([p.vertices for p in pieces])
    mirror = np.concatenate([p.mirror + starts[p.name] for p in pieces])
    fields = _fields(skin, {p.name: p for p in pieces})
    shapes = np.zeros((len(ARKIT), *vertices.shape), np.float32)
    for c, channel in enumerate(ARKIT):
        own = channel if channel in fields else mirrored(channel)
        whole = np.concatenate(fields[own])
        swapped = np.empty_like(whole)
        swapped[mirror] = whole * [-1, 1, 1]
        if mirrored(channel) == channel:
            shapes[c] = (whole + swapped) / 2
        else:
            shapes[c] = whole if channel in fields else swapped
    return Rig(
        name="mo",
        neutral=Mesh(vertices=vertices.astype(np.float32), topology=_topology(pieces, starts, skin)),
        shape_names=ARKIT,
        shapes=shapes,
        joints=_joints(),
        joint_weights=_skinning(vertices, pieces, starts),
        landmarks=make_landmarks(skin, piece, pieces[1], int(starts["eyeballs"])),
        colors=np.concatenate([p.tint for p in pieces]).astype(np.float32),
        licence="Apache-2.0",
    )


def _fields(skin: Skin, pieces: dict[str, Piece]) -> dict[str, list[np.ndarray]]:
    """Per channel (left or central) the displacements of every piece, in the pieces' order."""
    on_skin = {**eye_shapes(skin), **mouth_shapes(skin), **jaw_shapes(skin), **brow_shapes(skin)}
    on_skin.update(cheek_shapes(skin, on_skin["eyeSquintLeft"]))
    on_skin["mouthClose"] = mouth_close(skin, on_skin["jawOpen"])
    on_skin["tongueOut"] = parted_lips(skin, 3.4, 5.0, 1.0)
    nearest, share = _bind(skin, pieces["brows"].vertices)
    out: dict[str, list[np.ndarray]] = {}
    for channel, field in on_skin.items():
        moves = {name: np.zeros_like(p.vertices) for name, p in pieces.items()}
        moves["skin"] = field
        moves["brows"] = np.einsum("vkd,vk->vd", field[nearest], share)
        margin = skin.labels["eye_upper"][4]
        half = len(pieces["lashes"].vertices) // 2
        moves["lashes"][:half] = np.tile(field[margin], (half // len(margin), 1))
        moves["lashes"][half:] = np.tile(field[skin.mirror[margin]], (half // len(margin), 1))
        if channel in ("jawOpen", "jawForward", "jawLeft"):
            low = pieces["teeth"].labels["lower"]
            moves["teeth"][low] = jaw_motion(channel, pieces["teeth"].vertices[low])
            along = np.clip(pieces["tongue"].labels["along"] * 3 + 0.3, 0, 1)[:, None]
            moves["tongue"] = along * jaw_motion(channel, pieces["tongue"].vertices)
        if channel == "tongueOut":
            moves["tongue"] = _tongue_out(pieces["tongue"])
        out[channel] = [moves[name] for name in pieces]
    return out


def _tongue_out(tongue: Piece) -> Float[np.ndarray, "V 3"]:
    """The tongue passes the teeth, thins and hangs over the lower lip."""
    s = tongue.labels["along"]
    v = tongue.vertices
    goal = v.copy()
    middle = np.array([0.0, -70.0, 0.0])
    goal[:, 2] = 24.0 + 76.0 * s**1.1
    thin = 1 - 0.45 * np.clip(s * 1.3, 0, 1)
    hang = 10.0 * np.clip((s - 0.15) / 0.45, 0, 1) ** 0.8 - 15.0 * np.clip((s - 0.62) / 0.38, 0, 1) ** 1.6
    goal[:, 1] = middle[1] + (v[:, 1] - middle[1]) * thin + hang
    goal[:, 0] = v[:, 0] * (0.95 - 0.12 * s)
    return goal - v


def _bind(skin: Skin, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 8 nearest visible skin vertices of each point and smooth weights."""
    from scipy.spatial import KDTree

    visible = np.flatnonzero(~skin.hidden)
    distance, at = KDTree(skin.v[visible]).query(points, k=8)
    weight = np.exp(-((distance / distance[:, -1:]) ** 2) * 2.5)
    return visible[at], weight / weight.sum(axis=1, keepdims=True)


def _joints() -> tuple[Joint, ...]:
    def joint(name: str, at: np.ndarray, parent: str | None) -> Joint:
        return Joint(name=name, position=(float(at[0]), float(at[1]), float(at[2])), parent=parent)

    return (
        joint("neck", _NECK, None),
        joint("head", _HEAD, "neck"),
        joint("jaw", JAW_HINGE, "head"),
        joint("eyeLeft", EYE_CENTRE, "head"),
        joint("eyeRight", EYE_CENTRE * [-1, 1, 1], "head"),
    )


def _skinning(vertices: np.ndarray, pieces: list[Piece], starts: dict[str, int]) -> Float[np.ndarray, "V 5"]:
    """The neck bends between its base and the skull; the jaw is moved by shapes, so its joint carries nothing."""
    weights = np.zeros((len(vertices), 5), np.float32)
    skin = vertices[: len(pieces[0].vertices)]
    # the throat bends lower than the nape: the joint's height depends on z
    t = np.clip((skin[:, 1] - (-138.0)) / (38.0 + 0.10 * (skin[:, 2] + 30)), 0, 1)
    weights[: len(skin), 1] = t * t * (3 - 2 * t)
    weights[len(skin) :, 1] = 1.0
    eyes = pieces[1]
    first, half = int(starts["eyeballs"]), len(eyes.vertices) // 2
    weights[first : first + 2 * half] = 0.0
    weights[first : first + half, 3] = 1.0
    weights[first + half : first + 2 * half, 4] = 1.0
    weights[:, 0] = 1.0 - weights[:, 1:].sum(axis=1)
    return weights


def _topology(pieces: list[Piece], starts: dict[str, int], skin: Skin) -> Topology:
    triangles, parts, uvs, count = [], [], [], 0
    groups: dict[str, np.ndarray] = {}
    for p in pieces:
        triangles.append(p.triangles + starts[p.name])
        part = Part(name=p.name, start=count, stop=count + len(p.triangles), color=p.color, roughness=p.roughness)
        parts.append(part)
        count = part.stop
        uvs.append(_uv(p))
        groups[p.name] = starts[p.name] + np.arange(len(p.vertices))
    for side, mirror in (("left", False), ("right", True)):
        for name in ("eye_upper", "eye_lower"):
            at = skin.labels[name][4:].ravel()
            groups[f"lid_{name[4:]}_{side}"] = skin.mirror[at] if mirror else at
        half = len(pieces[1].vertices) // 2
        groups[f"eyeball_{side}"] = starts["eyeballs"] + np.arange(half) + (half if mirror else 0)
    for side in ("upper", "lower"):
        groups[f"lip_{side}"] = np.unique(np.concatenate([skin.lips(side, row) for row in RED]))
        groups[f"teeth_{side}"] = starts["teeth"] + pieces[2].labels[side]
        groups[f"lid_margin_{side}_left"] = skin.labels[f"eye_{side}"][4]
        groups[f"lid_margin_{side}_right"] = skin.mirror[skin.labels[f"eye_{side}"][4]]
        groups[f"lip_margin_{side}"] = skin.lips(side, CONTACT)
    groups["mouth_cavity"] = np.unique(
        np.concatenate([skin.lips(side, row) for side in ("upper", "lower") for row in range(6)])
    )
    return Topology(
        triangles=np.concatenate(triangles).astype(np.int32),
        uv=np.concatenate(uvs).astype(np.float32),
        parts=tuple(parts),
        groups={name: np.asarray(at, np.int32) for name, at in groups.items()},
    )


def _uv(piece: Piece) -> np.ndarray:
    """The skin's own map, or the piece seen from the front, fitted to the unit square."""
    if piece.uv is not None:
        return piece.uv
    flat = piece.vertices[:, :2]
    return (flat - flat.min(axis=0)) / (flat.max(axis=0) - flat.min(axis=0))
