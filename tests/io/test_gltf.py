import base64
import json
import random
import shutil
import struct
import subprocess
import tracemalloc
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from mien.core import ARKIT, Clip, Joint, Mesh, MienError, Part, Rig, Topology
from mien.core.transforms import quaternion_from_angles
from mien.io.gltf.document import read_glb
from mien.io.gltf.rig import SOURCE_VERTEX, linear_from_srgb, srgb_from_linear, write_rig
from mien.rigs import load
from mien.rigs.glb import load_glb

VALIDATOR = Path(__file__).resolve().parents[2] / "tools" / "gltf-validator"
TYPES = {5121: "u1", 5123: "u2", 5125: "u4", 5126: "f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def ball(rows: int = 12) -> Rig:
    """A sphere of 80 mm with random local shapes, two eyes' worth of joints, colours, two materials and a UV seam."""
    rng = np.random.default_rng(0)
    polar, around = np.meshgrid(np.linspace(0.1, np.pi - 0.1, rows), np.arange(rows) * 2 * np.pi / rows, indexing="ij")
    unit = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    vertices = (80 * unit.reshape(-1, 3)).astype(np.float32)
    at = np.arange(rows * rows).reshape(rows, rows)
    a, b, c, d = at[:-1], np.roll(at, -1, 1)[:-1], at[1:], np.roll(at, -1, 1)[1:]
    triangles = np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, c, b), (b, c, d))])
    # Texture coordinates on a grid one column wider, so that the first column of vertices has two sets.
    wide = np.arange(rows * (rows + 1)).reshape(rows, rows + 1)
    e, f, g, h = wide[:-1, :-1], wide[:-1, 1:], wide[1:, :-1], wide[1:, 1:]
    uv_triangles = np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((e, g, f), (f, g, h))])
    u, v = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(1, 0, rows))
    shapes = np.zeros((53, len(vertices), 3), np.float32)
    for shape in shapes[:-1]:
        shape[rng.integers(0, len(vertices), 15)] = rng.normal(size=(15, 3)) * 5
    shapes[5] = rng.normal(size=vertices.shape)  # moves everything: dense is smaller; the last one moves nothing
    weights = rng.random((len(vertices), 4)).astype(np.float32) ** 4
    weights[:20, 2:] = 0
    half = len(triangles) // 2
    return Rig(
        name="ball",
        neutral=Mesh(
            vertices=vertices,
            topology=Topology(
                triangles=triangles,
                uv=np.stack([u.reshape(-1), v.reshape(-1)], axis=1),
                uv_triangles=uv_triangles,
                parts=(
                    Part(name="skin", start=0, stop=half, color=(0.9, 0.5, 0.1), roughness=0.4),
                    Part(name="cap", start=half, stop=len(triangles)),
                ),
            ),
        ),
        shape_names=(*ARKIT, "nothing"),
        shapes=shapes,
        joints=(
            Joint(name="neck", position=(0, -90, -20)),
            Joint(name="head", position=(0, -40, 0), parent="neck"),
            Joint(name="eyeLeft", position=(30, 20, 60), parent="head"),
            Joint(name="eyeRight", position=(-30, 20, 60), parent="head"),
        ),
        joint_weights=weights / weights.sum(axis=1, keepdims=True),
        colors=rng.random((len(vertices), 3)).astype(np.float32),
        licence="CC0",
    )


def performance(frames: int = 20) -> Clip:
    rng = np.random.default_rng(3)
    return Clip(
        times=np.cumsum(rng.uniform(0.01, 0.07, frames)),
        weights=rng.random((frames, 52)).astype(np.float32),
        head_rotation=quaternion_from_angles(rng.normal(size=(frames, 3)) * 0.4),
        head_translation=rng.normal(size=(frames, 3)) * 50 + (0, 0, -600),
        gaze=rng.normal(size=(frames, 2, 2)) * 0.2,
        source="take.mp4",
    )


def plain(rig: Rig) -> Rig:
    """Without joints, colours, materials and texture coordinates."""
    topology = Topology(triangles=rig.neutral.topology.triangles)
    return replace(
        rig,
        neutral=Mesh(vertices=rig.neutral.vertices, topology=topology),
        joints=(),
        joint_weights=None,
        colors=None,
        licence="",
    )


