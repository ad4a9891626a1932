"""Materials of a glTF file as parts, and the pictures that they show."""

from typing import Any

import numpy as np
from jaxtyping import UInt8

from mien.core.mesh import Part
from mien.io.gltf.document import GltfDocument
from mien.io.gltf.rig import srgb_from_linear
from mien.io.pictures import decode

__all__ = ["as_dict", "part_of", "textures_of"]


def as_dict(value: Any) -> dict[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def part_of(document: GltfDocument, primitive: dict[str, Any], mesh: dict[str, Any], mapped: bool) -> Part:
    """The material of a primitive, as a part without triangles; `mapped`: whether it has texture coordinates.

    The texture of the part is the name by which `textures_of` returns it.
    """
    name = str(mesh.get("name", "mesh"))
    if "material" not in primitive:
        return Part(name=name, start=0, stop=0)
    material = document.item("materials", primitive["material"])
    surface = as_dict(material.get("pbrMetallicRoughness"))
    *color, alpha = document.numbers(surface.get("baseColorFactor", [1, 1, 1, 1]), 4, "baseColorFactor").tolist()
    red, green, blue = srgb_from_linear(np.array(color)).tolist()
    rough = document.numbers([surface.get("roughnessFactor", 1.0)], 1, "roughnessFactor")[0]
    return Part(
        name=str(material.get("name", name)),
        start=0,
        stop=0,
        color=(red, green, blue),
        roughness=float(np.clip(rough, 0, 1)),
        opacity=float(np.clip(alpha, 0, 1)) if material.get("alphaMode") == "BLEND" else 1.0,
        two_sided=material.get("doubleSided") is True,
        texture=_texture(document, surface) if mapped else "",
    )


def textures_of(document: GltfDocument, parts: list[Part]) -> dict[str, UInt8[np.ndarray, "H W C"]]:
    """The pictures that parts show, by name; pictures that cannot be read are left out."""
    names = _names(document)
    blended = {
        _image(document, as_dict(material.get("pbrMetallicRoughness")))
        for material in document.items("materials")
        if material.get("alphaMode", "OPAQUE") != "OPAQUE"
    }
    out: dict[str, np.ndarray] = {}
    for name in dict.fromkeys(part.texture for part in parts if part.texture):
        index = names.index(name)
        data = document.picture(document.item("images", index))
        picture = None if data is None else decode(data)
        if picture is not None:
            out[name] = picture if index in blended else np.ascontiguousarray(picture[..., :3])
    return out


def _texture(document: GltfDocument, surface: dict[str, Any]) -> str:
    """The name of the picture of a material's base colour; "" for none."""
    index = _image(document, surface)
    return "" if index is None else _names(document)[index]


def _image(document: GltfDocument, surface: dict[str, Any]) -> int | None:
    """Index of the image of the base colour; None for none, or one with coordinates that are not the first ones."""
    entry = as_dict(surface.get("baseColorTexture"))
    moved = "KHR_texture_transform" in as_dict(entry.get("extensions"))
    if "index" not in entry or entry.get("texCoord", 0) != 0 or moved:
        return None
    source = document.item("textures", entry["index"]).get("source")
    return source if isinstance(source, int) and 0 <= source < len(document.items("images")) else None


def _names(document: GltfDocument) -> list[str]:
    """A name for each image: its own, with its number where two images have the same or none."""
    own = [str(image.get("name", "")) for image in document.items("images")]
    return [name if name and own.count(name) == 1 else f"{name}#{number}" for number, name in enumerate(own)]
