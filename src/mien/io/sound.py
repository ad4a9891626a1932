"""Reads the sound of any file that FFmpeg's libraries decode (PyAV), as one channel at one rate."""

# pyright: reportUnknownMemberType=false
# PyAV's annotations leave the stream type of frames unknown.

import wave
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.io.atomic import write_whole

__all__ = ["RATE", "Sound", "read_sound", "write_wav"]

RATE = 16_000
"""Samples per second that `read_sound` returns: what speech recognisers work with."""
_LONGEST = 3600.0
"""Longest sound [s] that is read at once; 230 MB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sound:
    """One channel of sound."""

    samples: Float[np.ndarray, "N"]
    """Pressure in [-1, 1], float32."""
    rate: int = RATE
    """Samples per second."""
    start: float = 0.0
    """Time of the first sample [s], as the container states it."""
    source: str = ""
    """File name."""

    @property
    def duration(self) -> float:
        """Length [s]."""
        return len(self.samples) / self.rate

    def loudness(self, times: Float[np.ndarray, "T"], width: float = 0.03) -> Float[np.ndarray, "T"]:
        """Level at `times` [s] in decibels relative to full scale, over Gaussian windows of deviation `width` [s]."""
        # scipy's annotations leave the type of the result partly unknown.
        filters: Any = import_module("scipy.ndimage")
        power: np.ndarray = filters.gaussian_filter1d(
            self.samples.astype(np.float64) ** 2, width * self.rate, mode="constant"
        )
        at = np.clip(np.rint((np.asarray(times) - self.start) * self.rate), 0, max(len(power) - 1, 0)).astype(int)
        return 10 * np.log10(power[at] + 1e-10)


def read_sound(path: str | Path) -> Sound:
    """The first sound of a file, whatever its format, channels and rate, mixed to one channel at `RATE`.

    Raises MienError when the file is missing, holds no sound, or cannot be decoded.
    """
    import av
    from av.error import FFmpegError

    path = Path(path)
    if not path.exists():
        raise MienError(f"{path} does not exist; check the name")
    if path.is_dir():
        raise MienError(f"{path} is a folder, not a sound; name a file")
    parts: list[np.ndarray] = []
    start: float | None = None
    count = 0
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.audio:
                raise MienError(f"{path} holds no sound; give a file with sound")
            mixer = av.AudioResampler(format="flt", layout="mono", rate=RATE)
            for frame in container.decode(container.streams.audio[0]):
                if start is None:
                    start = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else 0.0
                parts += [piece.to_ndarray()[0] for piece in mixer.resample(frame)]
                count = count + frame.samples
                if count > _LONGEST * frame.sample_rate:
                    raise MienError(f"{path} is longer than {_LONGEST / 60:.0f} minutes; cut it into takes")
            parts += [piece.to_ndarray()[0] for piece in mixer.resample(None)]
    except (FFmpegError, OSError, ValueError) as error:
        raise MienError(f"{path} is not a sound that can be read; convert it to WAV") from error
    samples = np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)
    if not len(samples):
        raise MienError(f"{path} holds no sound that can be decoded; check that it plays")
    return Sound(samples=samples, start=start or 0.0, source=path.name)


def write_wav(sound: Sound, path: str | Path) -> None:
    """Write 16-bit WAV, whole or not at all."""
    with write_whole(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.rate)
        file.writeframes((np.clip(sound.samples, -1, 1) * 32767).astype("<i2").tobytes())
