"""Triangle meshes of fixed topology, and sequences of them over time."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from mien.core import files
from mien.core.frame_fields import checked_times
from mien.core.interpolation import between, places

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
    opacity: float = 1.0
    """Share of the light that the surface stops, in [0, 1]; 0 is invisible."""
    two_sided: bool = False
    """Whether the surface is seen from its back, too: lashes, hair cards, the inside of a mouth."""
    texture: str = ""
    """Key in `Topology.textures` of the picture that multiplies the base colour; "" for none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Topology:
    """Everything of a mesh that stays constant when its vertices move. Wrong shapes raise ValueError."""

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
    textures: dict[str, UInt8[np.ndarray, "H W C"]] = field(default_factory=dict[str, np.ndarray])
    """Pictures of the parts by name: sRGB, three channels or four with opacity, the first row at v = 1. Texture
    coordinates beyond [0, 1] repeat the picture."""

    def __post_init__(self) -> None:
        if self.triangles.ndim != 2 or self.triangles.shape[1] != 3 or self.triangles.dtype.kind not in "iu":
            raise ValueError(f"triangles have shape {self.triangles.shape} and type {self.triangles.dtype}, not [F, 3]")
        if self.uv is not None and (self.uv.ndim != 2 or self.uv.shape[1] != 2):
            raise ValueError(f"uv has shape {self.uv.shape}, not [U, 2]")
        if self.uv_triangles is not None and self.uv_triangles.shape != self.triangles.shape:
            raise ValueError(f"uv_triangles have shape {self.uv_triangles.shape}, not {self.triangles.shape}")
        for name, picture in self.textures.items():
            if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (3, 4) or not picture.size:
                raise ValueError(f"texture '{name}' has shape {picture.shape} and type {picture.dtype}, not [H, W, 3]")
        for part in self.parts:
            if part.texture and (part.texture not in self.textures or self.uv is None):
                raise ValueError(f"part '{part.name}' shows the texture '{part.texture}', which the mesh lacks")

    def check_vertices(self, count: int) -> None:
        """Raise ValueError when a triangle refers to a vertex beyond the `count` of vertices."""
        if self.triangles.size and not 0 <= self.triangles.min() <= self.triangles.max() < count:
            raise ValueError(f"triangles name vertices beyond the {count} there are")


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """Vertices on a topology. Wrong shapes, and triangles that refer to missing vertices, raise ValueError."""

    vertices: Float[np.ndarray, "V 3"]
    """Positions [mm]."""
    topology: Topology

    def __post_init__(self) -> None:
        if self.vertices.ndim != 2 or self.vertices.shape[1] != 3:
            raise ValueError(f"mesh vertices have shape {self.vertices.shape}, not [V, 3]")
        self.topology.check_vertices(len(self.vertices))

    @property
    def normals(self) -> Float[np.ndarray, "V 3"]:
        """Area-weighted unit vertex normals; see `vertex_normals`."""
        return vertex_normals(self.vertices, self.topology.triangles)

    def save(self, path: str | Path) -> None:
        """Write by the file's extension; raises MienError for an unknown one or a path that cannot be written."""
        files.write(path, self)

    @classmethod
    def load(cls, path: str | Path, *, unit: str | None = None) -> "Mesh":
        """Read a mesh, or the neutral of a rig, in the format of the extension; raises MienError when there is none.

        `unit` ("mm", "cm", "m") is for files that state no unit: without it the unit of an .obj is inferred from its
        size, and a .ply is in millimetres. A `unit` for a file that states its own is a MienError.
        """
        return files.read(path, cls, unit=unit)


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


@dataclass(frozen=True, kw_only=True, eq=False)
class MeshSequence:
    """A mesh that moves: vertices over time on one topology.

    Wrong shapes, and times that do not increase, raise ValueError.
    """

    times: Float[np.ndarray, "T"]
    """Presentation times [s], strictly increasing."""
    vertices: Float[np.ndarray, "T V 3"]
    """Positions [mm]."""
    topology: Topology

    def __post_init__(self) -> None:
        checked_times(self.times, "mesh sequence")
        if self.vertices.ndim != 3 or self.vertices.shape[2] != 3 or len(self.vertices) != len(self.times):
            raise ValueError(f"mesh sequence vertices have shape {self.vertices.shape}, not [{len(self.times)}, V, 3]")
        self.topology.check_vertices(self.vertices.shape[1])

    def __len__(self) -> int:
        return len(self.times)

    def at(self, times: Float[np.ndarray, "S"]) -> "MeshSequence":
        """The sequence at other, strictly increasing times [s], interpolated linearly and held beyond the ends.

        Raises ValueError for a sequence without frames.
        """
        times = np.asarray(times, np.float64)
        if not len(self):
            raise ValueError("a mesh sequence without frames has no vertices at other times")
        low, share = places(self.times, times)
        high = np.minimum(low + 1, len(self) - 1)
        return MeshSequence(times=times, vertices=between(self.vertices, low, high, share), topology=self.topology)

    def save(self, path: str | Path) -> None:
        """Write by the file's extension; raises MienError for an unknown one or a path that cannot be written.

        `mien.io.sequences.open_sequence` writes frame by frame, for sequences that do not fit into memory.
        """
        files.write_sequence(path, self)

    @classmethod
    def load(cls, path: str | Path) -> "MeshSequence":
        """Read the format of the file's extension; raises MienError when the file is no mesh sequence."""
        return files.read(path, cls)
