"""Clips as a UsdSkel animation, written with the rig that performs them, and read back.

The animation holds blendshape weights, the head joint's rotation (`camera_from_head`; joints are unrotated at rest),
the eye joints' rotation when vertices are skinned to them, and optionally the head's translation. Samples lie at the
clip's times (see `stage`). Lost frames hold the last seen pose. What USD has no field for is stored in the animation's
`customData`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from mien import __version__
from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.core.rig import Rig
from mien.core.transforms import angles_from_quaternion
from mien.io.gltf.clip import LATEST_START
from mien.io.keys import EYES, PASCAL, continuous, eye_rotations, held
from mien.io.usd.rig import M_PER_MM, RigPrims, add_rig, write_pictures
from mien.io.usd.stage import new_stage, open_stage, pxr, reading, timeline, write

__all__ = ["read", "write_clip"]

_KEY = "mien"
_LIMIT = 2**30
"""Most numbers that the samples of one animation may have to be read."""


def write_clip(
    clip: Clip, path: Path, *, rig: Rig | None = None, translation: bool = False, morph_normals: bool = False
) -> None:
    """Write `rig` animated by `clip`; channels the rig lacks are left out.

    `translation` also moves the head, relative to its first position. `morph_normals` adds normal offsets to the
    blendshapes (exact shading in viewers that do not recompute normals, twice the size).

    Raises:
        MienError: no rig, an empty clip, a rig that has none of its channels, a path that cannot be written, or no
            OpenUSD installed.
    """
    if rig is None:
        raise MienError(f"cannot write {path}: USD needs a rig to perform the clip; give rig=mien.rigs.load('mo')")
    if not len(clip):
        raise MienError(f"cannot write {path}: the clip has no frames")
    if not set(clip.channels) & set(rig.shape_names):
        raise MienError(f"cannot write {path}: rig '{rig.name}' has none of the clip's channels")
    stage = new_stage(f"mien {__version__}", rig.licence)
    pictures = write_pictures(rig.neutral.topology, path)
    prims = add_rig(stage, rig, morph_normals=morph_normals, pictures=pictures)
    _animate(stage, prims, rig, clip, path, translation)
    write(stage, path)


def _animate(stage: Any, prims: RigPrims, rig: Rig, clip: Clip, path: Path, translation: bool) -> None:
    whole = replace(clip.filled(), confidence=None)  # every frame has a pose now
    first = float(clip.times[0])
    start = first if first < 0 or first > LATEST_START else 0.0
    codes = timeline(stage, clip.times - start)
    if len(set(codes)) < len(codes):
        raise MienError(f"cannot write {path}: frames are closer together than a nanosecond; write .npz")
    rotations = eye_rotations(rig, whole)
    gaze = bool(rotations) and clip.gaze is not None
    if clip.head_rotation is not None:
        head = "head" if any(joint.name == "head" for joint in prims.joints) else prims.joints[0].name
        rotations[head] = continuous(held(clip.head_rotation))
    weights = whole.with_channels(rig.shape_names).weights
    weights = np.concatenate([weights, rig.corrective_weights(whole.weights, whole.channels)], axis=1)
    _sample(prims, codes, weights, rotations)
    extras: dict[str, Any] = {
        "start": start,
        "gaze": gaze,
        "lost": np.flatnonzero(~clip.seen).tolist(),
        "turned": list(rotations),
        "correctives": [corrective.name for corrective in rig.correctives],
    }
    if translation and clip.head_translation is not None:
        place = held(clip.head_translation)
        _translate(prims.root, codes, (place - place[0]) * float(M_PER_MM))
        extras["translation"] = place[0].tolist()
    if clip.source:
        extras["source"] = clip.source
    prims.animation.GetPrim().SetCustomDataByKey(_KEY, {key: _array(v) for key, v in extras.items() if v != []})


def _sample(prims: RigPrims, codes: Sequence[float], weights: np.ndarray, rotations: dict[str, np.ndarray]) -> None:
    (Vt,) = pxr("Vt")
    turns = np.tile(np.array([0, 0, 0, 1], np.float32), (len(codes), len(prims.joints), 1))
    for j, joint in enumerate(prims.joints):
        if joint.name in rotations:
            turns[:, j] = rotations[joint.name]
    shapes, joints = prims.animation.GetBlendShapeWeightsAttr(), prims.animation.GetRotationsAttr()
    rows = np.ascontiguousarray(weights, np.float32)
    for i, code in enumerate(codes):
        shapes.Set(Vt.FloatArray.FromNumpy(rows[i]), code)
        if rotations:
            joints.Set(Vt.QuatfArray.FromNumpy(turns[i]), code)


def _translate(root: Any, codes: Sequence[float], place: np.ndarray) -> None:
    (Gf,) = pxr("Gf")
    operation = root.AddTranslateOp()
    for code, (x, y, z) in zip(codes, place.tolist(), strict=True):
        operation.Set(Gf.Vec3d(x, y, z), code)


def _array(value: Any) -> Any:
    """Lists as USD's array types, the only lists that USD's dictionaries accept."""
    (Vt,) = pxr("Vt")
    if not isinstance(value, list):
        return value
    entries = cast(list[Any], value)
    kind = Vt.StringArray if isinstance(entries[0], str) else Vt.IntArray if isinstance(entries[0], int) else None
    return (kind or Vt.DoubleArray)(entries)


def read(path: Path) -> Clip:
    """The first animation of blendshape weights in a USD file as a clip.

    Channels are the animation's blendshape names (PascalCase ARKit names are converted to lowerCamel), without the
    correctives that mien wrote. Head rotation is read from a joint named "head", gaze from "eyeLeft" and "eyeRight". In
    a file of mien, confidence, gaze and start time are read from `customData`.

    Raises:
        MienError: no readable USD, no animation of blendshapes, or no OpenUSD installed.
    """
    stage = open_stage(path)
    (UsdSkel,) = pxr("UsdSkel")
    with reading(path):
        for prim in stage.Traverse():
            if prim.IsA(UsdSkel.Animation):
                clip = _Reader(path, stage, prim).clip()
                if clip is not None:
                    return clip
    raise MienError(f"{path} has no animation of blendshapes; a clip was expected")


class _Reader:
    """Reads one SkelAnimation of an untrusted file."""

    def __init__(self, path: Path, stage: Any, prim: Any) -> None:
        (UsdSkel,) = pxr("UsdSkel")
        self.path, self.stage, self.prim = path, stage, prim
        self.animation = UsdSkel.Animation(prim)
        self.rate = float(stage.GetTimeCodesPerSecond()) or 24.0
        self.names = _strings(self.animation.GetBlendShapesAttr().Get())
        data: Any = prim.GetCustomDataByKey(_KEY)
        self.extras = cast(dict[str, Any], data) if isinstance(data, dict) else {}

    def clip(self) -> Clip | None:
        attribute = self.animation.GetBlendShapeWeightsAttr()
        codes = [float(code) for code in attribute.GetTimeSamples()]
        if not self.names or not codes:
            return None
        weights = self._samples(attribute, codes, len(self.names))
        kept: dict[str, int] = {}
        made = set(self._words("correctives"))
        for i, name in enumerate(self.names):
            if name not in made:
                kept.setdefault(PASCAL.get(name, name), i)
        rotations = self._rotations(codes)
        gaze = None
        if self.extras.get("gaze", True) and set(EYES) <= rotations.keys():
            gaze = np.stack([angles_from_quaternion(rotations[eye])[:, :2] for eye in EYES], axis=1)
        clip = Clip(
            times=np.array(codes) / self.rate + self._number("start"),
            weights=weights[:, list(kept.values())],
            channels=tuple(kept),
            head_rotation=rotations.get("head"),
            head_translation=self._translation(codes),
            gaze=gaze,
            source=str(self.extras.get("source", self.path.name)),
        )
        return self._without_lost(clip)

    def _samples(self, attribute: Any, codes: Sequence[float], width: int) -> np.ndarray:
        """Values at the time codes, [T, width], held or interpolated between samples as the stage specifies."""
        if len(codes) * width > _LIMIT:
            raise MienError(
                f"{self.path}: an animation of {len(codes)} frames and {width} values is too large; split it"
            )
        out = np.zeros((len(codes), width), np.float32)
        for i, code in enumerate(codes):
            value: Any = attribute.Get(code)
            row = np.asarray(() if value is None else value, np.float32).reshape(-1)
            if len(row) != width or not np.isfinite(row).all():
                raise MienError(f"{self.path} is damaged: {attribute.GetName()} has no {width} finite values at {code}")
            out[i] = row
        return out

    def _rotations(self, codes: Sequence[float]) -> dict[str, np.ndarray]:
        """Rotation (xyzw) of the head and eye joints that the animation turns."""
        attribute = self.animation.GetRotationsAttr()
        joints = [joint.rpartition("/")[2] for joint in _strings(self.animation.GetJointsAttr().Get())]
        if not joints or not attribute.GetTimeSamples():
            return {}
        turns = self._samples(attribute, codes, 4 * len(joints)).reshape(len(codes), -1, 4).astype(np.float64)
        turned = self._words("turned") if self.extras else ["head", *EYES]
        return {name: turns[:, joints.index(name)] for name in turned if name in joints}

    def _translation(self, codes: Sequence[float]) -> np.ndarray | None:
        """Head displacement [mm] from the root's track, in files that state its start."""
        origin: Any = self.extras.get("translation")
        parent = self.prim.GetParent()
        if origin is None or len(origin) != 3 or not parent.GetAttribute("xformOp:translate"):
            return None
        moved = self._samples(parent.GetAttribute("xformOp:translate"), codes, 3)
        return moved.astype(np.float64) / float(M_PER_MM) + np.array([float(x) for x in origin])

    def _words(self, key: str) -> list[str]:
        return _strings(self.extras.get(key))

    def _number(self, key: str) -> float:
        value: Any = self.extras.get(key, 0.0)
        return float(value) if isinstance(value, int | float) and np.isfinite(value) else 0.0

    def _without_lost(self, clip: Clip) -> Clip:
        value: Any = self.extras.get("lost")
        lost = np.array(() if value is None else value, np.int64).reshape(-1)
        lost = lost[(lost >= 0) & (lost < len(clip))]
        if not len(lost):
            return clip
        confidence = np.ones(len(clip))
        confidence[lost] = 0.0
        for values in (clip.weights, clip.head_rotation, clip.gaze, clip.head_translation):
            if values is not None:
                values[lost] = np.nan
        return replace(clip, confidence=confidence)


def _strings(value: Any) -> list[str]:
    """The entries of a USD string array; none when it is not authored."""
    return [] if value is None else [str(entry) for entry in value]
