"""Reads any glTF or VRM file whose morph targets have ARKit names as a `Rig`.

All meshes of the scene are merged, also those without morph targets (hair, teeth, body). Node transforms and the skin's
bind pose are applied, so that vertices are where a viewer shows them, and metres become millimetres. Faces in glTF and
VRM 1.0 look along +Z as in mien; faces in VRM 0.x look along -Z and are turned, and so is any file whose left eye joint
lies at smaller X than its right one. The file's origin is kept (at the feet of most bodies).

Joints are those of `mien.rigs.readers.gltf.joints`; the skinning weight of every other bone is added to its nearest
ancestor among them, or to a joint "root" when there is none. The vertex group "head" has the vertices that are bound to
head, jaw or eyes, or that any ARKit shape moves. Of textures the base colour is read. Default morph weights are
ignored. The rig has no landmarks.
"""

from pathlib import Path

import numpy as np

from mien.core.channels import ARKIT
from mien.core.mesh import Mesh
from mien.core.rig import Rig
from mien.io.gltf.correctives import correctives_of
from mien.io.gltf.document import GltfDocument, read_glb
from mien.rigs.names import NameReport, merged, normalise
from mien.rigs.readers.assembly import Source, assembled, shapes_by_name
from mien.rigs.readers.gltf.joints import find_joints
from mien.rigs.readers.gltf.looks import as_dict, textures_of
from mien.rigs.readers.gltf.pieces import Piece, check_claims, pieces_of, target_names
from mien.rigs.readers.gltf.vrm import expressions, named_binds, preset_shapes

__all__ = ["load_glb", "load_mesh", "name_report"]


def load_glb(path: str | Path, *, any_names: bool = False, still: bool = False) -> Rig:
    """Load a .glb, .vrm or .gltf as a rig.

    With `any_names` a rig without ARKit names is accepted, with `still` a mesh without shapes.

    Raises:
        MienError: the file is not readable, or has no mesh, no morph targets, or none with an ARKit name.
    """
    document = read_glb(path)
    check_claims(document)
    found = find_joints(document)
    raw = [target_names(document, mesh) for mesh in document.items("meshes")]
    reports = [normalise(names) for names in raw]
    shapes = [[report.names[name] for name in names] for names, report in zip(raw, reports, strict=True)]
    pieces = pieces_of(document, found, shapes)
    named = [name for piece in pieces for name in piece.targets]
    if not named and not still:
        document.fail("no morph targets, so this face cannot move; export it with its blendshapes")
    known = {*named, *normalise(list(named_binds(document))).arkit, *preset_shapes(document)}
    if not (any_names or still or known & set(ARKIT)):
        document.fail(
            f"none of its {len(set(named))} morph targets has an ARKit name (one is '{named[0]}'); rename them"
        )
    return _assemble(document, pieces, shapes, found)


def load_mesh(path: str | Path) -> Mesh:
    """The mesh of a file at rest, with or without shapes; raises MienError when there is none."""
    return load_glb(path, still=True).neutral


def name_report(path: str | Path) -> NameReport:
    """How the shape names in a file map to channels; raises MienError when the file is not readable."""
    document = read_glb(path)
    return merged([normalise(target_names(document, mesh)) for mesh in document.items("meshes")])


def _assemble(document: GltfDocument, pieces: list[Piece], shapes_of: list[list[str]], found: dict[str, int]) -> Rig:
    pieces = [_merged_seams(document, piece) for piece in pieces]
    names, shapes = expressions(document, *shapes_by_name(pieces, document.fail), shapes_of)
    world = document.world_matrices()
    source = Source(
        name=document.path.stem,
        licence=_licence(document),
        places={name: world[node, :3, 3] for name, node in found.items()},
        faces_away="VRM" in as_dict(document.json.get("extensions")),
        correctives=tuple(c for mesh in document.items("meshes") for c in correctives_of(mesh)),
        textures=textures_of(document, [part for piece in pieces for part, _ in piece.runs]),
    )
    return assembled(source, pieces, names, shapes)


def _merged_seams(document: GltfDocument, piece: Piece) -> Piece:
    """Undo the splitting at texture seams that mien's writer does; pieces of other files are returned unchanged."""
    if piece.source is None or np.abs(piece.source).max() >= 2**24:  # beyond that float32 skips integers
        return piece
    source = piece.source.astype(np.int64)
    count = int(source.max()) + 1
    if (source < 0).any() or (source != piece.source).any() or len(np.unique(source)) != count:
        return piece
    first = np.full(count, -1)
    first[source[::-1]] = np.arange(len(source))[::-1]
    if not np.array_equal(piece.positions[first][source], piece.positions):
        return piece
    return Piece(
        positions=piece.positions[first],
        targets={name: shift[first] for name, shift in piece.targets.items()},
        joints=piece.joints[first],
        uv=piece.uv,
        color=None if piece.color is None else piece.color[first],
        source=source,
        runs=piece.runs,
    )


def _licence(document: GltfDocument) -> str:
    extensions = as_dict(document.json.get("extensions"))
    meta = as_dict(as_dict(extensions.get("VRMC_vrm")).get("meta")) or as_dict(
        as_dict(extensions.get("VRM")).get("meta")
    )
    for value in (
        meta.get("licenseUrl"),
        meta.get("licenseName"),
        as_dict(document.json.get("asset")).get("copyright"),
    ):
        if isinstance(value, str) and value:
            return value
    return ""
