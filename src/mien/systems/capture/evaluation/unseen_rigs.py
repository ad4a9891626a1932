"""Unseen rigs, made ready to be filmed: mo, and any rig file with ARKit shapes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from mien.core import ARKIT, MienError, Rig
from mien.systems.capture import spec
from mien.systems.capture.evaluation.rendered_takes import HELD_OUT

if TYPE_CHECKING:
    from mien.synth.filmed_rig import FilmedRig
    from mien.synth.renderer import Costume

__all__ = ["open_unseen_rigs", "pictures_of"]

_SEED = 109
_LARGEST = 4096
"""Side of a picture beyond which it is scaled down [px]."""


def open_unseen_rigs(files: Sequence[Path] = (), *, looks: int = 1) -> "dict[str, list[FilmedRig]]":
    """mo and the rigs of `files`, by name. A rig with colours or textures keeps them; a rig without is painted in
    `looks` different ways. Every rig is listed `looks` times, so that all are filmed equally often.

    Raises MienError for a file that is no rig or has fewer than half of the channels.
    """
    from mien.rigs.load import load_rig
    from mien.synth.filmed_rig import FilmedRig, own_dress

    out: dict[str, list[FilmedRig]] = {}
    for file in ("mo", *files):
        rig = load_rig(file)
        known = sum(name in rig.shape_names for name in spec.CHANNELS)
        if known < len(spec.CHANNELS) / 2:
            raise MienError(f"{file}: has {known} of {len(ARKIT)} ARKit shapes, too few to measure a capture on")
        dress = own_dress(rig, pictures_of(Path(file)))
        out[rig.name] = [FilmedRig(rig, dress)] * looks if dress is not None else _painted(rig, looks)
    return out


def _painted(rig: Rig, looks: int) -> "list[FilmedRig]":
    from mien.synth.filmed_rig import FilmedRig
    from mien.synth.painted_rig import Fitting, painted_dress

    fitting, costumes = Fitting.of(rig), _costumes()
    return [FilmedRig(rig, painted_dress(fitting, next(costumes))) for _ in range(looks)]


def _costumes() -> "Iterator[Costume]":
    """Costumes of held-out performers whose paint suits any head: no beard, hair on top."""
    from mien.synth.scene import cast

    for identity in range(*HELD_OUT):
        costume = cast(_SEED, identity).costume
        look = costume.look
        if look.beard == "none" and look.stubble < 0.15 and look.hair.kind not in ("bald", "receding"):
            yield costume


def pictures_of(path: Path) -> dict[str, UInt8[np.ndarray, "N M 4"]]:
    """Part name -> base colour picture (sRGB, opacity) of a glTF file's materials; {} for files of other kinds."""
    from mien.io import formats

    if path.suffix.lower() not in formats.GLTF:
        return {}
    from mien.io.gltf.document import read_glb

    document = read_glb(path)
    out: dict[str, np.ndarray] = {}
    for material in document.items("materials"):
        surface: Any = material.get("pbrMetallicRoughness") or {}
        index = (surface.get("baseColorTexture") or {}).get("index")
        if index is None:
            continue
        image = document.item("images", document.item("textures", index).get("source"))
        picture = _decoded(document, image)
        if picture is not None:
            out[str(material.get("name", ""))] = picture
    return out


def _decoded(document: Any, image: dict[str, Any]) -> UInt8[np.ndarray, "N M 4"] | None:
    """A picture stored inside the file; None for one that is stored elsewhere or cannot be read."""
    import cv2

    if "bufferView" not in image:
        return None
    view = document.item("bufferViews", image["bufferView"])
    start, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
    data = document.buffers[int(view.get("buffer", 0))][start : start + length]
    picture: Any = cv2.imdecode(np.ascontiguousarray(data), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint8:
        return None
    if picture.ndim == 2:
        picture = picture[..., None].repeat(3, axis=2)
    scale = min(1.0, _LARGEST / max(picture.shape[:2]))
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    code = cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGBA
    return np.asarray(cv2.cvtColor(picture, code), np.uint8)
