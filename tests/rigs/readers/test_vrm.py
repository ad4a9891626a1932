"""VRM avatars of both versions, written by pygltflib: a real head whose morph targets tell nothing by their names."""

from pathlib import Path
from typing import Any

import numpy as np
import pygltflib as gl
import pytest

from mien.core import ARKIT, Clip, MienError, Rig
from mien.rigs.check import check
from mien.rigs.info import rig_info
from mien.rigs.load import load_rig

SOME = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "mouthPucker")
BONES = {"hips": None, "neck": "hips", "head": "neck", "leftEye": "head", "rightEye": "head"}


class Avatar:
    """`rig` as an avatar: metres, facing -Z if version 0, bones with names that say nothing, targets `Fcl_0`..."""

    def __init__(self, rig: Rig, version: int) -> None:
        self.version = version
        self.turn = np.array([-1, 1, -1] if version == 0 else [1, 1, 1])
        self.gltf = gl.GLTF2(scene=0, scenes=[gl.Scene(nodes=[0, 5])])
        self.blob = b""
        at = {"hips": (0, 0, 0), **{joint.name: joint.position for joint in rig.joints}}
        at |= {"leftEye": at["eyeLeft"], "rightEye": at["eyeRight"]}
        self.places = {bone: np.asarray(at[bone], float) / 1000 * self.turn for bone in BONES}
        for number, (bone, parent) in enumerate(BONES.items()):
            offset = self.places[bone] - (self.places[parent] if parent else 0)
            children = [i for i, other in enumerate(BONES) if BONES[other] == bone]
            self.gltf.nodes.append(gl.Node(name=f"b{number}", translation=offset.tolist(), children=children))
        self.gltf.nodes.append(gl.Node(name="Face", mesh=0, skin=0))
        self._mesh(rig)
        matrices = np.tile(np.eye(4, dtype="f4"), (5, 1, 1))
        matrices[:, 3, :3] = -np.array(list(self.places.values()))
        self.gltf.skins.append(gl.Skin(joints=[0, 1, 2, 3, 4], inverseBindMatrices=self._add(matrices, gl.MAT4)))

    def _mesh(self, rig: Rig) -> None:
        vertices = rig.neutral.vertices / 1000 * self.turn
        triangles = rig.neutral.topology.triangles
        joints = np.zeros((len(vertices), 4), "u1")
        weights = np.zeros((len(vertices), 4), "f4")
        order = {"neck": 1, "head": 2, "jaw": 2, "eyeLeft": 3, "eyeRight": 4}
        strongest = np.asarray(rig.joint_weights).argmax(axis=1)
        joints[:, 0] = np.array([order[joint.name] for joint in rig.joints])[strongest]
        weights[:, 0] = 1
        self.gltf.meshes.append(
            gl.Mesh(
                primitives=[
                    gl.Primitive(
                        attributes=gl.Attributes(
                            POSITION=self._add(vertices.astype("f4"), gl.VEC3),
                            JOINTS_0=self._add(joints, gl.VEC4),
                            WEIGHTS_0=self._add(weights, gl.VEC4),
                        ),
                        indices=self._add(triangles.reshape(-1).astype("u4"), gl.SCALAR),
                        targets=[
                            gl.Attributes(POSITION=self._add((rig.shape(n) / 1000 * self.turn).astype("f4"), gl.VEC3))
                            for n in SOME
                        ],
                    )
                ],
                extras={"targetNames": [f"Fcl_{i}" for i in range(len(SOME))]},
            )
        )

    def _add(self, values: np.ndarray, kind: str) -> int:
        components = {"f4": gl.FLOAT, "u1": gl.UNSIGNED_BYTE, "u4": gl.UNSIGNED_INT}
        data = values.tobytes()
        self.gltf.bufferViews.append(gl.BufferView(buffer=0, byteOffset=len(self.blob), byteLength=len(data)))
        self.blob += data + bytes(-len(data) % 4)
        accessor = gl.Accessor(
            bufferView=len(self.gltf.bufferViews) - 1,
            componentType=components[values.dtype.str[1:]],
            count=len(values),
            type=kind,
        )
        if kind == gl.VEC3:
            accessor.min, accessor.max = values.min(axis=0).tolist(), values.max(axis=0).tolist()
        self.gltf.accessors.append(accessor)
        return len(self.gltf.accessors) - 1

    def save(self, path: Path, custom: dict[str, dict[str, float]], preset: dict[str, dict[str, float]]) -> Path:
        """Write with expressions: name -> {shape it binds: weight}."""
        nodes = {bone: i for i, bone in enumerate(BONES)}
        if self.version == 0:
            groups = [
                {
                    "name": name,
                    "presetName": name if entries is preset else "unknown",
                    "binds": [{"mesh": 0, "index": SOME.index(n), "weight": 100 * w} for n, w in bound.items()],
                }
                for entries in (preset, custom)
                for name, bound in entries.items()
            ]
            extension: dict[str, Any] = {
                "humanoid": {"humanBones": [{"bone": bone, "node": node} for bone, node in nodes.items()]},
                "blendShapeMaster": {"blendShapeGroups": groups},
                "meta": {"licenseName": "CC0"},
            }
        else:
            kinds = {
                kind: {
                    name: {"morphTargetBinds": [{"node": 5, "index": SOME.index(n), "weight": w} for n, w in b.items()]}
                    for name, b in entries.items()
                }
                for kind, entries in (("preset", preset), ("custom", custom))
            }
            extension = {
                "specVersion": "1.0",
                "humanoid": {"humanBones": {bone: {"node": node} for bone, node in nodes.items()}},
                "expressions": kinds,
                "meta": {"licenseUrl": "CC0"},
            }
        name = "VRM" if self.version == 0 else "VRMC_vrm"
        self.gltf.extensions, self.gltf.extensionsUsed = {name: extension}, [name]
        self.gltf.buffers = [gl.Buffer(byteLength=len(self.blob))]
        self.gltf.set_binary_blob(self.blob)
        self.gltf.save_binary(str(path.with_suffix(".glb")))
        return path.with_suffix(".glb").rename(path)


