"""USD that mien writes, evaluated by USD's own skinning, judged by its own validators, and read back."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pxr import Usd, UsdGeom, UsdShade, UsdSkel, UsdValidation

from mien.core import ARKIT, Clip, Corrective, Mesh, MeshSequence, MienError, Rig, Topology
from mien.core.transforms import quaternion_from_angles
from mien.io.gltf.rig import linear_from_srgb
from mien.io.usd.rig import write_rig
from mien.io.usd.stage import frame_rate, time_codes
from mien.rigs.load import load_rig

Make = Callable[..., Any]
"""A fixture that hands out a function of `conftest.py`."""


def plain(rig: Rig) -> Rig:
    """Without joints, colours, materials and texture coordinates."""
    topology = Topology(triangles=rig.neutral.topology.triangles)
    neutral = Mesh(vertices=rig.neutral.vertices, topology=topology)
    return replace(rig, neutral=neutral, joints=(), joint_weights=None, colors=None, licence="")


def corrected(rig: Rig) -> Rig:
    """With two correctives."""
    shapes = np.random.default_rng(9).normal(size=(2, *rig.neutral.vertices.shape)).astype(np.float32)
    return replace(
        rig,
        correctives=(
            Corrective(name="smile_open", channels=("mouthSmileLeft", "jawOpen")),
            Corrective(name="close_open", channels=("jawOpen", "mouthClose"), rule="excess"),
        ),
        corrective_shapes=shapes,
    )


def find(stage: Any, kind: Any) -> Any:
    (prim,) = (prim for prim in stage.Traverse() if prim.IsA(kind))
    return kind(prim)


def performed(path: Path) -> tuple[list[float], list[np.ndarray]]:
    """(time codes, points [m] in the world at each) by USD's own blendshape and skinning code."""
    stage = Usd.Stage.Open(Usd.Stage.Open(str(path)).Flatten())
    codes = find(stage, UsdSkel.Animation).GetBlendShapeWeightsAttr().GetTimeSamples()
    assert UsdSkel.BakeSkinning(find(stage, UsdSkel.Root))
    mesh, out = find(stage, UsdGeom.Mesh), []
    for code in codes:
        matrix = np.array(UsdGeom.XformCache(code).GetLocalToWorldTransform(mesh.GetPrim()))
        out.append(np.array(mesh.GetPointsAttr().Get(code)) @ matrix[:3, :3] + matrix[3, :3])
    return codes, out


def complaints(path: Path) -> list[str]:
    """What all validators that come with USD find."""
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    return [error.GetMessage() for error in context.Validate(Usd.Stage.Open(str(path)))]


@pytest.mark.parametrize("suffix", ["usd", "usda", "usdc"])
@pytest.mark.parametrize("kind", ["skinned", "unskinned", "plain", "corrected"])
def test_usd_itself_sees_the_same_performance(tmp_path: Path, kind: str, suffix: str, ball: Make, performance: Make):
    rig, clip, path = ball(), performance(), tmp_path / f"{kind}.{suffix}"
    made = {"unskinned": lambda: replace(rig, joint_weights=None), "plain": lambda: plain(rig)}
    rig = corrected(rig) if kind == "corrected" else made.get(kind, lambda: rig)()
    clip.save(path, rig=rig, morph_normals=kind == "skinned")
    codes, frames = performed(path)
    rate = Usd.Stage.Open(str(path)).GetTimeCodesPerSecond()
    np.testing.assert_allclose(np.array(codes) / rate, clip.times, atol=1e-9)
    for frame, points in enumerate(frames):
        expected = rig.perform(clip, frame)
        if kind in ("plain", "unskinned"):  # the whole mesh turns about the head joint, or about the origin
            pivot = np.array(rig.joints[1].position if rig.joints else (0, 0, 0))
            turn = matrix_of(clip.head_rotation[frame])
            expected = (rig.evaluate(clip.weights[frame]) - pivot) @ turn.T + pivot
        np.testing.assert_allclose(points, expected / 1000, atol=1e-6)
    assert complaints(path) == []


