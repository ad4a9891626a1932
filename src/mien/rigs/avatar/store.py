"""An avatar as a folder: the head as .glb, its textures as pictures, a preview sheet, and a manifest.

avatar.json       what it was made from, the colours, the landmarks' anchors, and the files of the folder
avatar.glb        the rig with its 52 shapes, skin, joints and textures
face.jpg, ...     the textures once more, to paint on; the .glb holds its own copies
preview.png       the sheet that the viewer drew, when there is one
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mien import __version__
from mien.core import IBUG68, MIEN70, MIEN198, LandmarkAnchors, MienError, Rig
from mien.io import formats
from mien.io.atomic import write_whole
from mien.io.gltf.rig import write_rig
from mien.io.pictures import encode, suffix
from mien.rigs.avatar.build import Avatar

__all__ = ["MANIFEST", "PREVIEW", "check_folder", "is_avatar", "load_avatar", "save_avatar"]

MANIFEST = "avatar.json"
PREVIEW = "preview.png"
_RIG = "avatar.glb"
_KIND, _VERSION = "mien.avatar", 1


def is_avatar(path: Path) -> bool:
    """Whether a path is the folder of an avatar, whole or not."""
    return path.is_dir() and (path / MANIFEST).is_file()


def check_folder(folder: Path) -> None:
    """Raise MienError when an avatar cannot be written to `folder`: a file, or a folder with other contents."""
    if folder.exists() and not folder.is_dir():
        raise MienError(f"cannot write {folder}: it is a file; give the name of a folder")
    if folder.is_dir() and any(folder.iterdir()) and not is_avatar(folder):
        raise MienError(f"cannot write {folder}: it holds other files; name a new folder, or one of an avatar")
    if not folder.resolve().parent.is_dir():
        raise MienError(f"cannot write {folder}: the folder {folder.resolve().parent} does not exist; create it first")


def save_avatar(avatar: Avatar, folder: str | Path, preview: UInt8[np.ndarray, "H W 3"] | None = None) -> list[Path]:
    """Write the folder of an avatar, each file whole or not at all, the manifest last; returns the files.

    Raises MienError when it cannot be written, or the folder holds other files.
    """
    folder = Path(folder)
    check_folder(folder)
    try:
        folder.mkdir(exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)  # while it is written, the folder is no avatar
    except OSError as error:
        raise MienError(f"cannot write {folder}: {error.strerror}; choose another place") from None
    write_rig(avatar.rig, folder / _RIG)
    textures = avatar.rig.neutral.topology.textures
    names = {name: f"{name}{suffix(picture)}" for name, picture in textures.items()}
    pictures = {names[name]: picture for name, picture in textures.items()}
    if preview is not None:
        pictures[PREVIEW] = preview
    for name, picture in pictures.items():
        with write_whole(folder / name) as temporary:
            temporary.write_bytes(encode(picture, exact=name == PREVIEW))
    with write_whole(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(_manifest(avatar, names), indent=1), encoding="utf-8")
    return [folder / name for name in (_RIG, *pictures, MANIFEST)]


def load_avatar(folder: str | Path) -> Rig:
    """The rig of an avatar's folder, with its landmarks; raises MienError when a part is missing or damaged."""
    folder = Path(folder)
    manifest = _read(folder)
    lacks = [name for name in (_RIG, *manifest["textures"].values()) if not (folder / name).is_file()]
    if lacks:
        raise MienError(f"{folder} is no whole avatar: {lacks[0]} is missing; run `mien avatar` again")
    rig = formats.read(folder / _RIG, Rig)
    try:
        indices = np.array(manifest["landmarks"]["indices"], np.int64)
        weights = np.array(manifest["landmarks"]["weights"], np.float64)
        if indices.shape != (MIEN198.count, indices.shape[1]) or weights.shape != indices.shape:
            raise ValueError("the landmarks have a wrong shape")
        if indices.min() < 0 or indices.max() >= len(rig.neutral.vertices) or not np.isfinite(weights).all():
            raise ValueError("a landmark lies beyond the head")
        name = str(manifest["name"])
        groups = {str(k): np.arange(int(a), int(b)) for k, (a, b) in manifest["groups"].items()}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise MienError(f"{folder / MANIFEST} is damaged ({error}); run `mien avatar` again") from None
    topology = replace(rig.neutral.topology, groups={**rig.neutral.topology.groups, **groups})
    return replace(
        rig,
        name=name,
        neutral=replace(rig.neutral, topology=topology),
        landmarks={
            layout.name: LandmarkAnchors(
                layout=layout, indices=indices[: layout.count], weights=weights[: layout.count]
            )
            for layout in (IBUG68, MIEN70, MIEN198)
        },
    )


def _manifest(avatar: Avatar, textures: Mapping[str, str]) -> dict[str, Any]:
    rig = avatar.rig
    anchors = rig.landmarks["mien198"]
    spans = {
        name: [int(members.min()), int(members.max()) + 1]
        for name, members in rig.neutral.topology.groups.items()
        if len(members) and np.ptp(members) == len(members) - 1
    }
    return {
        "kind": _KIND,
        "version": _VERSION,
        "mien": __version__,
        "name": rig.name,
        "rig": _RIG,
        "textures": dict(textures),
        "photos": list(avatar.sources),
        "unused": avatar.unused,
        "coverage": round(avatar.coverage, 4),
        "colors": {"skin": avatar.skin, "iris": avatar.iris, "hair": avatar.hair},
        "licence": rig.licence,
        "groups": spans,
        "landmarks": {
            "layout": "mien198",
            "indices": anchors.indices.tolist(),
            "weights": np.round(anchors.weights, 6).tolist(),
        },
    }


def _read(folder: Path) -> dict[str, Any]:
    try:
        found: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError as error:
        raise MienError(f"{folder} is no avatar: cannot read {MANIFEST} ({error.strerror})") from None
    except ValueError:
        raise MienError(f"{folder / MANIFEST} is damaged: it holds no valid JSON; run `mien avatar` again") from None
    whole = isinstance(found, dict) and found.get("kind") == _KIND and isinstance(found.get("textures"), dict)
    if not whole or found.get("version") != _VERSION:
        raise MienError(
            f"{folder / MANIFEST} is not the manifest of an avatar of this version; run `mien avatar` again"
        )
    if not all(isinstance(name, str) and Path(name).name == name for name in found["textures"].values()):
        raise MienError(f"{folder / MANIFEST} is damaged: a texture lies outside of the folder")
    return found
