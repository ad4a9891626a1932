"""Reads any USD file whose blendshapes have ARKit names as a `Rig`.

All visible meshes of the stage are merged, also those without blendshapes (hair, teeth, body). Transforms and the
skeleton's rest pose are applied, so that vertices are where a viewer shows them; the stage's unit becomes millimetres
and its up axis +Y. Polygons become triangles. Names, joints, facing direction and the vertex group "head" are as in a
glTF (see `mien.rigs.readers.gltf.reader`). In-between shapes, textures and animation are ignored; correctives are read
only from files that mien wrote.
"""

from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np

from mien.core.channels import ARKIT
from mien.core.errors import MienError
from mien.core.mesh import Mesh, Part
from mien.core.rig import Corrective, Rig
from mien.io.usd.mesh import points_of, to_millimetres, triangulated
from mien.io.usd.stage import open_stage, pxr, reading
from mien.rigs.names import NameReport, merged, normalise
from mien.rigs.readers.assembly import Source, assembled, shapes_by_name
from mien.rigs.readers.gltf.pieces import LIMIT, Piece
from mien.rigs.readers.usd.looks import part_of, shown, texture, vertex_colors
from mien.rigs.readers.usd.skeleton import Skeletons

__all__ = ["load_mesh", "load_usd", "name_report"]

_FARTHEST = 1e4
"""Coordinates beyond this [m] count as damage."""
_MESHES = 2000
"""Largest number of meshes of a rig; a file with more is a crowd or damaged."""


def load_usd(path: str | Path, *, any_names: bool = False, still: bool = False) -> Rig:
    """Load a .usd, .usda, .usdc or .usdz as a rig.

    With `any_names` a rig without ARKit names is accepted, with `still` a mesh without shapes.

    Raises:
        MienError: the file is not readable, or has no mesh, no blendshapes, or none with an ARKit name; or OpenUSD is
            not installed.
    """
    stage = open_stage(path)
    with reading(path):
        return _Scene(Path(path), stage).rig(any_names, still)


def load_mesh(path: str | Path) -> Mesh:
    """The mesh of a file at rest, with or without shapes; raises MienError when there is none."""
    return load_usd(path, still=True).neutral


def name_report(path: str | Path) -> NameReport:
    """How the blendshape names in a file map to channels; raises MienError when the file is not readable."""
    stage = open_stage(path)
    with reading(path):
        scene = _Scene(Path(path), stage)
        return merged([normalise(scene.shape_names(mesh)) for mesh in scene.meshes])