def matrix_of(quaternion: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_quat(quaternion).as_matrix()


@pytest.mark.parametrize("name", ["mo", "rigs/rocketbox_female_01.glb"])
def test_a_real_take_on_a_real_rig(tmp_path: Path, assets: Path, name: str):
    rig = load_rig(assets / name if "/" in name else name)
    take = Clip.load(assets / "motion" / "alex_rom_3.csv")
    take = take.select(np.arange(len(take)) % 40 == 0)
    take.save(tmp_path / "take.usd", rig=rig)
    _, frames = performed(tmp_path / "take.usd")
    assert len(frames) == len(take) > 20
    for frame, points in enumerate(frames):
        assert np.abs(points - rig.perform(take, frame) / 1000).max() < 1e-5
    assert complaints(tmp_path / "take.usd") == []
    back = load_rig(tmp_path / "take.usd")
    assert back.shape_names == rig.shape_names and back.correctives == rig.correctives
    assert np.abs(back.shapes - rig.shapes).max() < 3e-4


def test_the_validators_can_object(tmp_path: Path):
    stage = Usd.Stage.CreateNew(str(tmp_path / "bad.usda"))
    mesh = UsdGeom.Mesh.Define(stage, "/mesh")
    UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    stage.Save()
    assert len(complaints(tmp_path / "bad.usda")) >= 2


def test_looks(tmp_path: Path, ball: Make):
    rig = ball()
    write_rig(rig, tmp_path / "a.usda")
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    mesh, topology = find(stage, UsdGeom.Mesh), rig.neutral.topology
    assert UsdGeom.GetStageUpAxis(stage) == "Y" and UsdGeom.GetStageMetersPerUnit(stage) == 1
    assert stage.GetDefaultPrim().GetName() == "ball"
    assert stage.GetRootLayer().customLayerData == {"copyright": "CC0"}
    np.testing.assert_allclose(
        np.array(UsdGeom.PrimvarsAPI(mesh).GetPrimvar("st").ComputeFlattened()).reshape(-1, 3, 2),
        topology.uv[topology.uv_triangles],
        atol=1e-6,
    )
    corners = np.array(mesh.GetDisplayColorPrimvar().ComputeFlattened()).reshape(-1, 3, 3)
    for part in topology.parts:
        at = slice(part.start, part.stop)
        expected = linear_from_srgb(rig.colors[topology.triangles[at]]) * linear_from_srgb(np.array(part.color))
        np.testing.assert_allclose(corners[at], expected, atol=1e-6)
    subsets = UsdShade.MaterialBindingAPI(mesh).GetMaterialBindSubsets()
    assert [len(subset.GetIndicesAttr().Get()) for subset in subsets] == [p.stop - p.start for p in topology.parts]


def test_only_moving_points_are_stored(tmp_path: Path, ball: Make):
    write_rig(ball(40), tmp_path / "a.usdc")
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    stored = [len(UsdSkel.BlendShape(p).GetOffsetsAttr().Get()) for p in stage.Traverse() if p.IsA(UsdSkel.BlendShape)]
    assert stored[0] <= 15 and stored[5] == 1600 and stored[52] == 1  # one still point, because none would mean all


def test_a_rig_comes_back(tmp_path: Path, ball: Make):
    rig = corrected(ball())
    write_rig(rig, tmp_path / "ball.usdc")
    back = load_rig(tmp_path / "ball.usdc")
    assert back.name == "ball" and back.shape_names == rig.shape_names and back.licence == "CC0"
    assert back.correctives == rig.correctives
    np.testing.assert_allclose(back.corrective_shapes, rig.corrective_shapes, atol=2e-4)
    np.testing.assert_allclose(back.neutral.vertices, rig.neutral.vertices, atol=2e-5)
    np.testing.assert_allclose(back.shapes, rig.shapes, atol=2e-4)  # 1e-4 mm counts as still
    assert np.array_equal(back.neutral.topology.triangles, rig.neutral.topology.triangles)
    uv, other = (r.neutral.topology.uv[r.neutral.topology.uv_triangles] for r in (back, rig))
    np.testing.assert_allclose(uv, other, atol=1e-6)
    assert [(p.name, p.start, p.stop) for p in back.neutral.topology.parts] == [
        (p.name, p.start, p.stop) for p in rig.neutral.topology.parts
    ]
    assert [(j.name, j.parent) for j in back.joints] == [(j.name, j.parent) for j in rig.joints]
    np.testing.assert_allclose([j.position for j in back.joints], [j.position for j in rig.joints], atol=1e-4)
    # The eyes' share is the head's now: this rig's eyeLook shapes move those points already.
    np.testing.assert_allclose(back.joint_weights[:, 0], rig.joint_weights[:, 0], atol=1e-6)
    np.testing.assert_allclose(back.joint_weights.sum(axis=1), 1, atol=1e-6)


def test_part_colours_come_back_where_there_are_no_vertex_colours(tmp_path: Path, ball: Make):
    rig = replace(ball(), colors=None)
    write_rig(rig, tmp_path / "ball.usda")
    back = load_rig(tmp_path / "ball.usda")
    assert back.colors is None
    for part, own in zip(back.neutral.topology.parts, rig.neutral.topology.parts, strict=True):
        np.testing.assert_allclose((*part.color, part.roughness), (*own.color, own.roughness), atol=1e-6)


@pytest.mark.parametrize("start", [0.0, 0.25, -0.5, 47_584.5275])
def test_a_clip_comes_back(tmp_path: Path, start: float, ball: Make, performance: Make):
    rig, clip = corrected(ball()), performance()
    clip = replace(clip, times=clip.times - clip.times[0] + start)
    clip.save(tmp_path / "a.usdc", rig=rig, translation=True)
    back = Clip.load(tmp_path / "a.usdc")
    assert back.channels == rig.shape_names and back.source == "take.mp4" and back.confidence is None
    np.testing.assert_allclose(back.times, clip.times, atol=2e-9)
    assert np.array_equal(back.with_channels(ARKIT).weights, clip.weights)
    np.testing.assert_allclose(np.abs((back.head_rotation * clip.head_rotation).sum(axis=1)), 1, atol=1e-6)
    np.testing.assert_allclose(back.gaze, clip.gaze, atol=1e-6)
    np.testing.assert_allclose(back.head_translation, clip.head_translation, atol=1e-3)
    codes, _ = performed(tmp_path / "a.usdc")
    assert 0 <= codes[0] < 100  # a time of day becomes 0


def test_what_was_not_there_does_not_come_back(tmp_path: Path, ball: Make, performance: Make):
    clip = replace(performance(), gaze=None, head_rotation=None, head_translation=None)
    clip.save(tmp_path / "a.usda", rig=ball())
    back = Clip.load(tmp_path / "a.usda")
    assert back.gaze is None and back.head_rotation is None and back.head_translation is None


def test_lost_frames_are_held_and_come_back_as_lost(tmp_path: Path, ball: Make, performance: Make):
    clip, lost = performance(), [0, 1, 7, 8, 19]
    weights, rotation, confidence = clip.weights.copy(), clip.head_rotation.copy(), np.ones(20)
    weights[lost] = rotation[lost] = np.nan
    confidence[lost] = 0
    clip = replace(clip, weights=weights, head_rotation=rotation, confidence=confidence)
    clip.save(tmp_path / "a.usdc", rig=ball())
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    animation = find(stage, UsdSkel.Animation).GetBlendShapeWeightsAttr()
    written = np.array([animation.Get(code) for code in animation.GetTimeSamples()])
    assert np.array_equal(written[:, :52], clip.filled().weights)
    back = Clip.load(tmp_path / "a.usdc")
    assert np.flatnonzero(~back.seen).tolist() == lost and np.isnan(back.head_rotation[lost]).all()


@given(
    rate=st.sampled_from([24, 25, 30, 48, 50, 60, 120, 24000 / 1001, 30000 / 1001, 60000 / 1001]),
    first=st.integers(0, 10**5),
)
def test_steady_takes_fall_on_whole_frames(rate: float, first: int):
    times = (first + np.arange(50)) / rate
    assert frame_rate(times) == rate
    assert time_codes(times, rate) == list(range(first, first + 50))


@given(steps=st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=30))
def test_no_stamp_moves_by_more_than_a_nanosecond(steps: list[float]):
    times = np.cumsum(steps)
    rate = frame_rate(times)
    np.testing.assert_allclose(np.array(time_codes(times, rate)) / rate, times, rtol=0, atol=1e-9)


