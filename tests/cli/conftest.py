"""`mien` as a user runs it: a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `mien ARGUMENTS` in `tmp_path`."""

    def run(*arguments: object, code: str | None = None) -> subprocess.CompletedProcess[str]:
        how = ["-m", "mien.cli.main"] if code is None else ["-c", code]
        command = [sys.executable, *how, *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def refused(run: Run, tmp_path: Path) -> Callable[..., str]:
    """Run `mien ARGUMENTS`, assert one line on standard error, exit code 2 and no file made; return the line."""

    def refused(*arguments: object) -> str:
        before = set(tmp_path.rglob("*"))
        done = run(*arguments)
        lines = done.stderr.splitlines()
        assert (done.returncode, len(lines)) == (2, 1), done.stderr
        assert lines[0].startswith("mien: error: ")
        assert set(tmp_path.rglob("*")) == before
        return lines[0]

    return refused
