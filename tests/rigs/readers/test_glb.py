import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core import ARKIT, MienError
from mien.core.transforms import quaternion_from_angles
from mien.io.gltf.document import read_glb
from mien.rigs.info import rig_info
from mien.rigs.load import load_rig
from mien.rigs.readers.gltf.joints import find_joints
from mien.rigs.readers.gltf.reader import load_glb, name_report

TRIANGLE = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]], "<f4")


class Scene:
    """Builds small .gltf files by hand, independently of mien's writer."""

    def __init__(self) -> None:
        self.data = b""
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "bufferViews": [],
            "accessors": [],
            "meshes": [],
            "nodes": [],
            "scenes": [{"nodes": []}],
        }

    def values(self, array: np.ndarray, kind: str) -> int:
        types = {"<f4": 5126, "|u1": 5121, "<u2": 5123}
        self.json["bufferViews"].append({"buffer": 0, "byteOffset": len(self.data), "byteLength": array.nbytes})
        self.data += array.tobytes() + bytes(-array.nbytes % 4)
        view = len(self.json["bufferViews"]) - 1
        self.json["accessors"].append(
            {"bufferView": view, "componentType": types[array.dtype.str], "count": len(array), "type": kind}
        )
        return len(self.json["accessors"]) - 1

    def mesh(self, shapes: dict[str, np.ndarray], vertices: np.ndarray = TRIANGLE, **attributes: int) -> int:
        primitive: dict[str, Any] = {"attributes": {"POSITION": self.values(vertices, "VEC3"), **attributes}}
        mesh: dict[str, Any] = {"primitives": [primitive]}
        if shapes:
            primitive["targets"] = [{"POSITION": self.values(shape, "VEC3")} for shape in shapes.values()]
            mesh["extras"] = {"targetNames": list(shapes)}
        self.json["meshes"].append(mesh)
        return len(self.json["meshes"]) - 1

    def node(self, *, top: bool = True, **entries: Any) -> int:
        self.json["nodes"].append(entries)
        if top:
            self.json["scenes"][0]["nodes"].append(len(self.json["nodes"]) - 1)
        return len(self.json["nodes"]) - 1

    def save(self, path: Path) -> Path:
        path.with_suffix(".bin").write_bytes(self.data)
        self.json["buffers"] = [{"byteLength": len(self.data), "uri": path.with_suffix(".bin").name}]
        path.write_text(json.dumps(self.json))
        return path


def shift(x: float, y: float, z: float) -> np.ndarray:
    return np.tile(np.array([x, y, z], "<f4"), (3, 1))


def test_rocketbox(assets: Path):
    rig = load_rig(assets / "rigs" / "rocketbox_female_01.glb")
    info = rig_info(rig)
    assert info.arkit == ARKIT and not info.missing and not info.still and len(rig.shape_names) == 175
    assert {"AU26_JawDrop", "viseme_PP", "AU2_OuterBrowRaiserLeft"} <= set(info.other)
    assert info.joints == ("root", "neck", "head", "jaw", "eyeLeft", "eyeRight") and info.skinned
    assert not info.landmarks
    assert 1650 < info.size[1] < 1850 and info.head_size is not None and 140 < info.head_size[0] < 200
    np.testing.assert_allclose(rig.joint_weights.sum(axis=1), 1, atol=1e-5)