def test_a_mesh_sequence_comes_back_and_usd_reads_it(tmp_path: Path, ball: Make):
    neutral = ball().neutral
    rng = np.random.default_rng(0)
    sequence = MeshSequence(
        times=np.cumsum(rng.uniform(0.01, 0.07, 7)),
        vertices=neutral.vertices + rng.normal(size=(7, *neutral.vertices.shape)).astype(np.float32),
        topology=neutral.topology,
    )
    for suffix in ("usd", "usda", "usdc"):
        path = tmp_path / f"s.{suffix}"
        sequence.save(path)
        assert complaints(path) == []
        stage = Usd.Stage.Open(str(path))
        points = find(stage, UsdGeom.Mesh).GetPointsAttr()
        np.testing.assert_allclose(
            np.array(points.GetTimeSamples()) / stage.GetTimeCodesPerSecond(), sequence.times, atol=1e-9
        )
        written = [np.array(points.Get(code)) * 1000 for code in points.GetTimeSamples()]
        np.testing.assert_allclose(written, sequence.vertices, atol=2e-5)
        back = MeshSequence.load(path)
        np.testing.assert_allclose(back.vertices, sequence.vertices, atol=4e-5)
        np.testing.assert_allclose(back.times, sequence.times, atol=1e-9)
        assert np.array_equal(back.topology.triangles, neutral.topology.triangles)


