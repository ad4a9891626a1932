"""A folder of Wavefront OBJ files as a `Rig`: one neutral, and one file per shape of the same vertices.

The neutral is the file whose name, without case and separators, is or ends in one of `NEUTRALS`. Every other .obj is
a shape, named as `mien.rigs.names` understands its file name. Faces, groups and texture coordinates are the neutral's.

An OBJ has no unit. It follows from the neutral's largest extent, if nothing says it: a face or a bust is 0.1-1 m, so
below 1 it is in metres, from 10 to 100 in centimetres, from 100 to 1000 in millimetres; anything else must be stated
(`unit`). A whole body in centimetres (about 170) is read as a head in millimetres: state its unit.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.core.mesh import Mesh, Part, Topology
from mien.core.rig import Rig
from mien.rigs.names import NameReport, normalise
from mien.rigs.readers.gltf.pieces import LIMIT

__all__ = [
    "NEUTRALS",
    "UNITS",
    "find_neutral",
    "load_obj",
    "load_obj_folder",
    "name_report",
    "save_obj",
    "save_obj_folder",
]

NEUTRALS = ("neutral", "neutralmesh", "neutralface", "base", "basis", "basemesh", "rest", "default")
"""Endings of the neutral's file name, lower case without separators."""
UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
"""Millimetres per unit."""
_LARGEST_FILE = 2**27
"""Bytes; a head of 26,719 vertices is 4 MB. Reading takes some 15 times that."""
_FARTHEST = 1e7
"""Coordinates [mm] beyond this are damage, and lose millimetres in float32."""


def load_obj(path: str | Path, unit: str | None = None) -> Mesh:
    """One mesh in millimetres. Raises MienError when it is not readable, damaged, or of no plausible size."""
    path = Path(path)
    vertices, lines = _parse(path)
    topology = _faces(path, lines, len(vertices))
    scale = _scale(path, vertices, unit)
    return Mesh(vertices=(vertices * scale).astype(np.float32), topology=topology)


def load_obj_folder(folder: str | Path, unit: str | None = None) -> Rig:
    """A rig from a folder of OBJ files; raises MienError that names the file which does not fit."""
    folder = Path(folder)
    neutral_path = find_neutral(folder)
    neutral = load_obj(neutral_path, unit)
    paths = _shape_paths(folder, neutral_path)
    count = len(neutral.vertices)
    if len(paths) * count * 12 > LIMIT:
        raise MienError(f"{folder}: {len(paths)} shapes of {count} vertices are too many; reduce the mesh")
    base, _ = _parse(neutral_path)
    scale = _scale(neutral_path, base, unit)
    report = normalise([path.stem for path in paths])
    names = tuple(dict.fromkeys(report.names.values()))
    shapes = np.zeros((len(names), count, 3), np.float32)
    for path in paths:
        vertices, _ = _parse(path)
        if len(vertices) != count:
            raise MienError(
                f"{path}: {len(vertices)} vertices, but {neutral_path.name} has {count}; export both from one mesh"
            )
        shapes[names.index(report.names[path.stem])] += ((vertices - base) * scale).astype(np.float32)
    return Rig(name=folder.resolve().name, neutral=neutral, shape_names=names, shapes=shapes)


def name_report(folder: str | Path) -> NameReport:
    """How the file names of a folder are understood; raises MienError when it has no neutral or no shapes."""
    folder = Path(folder)
    return normalise([path.stem for path in _shape_paths(folder, find_neutral(folder))])


def save_obj(rig: Rig, path: str | Path) -> None:
    """Write the neutral of a rig as one OBJ [mm], whole or not at all; raises MienError when it cannot."""
    _write(Path(path), rig.neutral.vertices, _tail(rig))


def save_obj_folder(rig: Rig, folder: str | Path) -> None:
    """Write neutral.obj and one OBJ per shape [mm], each whole or not at all; raises MienError when it cannot."""
    folder = Path(folder)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise MienError(f"cannot make the folder {folder}: {error.strerror}; choose another place") from None
    tail = _tail(rig)
    _write(folder / "neutral.obj", rig.neutral.vertices, tail)
    for name, shape in zip(rig.shape_names, rig.shapes, strict=True):
        _write(folder / f"{name}.obj", rig.neutral.vertices + shape, tail)


def find_neutral(folder: Path) -> Path:
    """The neutral's file in a folder of OBJ files; raises MienError when there is none or more than one."""
    if not folder.is_dir():
        raise MienError(f"{folder} is not a folder of .obj files")
    paths = _objs(folder)
    if not paths:
        raise MienError(f"{folder} holds no .obj files")
    plain = {path: "".join(c for c in path.stem.lower() if c.isalpha()) for path in paths}
    found = [path for path in paths if plain[path] in NEUTRALS]
    found = found or [path for path in paths if plain[path].endswith(NEUTRALS)]
    if len(found) != 1:
        what = f"{len(found)} files could be the neutral ({', '.join(p.name for p in found[:3])})" if found else (
            f"none of its {len(paths)} .obj files is a neutral"
        )  # fmt: skip
        raise MienError(f"{folder}: {what}; name exactly one of them neutral.obj")
    return found[0]


def _objs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".obj" and path.is_file())


