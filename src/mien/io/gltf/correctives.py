"""A rig's corrective shapes in a glTF mesh: morph targets after those of the channels.

glTF has no combination shapes, so an animation contains the correctives' weights computed at its keys, and any viewer
shows them. Their rules are in the mesh's `extras.mien.correctives`, a list of {"name", "channels", "rule"} as in
`mien.core.Corrective`, so that a reader can tell correctives from channels and compute their weights.
"""

from typing import Any, cast

from mien.core.rig import Corrective, Rig

__all__ = ["corrective_extras", "correctives_of"]

Json = dict[str, Any]


def corrective_extras(rig: Rig) -> Json:
    """The entries for the mesh's `extras` that describe the rig's correctives; empty for none."""
    listed = [{"name": c.name, "channels": list(c.channels), "rule": c.rule} for c in rig.correctives]
    return {"mien": {"correctives": listed}} if listed else {}


def correctives_of(mesh: Json) -> tuple[Corrective, ...]:
    """The correctives that a mesh's `extras` describe; invalid entries are left out."""
    extras = mesh.get("extras")
    own = cast(Json, extras).get("mien") if isinstance(extras, dict) else None
    listed = cast(Json, own).get("correctives") if isinstance(own, dict) else None
    if not isinstance(listed, list):
        return ()
    found: dict[str, Corrective] = {}
    for entry in cast(list[Any], listed):
        item = cast(Json, entry) if isinstance(entry, dict) else {}
        name, rule, channels = item.get("name"), item.get("rule"), item.get("channels")
        names = tuple(str(channel) for channel in cast(list[Any], channels)) if isinstance(channels, list) else ()
        if not isinstance(name, str) or len(names) < 2 or len(set(names)) < len(names):
            continue
        if rule == "product":
            found[name] = Corrective(name=name, channels=names)
        elif rule == "excess" and len(names) == 2:
            found[name] = Corrective(name=name, channels=names, rule="excess")
    return tuple(found.values())
