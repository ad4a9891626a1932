"""Folders of registered 4D sequences: subject/expression/frame.ply or .obj, as CoMA, VOCASET and D3DFACS lay them out.

Deeper folders (subject/expression/take/frame) are takes of their own. Frames are ordered by the last number in their
names. Nobody's timing is annotated there: it is read off how far the mesh moves from its first frame.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mien.core.errors import MienError
from mien.io.obj import read_obj

__all__ = ["Recording", "estimate_timing", "read_folder", "read_mesh"]

_TYPES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
          "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
          "float32": "f4", "float64": "f8"}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """One registered sequence; its first frame is the neutral."""

    subject: str
    expression: str
    times: Float[np.ndarray, "T"]
    """[s]."""
    vertices: Float[np.ndarray, "T V 3"]
    """[mm]."""


def read_folder(folder: Path, *, unit_mm: float, fps: float) -> tuple[list[Recording], Int[np.ndarray, "F 3"]]:
    """Every sequence of at least three frames, sorted by subject and expression, and the triangles they share.

    Raises MienError when there is none, a file cannot be read, or a frame has another topology than the first.
    """
    places = sorted({p.parent for p in folder.rglob("*") if p.suffix.lower() in {".ply", ".obj"}})
    recordings: list[Recording] = []
    triangles: np.ndarray | None = None
    for place in places:
        names = place.relative_to(folder).parts
        frames = sorted((p for p in place.iterdir() if p.suffix.lower() in {".ply", ".obj"}), key=_frame_number)
        if len(names) < 2 or len(frames) < 3:
            continue
        meshes = [read_mesh(p) for p in frames]
        triangles = meshes[0][1] if triangles is None else triangles
        for path, (vertices, own) in zip(frames, meshes, strict=True):
            if len(vertices) != len(meshes[0][0]) or not np.array_equal(own, triangles):
                raise MienError(f"{path}: another topology than the frames before; sequences must be registered")
        vertices = np.stack([vertices for vertices, _ in meshes]) * unit_mm
        if not np.isfinite(vertices).all():
            raise MienError(f"{place}: a vertex is no number; leave that sequence out")
        times = np.arange(len(frames)) / fps
        recordings.append(
            Recording(subject=names[0], expression=names[1], times=times, vertices=vertices.astype(np.float32))
        )
    if triangles is None:
        raise MienError(f"{folder}: no sequences; it must hold subject/expression/frame.ply (or .obj)")
    return recordings, triangles


def estimate_timing(vertices: Float[np.ndarray, "T V 3"], times: Float[np.ndarray, "T"]) -> Float[np.ndarray, "4"]:
    """Onset, apex, end of the apex and end [s]: where the mean displacement passes 10 and 90 percent of its largest."""
    moved = np.linalg.norm(vertices - vertices[0], axis=2).mean(axis=1)
    level = moved / max(float(moved.max()), 1e-9)
    shown, full = np.flatnonzero(level >= 0.1), np.flatnonzero(level >= 0.9)
    step = float(times[1] - times[0])
    start, end = times[max(shown[0] - 1, 0)], times[min(shown[-1] + 1, len(times) - 1)]
    timing = np.array([start, times[full[0]], times[full[-1]], end])
    # A take that ends at its apex has no offset: it is given one frame, so that the ramps stay ramps.
    timing[1] = max(timing[1], timing[0] + step)
    timing[2] = max(timing[2], timing[1])
    timing[3] = max(timing[3], timing[2] + step)
    return timing


def read_mesh(path: Path) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """Vertices and triangles (fans of larger faces) of a PLY or OBJ file; raises MienError when it is damaged."""
    try:
        if path.suffix.lower() == ".obj":
            return read_obj(path)
        vertices, faces = _ply(path.read_bytes())
        triangles = _fans(faces)
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, IndexError, KeyError, UnicodeDecodeError):
        raise MienError(f"{path} is damaged or no {path.suffix} mesh") from None
    if not len(vertices) or (triangles.size and not 0 <= triangles.min() <= triangles.max() < len(vertices)):
        raise MienError(f"{path} is damaged: faces point to vertices that are not there")
    return vertices, triangles


def _fans(faces: list[list[int]] | np.ndarray) -> np.ndarray:
    if isinstance(faces, np.ndarray) or all(len(f) == 3 for f in faces):
        return np.array(faces, np.int64).reshape(-1, 3)
    return np.array([(f[0], f[k], f[k + 1]) for f in faces for k in range(1, len(f) - 1)], np.int64).reshape(-1, 3)


def _frame_number(path: Path) -> tuple[int, str]:
    numbers = re.findall(r"\d+", path.stem)
    return (int(numbers[-1]) if numbers else -1, path.name)


def _ply(data: bytes) -> tuple[np.ndarray, list[list[int]] | np.ndarray]:
    end = data.index(b"end_header")
    header = [line.split() for line in data[:end].decode("ascii").splitlines()]
    body = data[data.index(b"\n", end) + 1 :]
    kind = next(row[1] for row in header if row and row[0] == "format")
    if header[0] != ["ply"] or kind not in {"ascii", "binary_little_endian", "binary_big_endian"}:
        raise ValueError("no PLY")
    elements: list[tuple[str, int, list[list[str]]]] = []
    for row in header:
        if row and row[0] == "element":
            elements.append((row[1], int(row[2]), []))
        elif row and row[0] == "property":
            elements[-1][2].append(row[1:])
    reader = _Ascii(body) if kind == "ascii" else _Binary(body, "<" if "little" in kind else ">")
    vertices = np.zeros((0, 3))
    faces: list[list[int]] | np.ndarray = []
    for name, count, properties in elements:
        if all(p[0] != "list" for p in properties):
            table = reader.table(count, [p[0] for p in properties])
            if name == "vertex":
                columns = [p[1] for p in properties]
                vertices = np.stack([table[columns.index(axis)] for axis in "xyz"], axis=1).astype(np.float64)
        else:
            triangles = reader.triangles(count, properties[0]) if len(properties) == 1 and count else None
            if triangles is not None:
                faces = triangles if name == "face" else faces
                continue
            rows = [[reader.entry(p) for p in properties] for _ in range(count)]
            at = [i for i, p in enumerate(properties) if p[0] == "list" and p[-1].startswith("vert")]
            faces = [[int(i) for i in row[at[0]]] for row in rows] if name == "face" else faces
    return vertices, faces


class _Ascii:
    def __init__(self, body: bytes) -> None:
        self.words = body.split()
        self.at = 0

    def table(self, count: int, types: list[str]) -> list[np.ndarray]:
        """Columns."""
        size = count * len(types)
        values = np.array(self.words[self.at : self.at + size], float).reshape(count, len(types))
        self.at += size
        return list(values.T)

    def triangles(self, count: int, _property: list[str]) -> np.ndarray | None:
        """The next lists when each has three entries (they are then read at once), else None."""
        values = np.array(self.words[self.at : self.at + 4 * count], float)
        if len(values) != 4 * count or (values[::4] != 3).any():
            return None
        self.at += 4 * count
        return values.reshape(count, 4)[:, 1:].astype(np.int64)

    def entry(self, property_: list[str]) -> list[float]:
        """One property's values."""
        count = 1
        if property_[0] == "list":
            count = int(self.words[self.at])
            self.at += 1
        values = [float(w) for w in self.words[self.at : self.at + count]]
        if len(values) != count:
            raise ValueError("file ends early")
        self.at += count
        return values


