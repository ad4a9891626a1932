"""Mesh sequences as a folder with one OBJ or PLY file per frame, which almost every program can read.

mien writes `frame.000000.obj`, `frame.000001.obj`, ...; the first comment of each file states the frame's time. Files
of other programs are read in the order of the last number in their names, at `DEFAULT_FPS` when they state no time.
"""

import re
import secrets
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.core.mesh import Mesh, MeshSequence, Topology
from mien.io import formats
from mien.io.obj import faces_text, vertices_text

__all__ = ["DEFAULT_FPS", "frame_files", "read", "read_frames", "stream"]

DEFAULT_FPS = 30.0
_TIME = re.compile(rb"^# time ([-+.\deE]+) s", re.MULTILINE)


@contextmanager
def stream(path: Path, topology: Topology, times: Float[np.ndarray, "T"]) -> Generator[Callable[[np.ndarray], None]]:
    """Write the folder whole or not at all; raises MienError when `path` exists already or cannot be written."""
    if path.exists():
        raise MienError(f"cannot write {path}: it is there already; delete it or choose another name")
    if not path.parent.is_dir():
        raise MienError(f"cannot write {path}: the folder {path.parent} does not exist; create it first")
    faces = faces_text(Topology(triangles=topology.triangles))
    temporary = path.with_name(f".{path.name[:100]}-{secrets.token_hex(4)}")
    stamps = enumerate(times.tolist())

    def put(vertices: np.ndarray) -> None:
        number, time = next(stamps)
        text = f"# time {time!r} s, millimetres, +Y up\n{vertices_text(vertices)}{faces}"
        (temporary / f"frame.{number:06d}{formats.OBJ}").write_text(text, encoding="ascii")

    try:
        temporary.mkdir()
        yield put
        temporary.rename(path)
    except OSError as error:
        if error.filename is None or not Path(error.filename).is_relative_to(temporary):
            raise
        raise MienError(f"cannot write {path}: {error.strerror}; choose another place") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read(path: Path) -> MeshSequence:
    """Read a folder of frames in millimetres.

    Raises MienError when there are no frames, a file is damaged, or its topology differs from that of the first.
    """
    if not path.is_dir():
        raise MienError(f"cannot read {path}: there is no such folder; check the name")
    files = frame_files(path)
    if not files:
        raise MienError(f"{path}: no {' or '.join(_suffixes())} files in it")
    vertices, topology = read_frames(files)
    return MeshSequence(times=_times(path, files), vertices=vertices, topology=topology)


def frame_files(folder: Path) -> list[Path]:
    """The mesh files of a folder, in the order of the last number in their names."""
    known = _suffixes()
    return sorted((path for path in folder.iterdir() if path.suffix.lower() in known), key=_number)


def read_frames(files: Sequence[Path]) -> tuple[Float[np.ndarray, "T V 3"], Topology]:
    """(vertices of every file, topology of the first), in the unit of the files; each file holds one mesh.

    Raises MienError when a file is damaged, or its topology differs from that of the first.
    """
    first: Mesh | None = None
    frames: list[np.ndarray] = []
    for file in files:
        mesh = formats.read(file, Mesh, unit="mm", points=True)
        first = first or mesh
        same = np.array_equal(mesh.topology.triangles, first.topology.triangles)
        if len(mesh.vertices) != len(first.vertices) or not same:
            raise MienError(f"{file}: another topology than {files[0].name}; frames must be of one mesh")
        frames.append(mesh.vertices)
    if first is None:
        raise ValueError("read_frames takes at least one file")
    return np.stack(frames), Topology(triangles=first.topology.triangles)


def _suffixes() -> tuple[str, ...]:
    """The extensions of formats that hold one mesh without motion and state no unit."""
    return formats.suffixes(Mesh, writable=True)


def _times(path: Path, files: Sequence[Path]) -> Float[np.ndarray, "T"]:
    stamps: list[re.Match[bytes] | None] = []
    for file in files:
        with file.open("rb") as opened:
            stamps.append(_TIME.search(opened.read(200)))
    try:
        times = np.array([float(stamp[1]) for stamp in stamps if stamp], np.float64)
    except ValueError:
        raise MienError(f"{path} is damaged: the time in a comment is no number") from None
    if len(times) < len(files):
        return np.arange(len(files)) / DEFAULT_FPS
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise MienError(f"{path}: the times of its frames do not increase; files are missing or mixed")
    return times


def _number(path: Path) -> tuple[int, str]:
    numbers = re.findall(r"\d+", path.stem)
    return (int(numbers[-1]) if numbers else -1, path.name)
