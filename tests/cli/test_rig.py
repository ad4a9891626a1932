from pathlib import Path

import cv2

from .conftest import Run


def test_info_of_the_built_in_head(run: Run) -> None:
    done = run("rig", "info", "mo")
    assert (done.returncode, done.stderr) == (0, "")
    assert "52 of 52" in done.stdout
    for joint in ("neck", "head", "jaw", "eyeLeft", "eyeRight"):
        assert joint in done.stdout


def test_info_of_a_file(run: Run, assets: Path) -> None:
    done = run("rig", "info", assets / "rigs" / "rocketbox_female_01.glb")
    assert (done.returncode, done.stderr) == (0, "")
    assert "52 of 52" in done.stdout
    assert "viseme_PP" in done.stdout


def test_a_sheet_shows_every_shape(run: Run, tmp_path: Path) -> None:
    done = run("rig", "sheet", "mo", "--out", "mo.png")
    assert (done.returncode, done.stderr) == (0, "")
    image = cv2.imread(str(tmp_path / "mo.png"))
    assert image.shape[0] > 500
    assert image.std() > 10
    assert [path.name for path in tmp_path.iterdir()] == ["mo.png"]


def test_a_sheet_is_a_png(refused) -> None:
    assert "mo.gif" in refused("rig", "sheet", "mo", "--out", "mo.gif")
    assert "none/mo.png" in refused("rig", "sheet", "mo", "--out", "none/mo.png")
