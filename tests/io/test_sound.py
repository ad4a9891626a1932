"""Sound of any kind becomes one channel at 16 kHz in its own time, and a video is written with its sound in step."""

from pathlib import Path

import av
import numpy as np
import pytest

from mien.core import MienError
from mien.io.sound import RATE, Sound, read_sound, write_wav
from mien.io.video_writer import VideoWriter

CLICK = 0.7


def clicks(rate: int, seconds: float = 1.5) -> np.ndarray:
    """Near silence with a burst of 440 Hz that begins at `CLICK` seconds."""
    times = np.arange(int(seconds * rate)) / rate
    return (np.sin(2 * np.pi * 440 * times) * ((times >= CLICK) & (times < CLICK + 0.2)) * 0.5).astype(np.float32)


def encode(path: Path, codec: str, rate: int, channels: int) -> Path:
    """Another library's file: stereo has the burst on one side only."""
    data = np.zeros((channels, len(clicks(rate))), np.float32)
    data[0] = clicks(rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo" if channels == 2 else "mono")
        mixer = av.AudioResampler(format=stream.format, layout=stream.layout, rate=rate)
        frame = av.AudioFrame.from_ndarray(data, format="fltp", layout=stream.layout.name)
        frame.sample_rate = rate
        for piece in mixer.resample(frame):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def onset(sound: Sound) -> float:
    times = sound.start + np.arange(len(sound.samples)) / sound.rate
    return float(times[np.abs(sound.samples) > 0.1][0])


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels", "error"),
    [("x.wav", "pcm_s16le", 48_000, 2, 0.002), ("x.wav", "pcm_s16le", 8_000, 1, 0.002),
     ("x.flac", "flac", 44_100, 2, 0.002),
     ("x.mp3", "libmp3lame", 48_000, 2, 0.05)],
)  # fmt: skip
def test_channels_rates_and_codecs_do_not_matter(
    tmp_path: Path, name: str, codec: str, rate: int, channels: int, error: float
) -> None:
    sound = read_sound(encode(tmp_path / name, codec, rate, channels))
    assert sound.rate == RATE and abs(onset(sound) - CLICK) < error
    assert abs(sound.duration - 1.5) < 0.08
    loud = sound.loudness(np.array([0.2, CLICK + 0.1]))
    assert loud[1] > -20 and loud[0] < -60


def test_what_is_written_as_wav_comes_back(tmp_path: Path) -> None:
    write_wav(Sound(samples=clicks(RATE)), tmp_path / "x.wav")
    np.testing.assert_allclose(read_sound(tmp_path / "x.wav").samples, clicks(RATE), atol=1e-3)


@pytest.mark.parametrize("start", [0.0, 0.25])
def test_a_video_has_its_sound_at_the_time_of_its_pictures(tmp_path: Path, start: float) -> None:
    path = tmp_path / "x.mp4"
    with VideoWriter(path, 64, 64, 30.0, sound=Sound(samples=clicks(22_050), rate=22_050, start=start)) as writer:
        for k in range(60):
            writer.write(np.full((64, 64, 3), 255 if k / 30 >= start + CLICK else 0, np.uint8), k / 30)
    with av.open(str(path)) as container:
        white = next(float(f.time) for f in container.decode(video=0) if f.to_ndarray(format="gray").mean() > 100)
    assert abs(onset(read_sound(path)) - (start + CLICK)) < 0.03
    assert abs(white - (start + CLICK)) < 0.05


def test_what_holds_no_sound_is_one_line(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "x.mp4", 64, 64, 30.0) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8), 0.0)
    (tmp_path / "x.wav").write_text("no sound")
    for name, said in (("x.mp4", "holds no sound"), ("x.wav", "not a sound"), ("y.wav", "does not exist")):
        with pytest.raises(MienError, match=said) as error:
            read_sound(tmp_path / name)
        assert "\n" not in str(error.value)
