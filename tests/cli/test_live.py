"""`mien capture webcam`: what can be tried without a camera."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mien.cli.live import record, webcam_of
from mien.core import MienError
from mien.io.video import Frame, open_video
from mien.systems.capture.runtime.live_capture import LiveCapture

from .conftest import Run


def test_a_webcam_is_meant_only_where_no_file_has_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert webcam_of(Path("webcam")) == 0 and webcam_of(Path("webcam2")) == 2
    assert webcam_of(Path("webcam.mp4")) is None and webcam_of(Path("my/webcam")) is None
    (tmp_path / "webcam").touch()
    assert webcam_of(Path("webcam")) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("webcam9",), "webcam 9 cannot be opened"),
        (("webcam", "--preview", "p.mp4"), "not kept"),
        (("webcam", "--neutral", "3"), "rest for two seconds"),
        (("webcam", "--seconds", "0"), "more than 0"),
        (("take.mp4", "--seconds", "3"), "captured whole"),
    ],
)
def test_what_cannot_be_is_one_clear_line(run: Run, words: tuple[str, ...], said: str) -> None:
    done = run("capture", *words)
    assert done.returncode == 2 and done.stdout == "" and said in done.stderr and "Traceback" not in done.stderr


def _frames(path: Path, *, interrupted_at: int | None = None) -> Iterator[Frame]:
    with open_video(path) as video:
        for frame in video:
            if frame.index == interrupted_at:
                raise KeyboardInterrupt
            yield frame


def test_a_recording_ends_by_time_or_by_ctrl_c_and_is_kept(assets: Path) -> None:
    video = assets / "video" / "single_face.mp4"
    clip, milliseconds = record(LiveCapture(), _frames(video), "here", 0.5)
    assert 0.4 < clip.times[-1] <= 0.5 and len(milliseconds) == len(clip) and clip.seen.all()
    stopped, _ = record(LiveCapture(), _frames(video, interrupted_at=8), "here", None)
    np.testing.assert_array_equal(stopped.weights, clip.weights[:8])
    assert stopped.source == "here"


def test_nobody_before_the_camera_is_one_clear_line(assets: Path) -> None:
    with pytest.raises(MienError, match="no face seen"):
        record(LiveCapture(), _frames(assets / "video" / "no_face.mp4", interrupted_at=5), "webcam 0", None)
