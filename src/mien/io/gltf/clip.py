"""Clips as glTF animation, written with the rig that performs them, and read back.

The animation holds the morph weights (including the computed weights of correctives), the head joint's rotation
(`camera_from_head`; joints are unrotated at rest), the eye joints' rotation when vertices are skinned to them, and
optionally the head's translation. Keys lie at the clip's times and are interpolated linearly. Lost frames hold the last
seen pose. What glTF has no field for is stored in the animation's `extras.mien`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from mien import __version__
from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.core.interpolation import between, places
from mien.core.rig import Rig
from mien.core.transforms import angles_from_quaternion, slerp
from mien.io.gltf.builder import Builder
from mien.io.gltf.correctives import correctives_of
from mien.io.gltf.document import GltfDocument, Json, read_glb
from mien.io.gltf.rig import MM, RigNodes, add_rig
from mien.io.keys import EYES, PASCAL, continuous, eye_rotations, held

__all__ = ["read", "write"]

LATEST_START = 3600.0
"""A clip that starts later than this [s] (a time of day) is moved to 0, because glTF keys are float32, whose steps
reach a quarter of a millisecond after an hour. The offset is stored in `extras.mien.start`."""


def write(
    clip: Clip, path: Path, *, rig: Rig | None = None, translation: bool = False, morph_normals: bool = False
) -> None:
    """Write `rig` animated by `clip`; channels the rig lacks are left out.

    `translation` also moves the head, relative to its first position, in metres. `morph_normals` adds normal
    displacements to the morph targets (exact shading in viewers that do not recompute normals, twice the size).

    Raises:
        MienError: no rig, an empty clip, a rig that has none of its channels, or a path that cannot be written.
    """
    if rig is None:
        raise MienError(f"cannot write {path}: a .glb needs a rig to perform the clip; give rig=mien.rigs.load('mo')")
    if not len(clip):
        raise MienError(f"cannot write {path}: the clip has no frames")
    if not set(clip.channels) & set(rig.shape_names):
        raise MienError(f"cannot write {path}: rig '{rig.name}' has none of the clip's channels")
    builder = Builder(f"mien {__version__}", rig.licence)
    nodes = add_rig(builder, rig, morph_normals=morph_normals)
    _Animation(builder, rig, nodes, clip, path).write(translation)
    builder.write(path)


class _Animation:
    """Collects the samplers and channels of one animation."""

    def __init__(self, builder: Builder, rig: Rig, nodes: RigNodes, clip: Clip, path: Path) -> None:
        self.builder, self.rig, self.nodes = builder, rig, nodes
        self.clip = replace(clip.filled(), confidence=None)  # every frame has a pose now
        start = float(clip.times[0])
        self.start = start if start < 0 or start > LATEST_START else 0.0
        times = (clip.times - self.start).astype(np.float32)
        if (np.diff(times) <= 0).any():
            raise MienError(
                f"cannot write {path}: frames are closer together than float32 times can resolve; write .npz"
            )
        self.input = builder.accessor(times, bounds=True)
        self.samplers: list[Json] = []
        self.channels: list[Json] = []
        self.lost = np.flatnonzero(~clip.seen)

    def write(self, translation: bool) -> None:
        clip, head = self.clip, self.nodes.joints.get("head", self.nodes.mesh_node)
        weights = clip.with_channels(self.rig.shape_names).weights
        weights = np.concatenate([weights, self.rig.corrective_weights(clip.weights, clip.channels)], axis=1)
        self._add(self.nodes.mesh_node, "weights", weights.astype(np.float32).reshape(-1))
        if clip.head_rotation is not None:
            self._add(head, "rotation", continuous(held(clip.head_rotation)))
        eyes = eye_rotations(self.rig, clip)
        for name, rotation in eyes.items():
            self._add(self.nodes.joints[name], "rotation", rotation)
        extras: Json = {"start": self.start, "gaze": bool(eyes) and clip.gaze is not None}
        if translation and clip.head_translation is not None:
            place = held(clip.head_translation)
            rest = np.array(self.builder.json["nodes"][self.nodes.root].get("translation", [0.0, 0, 0]))
            self._add(self.nodes.root, "translation", ((place - place[0]) * float(MM) + rest).astype(np.float32))
            extras["translation"] = place[0].tolist()
        if len(self.lost):
            extras["lost"] = self.lost.tolist()
        if clip.source:
            extras["source"] = clip.source
        animation = {"name": "performance", "samplers": self.samplers, "channels": self.channels}
        self.builder.add("animations", animation | {"extras": {"mien": extras}})

    def _add(self, node: int, path: str, values: np.ndarray) -> None:
        self.samplers.append({"input": self.input, "output": self.builder.accessor(values), "interpolation": "LINEAR"})
        self.channels.append({"sampler": len(self.samplers) - 1, "target": {"node": node, "path": path}})


def read(path: Path) -> Clip:
    """The first animation of morph weights in a .glb as a clip.

    Channels are the file's target names (PascalCase ARKit names are converted to lowerCamel). Head rotation is read
    from a node named "head", gaze from "eyeLeft" and "eyeRight", when these nodes are unrotated at rest, as in files of
    mien. In a file of mien, confidence, gaze and start time are read from `extras.mien`.

    Raises:
        MienError: no readable glTF, or no animation of named morph targets.
    """
    document = read_glb(path)
    for animation in document.items("animations"):
        clip = _read_animation(document, animation)
        if clip is not None:
            return clip
    raise MienError(f"{path} has no animation of named morph targets; a clip was expected")


def _read_animation(document: GltfDocument, animation: Json) -> Clip | None:
    tracks = [_Track(document, animation, channel) for channel in _objects(animation.get("channels"))]
    morphs = [(track, names) for track in tracks if track.path == "weights" and (names := track.names())]
    if not morphs:
        return None
    times = max((track.times() for track, _ in morphs), key=len)
    columns: dict[str, np.ndarray] = {}
    for track, names in morphs:
        values = track.sample(times, width=len(names))
        # Several meshes may share a target name (face and lashes) and move together, so the first track is enough.
        own = {i: PASCAL.get(n, n) for i, n in enumerate(names) if n not in track.correctives()}
        columns |= {name: values[:, i] for i, name in own.items() if name not in columns}
    if not columns:
        return None
    rotations = {
        track.node_name.lower(): track.sample(times, width=4)
        for track in tracks
        if track.path == "rotation" and track.rests_unrotated()
    }
    extras = _extras(animation)
    gaze = None
    if extras.get("gaze", True) and {"eyeleft", "eyeright"} <= rotations.keys():
        gaze = np.stack([angles_from_quaternion(rotations[eye.lower()])[:, :2] for eye in EYES], axis=1)
    return _restore(
        document, extras, times, columns, rotations.get("head"), gaze, _translation(document, tracks, times)
    )


def _restore(
    document: GltfDocument,
    extras: Json,
    times: np.ndarray,
    columns: dict[str, np.ndarray],
    rotation: np.ndarray | None,
    gaze: np.ndarray | None,
    translation: np.ndarray | None,
) -> Clip:
    weights = np.stack(list(columns.values()), axis=1)
    start = float(document.numbers([extras.get("start", 0.0)], 1, "extras.mien.start")[0])
    lost = [i for i in cast(list[Any], extras.get("lost") or []) if isinstance(i, int) and 0 <= i < len(times)]
    confidence = None
    if lost:
        confidence = np.ones(len(times))
        confidence[lost] = 0.0
        for values in (weights, rotation, gaze, translation):
            if values is not None:
                values[lost] = np.nan
    origin = extras.get("translation")
    if translation is not None and isinstance(origin, list):
        translation = translation + document.numbers(origin, 3, "extras.mien.translation")
    return Clip(
        times=times + start,
        weights=weights,
        channels=tuple(columns),
        head_rotation=rotation,
        head_translation=translation if isinstance(origin, list) else None,
        gaze=gaze,
        confidence=confidence,
        source=str(extras.get("source", document.path.name)),
    )


def _translation(document: GltfDocument, tracks: "list[_Track]", times: np.ndarray) -> np.ndarray | None:
    """Head displacement [mm] from the track of the root node."""
    for track in tracks:
        if track.path == "translation" and track.node not in document.parents():
            rest = document.numbers(track.target_node.get("translation", [0, 0, 0]), 3, "a translation")
            return (track.sample(times, width=3) - rest) / float(MM)
    return None


class _Track:
    """One animation channel of a document."""

    def __init__(self, document: GltfDocument, animation: Json, channel: Json) -> None:
        self.document = document
        target = channel.get("target")
        target = cast(Json, target) if isinstance(target, dict) else {}
        samplers, index = _objects(animation.get("samplers")), channel.get("sampler")
        if not isinstance(index, int) or not 0 <= index < len(samplers):
            document.fail("damaged glTF, an animation channel has no sampler")
        self.path = target.get("path")
        self.sampler = samplers[index]
        self.node = target.get("node", -1)
        self.target_node = document.item("nodes", self.node) if self.node != -1 else {}
        self.node_name = str(self.target_node.get("name", ""))

    def names(self) -> list[str] | None:
        """Names of the morph targets that this track moves."""
        if "mesh" not in self.target_node:
            return None
        mesh = self.document.item("meshes", self.target_node["mesh"])
        primitives = _objects(mesh.get("primitives"))
        targets = primitives[0].get("targets") if primitives else None
        return self.document.target_names(mesh, len(cast(list[Any], targets))) if isinstance(targets, list) else None

    def correctives(self) -> frozenset[str]:
        """Names of the targets that are correctives."""
        if "mesh" not in self.target_node:
            return frozenset()
        return frozenset(c.name for c in correctives_of(self.document.item("meshes", self.target_node["mesh"])))

    def rests_unrotated(self) -> bool:
        return np.allclose(self.document.local_matrix(self.node)[:3, :3], np.eye(3), atol=1e-6)

    def times(self) -> np.ndarray:
        times = self.document.accessor(self.sampler.get("input"), kind="SCALAR").astype(np.float64)
        if (np.diff(times) <= 0).any():
            self.document.fail("damaged glTF, animation times do not increase")
        return times

    def sample(self, at: np.ndarray, *, width: int) -> np.ndarray:
        """Values at the given times, shape [T, width]; cubic tracks are read as linear ones. Rotations
        take the shortest way between keys, as glTF defines."""
        times = self.times()
        cubic = self.sampler.get("interpolation") == "CUBICSPLINE"
        keys = len(times) * (3 if cubic else 1)
        flat = self.document.accessor(
            self.sampler.get("output"), count=keys * width if self.path == "weights" else keys
        )
        if flat.dtype != np.float32 or flat.size != keys * width:
            self.document.fail("damaged glTF, animation values do not match their keys")
        values = flat.reshape(len(times), -1, width)[:, 1 if cubic else 0]
        if self.path == "rotation" and not values.any(axis=1).all():
            self.document.fail("damaged glTF, a rotation is all zeros")
        if len(times) == len(at) and np.array_equal(times, at):
            return values.copy()
        low, share = places(times, at)
        if self.sampler.get("interpolation") == "STEP":
            return values[low]
        high = np.minimum(low + 1, len(times) - 1)
        if self.path == "rotation":
            return slerp(values[low], values[high], share)
        return between(values.astype(np.float64), low, high, share)


def _objects(value: Any) -> list[Json]:
    items = cast(list[Any], value) if isinstance(value, list) else []
    return [cast(Json, item) for item in items if isinstance(item, dict)]


def _extras(animation: Json) -> Json:
    extras = animation.get("extras")
    own = cast(Json, extras).get("mien") if isinstance(extras, dict) else None
    return cast(Json, own) if isinstance(own, dict) else {}
