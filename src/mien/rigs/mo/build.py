"""Builds mo from its pieces, their shapes, joints and landmarks."""

import numpy as np
from jaxtyping import Float

from mien.core.channels import ARKIT, mirrored
from mien.core.mesh import Mesh, Part, Topology
from mien.core.rig import Corrective, Joint, Rig
from mien.rigs.mo.anchors import make_landmarks
from mien.rigs.mo.deform import Skin
from mien.rigs.mo.eyes import eye_correctives, eye_shapes
from mien.rigs.mo.face import JAW_HINGE, brow_shapes, cheek_shapes, jaw_motion, jaw_shapes, mouth_close, parted_lips
from mien.rigs.mo.groups import make_groups
from mien.rigs.mo.hair import make_ears, make_hair
from mien.rigs.mo.mouth import mouth_correctives, mouth_shapes
from mien.rigs.mo.parts import (
    catchlight_motion,
    make_brows,
    make_catchlights,
    make_eyeballs,
    make_lashes,
    make_teeth,
    make_tongue,
    tongue_out,
)
from mien.rigs.mo.piece import Piece
from mien.rigs.mo.rings import LINING
from mien.rigs.mo.sculpt import EYE_CENTRE
from mien.rigs.mo.skin import make_skin
from mien.rigs.mo.store import OPEN
from mien.rigs.mo.tint import skin_tint
from mien.rigs.mo.unwrap import unwrap

__all__ = ["build"]

_BEYOND = ("mouthClose", "jawOpen")
_NECK = np.array([0.0, -139.0, -34.0])
TONGUE_JAW = 0.48
"""Share of jawOpen in tongueOut, so that the tongue passes between the teeth."""
_HEAD = np.array([0.0, -82.0, -28.0])


