"""Reads untrusted glTF files: every length is checked against the file before memory is allocated."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, NoReturn, TypeGuard, cast
from urllib.parse import unquote

import numpy as np

from mien.core.errors import MienError

__all__ = ["GltfDocument", "read_glb"]

Json = dict[str, Any]

_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS: dict[str, tuple[int, ...]] = {
    "SCALAR": (), "VEC2": (2,), "VEC3": (3,), "VEC4": (4,), "MAT2": (2, 2), "MAT3": (3, 3), "MAT4": (4, 4),
}  # fmt: skip
_HUGE = 1e9
"""Numbers of a scene graph beyond this count as damage; products of two smaller ones still fit float32."""
_LARGEST = 2**30
"""Largest file that is read [bytes]; a character with its textures has some 10^8."""
_REQUIRED = {"KHR_materials_unlit", "KHR_texture_transform", "KHR_mesh_quantization", "VRM", "VRMC_vrm"}
"""Entries of extensionsRequired that this reader supports or can safely ignore; geometry compression is not among
them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GltfDocument:
    """The parsed JSON and the buffers of a file, with checked access to accessors and nodes, in the file's metres."""

    path: Path
    json: Json
    buffers: list[np.ndarray]
    """uint8 views of the buffers' bytes."""
    size: int
    """Size of all buffers [bytes]; no accessor may state more elements than that."""
    _parents: dict[int, int] = field(default_factory=dict[int, int])
    _items: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])

    def fail(self, text: str) -> NoReturn:
        """Raise a MienError with this file's path and `text`."""
        raise MienError(f"{self.path}: {text}")

    def items(self, kind: str) -> list[Json]:
        """The top-level list `kind` ("meshes"), empty when absent."""
        if kind not in self._items:
            value = self.json.get(kind, [])
            if not isinstance(value, list) or not all(isinstance(item, dict) for item in cast(list[Any], value)):
                self.fail(f"damaged glTF, '{kind}' is not a list of objects")
            self._items[kind] = cast(list[Json], value)
        return self._items[kind]

    def item(self, kind: str, index: Any) -> Json:
        """One top-level object; raises MienError when `index` is not one of them."""
        items = self.items(kind)
        if not _is_count(index) or index >= len(items):
            self.fail(f"damaged glTF, there is no {kind}[{index}]")
        return items[index]

    def accessor(self, index: Any, *, kind: str | None = None, count: int | None = None) -> np.ndarray:
        """Values of an accessor as [N, ...]: float32 (also from normalised integers) or the file's integers.

        Matrices are row-major. `kind` ("VEC3") and `count` are required of the accessor when given, before memory is
        allocated. Raises MienError when the accessor does not fit its buffer or a value is not finite.
        """
        item = self.item("accessors", index)
        total, shape, dtype = item.get("count"), _WIDTHS.get(str(item.get("type"))), _DTYPES.get(_key(item))
        if not _is_count(total) or total < 1 or shape is None or dtype is None:
            self.fail(f"damaged glTF, accessor {index} has no valid count, type and componentType")
        if kind is not None and item["type"] != kind:
            self.fail(f"accessor {index} is {item['type']} where {kind} belongs")
        if count is not None and total != count:
            self.fail(f"damaged glTF, accessor {index} has {total} elements, but {count} are needed")
        if total > self.size:
            self.fail(f"damaged glTF, accessor {index} states {total} elements, more than the file has bytes")
        if "bufferView" in item:
            values = self._slice(
                item["bufferView"], item.get("byteOffset", 0), total, shape, dtype, f"accessor {index}"
            )
        else:
            values = np.zeros((total, *shape), dtype)
        if "sparse" in item:
            values = self._sparse(item["sparse"], values, f"accessor {index}")
        if len(shape) == 2:
            values = values.transpose(0, 2, 1)  # glTF stores matrices column by column
        return self._finish(item, values, index)

    def _finish(self, item: Json, values: np.ndarray, index: Any) -> np.ndarray:
        if values.dtype.kind == "f":
            if not np.isfinite(values).all():
                self.fail(f"accessor {index} holds NaN or infinity")
            return np.ascontiguousarray(values, np.float32)
        if item.get("normalized"):
            # glTF 2.0, 3.6.2.2: c / (2^b - 1), signed c / (2^(b-1) - 1) clipped at -1.
            return np.maximum(values / np.float32(np.iinfo(values.dtype).max), -1).astype(np.float32)
        return np.ascontiguousarray(values)

    def _slice(
        self, view_index: Any, offset: Any, count: int, shape: tuple[int, ...], dtype: str, what: str
    ) -> np.ndarray:
        view = self.item("bufferViews", view_index)
        start, length, stride = view.get("byteOffset", 0), view.get("byteLength"), view.get("byteStride")
        if not (_is_count(offset) and _is_count(start) and _is_count(length)):
            self.fail(f"damaged glTF, bufferView {view_index} has no valid range")
        buffer_index = view.get("buffer")
        if not _is_count(buffer_index) or buffer_index >= len(self.buffers):
            self.fail(f"damaged glTF, there is no buffer {buffer_index}")
        buffer = self.buffers[buffer_index]
        size = prod(shape) * np.dtype(dtype).itemsize
        step = size if stride is None else stride
        if not _is_count(step) or step < size or step > max(252, size):
            self.fail(f"damaged glTF, {what} has a stride of {stride} bytes")
        if start + length > len(buffer) or offset + (count - 1) * step + size > length:
            self.fail(f"{what} reaches beyond the end of its buffer; the file is cut off or damaged")
        packed = np.ndarray((count, size), np.uint8, buffer, start + offset, (step, 1))
        return np.ascontiguousarray(packed).view(dtype).reshape(count, *shape)

    def _sparse(self, sparse: Any, values: np.ndarray, what: str) -> np.ndarray:
        if not isinstance(sparse, dict):
            self.fail(f"damaged glTF, sparse block of {what}")
        block = cast(Json, sparse)
        count, indices, entries = block.get("count"), block.get("indices"), block.get("values")
        if not isinstance(indices, dict) or not isinstance(entries, dict) or not _is_count(count):
            self.fail(f"damaged glTF, sparse block of {what}")
        where, what_to = cast(Json, indices), cast(Json, entries)
        dtype = _DTYPES.get(_key(where))
        if dtype not in ("<u1", "<u2", "<u4") or not 1 <= count <= len(values):
            self.fail(f"damaged glTF, sparse block of {what} has {count} entries")
        at = self._slice(where.get("bufferView"), where.get("byteOffset", 0), count, (), dtype, what)
        if at.max() >= len(values):
            self.fail(f"{what} has a sparse index beyond its {len(values)} elements")
        new = self._slice(
            what_to.get("bufferView"), what_to.get("byteOffset", 0), count, values.shape[1:], values.dtype.str, what
        )
        values = values.copy()
        values[at] = new
        return values

    def picture(self, image: Json) -> bytes | None:
        """The bytes of an entry of "images": of a buffer view, a data URI, or a file in the asset's folder.

        None when they cannot be read: a face is useful without its texture.
        """
        try:
            if "bufferView" in image:
                view = self.item("bufferViews", image["bufferView"])
                return self._slice(
                    image["bufferView"], 0, int(view.get("byteLength", 0)), (), "|u1", "an image"
                ).tobytes()
            return _buffer(self.path, image.get("uri"), None, 0).tobytes()
        except (MienError, TypeError, ValueError):
            return None

    def parents(self) -> dict[int, int]:
        """Node -> parent node; raises MienError on a node with two parents, a missing child or a cycle."""
        if self._parents:
            return self._parents
        for index, node in enumerate(self.items("nodes")):
            for child in self.indices(node.get("children", []), "nodes"):
                if child in self._parents:
                    self.fail(f"damaged glTF, node {child} has two parents")
                self._parents[child] = index
        settled: set[int] = set()
        for start in self._parents:
            path: set[int] = set()
            at: int | None = start
            while at is not None and at not in settled:
                if at in path:
                    self.fail(f"damaged glTF, node {at} is its own ancestor")
                path.add(at)
                at = self._parents.get(at)
            settled |= path
        return self._parents

    def indices(self, value: Any, kind: str) -> list[int]:
        """`value` as a list of valid indices into `kind`."""
        count = len(self.items(kind))
        if not isinstance(value, list) or not all(_is_count(i) and i < count for i in cast(list[Any], value)):
            self.fail(f"damaged glTF, a list of {kind} is not valid")
        return cast(list[int], value)

    def world_matrices(self) -> np.ndarray:
        """`world_from_node` for every node, shape [N, 4, 4], float64."""
        nodes, parents = self.items("nodes"), self.parents()
        out = np.zeros((len(nodes), 4, 4))
        done = np.zeros(len(nodes), bool)
        for index in range(len(nodes)):
            chain: list[int] = []
            node: int | None = index
            while node is not None and not done[node]:
                chain.append(node)
                node = parents.get(node)
            for at in reversed(chain):
                parent = parents.get(at)
                local = self.local_matrix(at)
                out[at] = local if parent is None else out[parent] @ local
                done[at] = True
                if np.abs(out[at]).max() > _HUGE:
                    self.fail(f"the transform of node {at} is beyond {_HUGE:.0e}")
        return out

    def local_matrix(self, index: int) -> np.ndarray:
        """`parent_from_node` of one node, shape [4, 4]."""
        node = self.item("nodes", index)
        if "matrix" in node:
            return self.numbers(node["matrix"], 16, f"matrix of node {index}").reshape(4, 4).T
        out = np.eye(4)
        x, y, z, w = _unit(self.numbers(node.get("rotation", [0, 0, 0, 1]), 4, f"rotation of node {index}"))
        turn = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        out[:3, :3] = turn * self.numbers(node.get("scale", [1, 1, 1]), 3, f"scale of node {index}")
        out[:3, 3] = self.numbers(node.get("translation", [0, 0, 0]), 3, f"translation of node {index}")
        return out

    def numbers(self, value: Any, count: int, what: str) -> np.ndarray:
        """`value` as `count` finite float64 numbers."""
        numbers = cast(Sequence[Any], value) if isinstance(value, list) else ()
        if len(numbers) != count or not all(isinstance(n, int | float) and abs(n) < _HUGE for n in numbers):
            self.fail(f"damaged glTF, {what} is not {count} numbers of sensible size")
        return np.array(numbers, float)

    def target_names(self, mesh: Json, count: int) -> list[str] | None:
        """`extras.targetNames` of a mesh (or of its first primitive) when they name all `count` targets."""
        holders: list[Any] = [mesh, *cast(list[Any], mesh.get("primitives") or [])[:1]]
        for holder in holders:
            extras = cast(Json, holder).get("extras") if isinstance(holder, dict) else None
            names = cast(Json, extras).get("targetNames") if isinstance(extras, dict) else None
            if isinstance(names, list) and len(cast(list[Any], names)) == count:
                return [str(name) for name in cast(list[Any], names)]
        return None


