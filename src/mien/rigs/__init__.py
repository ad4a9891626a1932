"""Faces to perform on: the built-in head "mo", ICT-FaceKit "ict", any glTF, VRM or USD, and folders of OBJ files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.channels import ARKIT
from mien.core.errors import MienError
from mien.core.rig import Rig
from mien.rigs.names import NameReport, normalise

__all__ = ["RigInfo", "load", "load_neutral", "name_report", "rig_info"]

_USD = (".usd", ".usda", ".usdc", ".usdz")
_FILES = (".glb", ".vrm", ".gltf", *_USD)


def load(name_or_path: str | Path, *, mapping: str | Path | None = None, any_names: bool = False) -> Rig:
    """A rig by name ("mo", "ict"), from a .glb, .vrm, .gltf or USD file, or from a folder of OBJ files.

    `mapping` is a file that says how the rig's shapes make channels (`mien.rigs.mapping`). Without it a file none of
    whose shapes carries an ARKit name is refused, unless `any_names`. Raises MienError when there is no such rig.
    """
    if mapping is None:
        return _plain(name_or_path, None, any_names)
    from mien.rigs.mapping import apply_mapping, read_mapping

    recipes = read_mapping(mapping)
    rig = _plain(name_or_path, recipes.unit, True)
    return apply_mapping(rig, recipes, name_report(name_or_path).names)


def load_neutral(name_or_path: str | Path, unit: str | None = None) -> Rig:
    """A face to give shapes to: any file that `load` reads, also without shapes, or a single .obj.

    `unit` is that of .obj files ("mm", "cm", "m"); by default it follows from their size. Raises MienError when the
    mesh is not readable, or when a unit is given for a file that states its own.
    """
    path = Path(name_or_path)
    if path.suffix.lower() == ".obj" or path.is_dir():
        from mien.rigs.obj import find_neutral, load_obj

        mesh = load_obj(find_neutral(path) if path.is_dir() else path, unit)
        none = np.zeros((0, len(mesh.vertices), 3), np.float32)
        return Rig(name=path.resolve().stem, neutral=mesh, shape_names=(), shapes=none)
    if unit is not None:
        raise MienError(f"{path}: a unit is for .obj files; this one states its own")
    if path.suffix.lower() in _USD:
        from mien.rigs.usd import load_usd

        return load_usd(path, still=True)
    if path.suffix.lower() in _FILES:
        from mien.rigs.glb import load_glb

        return load_glb(path, still=True)
    if str(name_or_path) in ("mo", "ict"):
        return load(name_or_path)
    raise MienError(f"{path}: a neutral is an .obj, {', '.join(_FILES)} file, or a folder of .obj files")


def name_report(name_or_path: str | Path) -> NameReport:
    """How the shape names of a rig's file were understood; raises MienError when it is not readable."""
    path = Path(name_or_path)
    if str(name_or_path) in ("mo", "ict"):
        return normalise(_plain(name_or_path, None, True).shape_names)
    if path.is_dir():
        from mien.rigs import obj

        return obj.name_report(path)
    if path.suffix.lower() in _USD:
        from mien.rigs import usd

        return usd.name_report(path)
    from mien.rigs import glb

    return glb.name_report(path)


def _plain(name_or_path: str | Path, unit: str | None, any_names: bool) -> Rig:
    text = str(name_or_path)
    if text == "mo":
        from mien.rigs.mo import load_mo

        return load_mo()
    if text == "ict":
        from mien.rigs.ict import load_ict

        return load_ict()
    path = Path(name_or_path)
    if path.is_dir():
        from mien.rigs.obj import load_obj_folder

        return load_obj_folder(path, unit)
    if path.suffix.lower() not in _FILES:
        raise MienError(
            f"there is no rig '{text}'; use mo, ict or a {', '.join(_FILES)} file, or a folder of .obj files"
        )
    if path.suffix.lower() in _USD:
        from mien.rigs.usd import load_usd

        return load_usd(path, any_names=any_names)
    from mien.rigs.glb import load_glb

    return load_glb(path, any_names=any_names)


@dataclass(frozen=True, kw_only=True)
class RigInfo:
    """What a rig can do, for people."""

    name: str
    vertices: int
    triangles: int
    arkit: tuple[str, ...]
    """ARKit shapes it has, in ARKIT order."""
    missing: tuple[str, ...]
    """ARKit shapes it lacks."""
    still: tuple[str, ...]
    """ARKit shapes it names but that move no vertex."""
    other: tuple[str, ...]
    """Shapes with other names."""
    correctives: tuple[str, ...]
    """What drives each corrective: "jawOpen x mouthSmileLeft", "mouthClose over jawOpen"."""
    joints: tuple[str, ...]
    skinned: bool
    """Whether vertices follow the joints."""
    size: tuple[float, float, float]
    """Width, height, depth of the whole rig [mm]."""
    head_size: tuple[float, float, float] | None
    """The same of its vertex group "head" [mm], when it has one."""
    landmarks: dict[str, int]
    """Layout name -> number of points."""
    identity_modes: int
    parts: tuple[str, ...]
    """Material names."""
    licence: str


def rig_info(rig: Rig) -> RigInfo:
    """Describe `rig` (what `mien rig info` prints)."""
    names = set(rig.shape_names)
    moving = {name for name, shape in zip(rig.shape_names, rig.shapes, strict=True) if shape.any()}
    head = rig.neutral.topology.groups.get("head")
    return RigInfo(
        name=rig.name,
        vertices=len(rig.neutral.vertices),
        triangles=len(rig.neutral.topology.triangles),
        arkit=tuple(name for name in ARKIT if name in names),
        missing=tuple(name for name in ARKIT if name not in names),
        still=tuple(name for name in ARKIT if name in names - moving),
        other=tuple(name for name in rig.shape_names if name not in ARKIT),
        correctives=tuple(
            (" over " if corrective.rule == "excess" else " x ").join(corrective.channels)
            for corrective in rig.correctives
        ),
        joints=tuple(joint.name for joint in rig.joints),
        skinned=rig.joint_weights is not None,
        size=_extent(rig.neutral.vertices),
        head_size=None if head is None or not len(head) else _extent(rig.neutral.vertices[head]),
        landmarks={name: anchors.layout.count for name, anchors in rig.landmarks.items()},
        identity_modes=0 if rig.identity_modes is None else len(rig.identity_modes),
        parts=tuple(part.name for part in rig.neutral.topology.parts),
        licence=rig.licence,
    )


def _extent(vertices: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (vertices.max(axis=0) - vertices.min(axis=0)).tolist()
    return x, y, z