def test_rocketbox_moves_where_a_face_moves(assets: Path):
    rig = load_glb(assets / "rigs" / "rocketbox_female_01.glb")
    at = {joint.name: np.array(joint.position) for joint in rig.joints}
    face = rig.neutral.vertices
    assert at["eyeLeft"][0] > 20 and at["eyeRight"][0] < -20 and at["eyeLeft"][2] > at["head"][2]

    def centre(name: str) -> np.ndarray:
        size = np.linalg.norm(rig.shape(name), axis=1)
        return (face * size[:, None]).sum(axis=0) / size.sum()

    for side in ("Left", "Right"):
        assert np.linalg.norm((centre(f"eyeBlink{side}") - at[f"eye{side}"])[:2]) < 12
        lid = np.linalg.norm(rig.shape(f"eyeBlink{side}"), axis=1).argmax()
        assert rig.shape(f"eyeBlink{side}")[lid, 1] < -5  # the upper lid goes down
    assert centre("mouthSmileLeft")[0] > 10 > -10 > centre("mouthSmileRight")[0]
    jaw = np.linalg.norm(rig.shape("jawOpen"), axis=1).argmax()
    assert rig.shape("jawOpen")[jaw, 1] < -10
    # The look shapes turn the eyeballs, so these are not skinned to the eye joints.
    order = [joint.name for joint in rig.joints]
    assert not rig.joint_weights[:, [order.index("eyeLeft"), order.index("eyeRight")]].any()


def test_rocketbox_turns_its_head_about_the_head_joint(assets: Path):
    rig = load_glb(assets / "rigs" / "rocketbox_female_01.glb")
    order = [joint.name for joint in rig.joints]
    face = rig.joint_weights[:, order.index("head")] > 0.999
    feet = rig.neutral.vertices[:, 1] < 100
    posed = rig.pose(rig.neutral.vertices, {"head": quaternion_from_angles(np.array([np.pi / 2, 0, 0]))})
    pivot = np.array(rig.joints[order.index("head")].position)
    before, after = rig.neutral.vertices[face] - pivot, posed[face] - pivot
    np.testing.assert_allclose(after, np.stack([before[:, 2], before[:, 1], -before[:, 0]], axis=1), atol=0.2)
    np.testing.assert_allclose(posed[feet], rig.neutral.vertices[feet], atol=1e-2)


def test_several_meshes_merge_in_the_scene_frame(tmp_path: Path):
    scene = Scene()
    face = scene.mesh({"jawOpen": shift(0, -0.01, 0), "smirk": shift(1e-3, 0, 0)})
    teeth = scene.mesh({"JawOpen": shift(0, -0.01, 0)})
    hair = scene.mesh({})
    turned = scene.node(mesh=face, rotation=[0, 0, 2**-0.5, 2**-0.5], translation=[1, 2, 3])  # a quarter turn about Z
    scene.node(mesh=teeth, scale=[2, 2, 2])
    scene.node(top=False, mesh=hair, translation=[0, 1, 0])
    scene.json["nodes"][turned]["children"] = [2]
    rig = load_glb(scene.save(tmp_path / "a.gltf"))
    assert rig.shape_names == ("jawOpen", "smirk") and len(rig.neutral.vertices) == 9
    np.testing.assert_allclose(rig.neutral.vertices[1], [1000, 2100, 3000], atol=1e-3)
    np.testing.assert_allclose(rig.neutral.vertices[3], [0, 2000, 3000], atol=1e-3)  # hair, child of the face
    np.testing.assert_allclose(rig.neutral.vertices[7], [200, 0, 0], atol=1e-3)
    # JawOpen in another mesh is the same shape; the turn applies to displacements as well.
    jaw = rig.shape("jawOpen")
    np.testing.assert_allclose(jaw[[0, 3, 6]], [[10, 0, 0], [0, 0, 0], [0, -20, 0]], atol=1e-3)
    assert rig.joints == () and rig.joint_weights is None
    assert np.array_equal(rig.neutral.topology.groups["head"], [0, 1, 2, 6, 7, 8])


