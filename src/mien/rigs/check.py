"""Checks whether a rig's shapes move as their names promise, and which names map, are missing or are unused.

Every ARKit shape is checked for where it moves the face, on which side, in which direction and how far, in a coordinate
frame that every face has: its origin is the middle between the eyes, and its unit their distance. The bounds are wide.
They were set so that three very different faces (a scan average, a game character, a stylised head; "the three faces"
below) pass, and a swapped, mirrored or misnamed shape does not.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float

from mien.core.channels import ARKIT, mirrored
from mien.core.rig import Rig
from mien.rigs.names import NameReport, normalise

__all__ = ["CheckReport", "FaceFrame", "check", "face_frame"]

_OWN_SIDE = 0.65
"""Smallest share of a one-sided shape's motion on its own side; the three faces have at least 0.80 (mouthLowerDown)."""
_AGAINST = -0.3
"""Cosine between mean motion and expected direction below which a shape moves the wrong way; the three faces have
positive cosines only."""
_STILL, _FAR = 0.005, 1.0
"""Bounds of a shape's largest displacement [eye distances, about 62 mm]: below the first a motion is invisible, above
the second it tears the face; the three faces have 0.03 to 0.67."""
_COPY = 0.02
"""Relative difference of two shapes below which one is a copy of the other."""

_REGIONS: tuple[tuple[tuple[str, ...], float, float, str], ...] = (
    (("eye",), -0.40, 0.40, "at the eyes"),
    (("brow",), 0.08, 1.20, "at the brows"),
    (("cheekSquint",), -0.95, 0.05, "at the cheeks"),
    (("noseSneer",), -1.15, -0.10, "at the nose"),
    (("mouth", "jaw", "cheekPuff", "tongue"), -2.50, -0.40, "at the mouth and jaw"),
)
"""(prefixes of channels, lowest and highest height of the motion's centre above the eyes [eye distances], the place in
words)."""

_UP, _DOWN, _OUT, _IN, _LEFT, _RIGHT, _FORTH = (
    (0, 1, 0), (0, -1, 0), (1, 0, 0), (-1, 0, 0), (1, 0, 0), (-1, 0, 0), (0, 0, 1),
)  # fmt: skip
_WAYS = MappingProxyType(
    {
        "eyeBlink": (_DOWN, "down"),
        "eyeLookDown": (_DOWN, "down"),
        "eyeLookUp": (_UP, "up"),
        "eyeLookIn": (_IN, "towards the nose"),
        "eyeLookOut": (_OUT, "outwards"),
        "eyeWide": (_UP, "up"),
        "jawForward": (_FORTH, "forwards"),
        "jawLeft": (_LEFT, "to the left"),
        "jawRight": (_RIGHT, "to the right"),
        "jawOpen": (_DOWN, "down"),
        "mouthClose": (_UP, "up"),
        "mouthFunnel": (_FORTH, "forwards"),
        "mouthPucker": (_FORTH, "forwards"),
        "mouthLeft": (_LEFT, "to the left"),
        "mouthRight": (_RIGHT, "to the right"),
        "mouthSmile": (_UP, "up"),
        "mouthFrown": (_DOWN, "down"),
        "mouthStretch": (_OUT, "outwards"),
        "mouthShrugUpper": (_UP, "up"),
        "mouthShrugLower": (_UP, "up"),
        "mouthLowerDown": (_DOWN, "down"),
        "mouthUpperUp": (_UP, "up"),
        "browDown": (_DOWN, "down"),
        "browInnerUp": (_UP, "up"),
        "browOuterUp": (_UP, "up"),
        "cheekSquint": (_UP, "up"),
        "cheekPuff": (_FORTH, "forwards"),
        "noseSneer": (_UP, "up"),
        "tongueOut": (_FORTH, "forwards"),
    }
)
"""Channel (without its side) -> the direction of its mean motion, and that direction in words. Other channels are not
checked for direction. Outwards and inwards are relative to the shape's own side."""


@dataclass(frozen=True, kw_only=True)
class FaceFrame:
    """The coordinate frame of a face, in which shapes of different faces can be compared."""

    centre: Float[np.ndarray, "3"]
    """Middle between the eyes [mm]."""
    unit: float
    """Distance of the eyes [mm]."""
    known_by: str
    """What the eyes were located by: "joints", "landmarks" or "blinks"."""


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """The result of a rig's check, which `mien rig check` prints."""

    names: dict[str, str]
    """Name in the file -> ARKit name, for the names that map."""
    missing: tuple[str, ...]
    """ARKit shapes that no name maps to."""
    unused: tuple[str, ...]
    """Shapes that are no ARKit shapes; a clip of ARKit channels never moves them."""
    ambiguous: dict[str, tuple[str, ...]]
    """ARKit name -> names in the file that match it equally well, none of which is used."""
    wrong: dict[str, tuple[str, ...]]
    """ARKit name -> phrases that describe what looks wrong with the shape."""
    frame: FaceFrame | None
    """The face frame; None when the eyes cannot be located, and only motionless shapes, copies and invalid numbers are
    looked for."""

    @property
    def sound(self) -> bool:
        """No shape looks wrong and no name is ambiguous; missing shapes are allowed."""
        return not self.wrong and not self.ambiguous


