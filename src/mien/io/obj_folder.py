"""MeshSequence as a folder of OBJ files, one per frame: what every program can read.

`frame.000000.obj`, `frame.000001.obj`, ...; the first comment of each says its time. Folders of other programs are read
as `DEFAULT_FPS` when they do not say.
"""

import re
import secrets
import shutil
from pathlib import Path

import numpy as np

from mien.core.errors import MienError
from mien.core.mesh import MeshSequence, Topology
from mien.io.obj import faces_text, read_obj, vertices_text

__all__ = ["DEFAULT_FPS", "read", "write"]

DEFAULT_FPS = 30.0
_TIME = re.compile(r"^# time ([-+.\deE]+) s", re.MULTILINE)


def write(sequence: MeshSequence, path: Path) -> None:
    """Write the folder whole or not at all; raises MienError when `path` is there already or cannot be written."""
    if path.exists():
        raise MienError(f"cannot write {path}: it is there already; delete it or choose another name")
    if not path.parent.is_dir():
        raise MienError(f"cannot write {path}: the folder {path.parent} does not exist; create it first")
    faces = faces_text(sequence.topology.triangles)
    temporary = path.with_name(f".{path.name[:100]}-{secrets.token_hex(4)}")
    try:
        temporary.mkdir()
        for k, (time, vertices) in enumerate(zip(sequence.times.tolist(), sequence.vertices, strict=True)):
            text = f"# time {time!r} s, millimetres, +Y up\n{vertices_text(vertices)}{faces}"
            (temporary / f"frame.{k:06d}.obj").write_text(text, encoding="ascii")
        temporary.rename(path)
    except OSError as error:
        raise MienError(f"cannot write {path}: {error.strerror}; choose another place") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read(path: Path) -> MeshSequence:
    """Read a folder of OBJ files in the order of the last numbers in their names, positions in mm.

    Raises MienError when there are none, one is damaged, or one has another topology than the first.
    """
    if not path.is_dir():
        raise MienError(f"cannot read {path}: there is no such folder")
    files = sorted((p for p in path.iterdir() if p.suffix.lower() == ".obj"), key=_number)
    if not files:
        raise MienError(f"{path}: no .obj files in it")
    meshes = [read_obj(p) for p in files]
    for file, (vertices, triangles) in zip(files, meshes, strict=True):
        if len(vertices) != len(meshes[0][0]) or not np.array_equal(triangles, meshes[0][1]):
            raise MienError(f"{file}: another topology than {files[0].name}; frames must be of one mesh")
    stamps = [_TIME.search(file.read_text(encoding="utf-8", errors="replace")[:200]) for file in files]
    times = np.arange(len(files)) / DEFAULT_FPS
    if all(stamps):
        times = np.array([float(stamp.group(1)) for stamp in stamps if stamp], np.float64)
        if (np.diff(times) <= 0).any():
            raise MienError(f"{path}: the times of its frames do not grow; files are missing or mixed")
    vertices = np.stack([v for v, _ in meshes]).astype(np.float32)
    return MeshSequence(times=times, vertices=vertices, topology=Topology(triangles=meshes[0][1]))


def _number(path: Path) -> tuple[int, str]:
    numbers = re.findall(r"\d+", path.stem)
    return (int(numbers[-1]) if numbers else -1, path.name)
