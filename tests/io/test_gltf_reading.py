import base64
import json
import random
import struct
import tracemalloc
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from mien.core import Clip, MienError
from mien.io.gltf.document import read_glb
from mien.rigs.readers.gltf.reader import load_glb

Make = Callable[..., Any]
"""A fixture that hands out a function of `conftest.py`."""


def test_gltf_with_data_uri_and_with_a_file_beside_it(tmp_path: Path, written: Make):
    document, chunk = written(tmp_path)
    expected = load_glb(tmp_path / "good.glb").shapes
    document["buffers"][0]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(chunk).decode()
    (tmp_path / "a.gltf").write_text(json.dumps(document))
    assert np.array_equal(load_glb(tmp_path / "a.gltf").shapes, expected)
    assert len(Clip.load(tmp_path / "a.gltf")) == 3
    (tmp_path / "the buffer.bin").write_bytes(chunk)
    document["buffers"][0]["uri"] = "the%20buffer.bin"
    (tmp_path / "b.gltf").write_text(json.dumps(document))
    assert np.array_equal(load_glb(tmp_path / "b.gltf").shapes, expected)


@pytest.mark.parametrize(
    "uri", ["../secret.bin", "/etc/hostname", "https://example.org/a.bin", "missing.bin", "data:,@"]
)
def test_buffers_elsewhere_are_refused(tmp_path: Path, uri: str):
    (tmp_path / "secret.bin").write_bytes(bytes(100))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.gltf").write_text(
        json.dumps({"asset": {"version": "2.0"}, "buffers": [{"byteLength": 4, "uri": uri}]})
    )
    with pytest.raises(MienError, match="buffer") as caught:
        read_glb(tmp_path / "in" / "a.gltf")
    assert "\n" not in str(caught.value)


def accessors(pack: Make, tmp_path: Path, data: bytes, view: dict[str, Any], *items: dict[str, Any]):
    document = {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": len(data)}],
        "bufferViews": [{"buffer": 0, "byteLength": len(data)} | view],
        "accessors": list(items),
    }
    return read_glb(pack(document, data, tmp_path / "a.glb"))


def test_interleaved_and_normalised_accessors(tmp_path: Path, pack: Make):
    rows = [struct.pack("<3fhhBBBB", i, 2 * i, 3 * i, -32768 + i, 32767, 0, 51, 255, 7) for i in range(5)]
    document = accessors(
        pack,
        tmp_path,
        b"".join(rows),
        {"byteStride": 20},
        {"bufferView": 0, "componentType": 5126, "count": 5, "type": "VEC3"},
        {"bufferView": 0, "byteOffset": 12, "componentType": 5122, "count": 5, "type": "VEC2", "normalized": True},
        {"bufferView": 0, "byteOffset": 16, "componentType": 5121, "count": 5, "type": "VEC4", "normalized": True},
        {"bufferView": 0, "byteOffset": 16, "componentType": 5121, "count": 5, "type": "VEC4"},
    )
    assert np.array_equal(document.accessor(0), np.arange(5)[:, None] * [1.0, 2, 3])
    np.testing.assert_allclose(document.accessor(1), [[-1, 1]] * 5, atol=2e-4)
    assert document.accessor(1).min() == -1  # -32768 is clipped, as the specification says
    np.testing.assert_allclose(document.accessor(2)[0], [0, 0.2, 1, 7 / 255], atol=1e-7)
    assert document.accessor(3)[0].tolist() == [0, 51, 255, 7]


