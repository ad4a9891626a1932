"""Reads a folder of Wavefront OBJ files as a `Rig`: one neutral, and one file per shape with the same vertices.

The neutral is the file whose name, ignoring case and separators, is or ends in one of `NEUTRALS`. Every other .obj is a
shape, whose name `mien.rigs.names` derives from the file name. Faces, groups, texture coordinates and the unit are
those of the neutral (`mien.io.units`). A whole body in centimetres (about 170) would be taken for a head in
millimetres: its unit must be given.
"""

from pathlib import Path

import numpy as np

from mien.core.errors import MienError
from mien.core.mesh import Mesh
from mien.core.rig import Rig
from mien.io import formats, obj
from mien.io.units import millimetres_per
from mien.rigs.names import NameReport, normalise
from mien.rigs.readers.gltf.pieces import LIMIT

__all__ = ["NEUTRALS", "load_mesh", "load_obj_folder", "name_report", "save_obj_folder"]

NEUTRALS = ("neutral", "neutralmesh", "neutralface", "base", "basis", "basemesh", "rest", "default")
"""Endings of the neutral's file name, in lower case and without separators."""


def load_mesh(folder: str | Path, unit: str | None = None) -> Mesh:
    """The neutral of a folder of OBJ files; raises MienError when there is none, or more than one, or it is damaged."""
    return obj.read(_find_neutral(Path(folder)), unit)


def load_obj_folder(
    folder: str | Path, unit: str | None = None, *, any_names: bool = False, still: bool = False
) -> Rig:
    """A rig from a folder of OBJ files, with any shape names; with `still` a folder without shapes is accepted.

    `any_names` has no effect, because any name is accepted. Raises a MienError that names the file which does not fit.
    """
    del any_names
    folder = Path(folder)
    neutral_path = _find_neutral(folder)
    neutral = obj.read(neutral_path, unit)
    paths = _shape_paths(folder, neutral_path, still)
    count = len(neutral.vertices)
    if len(paths) * count * 12 > LIMIT:
        raise MienError(f"{folder}: {len(paths)} shapes of {count} vertices are too many; reduce the mesh")
    base, _ = obj.positions(neutral_path)
    scale = millimetres_per(neutral_path, base, unit)
    report = normalise([path.stem for path in paths])
    names = tuple(dict.fromkeys(report.names.values()))
    shapes = np.zeros((len(names), count, 3), np.float32)
    for path in paths:
        vertices, _ = obj.positions(path)
        if len(vertices) != count:
            raise MienError(
                f"{path}: {len(vertices)} vertices, but {neutral_path.name} has {count}; export both from one mesh"
            )
        shapes[names.index(report.names[path.stem])] += ((vertices - base) * scale).astype(np.float32)
    return Rig(name=folder.resolve().name, neutral=neutral, shape_names=names, shapes=shapes)


def name_report(folder: str | Path) -> NameReport:
    """How the file names of a folder map to channels; raises MienError when it has no neutral or no shapes."""
    folder = Path(folder)
    return normalise([path.stem for path in _shape_paths(folder, _find_neutral(folder))])


def save_obj_folder(rig: Rig, folder: str | Path) -> None:
    """Write the neutral and one OBJ per shape [mm], each file whole or not at all; raises MienError when that fails."""
    folder = Path(folder)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise MienError(f"cannot make the folder {folder}: {error.strerror}; choose another place") from None
    faces = obj.faces_text(rig.neutral.topology)
    meshes = {NEUTRALS[0]: rig.neutral.vertices}
    meshes |= {name: rig.neutral.vertices + shape for name, shape in zip(rig.shape_names, rig.shapes, strict=True)}
    for name, vertices in meshes.items():
        obj.write_text(folder / f"{name}{formats.OBJ}", obj.vertices_text(vertices), faces)


def _find_neutral(folder: Path) -> Path:
    """The neutral's file in a folder of OBJ files; raises MienError when there is none or more than one."""
    if not folder.is_dir():
        raise MienError(f"{folder} is not a folder of {formats.OBJ} files")
    paths = _objs(folder)
    if not paths:
        raise MienError(f"{folder} holds no {formats.OBJ} files")
    plain = {path: "".join(c for c in path.stem.lower() if c.isalpha()) for path in paths}
    found = [path for path in paths if plain[path] in NEUTRALS]
    found = found or [path for path in paths if plain[path].endswith(NEUTRALS)]
    if len(found) != 1:
        what = f"{len(found)} files could be the neutral ({', '.join(p.name for p in found[:3])})" if found else (
            f"none of its {len(paths)} {formats.OBJ} files is a neutral"
        )  # fmt: skip
        raise MienError(f"{folder}: {what}; name exactly one of them {NEUTRALS[0]}{formats.OBJ}")
    return found[0]


def _objs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == formats.OBJ and path.is_file())


def _shape_paths(folder: Path, neutral: Path, still: bool = False) -> list[Path]:
    paths = [path for path in _objs(folder) if path != neutral]
    if not paths and not still:
        raise MienError(
            f"{folder}: {neutral.name} is its only {formats.OBJ}, so this face cannot move; add one file per shape"
        )
    return paths
