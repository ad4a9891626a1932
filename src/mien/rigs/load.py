"""Faces to perform on: the built-in head "mo", ICT-FaceKit "ict", any glTF, VRM or USD, and folders of OBJ files."""

from pathlib import Path

import numpy as np

from mien.core.errors import MienError
from mien.core.rig import Rig
from mien.rigs.names import NameReport, normalise

__all__ = ["load_neutral", "load_rig", "name_report"]

_USD = (".usd", ".usda", ".usdc", ".usdz")
_FILES = (".glb", ".vrm", ".gltf", *_USD)


def load_rig(name_or_path: str | Path, *, mapping: str | Path | None = None, any_names: bool = False) -> Rig:
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
    """A face to give shapes to: any file that `load_rig` reads, also without shapes, or a single .obj.

    `unit` is that of .obj files ("mm", "cm", "m"); by default it follows from their size. Raises MienError when the
    mesh is not readable, or when a unit is given for a file that states its own.
    """
    path = Path(name_or_path)
    if path.suffix.lower() == ".obj" or path.is_dir():
        from mien.rigs.readers.obj import find_neutral, load_obj

        mesh = load_obj(find_neutral(path) if path.is_dir() else path, unit)
        none = np.zeros((0, len(mesh.vertices), 3), np.float32)
        return Rig(name=path.resolve().stem, neutral=mesh, shape_names=(), shapes=none)
    if unit is not None:
        raise MienError(f"{path}: a unit is for .obj files; this one states its own")
    if path.suffix.lower() in _USD:
        from mien.rigs.readers.usd.reader import load_usd

        return load_usd(path, still=True)
    if path.suffix.lower() in _FILES:
        from mien.rigs.readers.gltf.reader import load_glb

        return load_glb(path, still=True)
    if str(name_or_path) in ("mo", "ict"):
        return load_rig(name_or_path)
    raise MienError(f"{path}: a neutral is an .obj, {', '.join(_FILES)} file, or a folder of .obj files")


def name_report(name_or_path: str | Path) -> NameReport:
    """How the shape names of a rig's file were understood; raises MienError when it is not readable."""
    path = Path(name_or_path)
    if str(name_or_path) in ("mo", "ict"):
        return normalise(_plain(name_or_path, None, True).shape_names)
    if path.is_dir():
        from mien.rigs.readers import obj

        return obj.name_report(path)
    if path.suffix.lower() in _USD:
        from mien.rigs.readers.usd import reader as usd

        return usd.name_report(path)
    from mien.rigs.readers.gltf import reader as glb

    return glb.name_report(path)


def _plain(name_or_path: str | Path, unit: str | None, any_names: bool) -> Rig:
    text = str(name_or_path)
    if text == "mo":
        from mien.rigs.mo.load import load_mo

        return load_mo()
    if text == "ict":
        from mien.rigs.ict import load_ict

        return load_ict()
    path = Path(name_or_path)
    if path.is_dir():
        from mien.rigs.readers.obj import load_obj_folder

        return load_obj_folder(path, unit)
    if path.suffix.lower() not in _FILES:
        raise MienError(
            f"there is no rig '{text}'; use mo, ict or a {', '.join(_FILES)} file, or a folder of .obj files"
        )
    if path.suffix.lower() in _USD:
        from mien.rigs.readers.usd.reader import load_usd

        return load_usd(path, any_names=any_names)
    from mien.rigs.readers.gltf.reader import load_glb

    return load_glb(path, any_names=any_names)
