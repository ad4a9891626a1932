"""VRM expressions as shapes: each is the weighted sum of the morph targets that it binds.

Expressions with ARKit names (Perfect Sync; `blendShapeMaster` of VRM 0.x, `expressions.custom` of VRM 1.0) become these
ARKit shapes when no morph target has the name. Of the presets that every avatar has, the blinks of one eye become
`eyeBlinkLeft` and `eyeBlinkRight`, the five vowels become the visemes of the same sound (`viseme_aa`), and the emotions
keep their names in VRM 1.0 (`happy`). A mapping file can make channels of them.
"""

from types import MappingProxyType
from typing import Any

import numpy as np

from mien.io.gltf.document import GltfDocument
from mien.rigs.names import normalise
from mien.rigs.readers.gltf.looks import as_dict
from mien.rigs.readers.gltf.pieces import as_list

__all__ = ["PRESETS", "expressions", "named_binds", "preset_shapes"]

Bind = tuple[int, int, float]
"""Mesh index, target index, weight in [0, 1]."""

PRESETS = MappingProxyType(
    {
        "blinkLeft": "eyeBlinkLeft", "blinkRight": "eyeBlinkRight",
        "aa": "viseme_aa", "ih": "viseme_ih", "ou": "viseme_ou", "ee": "viseme_E", "oh": "viseme_oh",
        "happy": "happy", "angry": "angry", "sad": "sad", "relaxed": "relaxed", "surprised": "surprised",
        "blink": "blink", "lookUp": "lookUp", "lookDown": "lookDown", "lookLeft": "lookLeft", "lookRight": "lookRight",
    }
)  # fmt: skip
"""Preset of VRM 1.0 -> shape; the preset "neutral" has no shape."""
_PRESETS_0 = {
    "blink_l": "blinkLeft", "blink_r": "blinkRight", "a": "aa", "i": "ih", "u": "ou", "e": "ee", "o": "oh",
    "joy": "happy", "sorrow": "sad", "fun": "relaxed", "lookup": "lookUp", "lookdown": "lookDown",
    "lookleft": "lookLeft", "lookright": "lookRight",
}  # fmt: skip
"""Preset of VRM 0.x -> the same preset in VRM 1.0, where the names differ."""


def expressions(
    document: GltfDocument, names: tuple[str, ...], shapes: np.ndarray, shapes_of: list[list[str]]
) -> tuple[tuple[str, ...], np.ndarray]:
    """`names` and `shapes` extended by the expressions whose names no morph target has.

    `shapes_of` has the shape names of each mesh's targets.
    """

    def total(binds: list[Bind]) -> np.ndarray:
        out = np.zeros(shapes.shape[1:], np.float32)
        for mesh, target, weight in binds:
            bound = shapes_of[mesh][target] if mesh < len(shapes_of) and target < len(shapes_of[mesh]) else None
            if bound in names:
                out += np.float32(weight) * shapes[names.index(bound)]
        return out

    binds, presets = named_binds(document), _preset_binds(document)
    report = normalise(list(binds))
    new: dict[str, np.ndarray] = {}
    for raw, name in report.names.items():
        if name in report.arkit and name not in names:
            new[name] = new.get(name, np.float32(0)) + total(binds[raw])
    for preset, name in PRESETS.items():
        if preset in presets and name not in names and name not in new:
            new[name] = total(presets[preset])
    new = {name: shape for name, shape in new.items() if shape.any()}
    if not new:
        return names, shapes
    return (*names, *new), np.concatenate([shapes, np.stack(list(new.values()))])


def named_binds(document: GltfDocument) -> dict[str, list[Bind]]:
    """Name of a custom expression -> its binds, in either VRM version; empty for other files."""
    out: dict[str, list[Bind]] = {}
    for group in _groups(document):
        out.setdefault(str(group.get("name")), []).extend(_binds_0(group))
    for name, expression in as_dict(_expressions(document).get("custom")).items():
        out.setdefault(name, []).extend(_binds_1(document, as_dict(expression)))
    return out


def preset_shapes(document: GltfDocument) -> set[str]:
    """Shapes that come from a file's presets, in either VRM version."""
    return {PRESETS[preset] for preset, binds in _preset_binds(document).items() if binds and preset in PRESETS}


def _preset_binds(document: GltfDocument) -> dict[str, list[Bind]]:
    """Name of a preset in VRM 1.0 -> its binds."""
    out: dict[str, list[Bind]] = {}
    for group in _groups(document):
        preset = str(group.get("presetName")).lower()
        out.setdefault(_PRESETS_0.get(preset, preset), []).extend(_binds_0(group))
    for name, expression in as_dict(_expressions(document).get("preset")).items():
        out.setdefault(name, []).extend(_binds_1(document, as_dict(expression)))
    return out


def _groups(document: GltfDocument) -> list[dict[str, Any]]:
    """The expressions of a VRM 0.x file."""
    table = as_dict(as_dict(document.json.get("extensions")).get("VRM"))
    return [as_dict(group) for group in as_list(as_dict(table.get("blendShapeMaster")).get("blendShapeGroups"))]


def _expressions(document: GltfDocument) -> dict[str, Any]:
    """The expressions of a VRM 1.0 file, under "preset" and "custom"."""
    return as_dict(as_dict(as_dict(document.json.get("extensions")).get("VRMC_vrm")).get("expressions"))


def _binds_0(group: dict[str, Any]) -> list[Bind]:
    binds = [as_dict(bind) for bind in as_list(group.get("binds"))]
    return _valid([(bind.get("mesh"), bind.get("index"), bind.get("weight"), 100.0) for bind in binds])


def _binds_1(document: GltfDocument, expression: dict[str, Any]) -> list[Bind]:
    nodes = document.items("nodes")
    entries: list[tuple[Any, Any, Any, float]] = []
    for bind in map(as_dict, as_list(expression.get("morphTargetBinds"))):
        node = bind.get("node")
        mesh = nodes[node].get("mesh") if isinstance(node, int) and 0 <= node < len(nodes) else None
        entries.append((mesh, bind.get("index"), bind.get("weight"), 1.0))
    return _valid(entries)


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