def _shape_paths(folder: Path, neutral: Path) -> list[Path]:
    paths = [path for path in _objs(folder) if path != neutral]
    if not paths:
        raise MienError(f"{folder}: {neutral.name} is its only .obj, so this face cannot move; add one file per shape")
    return paths


def _parse(path: Path) -> tuple[Float[np.ndarray, "V 3"], list[bytes]]:
    """(positions in the file's unit, all lines)."""
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
    """The first three numbers of each row; some programs append w, or a colour."""
    widths = {len(row.split()) for row in rows}
    try:
        if len(widths) == 1 and min(widths) >= 3:
            return np.array(b" ".join(rows).split(), np.float64).reshape(len(rows), -1)[:, :3]
        return np.array([row.split()[:3] for row in rows], np.float64)
    except ValueError:
        raise MienError(f"{path}: a vertex line does not hold three numbers; it is damaged or cut off") from None


def _faces(path: Path, lines: list[bytes], count: int) -> Topology:
    """Triangles (n-gons as fans), texture corners if every face has them, a part per object, group or material."""
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
                uv = [_index(pair[1], len(uv_rows)) for pair in pairs if len(pair) > 1 and pair[1]]
                triangles += [(at[0], at[k], at[k + 1]) for k in range(1, len(at) - 1)]
                if len(uv) == len(at):
                    corners += [(uv[0], uv[k], uv[k + 1]) for k in range(1, len(uv) - 1)]
            elif line[:7] == b"usemtl " or line[:2] in (b"g ", b"o "):
                marks.append((line.split(None, 1)[1].decode("utf-8", "replace").strip(), len(triangles)))
        uv_values = np.array(uv_rows, np.float32) if uv_rows else np.zeros((0, 2), np.float32)
    except (ValueError, IndexError):
        raise MienError(f"{path}: a face names vertices that are not there; it is damaged or cut off") from None
    if not triangles:
        raise MienError(f"{path}: no faces; it is cut off, or export it with its faces")
    textured = len(corners) == len(triangles) and uv_values.shape[1:] == (2,)
    return Topology(
        triangles=np.array(triangles, np.int32),
        uv=uv_values if textured else None,
        uv_triangles=np.array(corners, np.int32) if textured else None,
        parts=_parts(marks, len(triangles)),
    )


def _index(text: bytes, count: int) -> int:
    """A 0-based index from OBJ's 1-based one; negative ones count from the end."""
    value = int(text)
    index = value - 1 if value > 0 else count + value
    if not 0 <= index < count or value == 0:
        raise IndexError
    return index


def _parts(marks: list[tuple[str, int]], total: int) -> tuple[Part, ...]:
    """Runs between marks; of several marks at one place the last names the run."""
    if not marks:
        return ()
    starts = {start: name for name, start in [("mesh", 0), *marks]}
    order = [start for start in sorted(starts) if start < total]
    return tuple(
        Part(name=starts[start], start=start, stop=stop) for start, stop in zip(order, [*order[1:], total], strict=True)
    )


def _scale(path: Path, vertices: np.ndarray, unit: str | None) -> float:
    if unit is not None:
        if unit not in UNITS:
            raise MienError(f"{path}: there is no unit '{unit}'; use one of: {', '.join(UNITS)}")
        scale = UNITS[unit]
    else:
        extent = float(np.ptp(vertices, axis=0).max())
        found = [UNITS[u] for u, low in (("m", 0.1), ("cm", 10.0), ("mm", 100.0)) if low <= extent < 1000 / UNITS[u]]
        if not found:
            raise MienError(f"{path}: {extent:.3g} units large, which no head is in m, cm or mm; state its unit")
        scale = found[0]
    if np.abs(vertices).max() * scale > _FARTHEST:
        raise MienError(f"{path}: a vertex lies {np.abs(vertices).max() * scale / 1e6:.3g} km away; export it again")
    return scale


def _tail(rig: Rig) -> str:
    """Texture coordinates and faces, the same in every file."""
    topology = rig.neutral.topology
    out = ["" if topology.uv is None else "".join(f"vt {u:.6f} {v:.6f}\n" for u, v in topology.uv.tolist())]
    corners = topology.uv_triangles if topology.uv_triangles is not None else topology.triangles
    parts = topology.parts or (Part(name=rig.name, start=0, stop=len(topology.triangles)),)
    for part in parts:
        out.append(f"g {part.name.replace(' ', '_') or 'part'}\n")
        at, uv = (a[part.start : part.stop] + 1 for a in (topology.triangles, corners))
        if topology.uv is None:
            out += [f"f {a} {b} {c}\n" for a, b, c in at.tolist()]
        else:
            out += [
                f"f {a}/{p} {b}/{q} {c}/{r}\n" for (a, b, c), (p, q, r) in zip(at.tolist(), uv.tolist(), strict=True)
            ]
    return "".join(out)


def _write(path: Path, vertices: np.ndarray, tail: str) -> None:
    from mien.io.atomic import write_whole

    rows = "".join(f"v {x:.5f} {y:.5f} {z:.5f}\n" for x, y, z in vertices.tolist())
    with write_whole(path) as temporary:
        temporary.write_text(rows + tail, encoding="utf-8")
