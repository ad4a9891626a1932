"""VRM expressions with ARKit names (Perfect Sync) as shapes.

In most Perfect Sync avatars the morph targets carry the names and nothing is to do. Where only the expressions do
(`blendShapeMaster` of VRM 0.x, `expressions.custom` of VRM 1.0), each becomes the weighted sum of the targets it binds.
"""

from typing import Any

import numpy as np

from mien.io.gltf.document import GltfDocument
from mien.rigs.glb_pieces import as_dict, as_list
from mien.rigs.names import normalise

__all__ = ["expressions", "named_binds"]

Bind = tuple[int, int, float]
"""Mesh index, target index, weight in [0, 1]."""


def expressions(
    document: GltfDocument, names: tuple[str, ...], shapes: np.ndarray, shapes_of: list[list[str]]
) -> tuple[tuple[str, ...], np.ndarray]:
    """`names` and `shapes`, and the ARKit expressions that no morph target answers.

    `shapes_of` holds the shape names of each mesh's targets.
    """
    binds = named_binds(document)
    report = normalise(list(binds))
    new: dict[str, np.ndarray] = {}
    for raw, name in report.names.items():
        if name not in report.arkit or name in names:
            continue
        total = np.zeros(shapes.shape[1:], np.float32)
        for mesh, target, weight in binds[raw]:
            bound = shapes_of[mesh][target] if mesh < len(shapes_of) and target < len(shapes_of[mesh]) else None
            if bound in names:
                total += np.float32(weight) * shapes[names.index(bound)]
        if total.any():
            new[name] = total + new.get(name, np.float32(0))
    if not new:
        return names, shapes
    return (*names, *new), np.concatenate([shapes, np.stack(list(new.values()))])


def named_binds(document: GltfDocument) -> dict[str, list[Bind]]:
    """Expression name -> what it binds, of either VRM version; empty for other files."""
    extensions = as_dict(document.json.get("extensions"))
    out: dict[str, list[Bind]] = {}
    for group in as_list(as_dict(as_dict(extensions.get("VRM")).get("blendShapeMaster")).get("blendShapeGroups")):
        entries = [
            (as_dict(bind).get("mesh"), as_dict(bind).get("index"), as_dict(bind).get("weight"), 100.0)
            for bind in as_list(as_dict(group).get("binds"))
        ]
        out.setdefault(str(as_dict(group).get("name")), []).extend(_valid(entries))
    nodes = document.items("nodes")
    for name, expression in as_dict(
        as_dict(as_dict(extensions.get("VRMC_vrm")).get("expressions")).get("custom")
    ).items():
        entries: list[tuple[Any, Any, Any, float]] = []
        for bind in map(as_dict, as_list(as_dict(expression).get("morphTargetBinds"))):
            node = bind.get("node")
            mesh = nodes[node].get("mesh") if isinstance(node, int) and 0 <= node < len(nodes) else None
            entries.append((mesh, bind.get("index"), bind.get("weight"), 1.0))
        out.setdefault(name, []).extend(_valid(entries))
    return out


def _valid(entries: list[tuple[Any, Any, Any, float]]) -> list[Bind]:
    return [
        (mesh, target, float(weight) / full)
        for mesh, target, weight, full in entries
        if isinstance(mesh, int)
        and isinstance(target, int)
        and mesh >= 0
        and target >= 0
        and isinstance(weight, int | float)
        and abs(weight) <= full
    ]
