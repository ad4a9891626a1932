"""Triangle meshes of fixed topology, and their sequences over time."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mien.core import formats

__all__ = ["Mesh", "MeshSequence", "Part", "Topology", "vertex_normals"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A run of triangles that share a material."""

    name: str
    start: int
    """First triangle of the run."""
    stop: int
    """One past the last triangle."""
    color: tuple[float, float, float] = (0.8, 0.8, 0.8)
    """Base colour, sRGB in [0, 1]; a rig's vertex colours multiply it."""
    roughness: float = 0.6
    """Microfacet roughness in [0, 1] (glTF metallic-roughness model)."""


@dataclass(frozen=True, kw_only=True)
class Topology:
    """What stays when the vertices move."""

    triangles: Int[np.ndarray, "F 3"]
    """Vertex indices, counter-clockwise seen from outside."""
    uv: Float[np.ndarray, "U 2"] | None = None
    """Texture coordinates, v upwards."""
    uv_triangles: Int[np.ndarray, "F 3"] | None = None
    """Indices into `uv` per triangle corner; None means `uv` is per vertex."""
    parts: tuple[Part, ...] = ()
    """Material runs that together cover all triangles, or none."""
    groups: dict[str, Int[np.ndarray, "_"]] = field(default_factory=dict[str, np.ndarray])
    """Named sets of vertex indices ("face", "eyeball_left", ...)."""


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """Vertices on a topology."""

    vertices: Float[np.ndarray, "V 3"]
    """Positions [mm]."""
    topology: Topology

    @property
    def normals(self) -> Float[np.ndarray, "V 3"]:
        """Area-weighted unit vertex normals; see `vertex_normals`."""
        return vertex_normals(self.vertices, self.topology.triangles)


def vertex_normals(vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"]) -> Float[np.ndarray, "V 3"]:
    """Area-weighted unit vertex normals; zero where a vertex belongs to no triangle of positive area."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    total = np.stack(
        [
            np.bincount(triangles.reshape(-1), np.repeat(face[:, k], 3).astype(np.float64), minlength=len(vertices))
            for k in range(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return (total / np.where(length > 0, length, 1.0)).astype(vertices.dtype)


@dataclass(frozen=True, kw_only=True)
class MeshSequence:
    """A mesh that moves: the same topology at every time."""

    times: Float[np.ndarray, "T"]
    """Presentation times [s], strictly increasing."""
    vertices: Float[np.ndarray, "T V 3"]
    """Positions [mm]."""
    topology: Topology

    def save(self, path: str | Path) -> None:
        """Write by the file's extension; raises MienError for an unknown one or a path that cannot be written."""
        formats.write(path, self)

    @classmethod
    def load(cls, path: str | Path) -> "MeshSequence":
        """Read by the file's extension; raises MienError when the file is not such a sequence."""
        return formats.read(path, cls)
