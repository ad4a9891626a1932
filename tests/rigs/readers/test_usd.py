"""USD files as other tools write them, made here with USD's own classes: units, axes, polygons, skeletons, damage."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pxr import Gf, Sdf, Usd, UsdGeom, UsdSkel, Vt

from mien.core import Clip, MeshSequence, MienError
from mien.rigs.load import load_rig, name_report

QUAD = np.array([[-1, 0, 0], [1, 0, 0], [1, 2, 0], [-1, 2, 0], [0, 3, 0.5]])
"""A square and a triangle on it, in the file's unit, seen from +Z (or -Y where Z is up)."""


def usd_file(path: Path, *, up: str = "Y", unit: float = 0.01, points: Any = QUAD) -> Usd.Stage:
    """A model in centimetres: a skeleton of two bones, one polygon of four corners, one of three."""
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, up)
    UsdGeom.SetStageMetersPerUnit(stage, unit)
    root = UsdSkel.Root.Define(stage, "/hero")
    stage.SetDefaultPrim(root.GetPrim())
    skeleton = UsdSkel.Skeleton.Define(stage, "/hero/rig")
    skeleton.CreateJointsAttr(["Hips", "Hips/Bip01_Head"])
    bind = [Gf.Matrix4d(1), Gf.Matrix4d(1).SetTranslate(Gf.Vec3d(0, 1, 0))]
    skeleton.CreateBindTransformsAttr(bind)
    skeleton.CreateRestTransformsAttr(bind)
    mesh = UsdGeom.Mesh.Define(stage, "/hero/face")
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.asarray(points, np.float32)))
    mesh.CreateFaceVertexCountsAttr([4, 3])
    mesh.CreateFaceVertexIndicesAttr([0, 1, 2, 3, 3, 2, 4])
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    binding.CreateJointIndicesPrimvar(False, 1).Set([0, 0, 1, 1, 1])
    binding.CreateJointWeightsPrimvar(False, 1).Set([1.0] * 5)
    for name, at, offsets in (("Jaw_Open", [4], [(0, -1, 0)]), ("eyeBlink.L", [1, 2], [(0, 0, 1), (0, 0, 2)])):
        shape = UsdSkel.BlendShape.Define(stage, f"/hero/face/shape_{at[0]}")
        shape.CreatePointIndicesAttr(at)
        shape.CreateOffsetsAttr([Gf.Vec3f(*offset) for offset in offsets])
        binding.CreateBlendShapesAttr([*(binding.GetBlendShapesAttr().Get() or []), name])
        binding.CreateBlendShapeTargetsRel().AddTarget(shape.GetPath())
    return stage


def edit(path: Path, where: str, value: Any) -> None:
    """Author another value of an attribute ("/hero/face.points")."""
    stage = Usd.Stage.Open(str(path))
    stage.GetAttributeAtPath(where).Set(value)
    stage.Save()


@pytest.mark.parametrize("suffix", ["usda", "usdc", "usd"])
def test_names_units_and_polygons(tmp_path: Path, suffix: str):
    usd_file(tmp_path / f"a.{suffix}").Save()
    rig = load_rig(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(rig.neutral.vertices, QUAD * 10, atol=1e-4)
    assert rig.shape_names == ("jawOpen", "eyeBlinkLeft")
    assert rig.neutral.topology.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [3, 2, 4]]
    np.testing.assert_allclose(rig.shape("jawOpen"), [[0, 0, 0]] * 4 + [[0, -10, 0]])
    np.testing.assert_allclose(rig.shape("eyeBlinkLeft")[1:3], [[0, 0, 10], [0, 0, 20]])
    assert [(j.name, j.parent, j.position) for j in rig.joints] == [
        ("root", None, (0, 0, 0)),
        ("head", "root", (0, 10, 0)),
    ]
    np.testing.assert_allclose(rig.joint_weights, [[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]])
    assert name_report(tmp_path / f"a.{suffix}").names == {"Jaw_Open": "jawOpen", "eyeBlink.L": "eyeBlinkLeft"}


def test_z_up_becomes_y_up(tmp_path: Path):
    points = np.stack([QUAD[:, 0], -QUAD[:, 2], QUAD[:, 1]], axis=1)
    usd_file(tmp_path / "a.usda", up="Z", unit=1.0, points=points).Save()
    rig = load_rig(tmp_path / "a.usda")
    np.testing.assert_allclose(rig.neutral.vertices, QUAD * 1000, atol=1e-3)
    np.testing.assert_allclose(rig.shape("jawOpen")[4], [0, 0, 1000])  # -Y of a Z-up file is towards the viewer


