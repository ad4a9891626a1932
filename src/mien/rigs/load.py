"""Loads rigs: the built-in head "mo", ICT-FaceKit "ict", and rigs from files of every readable format."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

from mien.core.errors import MienError
from mien.core.mesh import Mesh
from mien.core.rig import Rig
from mien.io import formats
from mien.rigs.avatar.store import is_avatar, load_avatar
from mien.rigs.names import NameReport, normalise

__all__ = ["load_neutral", "load_rig", "name_report"]


def load_rig(name_or_path: str | Path, *, mapping: str | Path | None = None, any_names: bool = False) -> Rig:
    """A rig by name ("mo", "ict"), from an avatar's folder, or from a file or folder of any format that holds a rig.

    `mapping` is a file that defines how the rig's shapes combine into channels (`mien.rigs.mapping`). Without it a rig
    without ARKit names is refused, unless `any_names` is true. Raises MienError when there is no such rig.
    """
    if mapping is None:
        return _plain(name_or_path, None, any_names)
    from mien.rigs.mapping import apply_mapping, read_mapping

    recipes = read_mapping(mapping)
    rig = _plain(name_or_path, recipes.unit, True)
    return apply_mapping(rig, recipes, name_report(name_or_path).names)


def load_neutral(name_or_path: str | Path, unit: str | None = None) -> Rig:
    """A neutral to transfer shapes to: any rig that `load_rig` reads, also one without shapes, or a file of one mesh.

    `unit` ("mm", "cm", "m") is for files that state no unit. Raises MienError when the mesh is not readable, or when a
    unit is given for a file that states its own.
    """
    if _built_in(name_or_path):
        if unit is not None:
            raise MienError(f"{name_or_path} states its own unit; leave out `unit`")
        return load_rig(name_or_path)
    path = Path(name_or_path)
    if not path.is_dir() and path.suffix and path.suffix.lower() in formats.suffixes(Rig, readable=True):
        return formats.read(path, Rig, unit=unit, still=True)
    mesh = formats.read(path, Mesh, unit=unit)  # of a folder only the neutral, which gets the shapes of another rig
    none = np.zeros((0, len(mesh.vertices), 3), np.float32)
    return Rig(name=path.resolve().stem, neutral=mesh, shape_names=(), shapes=none)


def name_report(name_or_path: str | Path) -> NameReport:
    """How the shape names in a rig's file map to channels; raises MienError when the file is not readable."""
    if _built_in(name_or_path):
        return normalise(_plain(name_or_path, None, True).shape_names)
    path = Path(name_or_path)
    if is_avatar(path):
        return normalise(_plain(path, None, True).shape_names)
    return formats.reader(path, Rig).function("name_report")(path)


def _built_in(name_or_path: str | Path) -> Callable[[], Rig] | None:
    """The function that loads a rig by its name; None for a path."""
    known = {"mo": ("mien.rigs.mo.load", "load_mo"), "ict": ("mien.rigs.ict", "load_ict")}
    found = known.get(str(name_or_path))
    return None if found is None else getattr(import_module(found[0]), found[1])


def _plain(name_or_path: str | Path, unit: str | None, any_names: bool) -> Rig:
    load = _built_in(name_or_path)
    if load is not None:
        return load()
    path = Path(name_or_path)
    if is_avatar(path):
        return load_avatar(path)
    if not path.is_dir() and not (path.suffix and path.suffix.lower() in formats.suffixes(Rig, readable=True)):
        known = ", ".join(suffix for suffix in formats.suffixes(Rig, readable=True) if suffix)
        raise MienError(
            f"there is no rig '{name_or_path}'; use mo, ict or a {known} file, or a folder of {formats.OBJ} files"
        )
    if unit is not None and not formats.reader(path, Rig).takes_unit:
        unit = None  # the unit in a mapping applies only to rigs that state none
    return formats.read(path, Rig, unit=unit, any_names=any_names)
