"""Video and images: exact times, upright pictures, and one clear line for everything that is not a video."""

import struct
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mien.core import MienError
from mien.io.video import is_image, open_frames, open_video, read_image
from mien.io.video_writer import VideoWriter


def picture(width: int, height: int, step: int = 0) -> np.ndarray:
    """A smooth image whose red grows to the right and green downwards; blue tells the frame."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(20, 220, width)[None, :]
    image[..., 1] = np.linspace(20, 220, height)[:, None]
    image[..., 2] = 40 + 3 * step
    return image


def write(path: Path, times: np.ndarray, width: int = 96, height: int = 64) -> None:
    with VideoWriter(path, width, height, 30.0) as writer:
        for step, time in enumerate(times):
            writer.write(picture(width, height, step), float(time))


@pytest.mark.parametrize(("suffix", "clock"), [(".mp4", 90_000), (".mov", 90_000), (".mkv", 1000)])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.floats(0, 2), steps=st.lists(st.floats(0.002, 0.3), min_size=3, max_size=12), odd=st.sampled_from([0, 1])
)
def test_irregular_times_come_back_exactly(
    tmp_path: Path, suffix: str, clock: int, start: float, steps: list[float], odd: int
) -> None:
    times = np.round((start + np.cumsum(steps)) * clock) / clock
    path = tmp_path / f"take{suffix}"
    write(path, times, 64 + odd, 48 + odd)
    with open_video(path) as video:
        frames = list(video)
    assert (video.width, video.height) == (64 + 2 * odd, 48 + 2 * odd)
    assert [frame.index for frame in frames] == list(range(len(times)))
    np.testing.assert_allclose([frame.time for frame in frames], times, rtol=0, atol=1e-9)
    for step, frame in enumerate(frames):
        assert frame.image.flags["C_CONTIGUOUS"]
        expected = picture(64 + odd, 48 + odd, step)
        # 4:2:0 chroma and quantisation; a swap of channels or of BT.601 and BT.709 would be far more.
        assert np.abs(frame.image[: 48 + odd, : 64 + odd].astype(int) - expected).mean() < 4


def test_it_can_be_read_again_and_left_early(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    write(path, np.arange(5) / 30)
    video = open_video(path)
    assert next(iter(video)).index == 0
    assert len(list(video)) == len(list(video)) == 5
    assert video.frames_estimate == 5
    assert video.fps_nominal == pytest.approx(30)
    assert video.duration == pytest.approx(5 / 30, abs=0.05)


@pytest.mark.parametrize(
    ("matrix", "turns"),
    [((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)],
    ids=["phone upright", "upside down", "phone the other way"],
)
def test_rotation_of_the_container_is_applied(tmp_path: Path, matrix: tuple[int, ...], turns: int) -> None:
    path = tmp_path / "take.mp4"
    write(path, np.arange(3) / 30)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 20 + 16  # version and flags, five times of 4 bytes, layer to volume
    a, b, c, d = (n * 65536 for n in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)  # ISO/IEC 14496-12, 8.3.2
    path.write_bytes(data)
    upright = next(iter(open_video(path))).image
    expected = np.rot90(picture(96, 64), turns)
    assert upright.shape == expected.shape == (open_video(path).height, open_video(path).width, 3)
    assert np.abs(upright.astype(int) - expected).mean() < 4


def test_real_files_give_every_frame_at_its_time(assets: Path) -> None:
    for name, count, end in [("single_face.mp4", 72, 71 / 30), ("face_noface.mov", 169, 97695 / 15360)]:
        times = np.array([frame.time for frame in open_video(assets / "video" / name)])
        assert len(times) == count
        assert times[0] == 0.0
        assert times[-1] == pytest.approx(end, abs=1e-9)
        assert (np.diff(times) > 0).all()
    assert np.ptp(np.diff(times)) > 0.02  # the last one has a variable frame rate


def sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 44100, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def no_frames(path: Path) -> None:
    write(path, np.arange(3) / 30)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"avc1", b"xxxx"))  # a codec nobody decodes


def test_what_is_not_a_video_fails_in_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("this is not a video\n" * 100)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "noise.avi").write_bytes(np.random.default_rng(0).bytes(5000))
    sound(tmp_path / "sound.mp4")
    no_frames(tmp_path / "codec.mp4")
    cases = {
        "missing.mp4": "does not exist",
        "text.mp4": "not a video",
        "empty.mp4": "is empty",
        "folder.mp4": "is a folder",
        "noise.avi": "not a video",
        "sound.mp4": "only sound",
        "codec.mp4": "codec that cannot be decoded",
    }
    for name, says in cases.items():
        with pytest.raises(MienError, match=says) as caught:
            open_video(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


def test_a_last_frame_held_for_long_is_not_a_cut(tmp_path: Path) -> None:
    short, held = tmp_path / "short.mp4", tmp_path / "held.mp4"
    write(short, np.arange(3) / 30)
    with av.open(str(short)) as source, av.open(str(held), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                packet.duration = 60 * 90_000
                copy.mux(packet)
    assert open_video(held).duration > 50
    assert len(list(open_video(held))) == 3


@pytest.mark.parametrize("faststart", [False, True])
@pytest.mark.parametrize("keep", [0.3, 0.7, 0.97])
def test_a_video_cut_short_is_refused(assets: Path, tmp_path: Path, keep: float, faststart: bool) -> None:
    # With the index at the end a cut removes it; with the index first, decoders read up to the cut without a word.
    whole = tmp_path / "whole.mp4"
    with av.open(str(assets / "video" / "single_face.mp4")) as source:
        options = {"movflags": "faststart"} if faststart else {}
        with av.open(str(whole), "w", options=options) as copy:
            stream = copy.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    copy.mux(packet)
    assert len(list(open_video(whole))) == 72
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * keep)])
    with pytest.raises(MienError, match="cut short"):
        open_video(cut)


def test_a_matroska_file_cut_short_is_refused_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "take.mkv"
    rng = np.random.default_rng(0)
    with VideoWriter(path, 64, 64, 10.0) as writer:
        for step in range(60):
            writer.write(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8), step / 10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MienError, match="cut short"):
        list(open_video(path))


def test_damaged_packets_in_the_middle_are_survived(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    write(path, np.arange(60) / 30)
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 3
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    frames = list(open_video(path))
    assert len(frames) > 20
    assert (np.diff([frame.time for frame in frames]) > 0).all()


def test_the_writer_leaves_whole_files_or_none(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    with pytest.raises(KeyboardInterrupt), VideoWriter(path, 64, 48, 30.0) as writer:
        writer.write(picture(64, 48), 0.0)
        raise KeyboardInterrupt
    with pytest.raises(MienError, match="no frame"), VideoWriter(path, 64, 48, 30.0):
        pass
    with pytest.raises(MienError, match="sort the frames"), VideoWriter(path, 64, 48, 30.0) as writer:
        writer.write(picture(64, 48), 0.1)
        writer.write(picture(64, 48), 0.1)
    with pytest.raises(MienError, match="does not fit"), VideoWriter(path, 64, 48, 30.0) as writer:
        writer.write(picture(48, 64), 0.0)
    with pytest.raises(MienError, match="does not exist"), VideoWriter(tmp_path / "no" / "take.mp4", 64, 48, 30.0):
        pass
    with pytest.raises(MienError, match="positive"):
        VideoWriter(path, 0, 48, 30.0)
    with pytest.raises(MienError, match=r"\.mp4"):
        VideoWriter(tmp_path / "take.xyz", 64, 48, 30.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tiff"])
def test_images_are_read_as_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bild ü{suffix}"
    image = picture(50, 40)
    path.write_bytes(cv2.imencode(suffix, image[..., ::-1])[1].tobytes())
    assert is_image(path)
    assert np.abs(read_image(path).astype(int) - image).mean() < 4


def test_what_is_not_an_image(tmp_path: Path, assets: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    cut = tmp_path / "cut.png"
    cut.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert not is_image(text)
    assert not is_image(tmp_path / "missing.png")
    assert not is_image(tmp_path)
    assert not is_image(assets / "video" / "single_face.mp4")
    assert is_image(assets / "video" / "multi_face.jpg")
    for path in (text, cut, tmp_path / "missing.png", tmp_path):
        with pytest.raises(MienError) as caught:
            read_image(path)
        assert "\n" not in str(caught.value)


def test_a_picture_is_a_video_of_one_frame(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "picture.png"), picture(96, 64)[..., ::-1])
    write(tmp_path / "video.mp4", np.arange(3) / 30)
    still, video = open_frames(tmp_path / "picture.png"), open_frames(tmp_path / "video.mp4")
    assert (still.width, still.height) == (video.width, video.height) == (96, 64)
    assert (still.frames_estimate, still.fps_nominal, still.duration) == (1, 1.0, 0.0)
    with still as frames:
        for _ in range(2):  # any number of times, as a video
            (frame,) = frames
            assert (frame.index, frame.time) == (0, 0.0)
            np.testing.assert_array_equal(frame.image, picture(96, 64))
    assert len(list(video)) == 3
    with pytest.raises(MienError, match="not a video"):
        (tmp_path / "x.txt").write_text("neither")
        open_frames(tmp_path / "x.txt")