@pytest.fixture(scope="module")
def validate() -> Callable[..., dict[str, Any]]:
    """Runs the Khronos validator on files; the full test command turns this skip into a failure."""
    node = shutil.which("node")
    if node is None or not (VALIDATOR / "node_modules" / "gltf-validator").is_dir():
        pytest.skip(f"no node, or `npm ci` has not run in {VALIDATOR}")

    def run(*paths: Path) -> dict[str, Any]:
        command = [node, str(VALIDATOR / "validate.mjs"), *map(str, paths)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return run


def test_the_khronos_validator_finds_nothing(validate: Callable[..., dict[str, Any]], assets: Path, tmp_path: Path):
    rig, clip = ball(), performance()
    clip.save(tmp_path / "full.glb", rig=rig, translation=True, morph_normals=True)
    clip.save(tmp_path / "plain.glb", rig=plain(rig))
    clip.save(tmp_path / "unskinned.glb", rig=replace(rig, joint_weights=None), translation=True)
    clip.select(np.arange(20) < 1).save(tmp_path / "still.glb", rig=rig)
    write_rig(replace(rig, shapes=rig.shapes[:0], shape_names=()), tmp_path / "stiff.glb")
    take = Clip.load(assets / "motion" / "alex_rom_3.csv")
    person = load_glb(assets / "rigs" / "rocketbox_female_01.glb")
    take.select(np.arange(len(take)) < 60).save(tmp_path / "rocketbox.glb", rig=person)
    for name in ("ict", "mo"):
        take.save(tmp_path / f"{name}.glb", rig=load(name))
    for path, report in validate(*tmp_path.glob("*.glb")).items():
        assert (report["errors"], report["warnings"]) == (0, 0), (path, report["messages"])


def test_the_validator_can_object(validate: Callable[..., dict[str, Any]], tmp_path: Path):
    document, chunk = written(tmp_path)
    document["accessors"][0]["max"] = [0, 0, 0]
    (report,) = validate(pack(document, chunk, tmp_path / "bad.glb")).values()
    assert report["errors"] > 0


class Reader:
    """A second decoder, on pygltflib's parsing, for what mien wrote."""

    def __init__(self, path: Path) -> None:
        self.gltf = pygltflib.GLTF2().load_binary(str(path))
        self.blob = self.gltf.binary_blob()

    def view(self, view: int, offset: int, kind: int, count: int, width: int) -> np.ndarray:
        start = (self.gltf.bufferViews[view].byteOffset or 0) + (offset or 0)
        return np.frombuffer(self.blob, f"<{TYPES[kind]}", count * width, start).reshape(count, width)

    def accessor(self, index: int) -> np.ndarray:
        a = self.gltf.accessors[index]
        width = WIDTHS[a.type]
        out = np.zeros((a.count, width))
        if a.bufferView is not None:
            out[:] = self.view(a.bufferView, a.byteOffset, a.componentType, a.count, width)
        if a.sparse is not None:
            s = a.sparse
            at = self.view(s.indices.bufferView, s.indices.byteOffset, s.indices.componentType, s.count, 1)[:, 0]
            out[at] = self.view(s.values.bufferView, s.values.byteOffset, a.componentType, s.count, width)
        return out

    def performed(self, frame: int) -> np.ndarray:
        """Vertices [m] at a key of the animation: morphs, then node transforms or skin."""
        gltf, pose = self.gltf, [deepcopy(node) for node in self.gltf.nodes]
        (mesh_index,) = (i for i, node in enumerate(gltf.nodes) if node.mesh is not None)
        primitive = gltf.meshes[0].primitives[0]
        vertices = self.accessor(primitive.attributes.POSITION)
        animation = gltf.animations[0]
        for channel in animation.channels:
            values = self.accessor(animation.samplers[channel.sampler].output)
            if channel.target.path == "weights":
                weights = values.reshape(-1, len(primitive.targets))[frame]
                for weight, target in zip(weights, primitive.targets, strict=True):
                    vertices = vertices + weight * self.accessor(target["POSITION"])
            else:
                setattr(pose[channel.target.node], channel.target.path, values[frame].tolist())
        parents = {child: i for i, node in enumerate(pose) for child in node.children or []}

        def world(index: int) -> np.ndarray:
            local = np.eye(4)
            local[:3, :3] = Rotation.from_quat(pose[index].rotation or [0, 0, 0, 1]).as_matrix()
            local[:3, 3] = pose[index].translation or 0
            return world(parents[index]) @ local if index in parents else local

        points = np.concatenate([vertices, np.ones((len(vertices), 1))], axis=1)
        if gltf.nodes[mesh_index].skin is None:
            return (points @ world(mesh_index).T)[:, :3]
        skin = gltf.skins[0]
        bind = self.accessor(skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
        matrices = np.stack([world(joint) @ inverse for joint, inverse in zip(skin.joints, bind, strict=True)])
        joints = self.accessor(primitive.attributes.JOINTS_0).astype(int)
        blend = np.einsum("vk,vkij->vij", self.accessor(primitive.attributes.WEIGHTS_0), matrices[joints])
        return np.einsum("vij,vj->vi", blend, points)[:, :3]


@pytest.mark.parametrize("kind", ["skinned", "unskinned", "plain", "seamless"])
def test_an_independent_reader_sees_the_same_performance(tmp_path: Path, kind: str):
    rig, clip = ball(), performance()
    if kind == "unskinned":
        rig = replace(rig, joint_weights=None)
    if kind == "plain":
        rig = plain(rig)
    if kind == "seamless":
        rig = replace(rig, neutral=Mesh(vertices=rig.neutral.vertices, topology=plain(rig).neutral.topology))
    clip.save(tmp_path / "a.glb", rig=rig)
    reader = Reader(tmp_path / "a.glb")
    attributes = reader.gltf.meshes[0].primitives[0].attributes
    source = np.arange(len(rig.neutral.vertices))
    if kind in ("skinned", "unskinned"):
        source = reader.accessor(getattr(attributes, SOURCE_VERTEX))[:, 0].astype(int)
        assert len(source) > len(rig.neutral.vertices)
    for frame in (0, 7, 19):
        expected = rig.perform(clip, frame)
        if kind in ("plain", "unskinned"):  # no skin: the whole mesh turns about the head joint, or about the origin
            pivot = np.array(rig.joints[1].position if rig.joints else (0, 0, 0))
            turn = Rotation.from_quat(clip.head_rotation[frame]).as_matrix()
            expected = (rig.evaluate(clip.weights[frame]) - pivot) @ turn.T + pivot
        np.testing.assert_allclose(reader.performed(frame), expected[source] / 1000, atol=1e-6)


def test_head_translation_moves_the_whole_head_from_its_first_place(tmp_path: Path):
    rig, clip = ball(), performance()
    clip.save(tmp_path / "a.glb", rig=rig)
    clip.save(tmp_path / "b.glb", rig=rig, translation=True)
    still, moved = Reader(tmp_path / "a.glb"), Reader(tmp_path / "b.glb")
    step = (clip.head_translation[9] - clip.head_translation[0]) / 1000
    np.testing.assert_allclose(
        moved.performed(9) - still.performed(9), np.broadcast_to(step, (len(still.performed(9)), 3)), atol=1e-6
    )
    np.testing.assert_allclose(Clip.load(tmp_path / "b.glb").head_translation, clip.head_translation, atol=1e-3)


def test_trimesh_reads_the_geometry(tmp_path: Path):
    rig = ball()
    write_rig(rig, tmp_path / "a.glb")
    scene = trimesh.load(tmp_path / "a.glb", process=False)
    meshes = list(scene.geometry.values())
    assert sum(len(mesh.faces) for mesh in meshes) == len(rig.neutral.topology.triangles)
    skin = meshes[0]
    uv = rig.neutral.topology.uv[rig.neutral.topology.uv_triangles[: len(skin.faces)]]
    corners = rig.neutral.vertices[rig.neutral.topology.triangles[: len(skin.faces)]] / 1000
    np.testing.assert_allclose(skin.vertices[skin.faces], corners, atol=1e-7)
    np.testing.assert_allclose(skin.visual.uv[skin.faces], uv, atol=1e-6)  # trimesh turns v up again
    np.testing.assert_allclose(
        skin.visual.material.baseColorFactor[:3] / 255, linear_from_srgb(np.array([0.9, 0.5, 0.1])), atol=3e-3
    )


def test_only_moving_vertices_are_stored(tmp_path: Path):
    write_rig(plain(ball(40)), tmp_path / "a.glb")
    gltf = Reader(tmp_path / "a.glb").gltf
    targets = [gltf.accessors[t["POSITION"]] for t in gltf.meshes[0].primitives[0].targets]
    assert targets[0].sparse is not None and targets[0].sparse.count <= 15 and targets[0].bufferView is None
    assert targets[5].sparse is None and targets[5].bufferView is not None
    assert targets[52].sparse is None and targets[52].bufferView is None and targets[52].max == [0, 0, 0]


def test_a_clip_comes_back(tmp_path: Path):
    rig, clip = ball(), performance()
    clip.save(tmp_path / "a.glb", rig=rig)
    back = Clip.load(tmp_path / "a.glb")
    assert back.channels == rig.shape_names and back.source == "take.mp4" and back.confidence is None
    np.testing.assert_allclose(back.times, clip.times, atol=1e-7)
    assert np.array_equal(back.with_channels(ARKIT).weights, clip.weights)
    dots = np.abs((back.head_rotation * clip.head_rotation).sum(axis=1))
    np.testing.assert_allclose(dots, 1, atol=1e-6)
    np.testing.assert_allclose(back.gaze, clip.gaze, atol=1e-6)
    assert back.head_translation is None


def test_gaze_from_the_look_channels_is_played_but_not_read_as_measured(tmp_path: Path):
    rig, clip = ball(), replace(performance(), gaze=None)
    clip.save(tmp_path / "a.glb", rig=rig)
    assert Clip.load(tmp_path / "a.glb").gaze is None
    source = Reader(tmp_path / "a.glb").accessor(5)  # any split attribute has the written count
    assert len(Reader(tmp_path / "a.glb").performed(3)) == len(source)
    expected = rig.perform(clip, 3) / 1000
    reader = Reader(tmp_path / "a.glb")
    at = reader.accessor(getattr(reader.gltf.meshes[0].primitives[0].attributes, SOURCE_VERTEX))[:, 0].astype(int)
    np.testing.assert_allclose(reader.performed(3), expected[at], atol=1e-6)


def test_lost_frames_are_held_and_come_back_as_lost(tmp_path: Path):
    clip = performance()
    lost = [0, 1, 7, 8, 19]
    weights, rotation = clip.weights.copy(), clip.head_rotation.copy()
    weights[lost] = rotation[lost] = np.nan
    confidence = np.ones(20)
    confidence[lost] = 0
    clip = replace(clip, weights=weights, head_rotation=rotation, confidence=confidence)
    clip.save(tmp_path / "a.glb", rig=ball())
    reader = Reader(tmp_path / "a.glb")
    values = reader.accessor(reader.gltf.animations[0].samplers[0].output).reshape(20, 53)[:, :52]
    assert np.array_equal(values, clip.filled().weights)
    back = Clip.load(tmp_path / "a.glb")
    assert np.flatnonzero(~back.seen).tolist() == lost and np.isnan(back.head_rotation[lost]).all()
    assert np.isfinite(back.head_rotation[2]).all()


@pytest.mark.parametrize("start", [0.0, 0.25, -0.5, 47_584.5275])
def test_times_survive_wherever_the_clip_starts(tmp_path: Path, start: float):
    clip = performance()
    clip = replace(clip, times=clip.times - clip.times[0] + start)
    clip.save(tmp_path / "a.glb", rig=ball())
    reader = Reader(tmp_path / "a.glb")
    keys = reader.accessor(reader.gltf.animations[0].samplers[0].input)[:, 0]
    np.testing.assert_allclose(keys, clip.times - (start if start not in (0.0, 0.25) else 0), atol=1e-6)
    np.testing.assert_allclose(Clip.load(tmp_path / "a.glb").times, clip.times, atol=1e-6)


def test_quaternions_never_flip_between_keys(tmp_path: Path):
    clip = performance()
    signs = np.where(np.arange(20) % 2, -1.0, 1.0)[:, None]
    replace(clip, head_rotation=clip.head_rotation * signs * 3).save(tmp_path / "a.glb", rig=ball())
    reader = Reader(tmp_path / "a.glb")
    turns = reader.accessor(reader.gltf.animations[0].samplers[1].output)
    assert ((turns[1:] * turns[:-1]).sum(axis=1) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(turns, axis=1), 1, atol=1e-6)


def test_a_rig_comes_back_with_its_seams_joined(tmp_path: Path):
    rig = ball()
    write_rig(rig, tmp_path / "ball.glb", morph_normals=True)
    back = load_glb(tmp_path / "ball.glb")
    assert back.name == "ball" and back.shape_names == rig.shape_names and back.licence == "CC0"
    np.testing.assert_allclose(back.neutral.vertices, rig.neutral.vertices, atol=2e-5)
    np.testing.assert_allclose(back.shapes, rig.shapes, atol=2e-4)  # 1e-4 mm counts as still
    assert np.array_equal(back.neutral.topology.triangles, rig.neutral.topology.triangles)
    for a, b in ((back, rig), (rig, back)):
        uv, other = (r.neutral.topology.uv[r.neutral.topology.uv_triangles] for r in (a, b))
        np.testing.assert_allclose(uv, other, atol=1e-6)
    assert [(p.name, p.start, p.stop) for p in back.neutral.topology.parts] == [
        (p.name, p.start, p.stop) for p in rig.neutral.topology.parts
    ]
    np.testing.assert_allclose(back.neutral.topology.parts[0].color, (0.9, 0.5, 0.1), atol=1e-6)
    np.testing.assert_allclose(back.colors, rig.colors, atol=1e-5)
    assert [(j.name, j.parent) for j in back.joints] == [(j.name, j.parent) for j in rig.joints]
    np.testing.assert_allclose([j.position for j in back.joints], [j.position for j in rig.joints], atol=1e-4)
    np.testing.assert_allclose(back.joint_weights.sum(axis=1), 1, atol=1e-6)


def test_srgb_is_its_own_inverse_and_meets_known_values():
    x = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(srgb_from_linear(linear_from_srgb(x)), x, atol=1e-12)
    np.testing.assert_allclose(linear_from_srgb(np.array([0.5])), [0.2140411], atol=1e-7)


def test_what_cannot_be_written(tmp_path: Path):
    clip, rig = performance(), ball()
    with pytest.raises(MienError, match="needs a rig"):
        clip.save(tmp_path / "a.glb")
    with pytest.raises(MienError, match="no frames"):
        clip.select(np.zeros(20, bool)).save(tmp_path / "a.glb", rig=rig)
    with pytest.raises(MienError, match="none of the clip's channels"):
        clip.save(tmp_path / "a.glb", rig=replace(rig, shape_names=tuple(f"s{i}" for i in range(53))))
    with pytest.raises(MienError, match="closer together"):
        replace(clip, times=np.arange(20) * 1e-9 + 1).save(tmp_path / "a.glb", rig=rig)
    with pytest.raises(MienError, match="does not exist"):
        clip.save(tmp_path / "missing" / "a.glb", rig=rig)
    assert list(tmp_path.iterdir()) == []


# --- reading what others made -----------------------------------------------------------------------------------------


def written(folder: Path) -> tuple[dict[str, Any], bytes]:
    """JSON and binary chunk of a small performance."""
    performance(3).save(folder / "good.glb", rig=ball(6), translation=True)
    data = (folder / "good.glb").read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def pack(document: dict[str, Any], chunk: bytes, path: Path) -> Path:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    path.write_bytes(
        struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(chunk))
        + struct.pack("<I4s", len(text), b"JSON")
        + text
        + struct.pack("<I4s", len(chunk), b"BIN\0")
        + chunk
    )
    return path


def test_gltf_with_data_uri_and_with_a_file_beside_it(tmp_path: Path):
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


def accessors(tmp_path: Path, data: bytes, view: dict[str, Any], *items: dict[str, Any]):
    document = {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": len(data)}],
        "bufferViews": [{"buffer": 0, "byteLength": len(data)} | view],
        "accessors": list(items),
    }
    return read_glb(pack(document, data, tmp_path / "a.glb"))


def test_interleaved_and_normalised_accessors(tmp_path: Path):
    rows = [struct.pack("<3fhhBBBB", i, 2 * i, 3 * i, -32768 + i, 32767, 0, 51, 255, 7) for i in range(5)]
    document = accessors(
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


def test_matrices_are_turned_to_rows(tmp_path: Path):
    data = np.arange(16, dtype="<f4").tobytes()
    document = accessors(tmp_path, data, {}, {"bufferView": 0, "componentType": 5126, "count": 1, "type": "MAT4"})
    assert np.array_equal(document.accessor(0)[0], np.arange(16).reshape(4, 4).T)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"componentType": 5126, "count": 10**9, "type": "VEC3", "bufferView": 0}, "claims 1000000000 elements"),
        ({"componentType": 5126, "count": 10**9, "type": "VEC3"}, "claims 1000000000 elements"),
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
def test_accessors_are_checked_before_memory_is_taken(tmp_path: Path, item: dict[str, Any], reason: str):
    document = accessors(tmp_path, bytes(60), {}, item)
    tracemalloc.start()
    with pytest.raises(MienError, match=reason):
        document.accessor(0, kind="VEC3")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_nan_and_wild_sparse_indices_are_refused(tmp_path: Path):
    nan = np.array([1, np.nan, 3], "<f4").tobytes()
    item = {"componentType": 5126, "count": 1, "type": "VEC3", "bufferView": 0}
    with pytest.raises(MienError, match="NaN"):
        accessors(tmp_path, nan, {}, item).accessor(0)
    sparse = {
        "count": 1,
        "indices": {"bufferView": 0, "componentType": 5123},
        "values": {"bufferView": 0},
    }
    data = np.array([9, 0], "<u2").tobytes() + bytes(12)
    with pytest.raises(MienError, match="sparse index beyond its 4"):
        accessors(tmp_path, data, {}, {"componentType": 5126, "count": 4, "type": "VEC3", "sparse": sparse}).accessor(0)