class _Binary:
    def __init__(self, body: bytes, order: str) -> None:
        self.body, self.order, self.at = body, order, 0

    def _take(self, type_: str, count: int) -> np.ndarray:
        values = np.frombuffer(self.body, self.order + _TYPES[type_], count, self.at)
        self.at += values.nbytes
        return values

    def table(self, count: int, types: list[str]) -> list[np.ndarray]:
        """Columns."""
        dtype = np.dtype([(str(i), self.order + _TYPES[t]) for i, t in enumerate(types)])
        values = np.frombuffer(self.body, dtype, count, self.at)
        self.at += values.nbytes
        return [values[str(i)] for i in range(len(types))]

    def triangles(self, count: int, property_: list[str]) -> np.ndarray | None:
        """The next lists when each has three entries (they are then read at once), else None."""
        kinds = [self.order + _TYPES[t] for t in property_[1:3]]
        dtype = np.dtype([("count", kinds[0]), ("members", kinds[1], (3,))])
        if len(self.body) - self.at < count * dtype.itemsize:
            return None
        values = np.frombuffer(self.body, dtype, count, self.at)
        if (values["count"] != 3).any():
            return None
        self.at += values.nbytes
        return values["members"].astype(np.int64)

    def entry(self, property_: list[str]) -> list[float]:
        """One property's values."""
        if property_[0] != "list":
            return self._take(property_[0], 1).tolist()
        return self._take(property_[2], int(self._take(property_[1], 1)[0])).tolist()
