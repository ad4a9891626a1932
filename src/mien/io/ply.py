"""One mesh as Stanford PLY: reads text and binary of either byte order, writes little-endian binary.

Only positions and triangles are read and written. A PLY states no unit: files are written in millimetres, and read as
millimetres unless `unit` is given.
"""

from pathlib import Path

import numpy as np

from mien.core.errors import MienError
from mien.core.mesh import Mesh, Topology
from mien.io.atomic import write_whole
from mien.io.units import in_millimetres, millimetres_per

__all__ = ["read", "write"]

_TYPES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
          "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
          "float32": "f4", "float64": "f8"}  # fmt: skip
_HEADER = """ply
format binary_little_endian 1.0
comment millimetres, +Y up
element vertex {vertices}
property float x
property float y
property float z
element face {faces}
property list uchar int vertex_indices
end_header
"""
_FACE = np.dtype([("count", "u1"), ("members", "<i4", (3,))])


def write(mesh: Mesh, path: Path) -> None:
    """Write `mesh` [mm], whole or not at all; raises MienError when the path cannot be written."""
    triangles = mesh.topology.triangles
    faces = np.empty(len(triangles), _FACE)
    faces["count"], faces["members"] = 3, triangles
    with write_whole(path) as temporary, temporary.open("wb") as file:
        file.write(_HEADER.format(vertices=len(mesh.vertices), faces=len(triangles)).encode("ascii"))
        file.write(np.ascontiguousarray(mesh.vertices, "<f4").tobytes())
        file.write(faces.tobytes())


def read(path: Path, unit: str | None = None, *, points: bool = False) -> Mesh:
    """Read one mesh, in millimetres, with polygons as triangle fans.

    With `points` a file that has vertices and no faces is accepted, too. Raises MienError when the file is not readable
    or damaged.
    """
    try:
        vertices, faces = _parse(path.read_bytes())
        triangles = _fans(faces)
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, IndexError, KeyError, StopIteration, OverflowError, TypeError):
        raise MienError(f"{path} is damaged or no PLY mesh; export it again") from None
    if not len(vertices) or (triangles.size and not 0 <= triangles.min() <= triangles.max() < len(vertices)):
        raise MienError(f"{path} is damaged: it has no vertices, or faces refer to missing vertices")
    if not len(triangles) and not points:
        raise MienError(f"{path}: no faces; it is cut off, or export it with its faces")
    scaled = in_millimetres(path, vertices, millimetres_per(path, vertices, unit or "mm"))
    return Mesh(vertices=scaled, topology=Topology(triangles=triangles))


def _fans(faces: list[list[int]] | np.ndarray) -> np.ndarray:
    if isinstance(faces, np.ndarray) or all(len(f) == 3 for f in faces):
        return np.array(faces, np.int64).reshape(-1, 3)
    return np.array([(f[0], f[k], f[k + 1]) for f in faces for k in range(1, len(f) - 1)], np.int64).reshape(-1, 3)


def _parse(data: bytes) -> tuple[np.ndarray, list[list[int]] | np.ndarray]:
    """(vertices [V, 3], faces); raises one of the errors that `read` catches when the data are no PLY."""
    end = data.index(b"end_header")
    header = [line.split() for line in data[:end].decode("ascii").splitlines()]
    body = data[data.index(b"\n", end) + 1 :]
    kind = next(row[1] for row in header if row and row[0] == "format")
    if header[0] != ["ply"] or kind not in {"ascii", "binary_little_endian", "binary_big_endian"}:
        raise ValueError("no PLY")
    reader = _Ascii(body) if kind == "ascii" else _Binary(body, "<" if "little" in kind else ">")
    vertices = np.zeros((0, 3))
    faces: list[list[int]] | np.ndarray = []
    for name, count, properties in _elements(header, len(data)):
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


def _elements(header: list[list[str]], size: int) -> list[tuple[str, int, list[list[str]]]]:
    """(name, count, properties) of every element; raises ValueError when `size` bytes cannot hold that many."""
    elements: list[tuple[str, int, list[list[str]]]] = []
    for row in header:
        if row and row[0] == "element":
            elements.append((row[1], int(row[2]), []))
        elif row and row[0] == "property":
            elements[-1][2].append(row[1:])
    if any(not 0 <= count <= size for _, count, _ in elements):
        raise ValueError("more elements than bytes")
    return elements


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
        if len(values) != 4 * count or (values[::4] != 3).any() or not np.isfinite(values).all():
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
        count = int(self._take(property_[1], 1)[0])
        if count < 0:
            raise ValueError("a list of negative length")
        return self._take(property_[2], count).tolist()