def skinned(tmp_path: Path, nodes: list[dict[str, Any]], extensions: dict[str, Any] | None = None) -> Path:
    """Three vertices, on the joints 0, 1 and 2, bound where the joints rest but 10 mm higher."""
    scene = Scene()
    for node in nodes:
        scene.node(top=False, **node)
    scene.json["scenes"][0]["nodes"].append(0)
    joints = scene.values(np.array([[0, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0]], "|u1"), "VEC4")
    weights = scene.values(np.array([[1, 0, 0, 0]] * 3, "<f4"), "VEC4")
    mesh = scene.mesh({"jawOpen": shift(0, -0.01, 0.005)}, JOINTS_0=joints, WEIGHTS_0=weights)
    bind = np.tile(np.eye(4, dtype="<f4"), (3, 1, 1))
    bind[:, 3, 1] = 0.01
    matrices = scene.values(bind, "MAT4")
    scene.json["skins"] = [{"joints": [0, 1, 2], "inverseBindMatrices": matrices}]
    scene.node(mesh=mesh, skin=0, translation=[9, 9, 9])  # a skinned node's own transform does not count
    if extensions:
        scene.json["extensions"] = extensions
    return scene.save(tmp_path / "a.gltf")


def test_the_skin_is_applied_and_other_bones_fall_to_ours(tmp_path: Path):
    path = skinned(
        tmp_path,
        [
            {"name": "Hips", "children": [1], "translation": [0, 1, 0]},
            {"name": "mixamorig:Head", "children": [2], "translation": [0, 0.5, 0]},
            {"name": "brow_ctrl", "translation": [0, 0, 0.1]},
        ],
    )
    rig = load_glb(path)
    expected = TRIANGLE * 1000 + [[0, 1010, 0], [0, 1510, 0], [0, 1510, 100]]
    np.testing.assert_allclose(rig.neutral.vertices, expected, atol=1e-3)
    assert [(j.name, j.parent) for j in rig.joints] == [("root", None), ("head", "root")]
    assert rig.joints[1].position == pytest.approx((0, 1500, 0))
    assert rig.joint_weights.tolist() == [[1, 0], [0, 1], [0, 1]]


def test_a_body_that_faces_away_is_turned(tmp_path: Path):
    nodes = [
        {"name": "head", "children": [1, 2]},
        {"name": "LeftEye", "translation": [-0.03, 0.02, -0.08]},
        {"name": "RightEye", "translation": [0.03, 0.02, -0.08]},
    ]
    rig = load_glb(skinned(tmp_path, nodes))
    at = {joint.name: joint.position for joint in rig.joints}
    assert at["eyeLeft"] == pytest.approx((30, 20, 80)) and at["eyeRight"] == pytest.approx((-30, 20, 80))
    np.testing.assert_allclose(rig.shape("jawOpen")[0], [0, -10, -5], atol=1e-4)
    np.testing.assert_allclose(rig.neutral.vertices[1], [-70, 30, 80], atol=1e-3)


@pytest.mark.parametrize("version", [0, 1])
def test_vrm_bones_and_expressions(tmp_path: Path, version: int):
    bones = {"head": 0, "leftEye": 1, "rightEye": 2}
    side = -0.03 if version == 0 else 0.03
    nodes = [
        {"name": "Kopf", "children": [1, 2]},
        {"name": "Auge.a", "translation": [side, 0, 0]},
        {"name": "Auge.b", "translation": [-side, 0, 0]},
    ]
    if version == 0:
        bound = {"name": "MouthPucker", "binds": [{"mesh": 0, "index": 0, "weight": 50}]}
        table: dict[str, Any] = {"humanBones": [{"bone": bone, "node": node} for bone, node in bones.items()]}
        extensions = {"VRM": {"humanoid": table, "blendShapeMaster": {"blendShapeGroups": [bound]}}}
    else:
        binds = {"morphTargetBinds": [{"node": 3, "index": 0, "weight": 0.5}]}
        table = {"humanBones": {bone: {"node": node} for bone, node in bones.items()}}
        extensions = {"VRMC_vrm": {"humanoid": table, "expressions": {"custom": {"MouthPucker": binds}}}}
    rig = load_glb(skinned(tmp_path, nodes, extensions))
    assert [joint.name for joint in rig.joints] == ["head", "eyeLeft", "eyeRight"]
    assert rig.joints[1].position == pytest.approx((30, 0, 0))  # VRM 0 faces -Z and was turned
    assert rig.shape_names == ("jawOpen", "mouthPucker")
    np.testing.assert_allclose(rig.shape("mouthPucker"), rig.shape("jawOpen") / 2)


