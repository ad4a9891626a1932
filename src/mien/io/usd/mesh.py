"""Mesh sequences as points that are sampled over time, and the polygons of untrusted files as triangles."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float

from mien import __version__
from mien.core.errors import MienError
from mien.core.mesh import MeshSequence, Topology
from mien.io.atomic import check_writable
from mien.io.usd.rig import add_mesh, as_points, write_pictures
from mien.io.usd.stage import new_stage, open_stage, pxr, reading, save_piece, timeline, write

__all__ = ["points_of", "read", "stream", "to_millimetres", "triangulated"]

_LIMIT = 4 * 2**30
"""Largest size of a sequence's vertices to be read [bytes]."""
_PIECE = 2**24
"""Size of the samples that are held in memory before they are saved [bytes]."""
_FARTHEST = 1e7
"""Coordinates beyond this [mm], 10 km, count as damage."""


@contextmanager
def stream(path: Path, topology: Topology, times: Float[np.ndarray, "T"]) -> Generator[Callable[[np.ndarray], None]]:
    """Write a mesh whose points are sampled at `times`, frame by frame; raises MienError when it cannot be written.

    Samples are saved in pieces to a temporary binary file, which OpenUSD maps into memory, and `path` is exported from
    that file at the end, so that memory use does not grow with the number of frames (measured for 600 frames of 26,719
    points, 183 MiB of samples: 24 MiB more than at the start, against 185 MiB without pieces).
    """
    UsdGeom, Sdf = pxr("UsdGeom", "Sdf")
    check_writable(path)
    with TemporaryDirectory(dir=path.resolve().parent, prefix=".mien-", ignore_cleanup_errors=True) as folder:
        stage = new_stage(f"mien {__version__}", path=Path(folder) / "pieces.usdc")
        root = UsdGeom.Xform.Define(stage, "/sequence")
        stage.SetDefaultPrim(root.GetPrim())
        codes = iter(timeline(stage, times - (times[0] if times[0] < 0 else 0.0)))
        meshes: list[Any] = []
        waiting = 0

        def put(vertices: np.ndarray) -> None:
            nonlocal waiting
            if not meshes:
                pictures = write_pictures(topology, path)
                where = Sdf.Path("/sequence/mesh")
                meshes.append(add_mesh(stage, where, vertices, topology, pictures=pictures))
                # Normals at rest would be wrong in every other frame; without normals viewers compute them.
                meshes[0].GetPrim().RemoveProperty("normals")
            code, value = next(codes), as_points(vertices)
            meshes[0].GetPointsAttr().Set(value, code)
            meshes[0].GetExtentAttr().Set(UsdGeom.PointBased.ComputeExtent(value), code)
            waiting += 12 * len(vertices)
            if waiting >= _PIECE:
                save_piece(stage, path)
                waiting = 0

        yield put
        save_piece(stage, path)
        write(stage, path)


def read(path: Path) -> MeshSequence:
    """The first mesh of a USD file whose points are sampled over time, in the scene's frame.

    Polygons become fans of triangles. Materials and texture coordinates are not read.

    Raises:
        MienError: no readable USD, no such mesh, damaged or too large, or no OpenUSD installed.
    """
    stage = open_stage(path)
    (UsdGeom,) = pxr("UsdGeom")
    with reading(path):
        for prim in stage.Traverse():
            codes = list(UsdGeom.Mesh(prim).GetPointsAttr().GetTimeSamples()) if prim.IsA(UsdGeom.Mesh) else []
            if codes:
                return _sequence(path, stage, UsdGeom.Mesh(prim), codes)
    raise MienError(f"{path} has no mesh whose points are sampled over time; a mesh sequence was expected")


def _sequence(path: Path, stage: Any, mesh: Any, codes: list[float]) -> MeshSequence:
    def fail(text: str) -> NoReturn:
        raise MienError(f"{path}: {text}")

    Usd, UsdGeom = pxr("Usd", "UsdGeom")
    first = points_of(mesh, codes[0], fail)
    if len(codes) * first.nbytes > _LIMIT:
        fail(f"{len(codes)} frames of {len(first)} points are too many to read; split the file")
    out = np.empty((len(codes), *first.shape), np.float32)
    cache = UsdGeom.XformCache()
    for i, code in enumerate(codes):
        points = points_of(mesh, code, fail)
        if len(points) != len(first):
            fail(f"the mesh has {len(points)} points at {code} and {len(first)} before; the number must not change")
        cache.SetTime(Usd.TimeCode(code))
        matrix = to_millimetres(stage, np.array(cache.GetLocalToWorldTransform(mesh.GetPrim())))
        placed = points @ matrix[:3, :3] + matrix[3, :3]
        if np.abs(placed).max(initial=0) > _FARTHEST:
            fail("a point is farther away than 10 km; the file is damaged")
        out[i] = placed
    triangles, _ = triangulated(mesh, len(first), fail)
    times = np.array(codes) / (float(stage.GetTimeCodesPerSecond()) or 24.0)
    return MeshSequence(times=times, vertices=out, topology=Topology(triangles=triangles))


def points_of(mesh: Any, code: Any, fail: Callable[[str], NoReturn]) -> np.ndarray:
    """Points [V, 3] of a mesh at a time code, float32, in the file's unit."""
    value: Any = mesh.GetPointsAttr().Get(code)
    points = np.zeros((0, 3), np.float32) if value is None else np.array(value, np.float32).reshape(-1, 3)
    if not len(points):
        fail(f"mesh {mesh.GetPath()} has no points")
    if not np.isfinite(points).all():
        fail(f"mesh {mesh.GetPath()} has points that are NaN or infinite")
    return points


def triangulated(mesh: Any, count: int, fail: Callable[[str], NoReturn]) -> tuple[np.ndarray, np.ndarray]:
    """(triangles [F, 3] of a mesh with `count` points, index of the polygon corner at each triangle corner [F, 3]).

    Polygons become triangle fans; the orientation of a left-handed mesh is reversed.
    """
    counts = np.array(mesh.GetFaceVertexCountsAttr().Get() or (), np.int64)
    indices = np.array(mesh.GetFaceVertexIndicesAttr().Get() or (), np.int64)
    if (counts < 0).any() or counts.sum() != len(indices):
        fail(f"mesh {mesh.GetPath()} is damaged: its faces do not use its {len(indices)} corners")
    if len(indices) and (indices.min() < 0 or indices.max() >= count):
        fail(f"mesh {mesh.GetPath()} is damaged: a face uses a point beyond its {count}")
    start = np.concatenate([[0], np.cumsum(counts)])[:-1]
    fans = np.maximum(counts - 2, 0)
    face = np.repeat(np.arange(len(counts)), fans)
    step = np.arange(len(face)) - np.repeat(np.cumsum(fans) - fans, fans)
    corners = np.stack([start[face], start[face] + step + 1, start[face] + step + 2], axis=1)
    (UsdGeom,) = pxr("UsdGeom")
    if mesh.GetOrientationAttr().Get() == UsdGeom.Tokens.leftHanded:
        corners = corners[:, ::-1]
    return indices[corners].astype(np.int32), corners


def to_millimetres(stage: Any, matrix: np.ndarray) -> np.ndarray:
    """`matrix` (for row vectors, as in USD) followed by the conversion to mien's frame: millimetres, +Y up."""
    (UsdGeom,) = pxr("UsdGeom")
    turn = np.eye(4)
    if UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.z:
        turn[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]  # z becomes y, y becomes -z
    turn[:3, :3] *= float(UsdGeom.GetStageMetersPerUnit(stage)) * 1000
    return matrix @ turn