def test_transforms_and_the_rest_pose_are_applied(tmp_path: Path):
    stage = usd_file(tmp_path / "a.usda")
    UsdGeom.XformCommonAPI(stage.GetPrimAtPath("/hero")).SetTranslate((0, 100, 0))
    UsdGeom.XformCommonAPI(stage.GetPrimAtPath("/hero/face")).SetTranslate((7, 0, 0))  # skinned: of no effect
    turn = Gf.Matrix4d(1).SetRotate(Gf.Rotation(Gf.Vec3d(0, 1, 0), 90)) * Gf.Matrix4d(1).SetTranslate((0, 1, 0))
    UsdSkel.Skeleton(stage.GetPrimAtPath("/hero/rig")).GetRestTransformsAttr().Set([Gf.Matrix4d(1), turn])
    stage.Save()
    rig = load_rig(tmp_path / "a.usda")
    x, y, z = QUAD.T
    expected = np.where(np.arange(5)[:, None] < 2, QUAD, np.stack([z, y, -x], axis=1)) + np.array([0, 100, 0])
    np.testing.assert_allclose(rig.neutral.vertices, expected * 10, atol=1e-3)
    np.testing.assert_allclose(rig.shape("eyeBlinkLeft")[1:3], [[0, 0, 10], [20, 0, 0]], atol=1e-5)
    own = Usd.Stage.Open(str(tmp_path / "a.usda"))
    UsdSkel.Animation.Define(own, "/hero/still")
    UsdSkel.BindingAPI.Apply(own.GetPrimAtPath("/hero/rig"))
    UsdSkel.BakeSkinning(UsdSkel.Root(own.GetPrimAtPath("/hero")))
    mesh = UsdGeom.Mesh(own.GetPrimAtPath("/hero/face"))
    matrix = np.array(UsdGeom.XformCache(0).GetLocalToWorldTransform(mesh.GetPrim()))
    baked = np.array(mesh.GetPointsAttr().Get(0)) @ matrix[:3, :3] + matrix[3, :3]
    np.testing.assert_allclose(rig.neutral.vertices, baked * 10, atol=1e-3)


def test_joint_order_of_the_mesh_left_handed_faces_and_hidden_meshes(tmp_path: Path):
    stage = usd_file(tmp_path / "a.usda")
    face = UsdGeom.Mesh(stage.GetPrimAtPath("/hero/face"))
    UsdSkel.BindingAPI(face).CreateJointsAttr(["Hips/Bip01_Head", "Hips"])
    face.CreateOrientationAttr("leftHanded")
    for name, hide in (("guide", "purpose"), ("gone", "visibility")):
        other = UsdGeom.Mesh.Define(stage, f"/hero/{name}")
        other.CreatePointsAttr([(0, 0, 0)] * 3)
        other.CreatePurposeAttr("guide") if hide == "purpose" else other.CreateVisibilityAttr("invisible")
    stage.Save()
    rig = load_rig(tmp_path / "a.usda")
    np.testing.assert_allclose(rig.joint_weights[:, 1], [1, 1, 0, 0, 0])
    assert rig.neutral.topology.triangles.tolist() == [[2, 1, 0], [3, 2, 0], [4, 2, 3]]


def test_files_beside_it_are_drawn_in_and_no_others(tmp_path: Path):
    (tmp_path / "in").mkdir()
    usd_file(tmp_path / "in" / "part.usdc").Save()
    usd_file(tmp_path / "secret.usdc").Save()
    for asset, fine in (("./part.usdc", True), ("../secret.usdc", False), (str(tmp_path / "secret.usdc"), False)):
        stage = Usd.Stage.CreateInMemory()
        UsdGeom.SetStageMetersPerUnit(stage, 0.01)
        stage.DefinePrim("/x").GetReferences().AddReference(asset, "/hero")
        stage.GetRootLayer().Export(str(tmp_path / "in" / "whole.usda"))
        if fine:
            assert load_rig(tmp_path / "in" / "whole.usda").shape_names == ("jawOpen", "eyeBlinkLeft")
        else:
            with pytest.raises(MienError, match=r"lies outside of its folder; copy it there$"):
                load_rig(tmp_path / "in" / "whole.usda")


def test_a_layer_that_is_not_there(tmp_path: Path):
    stage = Usd.Stage.CreateInMemory()
    stage.DefinePrim("/x").GetReferences().AddReference("./none.usda")
    stage.GetRootLayer().Export(str(tmp_path / "a.usda"))
    with pytest.raises(MienError, match=r"none\.usda"):
        load_rig(tmp_path / "a.usda")


