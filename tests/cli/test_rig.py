from pathlib import Path

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
