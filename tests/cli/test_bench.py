"""`mien bench`: every system's own options, one line for what the user did wrong, the table and the file."""

import dataclasses
from pathlib import Path

import pytest

from mien.cli.bench import show
from mien.cli.main import main as mien
from mien.engine import provenance
from mien.engine.figures import Figure, Result
from mien.systems import registry


def test_the_table_shows_ours_targets_and_baselines(capsys) -> None:
    figures = (
        Figure(name="Pearson", ours=0.7123, target=0.6, baselines={"ridge": 0.5}),
        Figure(name="frame", unit="ms", better="lower", ours=1.5, target=3),
        Figure(name="lost", ours=None, baselines={"zeros": 0}, reason="nobody came"),
    )
    show(Result(name="capture", quick=True, figures=figures, details={}))
    out = capsys.readouterr().out
    for text in ("capture (quick)", "0.712", "≥ 0.6 reached", "ridge 0.5", "frame [ms]", "≤ 3", "nobody came"):
        assert text in out


@pytest.mark.parametrize("name", sorted(registry.SYSTEMS))
def test_the_help_shows_the_systems_own_options_and_the_commands(name: str, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        mien(["bench", name, "--help"])
    assert left.value.code == 0
    out = capsys.readouterr().out
    own = [field.name for field in dataclasses.fields(registry.find(name).bench_options())]  # pyright: ignore
    for option in (*own, "json", "dirty"):
        assert f"--{option.replace('_', '-')}" in out


def test_an_option_of_another_system_is_refused(capsys) -> None:
    with pytest.raises(SystemExit) as left:
        mien(["bench", "express", "--rig", "x.glb"])
    assert left.value.code == 2
    assert "--rig" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["juggle"], "there are: capture"),
        (["--quick", "juggle"], "there are: capture"),
        (["capture", "--mediapipe", "none.task"], "no model none.task"),
        (["--rig", "none.glb", "capture", "--quick"], "none.glb"),
        (["capture", "--quick", "--rig", "mo", "--rig", "none.glb"], "none.glb"),
        (["capture", "--bundle", "none"], "no such bundle"),
        (["express", "--bundle", "none"], "no such bundle"),
        (["express", "--bundle", str(Path(registry.__file__).parent / "capture" / "weights")], "not of 'express'"),
        (["express", "--bundle", str(Path(registry.__file__).parent / "express" / "rivals" / "pca")], "neutral"),
        (["express", "--json", "no/such/folder/x.json"], "no/such/folder"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line_before_any_work(words: list[str], said: str, capsys) -> None:
    assert mien(["bench", *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_result_of_code_that_is_not_committed_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "git_revision", lambda: "0123456789ab-dirty")
    assert mien(["bench", "express", "--json", str(tmp_path / "x.json")]) == 2
    error = capsys.readouterr().err
    assert "commit" in error and "dirty" in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", sorted(registry.SYSTEMS))
def test_a_system_without_weights_says_so_and_takes_a_bundle(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(registry, "packaged_bundles", dict)
    assert mien(["bench", name]) == 2
    error = capsys.readouterr().err
    assert f"{name} ships no weights" in error and error.count("\n") == 1
    assert mien(["bench", name, "--bundle", str(tmp_path)]) == 2
    assert "ships no weights" not in capsys.readouterr().err