def build() -> Rig:
    """Build mo from scratch, which takes some ten seconds; the result is always the same rig."""
    piece = make_skin()
    skin = Skin(piece)
    piece.tint = skin_tint(skin)
    front = float(skin.v[piece.labels["mouth_upper"][LINING + 1, 0], 2]) - 2.4
    pieces = [
        piece,
        make_eyeballs(),
        make_catchlights(),
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
    fields, meetings = _fields(skin, {p.name: p for p in pieces})
    shapes = [_sided(channel, fields.get(channel), fields.get(mirrored(channel)), mirror) for channel in ARKIT]
    lamps = next(p for p in pieces if p.name == "catchlights")
    seen = slice(starts["catchlights"], starts["catchlights"] + len(lamps.vertices))
    for channel, shape in zip(ARKIT, shapes, strict=True):
        if channel.startswith("eyeLook"):
            shape[seen] = catchlight_motion(channel, lamps)
    correctives = [(Corrective(name="mouthClose_over_jawOpen", channels=_BEYOND, rule="excess"), meetings.pop(_BEYOND))]
    correctives = [(corrective, _sided("", field, field, mirror)) for corrective, field in correctives]
    for pair, field in meetings.items():
        partner = (mirrored(pair[0]), mirrored(pair[1]))
        made = [(pair, _sided("" if partner == pair else "Left", field, field, mirror))]
        if partner != pair:
            made.append((partner, _sided("Right", None, field, mirror)))
        correctives += [(Corrective(name="_".join(names), channels=names), shape) for names, shape in made]
    return Rig(
        name="mo",
        neutral=Mesh(vertices=vertices.astype(np.float32), topology=_topology(pieces, starts, skin)),
        shape_names=ARKIT,
        shapes=np.stack(shapes),
        correctives=tuple(corrective for corrective, _ in correctives),
        corrective_shapes=np.stack([shape for _, shape in correctives]),
        joints=_joints(),
        joint_weights=_skinning(vertices, pieces, starts),
        landmarks=make_landmarks(skin, piece, pieces[1], int(starts["eyeballs"])),
        colors=np.concatenate([p.tint for p in pieces]).astype(np.float32),
        licence="Apache-2.0",
    )


def _sided(name: str, own: np.ndarray | None, other: np.ndarray | None, mirror: np.ndarray) -> np.ndarray:
    """The shape of a left, right or central channel, from its own displacements or mirrored from its partner's."""
    field = own if own is not None else other
    assert field is not None
    swapped = np.empty_like(field)
    swapped[mirror] = field * [-1, 1, 1]
    if own is None:
        return swapped.astype(np.float32)
    return (field if name != mirrored(name) else (field + swapped) / 2).astype(np.float32)


def _fields(skin: Skin, pieces: dict[str, Piece]) -> tuple[dict[str, np.ndarray], dict[tuple[str, str], np.ndarray]]:
    """Displacements of all vertices per channel, and per pair of channels that needs a corrective (left or central)."""
    on_skin = {**eye_shapes(skin), **mouth_shapes(skin), **jaw_shapes(skin), **brow_shapes(skin)}
    on_skin.update(cheek_shapes(skin, on_skin["eyeSquintLeft"]))
    on_skin["mouthClose"] = mouth_close(skin, on_skin["jawOpen"])
    on_skin["tongueOut"] = parted_lips(skin, 1.8, 1.2, 0.8) + TONGUE_JAW * on_skin["jawOpen"]
    together = {**eye_correctives(skin, on_skin), **mouth_correctives(skin)}
    # without a dropped jaw there is nothing to close: the lips press against each other instead
    press = on_skin["mouthPressLeft"]
    swapped = np.empty_like(press)
    swapped[skin.mirror] = press * [-1, 1, 1]
    together[_BEYOND] = 0.5 * (press + swapped) - on_skin["mouthClose"]
    bind = _bind(skin, pieces["brows"].vertices)
    shapes = {name: _carried(skin, pieces, bind, name, field) for name, field in on_skin.items()}
    meetings = {pair: _carried(skin, pieces, bind, "", field) for pair, field in together.items()}
    meetings["jawOpen", "tongueOut"] = -TONGUE_JAW * shapes["jawOpen"]  # a dropped jaw makes room enough
    meetings["mouthShrugLower", "tongueOut"] = -0.8 * shapes["mouthShrugLower"]  # the lip lies under the tongue
    return shapes, meetings


def _carried(
    skin: Skin, pieces: dict[str, Piece], bind: tuple[np.ndarray, np.ndarray], channel: str, field: np.ndarray
) -> np.ndarray:
    """The displacements of all pieces, in their order, when the skin is displaced by `field`."""
    nearest, share = bind
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
        along = pieces["tongue"].labels["along"]
        follow = np.interp(along, (0.0, 0.3, 0.6, 1.0), (0.3, 0.62, 0.76, 0.88))  # its back stays near the palate
        follow *= 0.3 if channel == "jawForward" else 1.0
        moves["tongue"] = follow[:, None] * jaw_motion(channel, pieces["tongue"].vertices)
    if channel == "tongueOut":
        low = pieces["teeth"].labels["lower"]
        moves["teeth"][low] = TONGUE_JAW * jaw_motion("jawOpen", pieces["teeth"].vertices[low])
        moves["tongue"] = tongue_out(pieces["tongue"])
    return np.concatenate([moves[name] for name in pieces])


def _bind(skin: Skin, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 8 nearest visible skin vertices of each point, and smooth weights for them."""
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
    """Skinning weights: the neck bends between its base and the skull; no vertex is skinned to the jaw joint, because
    shapes move the jaw."""
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
    triangles, parts, count = [], [], 0
    for p in pieces:
        triangles.append(p.triangles + starts[p.name])
        part = Part(
            name=p.name,
            start=count,
            stop=count + len(p.triangles),
            color=p.color,
            roughness=p.roughness,
            two_sided=p.name in OPEN,
        )
        parts.append(part)
        count = part.stop
    uv, uv_triangles = unwrap(pieces)
    return Topology(
        triangles=np.concatenate(triangles).astype(np.int32),
        uv=uv.astype(np.float32),
        uv_triangles=uv_triangles.astype(np.int32),
        parts=tuple(parts),
        groups=make_groups(skin, pieces, starts),
    )
