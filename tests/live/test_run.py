"""A live performance from any source into any sinks: everything arrives in order, and everything is closed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, MienError, Pose
from mien.io.video import Frame
from mien.io.video_writer import VideoWriter
from mien.live.recording import Recording
from mien.live.run import run
from mien.live.source import open_source

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Frames:
    """A source of ten frames a second that may end in an error."""

    def __init__(self, count: int = 10, error: BaseException | None = None) -> None:
        self._count, self._error, self.closed = count, error, 0

    def __enter__(self) -> "Frames":
        return self

    def __exit__(self, *_: object) -> None:
        self.closed += 1

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._count):
            yield Frame(index=index, time=index / 10, image=np.full_like(IMAGE, index))
        if self._error is not None:
            raise self._error


class Brightness:
    """Every weight is the picture's brightness; an image of brightness 3 shows no face."""

    def frame(self, image: np.ndarray, time: float) -> Pose:
        if image.mean() == 3:
            return Pose.lost(time)
        return Pose(time=time, weights=np.full(len(ARKIT), image.mean() / 10, np.float32))


class Log:
    """A sink that notes what it is told and may refuse one pose."""

    def __init__(self, refuses: float | None = None) -> None:
        self.refuses, self.times, self.closed = refuses, list[float](), 0

    def send(self, pose: Pose) -> None:
        if pose.time == self.refuses:
            raise MienError("this sink is full")
        self.times.append(pose.time)

    def close(self) -> None:
        self.closed += 1


def test_every_frame_reaches_every_sink_in_order() -> None:
    source, sinks, recording = Frames(), (Log(), Log()), Recording(source="test")
    milliseconds = run(source, Brightness(), [*sinks, recording])
    assert len(milliseconds) == 10 and (milliseconds >= 0).all()
    assert sinks[0].times == sinks[1].times == [index / 10 for index in range(10)]
    assert source.closed == sinks[0].closed == sinks[1].closed == 1
    clip = recording.clip()
    assert clip.source == "test" and len(recording) == 10
    np.testing.assert_array_equal(clip.seen, [index != 3 for index in range(10)])
    np.testing.assert_allclose(clip.weights[clip.seen, 0], [0, 0.1, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])


def test_a_performance_ends_by_time() -> None:
    log = Log()
    assert len(run(Frames(), Brightness(), [log], seconds=0.45)) == 5
    assert log.times[-1] == 0.4 and log.closed == 1


def test_ctrl_c_ends_a_performance_and_keeps_what_was_recorded() -> None:
    source, recording = Frames(5, KeyboardInterrupt()), Recording()
    run(source, Brightness(), [recording])
    assert len(recording.clip()) == 5 and source.closed == 1


@pytest.mark.parametrize("at", ["source", "sink"])
def test_source_and_sinks_are_closed_whatever_happens(at: str) -> None:
    source = Frames(5, RuntimeError("unplugged") if at == "source" else None)
    sinks = Log(), Log(refuses=0.3 if at == "sink" else None), Log()
    with pytest.raises(RuntimeError if at == "source" else MienError):
        run(source, Brightness(), sinks)
    assert [source.closed, *(sink.closed for sink in sinks)] == [1, 1, 1, 1]


def test_a_recording_without_poses_is_an_empty_clip() -> None:
    clip = Recording().clip()
    assert len(clip) == 0 and clip.visibility is None and clip.channels == ARKIT


def test_a_source_is_opened_by_name(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 32, 32, 10) as writer:
        for index in range(4):
            writer.write(np.zeros((32, 32, 3), np.uint8), index / 10)
    with open_source(str(tmp_path / "a.mp4")) as frames:
        assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3], abs=1e-4)
    with pytest.raises(MienError, match="webcam 98 cannot be opened"):
        open_source("98")
    with pytest.raises(MienError, match=r"none\.mp4"):
        open_source(str(tmp_path / "none.mp4"))
