"""`mien` as a user runs it: in a process of its own (`run`), or in this one where that is not the point (`mien`)."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from mien.cli.main import main
from mien.io.video import open_video
from mien.io.video_writer import VideoWriter

Run = Callable[..., subprocess.CompletedProcess[str]]
FRAMES = 12


class Done(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


Mien = Callable[..., Done]


def cut(source: Path, path: Path, frames: int) -> Path:
    """The first frames of a video, in a file of their own."""
    with open_video(source) as video, VideoWriter(path, video.width, video.height, video.fps_nominal) as writer:
        for frame, _ in zip(video, range(frames), strict=False):
            writer.write(frame.image, frame.time)
    return path


@pytest.fixture(scope="session")
def short(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first frames of a real video."""
    return cut(assets / "video" / "single_face.mp4", tmp_path_factory.mktemp("short") / "smile.mp4", FRAMES)


@pytest.fixture
def mien(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mien:
    """Run `mien ARGUMENTS` in `tmp_path`, in this process."""
    monkeypatch.chdir(tmp_path)

    def mien(*arguments: object) -> Done:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return mien


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