class _Scene:
    """The stage of an untrusted file."""

    def __init__(self, path: Path, stage: Any) -> None:
        Usd, UsdGeom = pxr("Usd", "UsdGeom")
        self.path, self.stage = path, stage
        # Meshes of an instanced model are in a prototype and are only found through its instance proxies.
        prims = Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies(Usd.PrimDefaultPredicate))
        self.meshes = [UsdGeom.Mesh(prim) for prim in prims if prim.IsA(UsdGeom.Mesh) and shown(prim)]
        if len(self.meshes) > _MESHES:
            self.fail(f"{len(self.meshes)} meshes; a rig has at most {_MESHES}")
        self.cache = UsdGeom.XformCache(Usd.TimeCode.EarliestTime())
        self.time = Usd.TimeCode.EarliestTime()
        self.skeletons = Skeletons(stage, self.metres, self.fail)

    def fail(self, text: str) -> NoReturn:
        """Raise a MienError with this file's path and `text`."""
        raise MienError(f"{self.path}: {text}")

    def metres(self, prim: Any) -> np.ndarray:
        """The matrix from a prim's frame to mien's axes [m], for row vectors."""
        matrix = to_millimetres(self.stage, np.array(self.cache.GetLocalToWorldTransform(prim)))
        return matrix @ np.diag([1e-3, 1e-3, 1e-3, 1])

    def shape_names(self, mesh: Any) -> list[str]:
        """Raw names of a mesh's blendshapes."""
        (UsdSkel,) = pxr("UsdSkel")
        names: Any = UsdSkel.BindingAPI(mesh).GetBlendShapesAttr().Get()
        return [] if names is None else [str(name) for name in names]

    def rig(self, any_names: bool, still: bool) -> Rig:
        if not self.meshes:
            self.fail("no visible mesh; a rig needs one")
        total = sum(
            12 * len(m.GetPointsAttr().Get(self.time) or ()) * (1 + len(self.shape_names(m))) for m in self.meshes
        )
        if total > LIMIT:
            self.fail(f"its meshes need {total / 2**30:.3g} GiB, more than {LIMIT // 2**30}; reduce them")
        pieces = [self._piece(mesh) for mesh in self.meshes]
        if not any(piece.runs for piece in pieces):
            self.fail("no faces; a rig needs a mesh")
        named = [name for piece in pieces for name in piece.targets]
        if not named and not still:
            self.fail("no blendshapes, so this face cannot move; export it with them")
        if not (any_names or still or set(named) & set(ARKIT)):
            self.fail(f"none of its {len(set(named))} blendshapes has an ARKit name (one is '{named[0]}'); rename them")
        names, shapes = shapes_by_name(pieces, self.fail)
        data: Any = self.stage.GetRootLayer().customLayerData
        source = Source(
            name=self.path.stem,
            licence=str(cast(dict[str, Any], data).get("copyright", "")),
            places=self.skeletons.places,
            correctives=tuple(self._correctives()),
        )
        return assembled(source, pieces, names, shapes)

    def _piece(self, mesh: Any) -> Piece:
        points = points_of(mesh, self.time, self.fail)
        matrices, joints = self.skeletons.placement(mesh, len(points))
        placed = np.einsum("vi,vij->vj", points, matrices[:, :3, :3]) + matrices[:, 3, :3]
        if not np.abs(placed).max() < _FARTHEST:
            self.fail(f"a point of {mesh.GetPath()} is farther away than {_FARTHEST:.0f} m; the file is damaged")
        triangles, corners = triangulated(mesh, len(points), self.fail)
        uv, source, written = texture(mesh, triangles, corners, len(points))
        piece = Piece(
            positions=placed.astype(np.float32),
            targets=self._targets(mesh, matrices),
            joints=joints,
            uv=uv,
            color=None,
            source=source,
        )
        if len(triangles):
            piece.runs, painted = self._runs(mesh, triangles, written, corners)
            piece.color = vertex_colors(mesh, triangles, corners, len(points)) if painted else None
        return piece

    def _targets(self, mesh: Any, matrices: np.ndarray) -> dict[str, np.ndarray]:
        (UsdSkel,) = pxr("UsdSkel")
        binding = UsdSkel.BindingAPI(mesh)
        raw = self.shape_names(mesh)
        paths = list(binding.GetBlendShapeTargetsRel().GetForwardedTargets())
        if len(paths) != len(raw):
            self.fail(f"{mesh.GetPath()} names {len(raw)} blendshapes but has {len(paths)}")
        names = normalise(raw).names
        out: dict[str, np.ndarray] = {}
        for name, path in zip(raw, paths, strict=True):
            shape = UsdSkel.BlendShape(self.stage.GetPrimAtPath(path))
            if not shape:
                self.fail(f"there is no blendshape at {path}")
            at, shift = self._offsets(shape, len(matrices))
            moved = out.setdefault(names[name], np.zeros((len(matrices), 3), np.float32))
            np.add.at(moved, at, np.einsum("vi,vij->vj", shift, matrices[at, :3, :3]).astype(np.float32))
        return out

    def _offsets(self, shape: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(indices of the points that a blendshape moves, their displacements in the file's unit)."""
        value, indices = shape.GetOffsetsAttr().Get(), shape.GetPointIndicesAttr().Get()
        shift = np.zeros((0, 3)) if value is None else np.array(value, np.float64).reshape(-1, 3)
        at = np.arange(len(shift)) if indices is None or not len(indices) else np.array(indices, np.int64)
        dense = indices is None or not len(indices)
        if (dense and len(shift) not in (0, count)) or len(at) != len(shift):
            self.fail(f"blendshape {shape.GetPath()} has {len(shift)} offsets for {count if dense else len(at)} points")
        if len(at) and (at.min() < 0 or at.max() >= count):
            self.fail(f"blendshape {shape.GetPath()} moves a point beyond the mesh's {count}")
        if not np.abs(shift).max(initial=0) < 1e9:
            self.fail(f"blendshape {shape.GetPath()} has offsets that are NaN or far too large")
        return at, shift

    def _correctives(self) -> list[Corrective]:
        """The correctives that mien's writer described; invalid entries are left out."""
        (UsdSkel,) = pxr("UsdSkel")
        found: dict[str, Corrective] = {}
        for mesh in self.meshes:
            paths = UsdSkel.BindingAPI(mesh).GetBlendShapeTargetsRel().GetForwardedTargets()
            for name, path in zip(self.shape_names(mesh), paths, strict=False):
                prim = self.stage.GetPrimAtPath(path)
                entry: Any = prim.GetCustomDataByKey("mien") if prim else None
                channels = tuple(str(c) for c in entry.get("channels", ())) if isinstance(entry, dict) else ()
                excess = bool(channels) and entry.get("rule") == "excess"
                if len(set(channels)) == len(channels) >= 2 and (not excess or len(channels) == 2):
                    found[name] = Corrective(name=name, channels=channels, rule="excess" if excess else "product")
        return list(found.values())

    def _runs(
        self, mesh: Any, triangles: np.ndarray, written: np.ndarray, corners: np.ndarray
    ) -> tuple[list[tuple[Part, np.ndarray]], bool]:
        """(materials and their triangles, whether any material uses the display colours)."""
        UsdGeom, UsdShade = pxr("UsdGeom", "UsdShade")
        counts = np.array(mesh.GetFaceVertexCountsAttr().Get(), np.int64)
        face = np.repeat(np.arange(len(counts)), counts)[corners[:, 0]]
        owner = np.full(len(counts), -1)
        subsets = UsdShade.MaterialBindingAPI(mesh).GetMaterialBindSubsets()
        for number, subset in enumerate(subsets):
            members = np.array(subset.GetIndicesAttr().Get() or (), np.int64)
            if len(members) and (members.min() < 0 or members.max() >= len(counts)):
                self.fail(f"subset {subset.GetPath()} has a face beyond the mesh's {len(counts)}")
            owner[members] = number
        runs: list[tuple[Part, np.ndarray]] = []
        painted = False
        display: Any = UsdGeom.PrimvarsAPI(mesh).GetPrimvar("displayColor")
        for number in np.unique(owner).tolist():
            prim = mesh.GetPrim() if number < 0 else subsets[number].GetPrim()
            part, shows = part_of(prim, display)
            painted |= shows
            runs.append((part, written[owner[face] == number]))
        return runs, painted