def test_matrices_are_turned_to_rows(tmp_path: Path, pack: Make):
    data = np.arange(16, dtype="<f4").tobytes()
    document = accessors(pack, tmp_path, data, {}, {"bufferView": 0, "componentType": 5126, "count": 1, "type": "MAT4"})
    assert np.array_equal(document.accessor(0)[0], np.arange(16).reshape(4, 4).T)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"componentType": 5126, "count": 10**9, "type": "VEC3", "bufferView": 0}, "states 1000000000 elements"),
        ({"componentType": 5126, "count": 10**9, "type": "VEC3"}, "states 1000000000 elements"),
        ({"componentType": 5126, "count": 6, "type": "VEC3", "bufferView": 0}, "beyond the end"),
        ({"componentType": 5126, "count": 5, "type": "VEC3", "bufferView": 0, "byteOffset": 4}, "beyond the end"),
        ({"componentType": 5126, "count": 5, "type": "VEC3", "bufferView": 0, "byteOffset": -4}, "no valid range"),
        ({"componentType": 5126, "count": 5, "type": "VEC3", "bufferView": 1}, "no bufferViews"),
        ({"componentType": 5124, "count": 5, "type": "VEC3", "bufferView": 0}, "no valid count, type and"),
        ({"componentType": 5126, "count": 5, "type": "VEC5", "bufferView": 0}, "no valid count, type and"),
        ({"componentType": 5126, "count": 0, "type": "VEC3", "bufferView": 0}, "no valid count, type and"),
        ({"componentType": 5126, "count": 5, "type": "VEC2", "bufferView": 0}, "is VEC2 where VEC3"),
    ],
)
def test_accessors_are_checked_before_memory_is_taken(tmp_path: Path, item: dict[str, Any], reason: str, pack: Make):
    document = accessors(pack, tmp_path, bytes(60), {}, item)
    tracemalloc.start()
    with pytest.raises(MienError, match=reason):
        document.accessor(0, kind="VEC3")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_nan_and_wild_sparse_indices_are_refused(tmp_path: Path, pack: Make):
    nan = np.array([1, np.nan, 3], "<f4").tobytes()
    item = {"componentType": 5126, "count": 1, "type": "VEC3", "bufferView": 0}
    with pytest.raises(MienError, match="NaN"):
        accessors(pack, tmp_path, nan, {}, item).accessor(0)
    sparse = {
        "count": 1,
        "indices": {"bufferView": 0, "componentType": 5123},
        "values": {"bufferView": 0},
    }
    data = np.array([9, 0], "<u2").tobytes() + bytes(12)
    with pytest.raises(MienError, match="sparse index beyond its 4"):
        accessors(
            pack, tmp_path, data, {}, {"componentType": 5126, "count": 4, "type": "VEC3", "sparse": sparse}
        ).accessor(0)


def _cycle(document: dict[str, Any]) -> None:
    for node, child in ((0, 1), (1, 2), (2, 0)):
        document["nodes"][node]["children"] = [child]


def _translations(document: dict[str, Any]) -> int:
    return document["animations"][0]["samplers"][-1]["output"]


BREAKS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda d: d.pop("asset"), "glTF version None"),
    (lambda d: d["asset"].update(version="1.0"), "glTF version 1.0"),
    (lambda d: d.update(extensionsRequired=["KHR_draco_mesh_compression"]), "KHR_draco_mesh_compression"),
    (lambda d: d.update(meshes=[]), "there is no meshes"),
    (lambda d: [p.pop("targets") for p in d["meshes"][0]["primitives"]], "no morph targets"),
    (lambda d: d["meshes"][0].pop("extras"), "none of its 53 morph targets has an ARKit name"),
    (
        lambda d: d["meshes"][0]["primitives"][0]["targets"].__setitem__(3, {"POSITION": _translations(d)}),
        "3 elements, but",
    ),
    (lambda d: d["meshes"][0]["primitives"][0]["targets"][3].update(POSITION=10**6), "no accessors"),
    (_cycle, "own ancestor|two parents"),
    (lambda d: d["nodes"][0].update(children=[99]), "list of nodes"),
    (lambda d: d["nodes"][2].update(rotation=[0, 0, 1e300, 1]), "rotation of node 2"),
    (lambda d: d["nodes"][2].update(translation=["a", 0, 0]), "translation of node 2"),
    (lambda d: d["nodes"][0].update(skin=7), "no skins"),
    (lambda d: d["skins"][0].update(joints=[1]), "elements, but 1 are needed|beyond the skin"),
    (lambda d: d["scenes"][0].update(nodes=[0, 0]), "lists node 0 twice"),
    (lambda d: d["meshes"][0]["primitives"][0].update(indices=0), "is VEC3 where SCALAR"),
    (lambda d: d["buffers"][0].update(byteLength=10**12), "cut off"),
]


