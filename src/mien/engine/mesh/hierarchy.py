"""A mesh at several resolutions with its spirals: all that a mesh network needs from a topology.

The hierarchy is computed once (seconds for 10,000 vertices) and cached in the user's cache folder under a hash of its
inputs.
"""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mien.engine.mesh.spirals import spirals
from mien.io.cache import cache_folder
from mien.rigs.decimate import Up, decimate, upsampling

__all__ = ["Hierarchy", "build_hierarchy", "load_hierarchy"]

VERSION = 1
"""Version of the algorithms; caches written by another version are ignored."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Hierarchy:
    """Levels from the finest (0) to the coarsest (K)."""

    counts: tuple[int, ...]
    """Number of vertices of levels 0..K."""
    spirals: tuple[Int[np.ndarray, "V L"], ...]
    """Spirals of levels 0..K-1; an index equal to the level's count marks an empty place."""
    ups: tuple[Up, ...]
    """Upsampling from level k + 1 to level k, k = 0..K-1."""
    downs: tuple[Int[np.ndarray, "N"], ...]
    """Vertices of level k that level k + 1 keeps, k = 0..K-1."""

    def kept(self, level: int) -> Int[np.ndarray, "N"]:
        """Vertices of the finest level that `level` keeps."""
        at = np.arange(self.counts[0])
        for down in self.downs[:level]:
            at = at[down]
        return at


def build_hierarchy(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "F 3"],
    *,
    reference: int,
    length: int,
    levels: int = 4,
    factor: int = 5,
) -> Hierarchy:
    """Decimate `levels` times by `factor` (ceil(V / factor) vertices stay) and compute the spirals of every level.

    The reference vertex of a coarser level is the one that the finer level's reference collapsed into. Raises
    ValueError as `spirals` and `decimate` do.
    """
    vertices = np.asarray(vertices, np.float64)
    counts, wound, ups, downs = [len(vertices)], [], [], []
    for _ in range(levels):
        wound.append(spirals(vertices, triangles, reference=reference, length=length))
        coarse = decimate(vertices, triangles, -(-len(vertices) // factor))
        ups.append(upsampling(vertices, coarse))
        downs.append(coarse.kept)
        reference = int(coarse.owner[reference])
        vertices, triangles = vertices[coarse.kept], coarse.triangles
        counts.append(len(vertices))
    return Hierarchy(counts=tuple(counts), spirals=tuple(wound), ups=tuple(ups), downs=tuple(downs))


def load_hierarchy(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "F 3"],
    *,
    reference: int,
    length: int,
    levels: int = 4,
    factor: int = 5,
    folder: Path | None = None,
) -> Hierarchy:
    """`build_hierarchy`, read from the cache when built before; `folder` is the cache's, by default the user's."""
    if folder is None:
        folder = cache_folder() / "mesh"
    settings = (VERSION, reference, length, levels, factor)
    digest = hashlib.sha256(repr(settings).encode())
    digest.update(np.ascontiguousarray(vertices, np.float32).tobytes())
    digest.update(np.ascontiguousarray(triangles, np.int64).tobytes())
    path = folder / f"{digest.hexdigest()[:32]}.npz"
    stored = _read(path, levels)
    if stored is not None:
        return stored
    # Positions are float32, as in the hash: inputs with equal hashes must build equal hierarchies.
    built = build_hierarchy(
        np.asarray(vertices, np.float32), triangles, reference=reference, length=length, levels=levels, factor=factor
    )
    _write(path, built)
    return built


def _write(path: Path, built: Hierarchy) -> None:
    from mien.io.atomic import write_whole

    arrays: dict[str, np.ndarray] = {"counts": np.array(built.counts)}
    for k, (wound, up, down) in enumerate(zip(built.spirals, built.ups, built.downs, strict=True)):
        arrays |= {f"spirals{k}": wound, f"index{k}": up.index, f"weight{k}": up.weight, f"down{k}": down}
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _read(path: Path, levels: int) -> Hierarchy | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return Hierarchy(
                counts=tuple(stored["counts"].tolist()),
                spirals=tuple(stored[f"spirals{k}"] for k in range(levels)),
                ups=tuple(Up(index=stored[f"index{k}"], weight=stored[f"weight{k}"]) for k in range(levels)),
                downs=tuple(stored[f"down{k}"] for k in range(levels)),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # not there yet, or damaged: the hierarchy is built again