def _cycle(document: dict[str, Any]) -> None:
    for node, child in ((0, 1), (1, 2), (2, 0)):
        document["nodes"][node]["children"] = [child]


def _translations(document: dict[str, Any]) -> int:
    return document["animations"][0]["samplers"][-1]["output"]


BREAKS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda d: d.pop("asset"), "glTF None"),
    (lambda d: d["asset"].update(version="1.0"), "glTF 1.0"),
    (lambda d: d.update(extensionsRequired=["KHR_draco_mesh_compression"]), "KHR_draco_mesh_compression"),
    (lambda d: d.update(meshes=[]), "there is no meshes"),
    (lambda d: [p.pop("targets") for p in d["meshes"][0]["primitives"]], "no morph targets"),
    (lambda d: d["meshes"][0].pop("extras"), "none of its 53 morph targets has an ARKit name"),
    (
        lambda d: d["meshes"][0]["primitives"][0]["targets"].__setitem__(3, {"POSITION": _translations(d)}),
        "3 elements where",
    ),
    (lambda d: d["meshes"][0]["primitives"][0]["targets"][3].update(POSITION=10**6), "no accessors"),
    (_cycle, "own ancestor|two parents"),
    (lambda d: d["nodes"][0].update(children=[99]), "list of nodes"),
    (lambda d: d["nodes"][2].update(rotation=[0, 0, 1e300, 1]), "rotation of node 2"),
    (lambda d: d["nodes"][2].update(translation=["a", 0, 0]), "translation of node 2"),
    (lambda d: d["nodes"][0].update(skin=7), "no skins"),
    (lambda d: d["skins"][0].update(joints=[1]), "elements where 1 belong|beyond the skin"),
    (lambda d: d["scenes"][0].update(nodes=[0, 0]), "lists node 0 twice"),
    (lambda d: d["meshes"][0]["primitives"][0].update(indices=0), "is VEC3 where SCALAR"),
    (lambda d: d["buffers"][0].update(byteLength=10**12), "cut off"),
]


@pytest.mark.parametrize(("damage", "reason"), BREAKS)
def test_damaged_files_give_one_line(tmp_path: Path, damage: Callable[[dict[str, Any]], Any], reason: str):
    document, chunk = written(tmp_path)
    damage(document)
    path = pack(document, chunk, tmp_path / "bad.glb")
    with pytest.raises(MienError, match=reason) as caught:
        load_glb(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_triangles_beyond_the_vertices(tmp_path: Path):
    document, chunk = written(tmp_path)
    indices = document["accessors"][document["meshes"][0]["primitives"][0]["indices"]]
    start = document["bufferViews"][indices["bufferView"]]["byteOffset"]
    broken = chunk[:start] + b"\xfe\xff" + chunk[start + 2 :]
    with pytest.raises(MienError, match="triangle indices do not fit"):
        load_glb(pack(document, broken, tmp_path / "bad.glb"))


def test_cut_files_and_other_files(tmp_path: Path, assets: Path):
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


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value[:30]))
    else:
        return []
    return [p for key, inner in items for p in ((*path, key), *_paths(inner, (*path, key)))]


def test_random_damage_is_refused_or_read_but_never_escapes(tmp_path: Path):
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