def check(rig: Rig, names: NameReport | None = None) -> CheckReport:
    """Check every ARKit shape of `rig`; `names` reports how the names in its file were mapped."""
    report = names if names is not None else normalise(rig.shape_names)
    frame = face_frame(rig)
    wrong: dict[str, tuple[str, ...]] = {}
    own = [name for name in ARKIT if name in rig.shape_names]
    copies = _copies(rig, own)
    for name in own:
        found = [*_oddities(rig, name, frame), *([f"is a copy of {copies[name]}"] if name in copies else [])]
        if found:
            wrong[name] = tuple(found)
    return CheckReport(
        names={raw: name for raw, name in report.names.items() if name in own},
        missing=tuple(name for name in ARKIT if name not in own),
        unused=tuple(name for name in rig.shape_names if name not in ARKIT),
        ambiguous={name: raws for name, raws in report.ambiguous.items() if name not in own},
        wrong=wrong,
        frame=frame,
    )


def face_frame(rig: Rig) -> FaceFrame | None:
    """The rig's face frame, from its eye joints, else its 68 landmarks, else the places that its blinks move.

    None when the rig has none of these.
    """
    at = {joint.name: np.asarray(joint.position, float) for joint in rig.joints}
    if "eyeLeft" in at and "eyeRight" in at:
        return _frame(at["eyeLeft"], at["eyeRight"], "joints")
    for anchors in rig.landmarks.values():
        layout = anchors.layout
        if "eye_left" in layout.groups and "eye_right" in layout.groups:
            points = anchors.positions(rig.neutral.vertices.astype(float))
            left, right = (layout.take(points, f"eye_{side}").mean(axis=0) for side in ("left", "right"))
            return _frame(left, right, "landmarks")
    blinks = [f"eyeBlink{side}" for side in ("Left", "Right")]
    if all(name in rig.shape_names and _size(rig.shape(name)).any() for name in blinks):
        left, right = (_centre(rig.neutral.vertices, rig.shape(name)) for name in blinks)
        # Two blinks on one side mean that one is misnamed: no frame is better than a wrong one.
        return _frame(left, right, "blinks") if left[0] > 0 > right[0] else None
    return None


def _frame(left: np.ndarray, right: np.ndarray, known_by: str) -> FaceFrame | None:
    unit = float(np.linalg.norm(left - right))
    return FaceFrame(centre=(left + right) / 2, unit=unit, known_by=known_by) if unit > 0 else None


def _oddities(rig: Rig, name: str, frame: FaceFrame | None) -> list[str]:
    shape = rig.shape(name)
    if not np.isfinite(shape).all():
        return ["has values that are not numbers"]
    size = _size(shape)
    if not size.any():
        return ["moves nothing"]
    if frame is None:
        return []
    found: list[str] = []
    largest = float(size.max()) / frame.unit
    if largest < _STILL:
        return [f"hardly moves: {size.max():.2g} mm at most"]
    if largest > _FAR:
        found.append(f"moves too far: {size.max():.0f} mm")
    base, side = _parted(name)
    place = (_centre(rig.neutral.vertices, shape) - frame.centre) / frame.unit
    for prefixes, low, high, where in _REGIONS:
        if base.startswith(prefixes) and not low <= place[1] <= high:
            above = "above" if place[1] > 0 else "below"
            found.append(f"does not move {where} but {abs(place[1]) * frame.unit:.0f} mm {above} the eyes")
    if side:
        own = _share(size, (rig.neutral.vertices[:, 0] - frame.centre[0]) * side > 0)
        if own < _OWN_SIDE:
            other = f", as {mirrored(name)} should" if own < 1 - _OWN_SIDE else ""
            found.append(f"moves the wrong side: {1 - own:.0%} of it lies on the other{other}")
            side = -side if own < 1 - _OWN_SIDE else side
    if base in _WAYS:
        way, words = _WAYS[base]
        mean = (shape * size[:, None]).sum(axis=0) / (size**2).sum() * (side or 1.0, 1, 1)
        if float(mean @ np.asarray(way)) < _AGAINST:
            found.append(f"moves the wrong way: not {words}")
    return found


def _copies(rig: Rig, own: list[str]) -> dict[str, str]:
    """Shape -> the earlier shape that it is a copy of."""
    flat = np.stack([rig.shape(name).reshape(-1) for name in own]) if own else np.zeros((0, 3), np.float32)
    norm = np.einsum("sx,sx->s", flat, flat)
    gap = norm[:, None] + norm[None] - 2 * (flat @ flat.T)
    out: dict[str, str] = {}
    for s, name in enumerate(own):
        same = [t for t in range(s) if norm[s] > 0 and gap[s, t] < _COPY**2 * norm[s]]
        if same:
            out[name] = own[same[0]]
    return out


def _parted(name: str) -> tuple[str, int]:
    """(channel without its side, +1 left, -1 right, 0 central); jawLeft and mouthLeft are central."""
    if name in _WAYS:
        return name, 0
    for word, sign in (("Left", 1), ("Right", -1)):
        if name.endswith(word):
            return name.removesuffix(word), sign
    return name, 0


def _size(shape: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V"]:
    return np.linalg.norm(shape, axis=1)


def _centre(vertices: Float[np.ndarray, "V 3"], shape: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "3"]:
    """Mean position of a shape's vertices, weighted by squared displacement."""
    weight = (shape.astype(float) ** 2).sum(axis=1)
    return (vertices * weight[:, None]).sum(axis=0) / weight.sum()


def _share(size: Float[np.ndarray, "V"], inside: Bool[np.ndarray, "V"]) -> float:
    return float((size[inside] ** 2).sum() / (size**2).sum())