def test_quaternions_never_flip_between_samples(tmp_path: Path, ball: Make, performance: Make):
    clip = replace(performance(), head_rotation=quaternion_from_angles(np.linspace(-3, 3, 60).reshape(20, 3)))
    signs = np.where(np.arange(20) % 2, -1.0, 1.0)[:, None]
    replace(clip, head_rotation=clip.head_rotation * signs * 3).save(tmp_path / "a.usda", rig=ball())
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    turns = find(stage, UsdSkel.Animation).GetRotationsAttr()
    values = np.array([np.array(turns.Get(code))[1] for code in turns.GetTimeSamples()])
    assert ((values[1:] * values[:-1]).sum(axis=1) > 0).all()


def test_what_cannot_be_written(tmp_path: Path, ball: Make, performance: Make):
    clip, rig = performance(), ball()
    with pytest.raises(MienError, match="needs a rig"):
        clip.save(tmp_path / "a.usd")
    with pytest.raises(MienError, match="no frames"):
        clip.select(np.zeros(20, bool)).save(tmp_path / "a.usd", rig=rig)
    with pytest.raises(MienError, match="none of the clip's channels"):
        clip.save(tmp_path / "a.usd", rig=replace(rig, shape_names=tuple(f"s{i}" for i in range(53))))
    with pytest.raises(MienError, match="closer together"):
        replace(clip, times=np.arange(20) * 1e-13 + 1).save(tmp_path / "a.usd", rig=rig)
    with pytest.raises(MienError, match="does not exist"):
        clip.save(tmp_path / "missing" / "a.usd", rig=rig)
    with pytest.raises(MienError, match="can be read but not written"):
        clip.save(tmp_path / "a.usdz", rig=rig)
    assert list(tmp_path.iterdir()) == []


def test_without_openusd_one_line_names_the_extra(tmp_path: Path):
    code = (
        "import sys; sys.modules['pxr'] = None\n"
        "from mien.cli.main import main\n"
        "import mien.io, mien.rigs\n"
        f"open(r'{tmp_path / 'a.usd'}', 'w').close(); open(r'{tmp_path / 'a.csv'}', 'w').close()\n"
        f"print(main(['rig', 'info', r'{tmp_path / 'a.usd'}']))\n"
        f"print(main(['retarget', r'{tmp_path / 'a.csv'}', '--rig', 'mo', '--out', r'{tmp_path / 'b.usd'}']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "2"]
    assert done.stderr.splitlines() == ["mien: error: USD files need OpenUSD; run: pip install 'mien[usd]'"] * 2


def test_reading_and_writing_other_formats_never_imports_it():
    code = "import sys, mien.io, mien.rigs.readers.usd.reader, mien.cli.rig; print('pxr' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_correctives_are_baked_into_a_take(tmp_path: Path, assets: Path):
    """The built-in head over a real take: USD, which knows no correctives, shows them; they are no trifle."""
    rig, take = load_rig("mo"), Clip.load(assets / "motion" / "alex_rom_4.csv")
    take = take.select(take.seen & (np.arange(len(take)) % 240 == 0))
    take.save(tmp_path / "take.usdc", rig=rig)
    _, shown = performed(tmp_path / "take.usdc")
    ours = np.stack([rig.perform(take, i) for i in range(len(take))])
    np.testing.assert_allclose(np.stack(shown) * 1000, ours, atol=1e-3)
    plainly = replace(rig, correctives=(), corrective_shapes=None)
    without = np.stack([plainly.perform(take, i) for i in range(len(take))])
    assert np.linalg.norm(without - ours, axis=-1).max() > 1
