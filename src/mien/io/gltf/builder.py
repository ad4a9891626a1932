"""Builds the JSON and the binary chunk of a .glb file."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.errors import MienError
from mien.io.atomic import write_whole
from mien.io.pictures import MIME, encode, suffix

__all__ = ["ARRAY_BUFFER", "ELEMENT_ARRAY_BUFFER", "Builder"]

Json = dict[str, Any]

ARRAY_BUFFER = 34962
"""bufferView.target of vertex attributes."""
ELEMENT_ARRAY_BUFFER = 34963
"""bufferView.target of triangle indices."""
_COMPONENTS = {"f4": 5126, "u1": 5121, "u2": 5123, "u4": 5125}
_SHAPES: dict[tuple[int, ...], str] = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_LIMIT = 2**32 - 1
"""Largest length that a .glb can state, because its lengths are 32-bit."""


class Builder:
    """Collects views, accessors and top-level objects, then writes one .glb."""

    def __init__(self, generator: str, copyright_notice: str = "") -> None:
        self.json: Json = {"asset": {"version": "2.0", "generator": generator}}
        if copyright_notice:
            self.json["asset"]["copyright"] = copyright_notice
        self._chunks: list[bytes] = []
        self._length = 0

    def add(self, kind: str, item: Json) -> int:
        """Append `item` to the top-level list `kind` ("nodes") and return its index."""
        items: list[Json] = self.json.setdefault(kind, [])
        items.append(item)
        return len(items) - 1

    def accessor(self, values: np.ndarray, *, target: int | None = None, bounds: bool = False) -> int:
        """Add a dense accessor for [N, ...] values (float32, uint8, uint16, uint32) and return its index.

        `bounds` adds the properties min and max.
        """
        item = self._describe(values)
        item["bufferView"] = self._view(values, target)
        if bounds:
            item |= _bounds(values)
        return self.add("accessors", item)

    def sparse(self, values: np.ndarray, moving: np.ndarray) -> int:
        """Add an accessor that stores float32 [N, 3] `values` only where `moving` is true, and return its index.

        Elsewhere its values are zero. It is written densely when that is smaller, because a sparse entry also stores
        its index.
        """
        at = np.flatnonzero(moving)
        kept = np.where(moving[:, None], values, np.float32(0))
        index = at.astype(np.uint16 if len(values) <= 0xFFFF else np.uint32)
        if len(at) * (12 + index.itemsize) >= 12 * len(values):
            return self.accessor(kept, bounds=True)
        item = self._describe(kept) | _bounds(kept)
        if len(at):  # glTF forbids a sparse block without entries; without the block the accessor is all zeros
            item["sparse"] = {
                "count": len(at),
                "indices": {"bufferView": self._view(index, None), "componentType": _COMPONENTS[index.dtype.str[1:]]},
                "values": {"bufferView": self._view(kept[at], None)},
            }
        return self.add("accessors", item)

    def _describe(self, values: np.ndarray) -> Json:
        return {
            "componentType": _COMPONENTS[values.dtype.str[1:]],
            "count": len(values),
            "type": _SHAPES[values.shape[1:]],
        }

    def _view(self, values: np.ndarray, target: int | None) -> int:
        data = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
        item: Json = {"buffer": 0, "byteOffset": self._length, "byteLength": len(data)}
        if target is not None:
            item["target"] = target
        self._chunks.append(data + bytes(-len(data) % 4))
        self._length += len(self._chunks[-1])
        return self.add("bufferViews", item)

    def picture(self, name: str, picture: np.ndarray) -> int:
        """Add a texture of an RGB or RGBA picture, repeated beyond its borders, and return its index."""
        data = encode(picture)
        image = self.add(
            "images",
            {
                "name": name,
                "mimeType": MIME[suffix(picture)],
                "bufferView": self._view(np.frombuffer(data, np.uint8), None),
            },
        )
        if not self.json.get("samplers"):
            self.add("samplers", {"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497})
        return self.add("textures", {"name": name, "sampler": 0, "source": image})

    def write(self, path: Path) -> None:
        """Write the .glb whole or not at all; raises MienError when it exceeds 4 GiB or cannot be written."""
        document = self.json | ({"buffers": [{"byteLength": self._length}]} if self._length else {})
        text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + (8 + self._length if self._length else 0)
        if total > _LIMIT:
            raise MienError(f"cannot write {path}: {total / 2**30:.1f} GiB, and a .glb holds at most 4; split the clip")
        with write_whole(path) as temporary, temporary.open("wb") as file:
            file.write(struct.pack("<4sII", b"glTF", 2, total))
            file.write(struct.pack("<I4s", len(text), b"JSON") + text)
            if self._length:
                file.write(struct.pack("<I4s", self._length, b"BIN\0"))
                file.writelines(self._chunks)


def _bounds(values: np.ndarray) -> Json:
    low, high = np.min(values, axis=0), np.max(values, axis=0)
    # float32 -> float is exact and JSON prints the shortest text of the same double, so bounds equal the stored values.
    return {"min": np.atleast_1d(low).tolist(), "max": np.atleast_1d(high).tolist()}
