import json
import shutil
import subprocess
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

from mien.core import ARKIT, Clip, Mesh, MienError, Rig, Topology
from mien.io.gltf.rig import SOURCE_VERTEX, linear_from_srgb, srgb_from_linear, write_rig
from mien.rigs.load import load_rig
from mien.rigs.readers.gltf.reader import load_glb

Make = Callable[..., Any]
"""A fixture that hands out a function of `conftest.py`."""
VALIDATOR = Path(__file__).resolve().parents[2] / "tools" / "gltf-validator"
TYPES = {5121: "u1", 5123: "u2", 5125: "u4", 5126: "f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


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
def validate() -> Make:
    """Runs the Khronos validator on files; the full test command turns this skip into a failure."""
    node = shutil.which("node")
    if node is None or not (VALIDATOR / "node_modules" / "gltf-validator").is_dir():
        pytest.skip(f"no node, or `npm ci` has not run in {VALIDATOR}")

    def run(*paths: Path) -> dict[str, Any]:
        command = [node, str(VALIDATOR / "validate.mjs"), *map(str, paths)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return run


def test_the_khronos_validator_finds_nothing(
    validate: Make,
    assets: Path,
    tmp_path: Path,
    ball: Make,
    performance: Make,
):
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
        take.save(tmp_path / f"{name}.glb", rig=load_rig(name))
    for path, report in validate(*tmp_path.glob("*.glb")).items():
        assert (report["errors"], report["warnings"]) == (0, 0), (path, report["messages"])


def test_the_validator_can_object(validate: Make, tmp_path: Path, written: Make, pack: Make):
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
def test_an_independent_reader_sees_the_same_performance(tmp_path: Path, kind: str, ball: Make, performance: Make):
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


def test_head_translation_moves_the_whole_head_from_its_first_place(tmp_path: Path, ball: Make, performance: Make):
    rig, clip = ball(), performance()
    clip.save(tmp_path / "a.glb", rig=rig)
    clip.save(tmp_path / "b.glb", rig=rig, translation=True)
    still, moved = Reader(tmp_path / "a.glb"), Reader(tmp_path / "b.glb")
    step = (clip.head_translation[9] - clip.head_translation[0]) / 1000
    np.testing.assert_allclose(
        moved.performed(9) - still.performed(9), np.broadcast_to(step, (len(still.performed(9)), 3)), atol=1e-6
    )
    np.testing.assert_allclose(Clip.load(tmp_path / "b.glb").head_translation, clip.head_translation, atol=1e-3)


def test_trimesh_reads_the_geometry(tmp_path: Path, ball: Make):
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


def test_only_moving_vertices_are_stored(tmp_path: Path, ball: Make):
    write_rig(plain(ball(40)), tmp_path / "a.glb")
    gltf = Reader(tmp_path / "a.glb").gltf
    targets = [gltf.accessors[t["POSITION"]] for t in gltf.meshes[0].primitives[0].targets]
    assert targets[0].sparse is not None and targets[0].sparse.count <= 15 and targets[0].bufferView is None
    assert targets[5].sparse is None and targets[5].bufferView is not None
    assert targets[52].sparse is None and targets[52].bufferView is None and targets[52].max == [0, 0, 0]


def test_a_clip_comes_back(tmp_path: Path, ball: Make, performance: Make):
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


def test_gaze_from_the_look_channels_is_played_but_not_read_as_measured(tmp_path: Path, ball: Make, performance: Make):
    rig, clip = ball(), replace(performance(), gaze=None)
    clip.save(tmp_path / "a.glb", rig=rig)
    assert Clip.load(tmp_path / "a.glb").gaze is None
    reader = Reader(tmp_path / "a.glb")
    source = reader.accessor(getattr(reader.gltf.meshes[0].primitives[0].attributes, SOURCE_VERTEX))[:, 0].astype(int)
    np.testing.assert_allclose(reader.performed(3), rig.perform(clip, 3)[source] / 1000, atol=1e-6)


def test_lost_frames_are_held_and_come_back_as_lost(tmp_path: Path, ball: Make, performance: Make):
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
def test_times_survive_wherever_the_clip_starts(tmp_path: Path, start: float, ball: Make, performance: Make):
    clip = performance()
    clip = replace(clip, times=clip.times - clip.times[0] + start)
    clip.save(tmp_path / "a.glb", rig=ball())
    reader = Reader(tmp_path / "a.glb")
    keys = reader.accessor(reader.gltf.animations[0].samplers[0].input)[:, 0]
    np.testing.assert_allclose(keys, clip.times - (start if start not in (0.0, 0.25) else 0), atol=1e-6)
    np.testing.assert_allclose(Clip.load(tmp_path / "a.glb").times, clip.times, atol=1e-6)


def test_quaternions_never_flip_between_keys(tmp_path: Path, ball: Make, performance: Make):
    clip = performance()
    signs = np.where(np.arange(20) % 2, -1.0, 1.0)[:, None]
    replace(clip, head_rotation=clip.head_rotation * signs * 3).save(tmp_path / "a.glb", rig=ball())
    reader = Reader(tmp_path / "a.glb")
    turns = reader.accessor(reader.gltf.animations[0].samplers[1].output)
    assert ((turns[1:] * turns[:-1]).sum(axis=1) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(turns, axis=1), 1, atol=1e-6)


def test_a_rig_comes_back_with_its_seams_joined(tmp_path: Path, ball: Make):
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


def test_what_cannot_be_written(tmp_path: Path, ball: Make, performance: Make):
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
