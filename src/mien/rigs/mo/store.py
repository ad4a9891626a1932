"""Stores mo in a small .npz file without pickle: shapes are sparse and in steps of 1/200 mm."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.errors import MienError
from mien.core.landmarks import IBUG68, MIEN70, MIEN198, LandmarkAnchors
from mien.core.mesh import Mesh, Part, Topology
from mien.core.rig import Corrective, Joint, Rig

__all__ = ["OPEN", "STEP", "read", "write"]

STEP = 0.005
"""Step of the stored displacements [mm]; int16 then reaches 163 mm."""
_VERSION = 2
OPEN = ("brows", "lashes", "hair")
"""Parts that are open sheets, and are seen from both sides."""


def write(rig: Rig, path: Path) -> None:
    """Write the rig, whole or not at all; equal rigs give equal bytes."""
    from mien.io.atomic import write_whole

    assert rig.corrective_shapes is not None
    steps = np.rint(np.concatenate([rig.shapes, rig.corrective_shapes]) / STEP).astype(np.int16)
    moving = [np.flatnonzero((shape != 0).any(axis=1)) for shape in steps]
    topology = rig.neutral.topology
    assert (
        topology.uv is not None
        and topology.uv_triangles is not None
        and rig.colors is not None
        and rig.joint_weights is not None
    )
    marks = rig.landmarks["mien198"]  # the other layouts are the first points of this one
    about = {
        "version": _VERSION,
        "shapes": rig.shape_names,
        "correctives": [[c.name, c.channels, c.rule] for c in rig.correctives],
        "parts": [[p.name, p.start, p.stop, p.color, p.roughness] for p in topology.parts],
        "joints": [[j.name, j.position, j.parent] for j in rig.joints],
        "groups": {name: len(at) for name, at in topology.groups.items()},
        "licence": rig.licence,
    }
    arrays: dict[str, Any] = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        "neutral": np.rint(rig.neutral.vertices / STEP).astype(np.int16),
        "triangles": topology.triangles.astype(np.uint16),
        "uv": np.rint(topology.uv * 65535).astype(np.uint16),
        "uv_triangles": topology.uv_triangles.astype(np.uint16),
        "colors": np.rint(rig.colors * 255).astype(np.uint8),
        "joint_weights": np.rint(rig.joint_weights[:, 1:] * 65535).astype(np.uint16),
        "groups": np.concatenate([np.asarray(at) for at in topology.groups.values()]).astype(np.uint16),
        "shape_counts": np.array([len(rows) for rows in moving], np.uint16),
        "shape_rows": np.concatenate(moving).astype(np.uint16),
        "shape_steps": np.concatenate([shape[rows] for shape, rows in zip(steps, moving, strict=True)]),
        "mark_indices": marks.indices.astype(np.uint16),
        "mark_weights": marks.weights.astype(np.float32),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    with write_whole(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read(path: Path) -> Rig:
    """The stored rig; raises MienError when the file is missing or was not written by `write`."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
        about = json.loads(data["about"].tobytes().decode())
        if about["version"] != _VERSION:
            raise ValueError(f"version {about['version']}")
        return _rig(data, about)
    except FileNotFoundError as error:
        raise MienError(f"the built-in head is missing ({path}); install mien again") from error
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise MienError(f"the built-in head cannot be read ({path}: {error}); install mien again") from error


def _rig(data: dict[str, np.ndarray], about: dict[str, Any]) -> Rig:
    neutral = data["neutral"].astype(np.float32) * np.float32(STEP)
    correctives = tuple(Corrective(name=n, channels=tuple(c), rule=rule) for n, c, rule in about["correctives"])
    own = len(about["shapes"])
    shapes = np.zeros((own + len(correctives), *neutral.shape), np.float32)
    ends = np.cumsum(data["shape_counts"].astype(int))
    for k, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        shapes[k, data["shape_rows"][start:end]] = data["shape_steps"][start:end] * np.float32(STEP)
    groups, at = {}, 0
    for name, count in about["groups"].items():
        groups[name] = data["groups"][at : at + count].astype(np.int32)
        at += count
    moved = data["joint_weights"].astype(np.float32) / 65535
    parts = tuple(
        Part(name=name, start=start, stop=stop, color=tuple(color), roughness=roughness, two_sided=name in OPEN)
        for name, start, stop, color, roughness in about["parts"]
    )
    topology = Topology(
        triangles=data["triangles"].astype(np.int32),
        uv=data["uv"].astype(np.float32) / 65535,
        uv_triangles=data["uv_triangles"].astype(np.int32),
        parts=parts,
        groups=groups,
    )
    indices, weights = data["mark_indices"].astype(np.int32), data["mark_weights"]
    return Rig(
        name="mo",
        neutral=Mesh(vertices=neutral, topology=topology),
        shape_names=tuple(about["shapes"]),
        shapes=shapes[:own],
        correctives=correctives,
        corrective_shapes=shapes[own:],
        joints=tuple(Joint(name=name, position=tuple(where), parent=up) for name, where, up in about["joints"]),
        joint_weights=np.concatenate([1 - moved.sum(axis=1, keepdims=True), moved], axis=1),
        landmarks={
            layout.name: LandmarkAnchors(
                layout=layout, indices=indices[: layout.count], weights=weights[: layout.count]
            )
            for layout in (IBUG68, MIEN70, MIEN198)
        },
        colors=data["colors"].astype(np.float32) / 255,
        licence=about["licence"],
    )