@pytest.mark.parametrize(
    ("name", "joint"),
    [
        ("Bip01 Head", "head"),
        ("mixamorig:Neck", "neck"),
        ("J_Bip_C_Head", "head"),
        ("J_Adj_L_FaceEye", "eyeLeft"),
        ("CC_Base_JawRoot", "jaw"),
        ("CC_Base_R_Eye", "eyeRight"),
        ("DEF-eye.L", "eyeLeft"),
        ("Bip01 MJaw", "jaw"),
        ("eye_R_jnt", "eyeRight"),
        ("LeftEye", "eyeLeft"),
        ("Bip01 REyeBlinkTop", None),
        ("HeadTop_End", None),
        ("headphones", None),
        ("", None),
    ],
)
def test_joint_names(tmp_path: Path, name: str, joint: str | None):
    scene = Scene()
    scene.node(name=name)
    found = find_joints(read_glb(scene.save(tmp_path / "a.gltf")))
    assert list(found) == ([joint] if joint else [])


def test_files_that_are_no_faces(tmp_path: Path):
    stiff, foreign, empty = Scene(), Scene(), Scene()
    stiff.node(mesh=stiff.mesh({}))
    foreign.node(mesh=foreign.mesh({"Fcl_MTH_A": shift(0, 1, 0)}))
    empty.values(TRIANGLE, "VEC3")
    for scene, reason in ((stiff, "no morph targets"), (foreign, "has an ARKit name"), (empty, "no triangles")):
        with pytest.raises(MienError, match=reason):
            load_rig(scene.save(tmp_path / "a.gltf"))


def test_ambiguous_names_are_reported(tmp_path: Path):
    scene = Scene()
    scene.node(mesh=scene.mesh({"jaw_open": shift(0, 1, 0), "JAW OPEN": shift(0, 2, 0), "tongueOut": shift(0, 0, 1)}))
    path = scene.save(tmp_path / "a.gltf")
    assert name_report(path).ambiguous == {"jawOpen": ("jaw_open", "JAW OPEN")}
    assert load_glb(path).shape_names == ("jaw_open", "JAW OPEN", "tongueOut")


def test_empty_targets_cannot_take_all_memory(tmp_path: Path):
    """A file of some hundred kilobytes that claims 10^5 shapes of 10^4 vertices (12 GB) is refused at once."""
    scene = Scene()
    vertices = np.zeros((9999, 3), "<f4")
    mesh = scene.mesh({"jawOpen": vertices}, vertices=vertices)
    scene.json["accessors"].append({"componentType": 5126, "count": 9999, "type": "VEC3"})
    zero = len(scene.json["accessors"]) - 1
    scene.json["meshes"][mesh]["primitives"][0]["targets"] = [{"POSITION": zero}] * 100_000
    scene.node(mesh=mesh)
    with pytest.raises(MienError, match="reduce them"):
        load_glb(scene.save(tmp_path / "a.gltf"))


def test_unknown_rigs():
    with pytest.raises(MienError, match=r"no rig 'bob'; use mo, ict or a .glb"):
        load_rig("bob")
    with pytest.raises(MienError, match="cannot read"):
        load_rig("missing.vrm")


def test_info_of_the_built_in_rigs(assets: Path):
    for name in ("mo", "ict"):
        rig = load_rig(name)
        info = rig_info(rig)
        assert info.name == name and info.vertices == len(rig.neutral.vertices) and info.landmarks
        assert set(info.arkit) | set(info.missing) == set(ARKIT)
    assert info.missing == ("tongueOut",) and info.identity_modes == 100