def read_glb(path: str | Path) -> GltfDocument:
    """Open a .glb, .vrm or .gltf (buffers embedded, as data URIs, or files beside it).

    Raises:
        MienError: missing, not glTF 2.0, cut off, damaged, or needing an extension that is not supported.
    """
    path = Path(path)
    try:
        data = _bytes_of(path, path)
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror or error}") from error
    text, chunk = _split(path, data)
    document = _parse(path, text)
    asset = document.get("asset")
    version = cast(Json, asset).get("version") if isinstance(asset, dict) else None
    if not isinstance(version, str) or not version.startswith("2."):
        raise MienError(f"{path} has glTF version {version}, and only 2.x can be read; convert it")
    required = document.get("extensionsRequired", [])
    unknown = [str(name) for name in cast(list[Any], required if isinstance(required, list) else [])]
    unknown = [name for name in unknown if name not in _REQUIRED]
    if unknown:
        raise MienError(f"{path} needs the glTF extension {unknown[0]}; export it again without compression")
    buffers = _buffers(path, document, chunk)
    return GltfDocument(path=path, json=document, buffers=buffers, size=sum(len(buffer) for buffer in buffers))


def _split(path: Path, data: np.ndarray) -> tuple[bytes, np.ndarray | None]:
    """JSON text and binary chunk of a .glb; a .gltf is all text."""
    if data[:4].tobytes() != b"glTF":
        return data.tobytes(), None
    if len(data) < 20:
        raise MienError(f"{path} is cut off: it has {len(data)} bytes, fewer than any .glb")
    version, length, json_length = (int(data[i : i + 4].view("<u4")[0]) for i in (4, 8, 12))
    if version != 2:
        raise MienError(f"{path} has GLB version {version}, and only 2 can be read; convert it")
    if length > len(data) or json_length > len(data) - 20 or data[16:20].tobytes() != b"JSON":
        raise MienError(f"{path} is cut off or damaged: it has {len(data)} of {max(length, json_length + 20)} bytes")
    text = data[20 : 20 + json_length].tobytes()
    rest = data[20 + json_length : length]
    if len(rest) < 8:
        return text, None
    size, kind = int(rest[:4].view("<u4")[0]), rest[4:8].tobytes()
    if kind != b"BIN\0":
        return text, None
    if size > len(rest) - 8:
        raise MienError(f"{path} is cut off: its binary chunk has {len(rest) - 8} of {size} bytes")
    return text, rest[8 : 8 + size]


