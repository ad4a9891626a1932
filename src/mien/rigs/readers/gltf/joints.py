"""Finds the nodes of a glTF file that are the neck, head, jaw and eyes.

VRM files name them in their humanoid table. In other files they are found by name: prefixes of common tools are removed
(`Bip01 `, `mixamorig:`, `J_Bip_C_`, `J_Adj_L_`, `CC_Base_`, `DEF-`, `ORG-`), then the words (see
`mien.rigs.names.words`) must be exactly one entry of `NAMES`. A joint that two nodes match is left out, unless one is
an ancestor of the other: then the ancestor is used (`head`, not its child `head`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from mien.io.gltf.document import GltfDocument
from mien.rigs.names import words

__all__ = ["NAMES", "PARENTS", "find_joints", "joints_by_name"]

NAMES: dict[tuple[str, str | None], str] = {
    ("neck", None): "neck",
    ("head", None): "head",
    ("jaw", None): "jaw",
    ("mjaw", None): "jaw",  # 3ds Max facial bones, as in Rocketbox
    ("jawroot", None): "jaw",  # Character Creator
    ("lowerjaw", None): "jaw",
    ("eye", "Left"): "eyeLeft",
    ("leye", None): "eyeLeft",
    ("eyeball", "Left"): "eyeLeft",
    ("faceeye", "Left"): "eyeLeft",  # VRoid
    ("eye", "Right"): "eyeRight",
    ("reye", None): "eyeRight",
    ("eyeball", "Right"): "eyeRight",
    ("faceeye", "Right"): "eyeRight",
}
"""(words, side) of a node's name -> mien's joint."""
PARENTS: dict[str, str] = {"head": "neck", "jaw": "head", "eyeLeft": "head", "eyeRight": "head"}
"""Joint -> its parent among mien's joints, in the order of the joints."""

_DECORATION = re.compile(
    r"^(?:bip0*\d+|mixamorig\d*|cc_base|def|org|rig|armature|j_bip(?=_)|j_adj(?=_))[ :_.-]+", re.IGNORECASE
)
_CENTRE = re.compile(r"^c_", re.IGNORECASE)
_SUFFIX = re.compile(r"(?:[_.-]?\d+|_?(?:jnt|joint|bone|bind))$", re.IGNORECASE)
_VRM = {"neck": "neck", "head": "head", "jaw": "jaw", "leftEye": "eyeLeft", "rightEye": "eyeRight"}


def find_joints(document: GltfDocument) -> dict[str, int]:
    """mien's joint -> node index, for the joints that are found."""
    found = _from_vrm(document)
    if found:
        return found
    names = ["" if "mesh" in node else str(node.get("name", "")) for node in document.items("nodes")]
    return joints_by_name(names, document.parents())


def joints_by_name(names: Sequence[str], parents: Mapping[int, int]) -> dict[str, int]:
    """mien's joint -> index of the bone, found by the bones' names; `parents` maps bones to their parents."""
    candidates: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        joint = _joint_of(name)
        if joint is not None:
            candidates.setdefault(joint, []).append(index)
    found: dict[str, int] = {}
    for joint, nodes in candidates.items():
        tops = [node for node in nodes if not _has_ancestor(node, nodes, parents)]
        if len(tops) == 1:
            found[joint] = tops[0]
    return found


def _joint_of(name: str) -> str | None:
    bare = _CENTRE.sub("", _DECORATION.sub("", name.strip()))
    for text in (bare, _SUFFIX.sub("", bare)):
        joint = NAMES.get(words(text))
        if joint is not None:
            return joint
    return None


def _has_ancestor(node: int, among: list[int], parents: Mapping[int, int]) -> bool:
    while node in parents:
        node = parents[node]
        if node in among:
            return True
    return False


def _from_vrm(document: GltfDocument) -> dict[str, int]:
    """The humanoid table of VRM 0.x (a list of bone and node) or VRM 1.0 (an object of bone -> node)."""
    extensions = document.json.get("extensions")
    table: Any = cast(dict[str, Any], extensions) if isinstance(extensions, dict) else {}
    count = len(document.items("nodes"))
    found: dict[str, int] = {}
    for key in ("VRM", "VRMC_vrm"):
        humanoid = _object(_object(table.get(key)).get("humanoid"))
        bones: Any = humanoid.get("humanBones")
        if isinstance(bones, list):
            entries = [(_object(bone).get("bone"), _object(bone).get("node")) for bone in cast(list[Any], bones)]
        else:
            entries = [(name, _object(bone).get("node")) for name, bone in _object(bones).items()]
        for name, node in entries:
            if name in _VRM and isinstance(node, int) and 0 <= node < count:
                found[_VRM[name]] = node
    return found


def _object(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
