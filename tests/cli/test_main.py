from pathlib import Path

import pytest

import mien as package
from mien.cli.main import COMMANDS
from mien.core import MienError
from mien.systems.capture.config import PRESETS, CaptureConfig

from .conftest import Mien, Run


def test_version_and_usage(run: Run) -> None:
    assert run("--version").stdout == f"mien {package.__version__}\n"
    usage = run().stdout
    assert usage == run("--help").stdout
    assert all(f"  {command} " in usage for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: mien {command}" in done.stdout


def test_a_parameter_in_a_message_is_written_as_the_commands_option(mien: Mien, tmp_path: Path) -> None:
    assert "--focal, the focal length" in mien("capture", "x.mp4", "--focal", "-1").err
    assert "--frames is how many" in mien("fit", "x.jpg", "--frames", "0").err
    said = mien("express", "mean", "--transfer", "--out", "x.npz").err
    assert "--transfer brings" in said
    assert "--landmarks are those" in mien("express", "mean", "--landmarks", "x.json", "--out", "x.npz").err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("`wrinkle_maps` is a folder", "--wrinkle-maps is a folder"),
        ("`pace` is no option of this command", "`pace` is no option of this command"),
        ("get it with `mien assets get ict`", "get it with `mien assets get ict`"),
        ("`neutral` is an argument without dashes", "`neutral` is an argument without dashes"),
    ],
)
def test_only_options_of_the_command_that_was_run_get_dashes(
    message: str, shown: str, monkeypatch: pytest.MonkeyPatch, mien: Mien
) -> None:
    def refuse(_: object) -> None:
        raise MienError(message)

    monkeypatch.setattr("mien.cli.express.run", refuse)
    assert mien("express", "mean") == (2, "", f"mien: error: {shown}\n")


def test_options_of_a_group_and_of_a_configuration_are_known_too(mien: Mien, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MienError("`columns` and `fps` and `learning_rate`")

    monkeypatch.setattr("mien.cli.synth.preview", refuse)
    assert mien("synth", "preview").err == "mien: error: --columns and `fps` and `learning_rate`\n"
    monkeypatch.setattr("mien.systems.registry.find", refuse_to_train)
    assert mien("train", "capture").err == "mien: error: --seed is another one\n"


def refuse_to_train(name: str) -> "object":
    """A system whose training refuses its seed."""

    class System:
        @staticmethod
        def presets() -> dict[str, CaptureConfig]:
            return PRESETS

        @staticmethod
        def train(config: CaptureConfig) -> None:
            raise MienError("`seed` is another one")

    return System()


def test_an_unknown_command_names_the_known_ones(refused) -> None:
    line = refused("caputre")
    assert "there is no command 'caputre'" in line
    assert "capture" in line


def test_an_unknown_option_is_refused(run: Run) -> None:
    done = run("rig", "info", "mo", "--colour")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--colour" in done.stderr


def test_a_missing_extra_says_what_to_install(run: Run) -> None:
    code = """
import sys
sys.modules["torch"] = None  # what the import system holds for a module that must not be found
from mien.cli.main import main
sys.exit(main(["train", "capture", "--preset", "smoke"]))
"""
    done = run(code=code)
    assert (done.returncode, done.stderr) == (
        2,
        "mien: error: this command needs torch; run: pip install 'mien[train]'\n",
    )


def test_a_bug_shows_its_traceback(run: Run) -> None:
    code = """
import sys
from mien.cli import rig
from mien.cli.main import main
rig.main = lambda arguments: 1 / 0
sys.exit(main(["rig"]))
"""
    done = run(code=code)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_a_reader_that_leaves_is_no_error(run: Run) -> None:
    code = """
import os, subprocess, sys
command = [sys.executable, "-m", "mien.cli.main", "--help"]
pipe = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
pipe.stdout.close()
print(pipe.stderr.read(), pipe.wait())
"""
    # The reader is gone before the interpreter has started, so that the write always fails.
    assert run(code=code).stdout == "b'' 141\n"


def test_train_names_systems_and_presets(refused) -> None:
    assert "there are: capture" in refused("train", "kapture")
    assert "use one of: cpu, full" in refused("train", "capture", "--preset", "huge")


def test_train_options_are_the_fields_of_the_configuration(run: Run) -> None:
    done = run("train", "capture", "--preset", "full", "--help")
    assert done.returncode == 0
    assert "--stills-per-batch" in done.stdout
    assert "512" in done.stdout  # the preset's value


def test_bench_names_systems(refused) -> None:
    assert "there are: capture" in refused("bench", "kapture")