def _parse(path: Path, text: bytes) -> Json:
    def refuse(name: str) -> NoReturn:
        raise ValueError(name)

    try:
        document: Any = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise MienError(f"{path} is not a glTF file: it holds no valid JSON") from error
    if not isinstance(document, dict):
        raise MienError(f"{path} is not a glTF file: its JSON is no object")
    return cast(Json, document)


def _buffers(path: Path, document: Json, chunk: np.ndarray | None) -> list[np.ndarray]:
    items = document.get("buffers", [])
    out: list[np.ndarray] = []
    for index, entry in enumerate(cast(list[Any], items if isinstance(items, list) else [])):
        item = cast(Json, entry if isinstance(entry, dict) else {})
        length, uri = item.get("byteLength"), item.get("uri")
        data = _buffer(path, uri, chunk if index == 0 else None, index)
        if not _is_count(length) or length > len(data):
            raise MienError(f"{path}: buffer {index} has {len(data)} of the {length} bytes it states; it is cut off")
        out.append(data[:length])
    return out


def _buffer(path: Path, uri: Any, chunk: np.ndarray | None, index: int) -> np.ndarray:
    if uri is None and chunk is not None:
        return chunk
    if not isinstance(uri, str):
        raise MienError(f"{path}: buffer {index} has no data")
    if uri.startswith("data:"):
        try:
            return np.frombuffer(base64.b64decode(uri.partition(",")[2], validate=True), np.uint8)
        except (binascii.Error, ValueError) as error:
            raise MienError(f"{path}: buffer {index} is not valid base64") from error
    folder = path.resolve().parent
    target = (folder / unquote(uri)).resolve()
    # A model must not be able to make mien open files elsewhere on the machine.
    if "://" in uri or not target.is_relative_to(folder):
        raise MienError(f"{path}: buffer {index} lies outside of the file's folder; copy it there")
    try:
        return _bytes_of(target, path)
    except OSError as error:
        raise MienError(f"{path}: cannot read its buffer {uri[:80]}: {error.strerror or error}") from error


def _bytes_of(file: Path, asset: Path) -> np.ndarray:
    """All bytes of a file; raises OSError, and MienError that names the asset when it is too large."""
    if file.stat().st_size > _LARGEST:
        raise MienError(f"{asset}: {file.name} is larger than {_LARGEST // 2**30} GiB; reduce it")
    return np.fromfile(file, np.uint8)


def _key(item: Json) -> int:
    value = item.get("componentType")
    return value if isinstance(value, int) else -1


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _unit(quaternion: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(quaternion))
    return quaternion / length if length > 1e-12 else np.array([0, 0, 0, 1.0])
