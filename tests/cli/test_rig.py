from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mien.core import Clip
from mien.io.usd.rig import write_rig
from mien.rigs.load import load_rig
from mien.rigs.mo.load import STORED

from .conftest import Run


def test_info_of_the_built_in_head(run: Run) -> None:
    done = run("rig", "info", "mo")
    assert (done.returncode, done.stderr) == (0, "")
    assert "52 of 52" in done.stdout
    for joint in ("neck", "head", "jaw", "eyeLeft", "eyeRight"):
        assert joint in done.stdout
    told = " ".join(word for word in done.stdout.split() if word != "│")
    for driven in ("mouthClose over jawOpen", "jawOpen x mouthSmileLeft"):
        assert driven in told


def test_info_of_a_file(run: Run, assets: Path) -> None:
    done = run("rig", "info", assets / "rigs" / "rocketbox_female_01.glb")
    assert (done.returncode, done.stderr) == (0, "")
    assert "52 of 52" in done.stdout
    assert "viseme_PP" in done.stdout


def test_a_sheet_shows_every_shape_and_a_turntable_turns(run: Run, tmp_path: Path) -> None:
    done = run("rig", "sheet", "mo", "--out", "mo.png", "--turntable", "mo.gif")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "wrote mo.png\nwrote mo.gif\n")
    image = cv2.imread(str(tmp_path / "mo.png"))
    assert image.shape[0] > 500
    assert image.std() > 10
    with Image.open(tmp_path / "mo.gif") as gif:
        assert gif.n_frames == 36
    assert (tmp_path / "mo.gif").stat().st_size < 2**20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mo.gif", "mo.png"]


def test_what_cannot_be_drawn_is_refused(refused) -> None:
    assert "mo.gif" in refused("rig", "sheet", "mo", "--out", "mo.gif")
    assert "none/mo.png" in refused("rig", "sheet", "mo", "--out", "none/mo.png")
    assert "mo.png: the turntable is written as .gif" in refused("rig", "sheet", "mo", "--turntable", "mo.png")
    assert "none.json" in refused("rig", "sheet", "mo", "--map", "none.json")


def test_usd_in_and_out(run: Run, tmp_path: Path, assets: Path) -> None:
    write_rig(load_rig(assets / "rigs" / "rocketbox_female_01.glb"), tmp_path / "box.usdc")
    done = run("rig", "info", "box.usdc")
    assert (done.returncode, done.stderr) == (0, "")
    assert "52 of 52" in done.stdout
    take = Clip.load(assets / "motion" / "alex_rom_3.csv")
    take.select(np.arange(len(take)) < 20).save(tmp_path / "take.csv")
    done = run("retarget", "take.csv", "--rig", "box.usdc", "--out", "made.usda")
    assert (done.returncode, done.stderr) == (0, "")
    made, take = Clip.load(tmp_path / "made.usda"), Clip.load(tmp_path / "take.csv")
    np.testing.assert_allclose(made.curve("jawOpen"), take.curve("jawOpen"), atol=1e-6)


def test_mo_is_what_its_code_models(run: Run, tmp_path: Path) -> None:
    done = run("rig", "build", "mo", "--out", "made.npz")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "made.npz").read_bytes() == STORED.read_bytes()


def test_what_is_built_has_a_format(refused) -> None:
    assert "mo.fbx" in refused("rig", "build", "mo", "--out", "mo.fbx")