@pytest.fixture(scope="module")
def mo() -> Rig:
    return load_rig("mo")


PRESETS = {
    0: {"blink_l": {"eyeBlinkLeft": 1}, "blink_r": {"eyeBlinkRight": 1}, "a": {"jawOpen": 0.6}, "joy": {}},
    1: {"blinkLeft": {"eyeBlinkLeft": 1}, "blinkRight": {"eyeBlinkRight": 1}, "aa": {"jawOpen": 0.6}, "happy": {}},
}
SMILE = {"mouthSmileLeft": 1.0, "mouthSmileRight": 0.8}


@pytest.mark.parametrize("version", [0, 1])
def test_perfect_sync_expressions_are_the_shapes(tmp_path: Path, mo: Rig, version: int):
    path = Avatar(mo, version).save(tmp_path / "a.vrm", {name[0].upper() + name[1:]: {name: 1} for name in SOME}, {})
    rig = load_rig(path)
    assert set(rig.shape_names) == {*(f"Fcl_{i}" for i in range(len(SOME))), *SOME}
    np.testing.assert_allclose(rig.neutral.vertices, mo.neutral.vertices, atol=1e-3)
    for name in SOME:
        np.testing.assert_allclose(rig.shape(name), mo.shape(name), atol=1e-3)
    at = {joint.name: joint.position for joint in rig.joints}
    for joint in mo.joints:
        if joint.name != "jaw":
            np.testing.assert_allclose(at[joint.name], joint.position, atol=1e-3)
    assert rig_info(rig).arkit == tuple(name for name in ARKIT if name in SOME) and rig.licence == "CC0"
    found = check(rig)
    assert found.wrong == {} and found.frame is not None and found.frame.known_by == "joints"


@pytest.mark.parametrize("version", [0, 1])
def test_presets_become_blinks_visemes_and_moods(tmp_path: Path, mo: Rig, version: int):
    preset = PRESETS[version] | {("joy" if version == 0 else "happy"): SMILE}
    rig = load_rig(Avatar(mo, version).save(tmp_path / "a.vrm", {}, preset))
    assert rig.shape_names[len(SOME) :] == ("eyeBlinkLeft", "eyeBlinkRight", "viseme_aa", "happy")
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        np.testing.assert_allclose(rig.shape(name), mo.shape(name), atol=1e-3)
    np.testing.assert_allclose(rig.shape("viseme_aa"), 0.6 * mo.shape("jawOpen"), atol=1e-3)
    smile = sum(weight * mo.shape(name) for name, weight in SMILE.items())
    np.testing.assert_allclose(rig.shape("happy"), smile, atol=1e-3)


@pytest.mark.parametrize("version", [0, 1])
def test_what_an_avatar_says_itself_comes_before_its_presets(tmp_path: Path, mo: Rig, version: int):
    custom = {"EyeBlinkLeft": {"eyeBlinkLeft": 0.9}}
    rig = load_rig(Avatar(mo, version).save(tmp_path / "a.vrm", custom, PRESETS[version]))
    np.testing.assert_allclose(rig.shape("eyeBlinkLeft"), 0.9 * mo.shape("eyeBlinkLeft"), atol=1e-3)


def test_an_avatar_without_a_known_expression_is_refused(tmp_path: Path, mo: Rig):
    path = Avatar(mo, 1).save(tmp_path / "a.vrm", {}, {"aa": {"jawOpen": 1}})
    with pytest.raises(MienError, match="has an ARKit name"):
        load_rig(path)
    assert "viseme_aa" in load_rig(path, any_names=True).shape_names


@pytest.mark.parametrize("version", [0, 1])
def test_an_avatar_performs_as_the_head_does(tmp_path: Path, mo: Rig, version: int):
    avatar = load_rig(Avatar(mo, version).save(tmp_path / "a.vrm", {name: {name: 1} for name in SOME}, {}))
    clip = Clip(times=np.zeros(1), weights=np.random.default_rng(0).random((1, len(SOME))), channels=SOME)
    expected = mo.neutral.vertices + np.tensordot(clip.weights[0], np.stack([mo.shape(n) for n in SOME]), axes=1)
    np.testing.assert_allclose(avatar.evaluate(clip.weights[0], SOME), expected, atol=2e-3)