@pytest.mark.parametrize(("damage", "reason"), BREAKS)
def test_damaged_files_give_one_line(
    tmp_path: Path,
    damage: Callable[[dict[str, Any]], Any],
    reason: str,
    written: Make,
    pack: Make,
):
    document, chunk = written(tmp_path)
    damage(document)
    path = pack(document, chunk, tmp_path / "bad.glb")
    with pytest.raises(MienError, match=reason) as caught:
        load_glb(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_triangles_beyond_the_vertices(tmp_path: Path, written: Make, pack: Make):
    document, chunk = written(tmp_path)
    indices = document["accessors"][document["meshes"][0]["primitives"][0]["indices"]]
    start = document["bufferViews"][indices["bufferView"]]["byteOffset"]
    broken = chunk[:start] + b"\xfe\xff" + chunk[start + 2 :]
    with pytest.raises(MienError, match="triangle indices do not fit"):
        load_glb(pack(document, broken, tmp_path / "bad.glb"))


def test_cut_files_and_other_files(tmp_path: Path, assets: Path, written: Make):
    written(tmp_path)
    data = (tmp_path / "good.glb").read_bytes()
    for length in (0, 3, 4, 11, 12, 19, 20, 500, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.glb").write_bytes(data[:length])
        with pytest.raises(MienError, match=r"cut off|not a glTF file") as caught:
            load_glb(tmp_path / "cut.glb")
        assert "\n" not in str(caught.value)
    with pytest.raises(MienError, match="cannot read"):
        load_glb(tmp_path / "missing.glb")
    with pytest.raises(MienError, match="not a glTF file"):
        load_glb(assets / "video" / "no_face.mp4")
    (tmp_path / "deep.gltf").write_text("[" * 100_000)
    with pytest.raises(MienError, match="not a glTF file"):
        load_glb(tmp_path / "deep.gltf")
    (tmp_path / "nan.gltf").write_text('{"asset": {"version": "2.0"}, "x": NaN}')
    with pytest.raises(MienError, match="no valid JSON"):
        load_glb(tmp_path / "nan.gltf")


def test_a_file_without_animation_is_no_clip(tmp_path: Path, assets: Path):
    with pytest.raises(MienError, match="no animation of named morph targets"):
        Clip.load(assets / "rigs" / "rocketbox_female_01.glb")


def keyed(document: dict[str, Any], chunk: bytes, turns: np.ndarray) -> bytes:
    """The head's rotation keyed at the first and the last time alone."""
    animation = document["animations"][0]
    head = next(n for n, node in enumerate(document["nodes"]) if node.get("name") == "head")
    target = {"node": head, "path": "rotation"}
    sampler = animation["samplers"][next(c["sampler"] for c in animation["channels"] if c["target"] == target)]
    ends = {key: document["accessors"][sampler["input"]][key] for key in ("min", "max")}
    data = np.concatenate([*ends.values(), turns.ravel()]).astype("<f4").tobytes()
    for name, kind, offset in (("input", "SCALAR", 0), ("output", "VEC4", 8)):
        length = 8 if name == "input" else 32
        view = {"buffer": 0, "byteOffset": len(chunk) + offset, "byteLength": length}
        item = {"bufferView": len(document["bufferViews"]), "componentType": 5126, "count": 2, "type": kind}
        item |= ends if name == "input" else {}
        sampler[name] = len(document["accessors"])
        document["bufferViews"].append(view)
        document["accessors"].append(item)
    document["buffers"][0]["byteLength"] = len(chunk) + len(data)
    return chunk + data


def test_a_rotation_turns_evenly_the_shortest_way_between_its_keys(tmp_path: Path, written: Make, pack: Make):
    document, chunk = written(tmp_path)
    ends = Rotation.from_euler("y", [[-60], [60]], degrees=True)
    chunk = keyed(document, chunk, ends.as_quat() * [[1], [-1]])  # the other sign is the same rotation
    clip = Clip.load(pack(document, chunk, tmp_path / "keys.glb"))
    assert clip.head_rotation is not None
    expected = Slerp(clip.times[[0, -1]], ends)(clip.times)
    assert (Rotation.from_quat(clip.head_rotation) * expected.inv()).magnitude().max() < 1e-6
    chunk = keyed(document, chunk, np.zeros((2, 4)))
    with pytest.raises(MienError, match="a rotation is all zeros"):
        Clip.load(pack(document, chunk, tmp_path / "zeros.glb"))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value[:30]))
    else:
        return []
    return [p for key, inner in items for p in ((*path, key), *_paths(inner, (*path, key)))]


def test_random_damage_is_refused_or_read_but_never_escapes(tmp_path: Path, written: Make, pack: Make):
    """400 files with one to three random entries replaced by nonsense; anything but MienError fails the test."""
    document, chunk = written(tmp_path)
    paths, rng = _paths(document), random.Random(1)
    junk = [None, -1, 0, 1, 3, 10**10, 10**400, 1.5, "x", [], {}, True, [1], {"a": 1}, "VEC3", "MAT4", 5121, 1e300]
    outcomes = {True: 0, False: 0}
    for _ in range(400):
        broken = deepcopy(document)
        for path in rng.sample(paths, rng.randint(1, 3)):
            holder: Any = broken
            try:
                for key in path[:-1]:
                    holder = holder[key]
                holder[path[-1]] = rng.choice(junk)
            except (KeyError, IndexError, TypeError):
                continue  # an earlier change removed the place
        target = pack(broken, chunk, tmp_path / "fuzz.glb")
        for reader in (load_glb, Clip.load):
            try:
                reader(target)
                outcomes[True] += 1
            except MienError as error:
                assert "\n" not in str(error)
                outcomes[False] += 1
    assert min(outcomes.values()) > 50
