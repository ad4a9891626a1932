"""What three.js, the reader most people meet, shows of a take: every vertex, at every key and between them."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core import Clip
from mien.io.gltf.document import read_glb
from mien.io.gltf.rig import SOURCE_VERTEX
from mien.rigs.load import load_rig

Make = Callable[..., Any]
THREE = Path(__file__).resolve().parents[2] / "tools" / "three"


@pytest.fixture(scope="module")
def play() -> Make:
    """Plays a file at times [s]: vertices [T, V, 3] in metres. The full test command turns this skip into a failure."""
    node = shutil.which("node")
    if node is None or not (THREE / "node_modules" / "three").is_dir():
        pytest.skip(f"no node, or `npm ci` has not run in {THREE}")

    def run(path: Path, times: np.ndarray) -> np.ndarray:
        asked, told = path.with_suffix(".f64"), path.with_suffix(".f32")
        times.astype("<f8").tofile(asked)
        subprocess.run([node, str(THREE / "play.mjs"), *map(str, (path, asked, told))], check=True)
        return np.fromfile(told, "<f4").reshape(len(times), -1, 3)

    return run


def source_of(path: Path, vertices: int) -> np.ndarray:
    """The rig's vertex that each vertex of the file copies."""
    document = read_glb(path)
    attributes = document.items("meshes")[0]["primitives"][0]["attributes"]
    if SOURCE_VERTEX not in attributes:
        return np.arange(vertices)
    return document.accessor(attributes[SOURCE_VERTEX]).astype(int)


@pytest.mark.parametrize("name", ["mo", "rigs/rocketbox_female_01.glb"])
def test_a_real_take_on_a_real_rig(tmp_path: Path, assets: Path, play: Make, name: str):
    rig = load_rig(assets / name if "/" in name else name)
    take = Clip.load(assets / "motion" / "alex_rom_3.csv")
    take = take.select(np.arange(len(take)) % 80 == 0)
    take.save(tmp_path / "take.glb", rig=rig)
    shown = play(tmp_path / "take.glb", take.times - take.times[0])
    source = source_of(tmp_path / "take.glb", len(rig.neutral.vertices))
    assert len(shown) > 20
    for frame, vertices in enumerate(shown):
        assert np.abs(vertices - rig.perform(take, frame)[source] / 1000).max() < 1e-5


@pytest.mark.parametrize("kind", ["skinned", "unskinned"])
def test_seams_materials_and_a_moving_head(tmp_path: Path, play: Make, ball: Make, performance: Make, kind: str):
    rig, clip = ball(), performance()
    clip = replace(clip, times=clip.times - clip.times[0])
    if kind == "unskinned":
        rig = replace(rig, joint_weights=None)
    clip.save(tmp_path / "a.glb", rig=rig, translation=True)
    shown = play(tmp_path / "a.glb", clip.times)
    source = source_of(tmp_path / "a.glb", len(rig.neutral.vertices))
    assert len(source) > len(rig.neutral.vertices)
    moved = clip.head_translation - clip.head_translation[0]
    for frame, vertices in enumerate(shown):
        expected = rig.perform(clip, frame) if kind == "skinned" else turned(rig, clip, frame)
        np.testing.assert_allclose(vertices, (expected + moved[frame])[source] / 1000, atol=1e-6)


def turned(rig: Any, clip: Clip, frame: int) -> np.ndarray:
    """The whole mesh about the head joint, which is what a rig without weights does."""
    from scipy.spatial.transform import Rotation

    pivot = np.array(rig.joints[1].position)
    turn = Rotation.from_quat(clip.head_rotation[frame]).as_matrix()
    return (rig.evaluate(clip.weights[frame]) - pivot) @ turn.T + pivot


def test_between_keys_weights_run_straight(tmp_path: Path, play: Make, ball: Make, performance: Make):
    rig, clip = replace(ball(), joints=(), joint_weights=None), performance()
    clip = replace(clip, times=clip.times - clip.times[0], head_rotation=None, gaze=None)
    clip.save(tmp_path / "a.glb", rig=rig)
    middle = (clip.times[1:] + clip.times[:-1]) / 2
    shown = play(tmp_path / "a.glb", middle)
    source = source_of(tmp_path / "a.glb", len(rig.neutral.vertices))
    expected = rig.evaluate((clip.weights[1:] + clip.weights[:-1]) / 2)[:, source] / 1000
    np.testing.assert_allclose(shown, expected, atol=1e-6)