FACE, SHAPE = "/hero/face", "/hero/face/shape_1"


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        (f"{FACE}.points", [(float("nan"), 0, 0)] * 5, "NaN"),
        (f"{FACE}.points", [], "no points"),
        (f"{FACE}.points", [(1e9, 0, 0)] * 5, "farther away than"),
        (f"{FACE}.faceVertexIndices", [0, 1, 2, 3, 3, 2, 5], "beyond its 5"),
        (f"{FACE}.faceVertexIndices", [0, 1, 2, 3, 3, 2, -1], "beyond its 5"),
        (f"{FACE}.faceVertexCounts", [4, 2_000_000_000], "do not use its 7"),
        (f"{FACE}.skel:blendShapes", ["jawOpen"], "names 1 blendshapes but has 2"),
        (f"{FACE}.skel:blendShapes", ["a", "b"], "none of its 2 blendshapes has an ARKit name"),
        (f"{FACE}.primvars:skel:jointIndices", [0, 0, 9, 1, 1], "joints beyond"),
        (f"{FACE}.primvars:skel:jointWeights", [1.0], "1 weights"),
        (f"{SHAPE}.pointIndices", [1, 5], "beyond the mesh's 5"),
        (f"{SHAPE}.pointIndices", [1], "2 offsets for 1 points"),
        (f"{SHAPE}.pointIndices", [], "2 offsets for 5 points"),
        (f"{SHAPE}.offsets", [(float("inf"), 0, 0)] * 2, "NaN or far too large"),
        ("/hero/rig.bindTransforms", [Gf.Matrix4d(1)], "1 valid transforms for 2 joints"),
        ("/hero/rig.bindTransforms", [Gf.Matrix4d(0)] * 2, "cannot be inverted"),
    ],
)
def test_damage_is_one_clear_line(tmp_path: Path, where: str, value: Any, words: str):
    usd_file(tmp_path / "a.usda").Save()
    edit(tmp_path / "a.usda", where, value)
    with pytest.raises(MienError, match=words) as error:
        load_rig(tmp_path / "a.usda")
    assert "\n" not in str(error.value)


def test_what_is_no_rig(tmp_path: Path):
    stage = Usd.Stage.CreateNew(str(tmp_path / "empty.usda"))
    stage.Save()
    with pytest.raises(MienError, match="no visible mesh"):
        load_rig(tmp_path / "empty.usda")
    with pytest.raises(MienError, match="no animation of blendshapes"):
        Clip.load(tmp_path / "empty.usda")
    with pytest.raises(MienError, match="no mesh whose points are sampled"):
        MeshSequence.load(tmp_path / "empty.usda")
    stage = usd_file(tmp_path / "still.usda")
    for name in ("skel:blendShapes", "skel:blendShapeTargets"):
        stage.GetPrimAtPath(FACE).RemoveProperty(name)
    stage.Save()
    with pytest.raises(MienError, match="cannot move"):
        load_rig(tmp_path / "still.usda")
    (tmp_path / "text.usd").write_text("hello")
    with pytest.raises(MienError, match="not a USD file"):
        load_rig(tmp_path / "text.usd")
    with pytest.raises(MienError, match="cannot read"):
        load_rig(tmp_path / "none.usd")


def test_shapes_without_an_arkit_name_on_demand(tmp_path: Path):
    usd_file(tmp_path / "a.usda").Save()
    edit(tmp_path / "a.usda", f"{FACE}.skel:blendShapes", ["a", "b"])
    assert load_rig(tmp_path / "a.usda", any_names=True).shape_names == ("a", "b")


# Binary files are read by a process of their own first, which takes its time.
@pytest.mark.parametrize(("kind", "examples"), [("usda", 60), ("usdc", 12)])
def test_damaged_bytes_never_raise_anything_else(tmp_path: Path, kind: str, examples: int):
    good = tmp_path / f"good.{kind}"
    stage = usd_file(good)
    animation = UsdSkel.Animation.Define(stage, "/hero/moves")
    animation.CreateBlendShapesAttr(["jawOpen"])
    animation.CreateBlendShapeWeightsAttr().Set([0.5], 3)
    stage.Save()

    @settings(max_examples=examples)
    @given(data=st.data())
    def damaged(data: st.DataObject) -> None:
        _read_damaged(bytearray(good.read_bytes()), good, data)

    damaged()


def _read_damaged(raw: bytearray, good: Path, data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        raw = raw[: data.draw(st.integers(0, len(raw)))]
    changes = st.lists(st.tuples(st.integers(8, max(8, len(raw) - 1)), st.integers(0, 255)), max_size=8)
    for at, value in data.draw(changes) if len(raw) > 8 else []:
        raw[at] = value
    # A new name every time: USD hands out a layer of the same name from memory.
    bad = good.with_stem(str(len(list(good.parent.iterdir()))))
    bad.write_bytes(raw)
    for reader in (load_rig, Clip.load):
        try:
            reader(bad)
        except MienError as error:
            assert "\n" not in str(error)


def test_layers_are_read_anew(tmp_path: Path):
    stage = usd_file(tmp_path / "a.usda")
    stage.Save()
    keep = Sdf.Layer.FindOrOpen(str(tmp_path / "a.usda"))
    assert load_rig(tmp_path / "a.usda").neutral.vertices.max() == pytest.approx(30)
    text = (tmp_path / "a.usda").read_text().replace("metersPerUnit = 0.01", "metersPerUnit = 0.001")
    (tmp_path / "b.usda").write_text(text)
    (tmp_path / "b.usda").replace(tmp_path / "a.usda")
    assert load_rig(tmp_path / "a.usda").neutral.vertices.max() == pytest.approx(3)
    del keep
