"""One mesh as Wavefront OBJ: positions, triangles, texture coordinates, material runs.

An OBJ states no unit: mien writes millimetres, and infers the unit of a file that it reads from the size of the mesh
(`mien.io.units`). Positions are written with nine digits, which preserve float32 exactly.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.core.mesh import Mesh, Part, Topology
from mien.io.atomic import write_whole
from mien.io.units import in_millimetres, millimetres_per

__all__ = ["faces_text", "positions", "read", "vertices_text", "write", "write_text"]

_LARGEST_FILE = 2**27
"""Largest file that is read [bytes]; a head of 26,719 vertices has 4 MB. Reading needs some 15 times as much memory."""


def write(mesh: Mesh, path: Path) -> None:
    """Write `mesh` [mm], whole or not at all; raises MienError when the path cannot be written."""
    write_text(path, vertices_text(mesh.vertices), faces_text(mesh.topology))


def write_text(path: Path, vertices: str, faces: str, comment: str = "") -> None:
    """Write the texts of `vertices_text` and `faces_text`; raises MienError when the path cannot be written."""
    with write_whole(path) as temporary:
        temporary.write_text(f"# {comment}millimetres, +Y up\n{vertices}{faces}", encoding="utf-8")


def vertices_text(vertices: Float[np.ndarray, "V 3"]) -> str:
    """The lines of the vertices ("v")."""
    return "".join(f"v {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in np.asarray(vertices, np.float64).tolist())


def faces_text(topology: Topology) -> str:
    """The lines of the texture coordinates, and of the faces in groups named after their parts."""
    out = ["" if topology.uv is None else "".join(f"vt {u:.9g} {v:.9g}\n" for u, v in topology.uv.tolist())]
    corners = topology.uv_triangles if topology.uv_triangles is not None else topology.triangles
    for part in topology.parts or (Part(name="", start=0, stop=len(topology.triangles)),):
        out.append(f"g {part.name.replace(' ', '_')}\n" if part.name else "")
        at, uv = (a[part.start : part.stop].astype(np.int64) + 1 for a in (topology.triangles, corners))
        if topology.uv is None:
            out += [f"f {a} {b} {c}\n" for a, b, c in at.tolist()]
        else:
            out += [
                f"f {a}/{p} {b}/{q} {c}/{r}\n" for (a, b, c), (p, q, r) in zip(at.tolist(), uv.tolist(), strict=True)
            ]
    return "".join(out)


def read(path: Path, unit: str | None = None, *, points: bool = False) -> Mesh:
    """Read one mesh, in millimetres; with `points` a file that has vertices and no faces is accepted, too.

    Raises MienError when the file is not readable or damaged, or its size fits no unit.
    """
    vertices, lines = positions(path)
    topology = _faces(path, lines, len(vertices), points)
    return Mesh(vertices=in_millimetres(path, vertices, millimetres_per(path, vertices, unit)), topology=topology)


def positions(path: Path) -> tuple[Float[np.ndarray, "V 3"], list[bytes]]:
    """(positions in the file's unit, all lines); raises MienError when the file is damaged or not readable."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise MienError(f"{path}: larger than {_LARGEST_FILE // 2**20} MiB; reduce the mesh")
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from None
    rows = [line[2:] for line in lines if line[:2] in (b"v ", b"v\t")]
    if not rows:
        raise MienError(f"{path}: no vertices; it is no OBJ or it is cut off")
    values = _numbers(path, rows)
    if not np.isfinite(values).all():
        raise MienError(f"{path}: a vertex is not a number; export it again")
    return values, lines


def _numbers(path: Path, rows: list[bytes]) -> Float[np.ndarray, "V 3"]:
    """The first three numbers of each row; some programs append a w coordinate or a colour."""
    widths = {len(row.split()) for row in rows}
    try:
        if min(widths) < 3:
            raise ValueError
        if len(widths) == 1:
            return np.array(b" ".join(rows).split(), np.float64).reshape(len(rows), -1)[:, :3]
        return np.array([row.split()[:3] for row in rows], np.float64)
    except ValueError:
        raise MienError(f"{path}: a vertex line does not hold three numbers; it is damaged or cut off") from None


def _faces(path: Path, lines: list[bytes], count: int, points: bool) -> Topology:
    """The topology: polygons as triangle fans, texture coordinates when every face has them, one part per object, group
    or material."""
    uv_rows = [line[3:].split()[:2] for line in lines if line[:3] == b"vt "]
    triangles: list[tuple[int, int, int]] = []
    corners: list[tuple[int, int, int]] = []
    marks: list[tuple[str, int]] = []
    try:
        for line in lines:
            if line[:2] in (b"f ", b"f\t"):
                pairs = [corner.split(b"/") for corner in line[2:].split()]
                if len(pairs) < 3:
                    raise ValueError
                at = [_index(pair[0], count) for pair in pairs]
                uv = [_index(pair[1], len(uv_rows)) for pair in pairs if uv_rows and len(pair) > 1 and pair[1]]
                triangles += [(at[0], at[k], at[k + 1]) for k in range(1, len(at) - 1)]
                if len(uv) == len(at):
                    corners += [(uv[0], uv[k], uv[k + 1]) for k in range(1, len(uv) - 1)]
            elif line[:7] == b"usemtl " or line[:2] in (b"g ", b"o "):
                marks.append((line.split(None, 1)[1].decode("utf-8", "replace").strip(), len(triangles)))
        uv_values = np.array(uv_rows, np.float32) if uv_rows else np.zeros((0, 2), np.float32)
    except (ValueError, IndexError):
        raise MienError(f"{path}: a face refers to missing vertices; it is damaged or cut off") from None
    if not triangles and not points:
        raise MienError(f"{path}: no faces; it is cut off, or export it with its faces")
    textured = bool(corners) and len(corners) == len(triangles) and uv_values.shape[1:] == (2,)
    return Topology(
        triangles=np.array(triangles, np.int32).reshape(-1, 3),
        uv=uv_values if textured else None,
        uv_triangles=np.array(corners, np.int32) if textured else None,
        parts=_parts(marks, len(triangles)),
    )


def _index(text: bytes, count: int) -> int:
    """A 0-based index from OBJ's 1-based index; negative indices count from the end."""
    value = int(text)
    index = value - 1 if value > 0 else count + value
    if not 0 <= index < count or value == 0:
        raise IndexError
    return index


def _parts(marks: list[tuple[str, int]], total: int) -> tuple[Part, ...]:
    """One part per run of faces between marks; of several marks at one face the last one names the part."""
    if not marks:
        return ()
    starts = {start: name for name, start in [("mesh", 0), *marks]}
    order = [start for start in sorted(starts) if start < total]
    return tuple(
        Part(name=starts[start], start=start, stop=stop) for start, stop in zip(order, [*order[1:], total], strict=True)
    )
