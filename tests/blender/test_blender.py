"""Blender as an independent reader: what it shows of a take is what the rig evaluates to, vertex by vertex."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pxr import Usd

from mien.core import Clip, Rig
from mien.io.gltf.document import read_glb
from mien.io.gltf.rig import SOURCE_VERTEX
from mien.rigs.load import load_rig
from mien.rigs.retarget.retarget import retarget

BLENDER = os.environ.get("MIEN_BLENDER", "")
PLAY = Path(__file__).with_name("play.py")
CLOSE = 1e-4
"""Largest distance of a vertex [m] that counts as the same place."""


def play(path: Path, times: np.ndarray) -> np.ndarray:
    """Vertices [T, V, 3] in metres, as Blender evaluates them."""
    out = path.with_suffix(".npy")
    np.save(path.with_suffix(".times.npy"), times)
    rate = [] if path.suffix == ".glb" else [str(Usd.Stage.Open(str(path)).GetTimeCodesPerSecond())]
    command = [BLENDER, str(PLAY), str(path), str(path.with_suffix(".times.npy")), str(out), *rate]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert out.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    return np.load(out)


def order_in_blender(path: Path, rig: Rig) -> np.ndarray:
    """The rig's vertex of each of Blender's; its glTF importer takes what each primitive draws, in order."""
    if path.suffix != ".glb":
        return np.arange(len(rig.neutral.vertices))
    document = read_glb(path)
    primitives = document.items("meshes")[0]["primitives"]
    drawn = np.concatenate([np.unique(document.accessor(p["indices"])) for p in primitives])
    attributes = primitives[0]["attributes"]
    return document.accessor(attributes[SOURCE_VERTEX]).astype(int)[drawn] if SOURCE_VERTEX in attributes else drawn


def take(assets: Path) -> Clip:
    """Every thirtieth frame of a real range-of-motion take, from time 0."""
    clip = Clip.load(assets / "motion" / "alex_rom_3.csv")
    clip = clip.select(clip.seen)
    clip = clip.select(np.arange(len(clip)) % 30 == 0)
    return replace(clip, times=clip.times - clip.times[0])


def check(path: Path, rig: Rig, clip: Clip) -> None:
    clip.save(path, rig=rig)
    shown, order = play(path, clip.times), order_in_blender(path, rig)
    assert len(shown) == len(clip) > 30
    apart = [np.abs(v - rig.perform(clip, i)[order] / 1000).max() for i, v in enumerate(shown)]
    moved = np.abs(shown - shown[0]).max()
    print(f"{path.name}: at most {max(apart):.1e} m apart over {len(clip)} frames; it moves by {moved:.3f} m")
    assert max(apart) < CLOSE and moved > 0.01


@pytest.mark.parametrize("suffix", ["glb", "usdc"])
@pytest.mark.parametrize("name", ["mo", "rigs/rocketbox_female_01.glb", "ict"])
def test_a_take(tmp_path: Path, assets: Path, name: str, suffix: str):
    rig = load_rig(assets / name if "/" in name else name)
    check(tmp_path / f"{rig.name}.{suffix}", rig, take(assets))


def test_a_retargeted_take(tmp_path: Path, assets: Path):
    rig = load_rig(assets / "rigs" / "rocketbox_female_01.glb")
    done = retarget(take(assets), rig, "ict", method="motion")
    for suffix in ("glb", "usdc"):
        check(tmp_path / f"retargeted.{suffix}", rig, done.clip)
