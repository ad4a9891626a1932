"""The command line that all benchmarks share."""

import argparse
from pathlib import Path

import pytest
from benchmarks.command import command_line, run

from mien.core import MienError
from mien.engine import provenance
from mien.engine.figures import Figure, Result


def measured(chosen: argparse.Namespace) -> Result:
    return Result.measured("x", [Figure(name="a", ours=1.0)], {"assets": str(getattr(chosen, "assets", ""))})


def never(chosen: argparse.Namespace) -> Result:
    raise AssertionError("nothing may be measured")


def refused(words: list[str], capsys: pytest.CaptureFixture[str], assets: str = "") -> str:
    with pytest.raises(SystemExit) as left:
        run(command_line("A benchmark.", assets=assets), never, words)
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "git_revision", lambda: "0123456789ab")


def test_the_material_is_named_by_the_variable_or_the_option(
    clean: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "x.json"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("MIEN_TEST_ASSETS", str(tmp_path / "one"))
    for words, name in (([], "one"), (["--assets", str(tmp_path / "two")], "two")):
        run(command_line("A benchmark.", assets="video/"), measured, [*words, "--json", str(out)])
        result = Result.read(out)
        assert result.details == {"assets": str(tmp_path / name)} and result.figures[0].ours == 1


def test_missing_material_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MIEN_TEST_ASSETS", raising=False)
    assert "MIEN_TEST_ASSETS" in refused([], capsys, "video/") and "--assets" in refused([], capsys, "video/")
    assert "none" in refused(["--assets", str(tmp_path / "none")], capsys, "video/")


def test_a_result_of_uncommitted_code_is_refused_before_any_work_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(provenance, "git_revision", lambda: "0123456789ab-dirty")
    out = tmp_path / "x.json"
    assert "--dirty" in refused(["--json", str(out)], capsys)
    assert not out.exists()
    run(command_line("A benchmark."), measured, ["--json", str(out), "--dirty"])
    assert out.exists()
    run(command_line("A benchmark."), measured, [])  # nothing is written, so nothing is refused


def test_a_file_that_cannot_be_written_is_refused_before_any_work(
    clean: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "none" in refused(["--json", str(tmp_path / "none" / "x.json")], capsys)


def test_what_the_measuring_refuses_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(chosen: argparse.Namespace) -> Result:
        raise MienError("no such thing; give `some_name`")

    with pytest.raises(SystemExit):
        run(command_line("A benchmark."), refuse, [])
    assert capsys.readouterr().err.endswith("error: no such thing; give --some-name\n")
