"""Preview of a spoken performance: the voice and its visemes on the left, the head on the right, curves below."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mien.core.clip import Clip
from mien.core.rig import Rig
from mien.core.visemes import VisemeTrack
from mien.io.sound import Sound
from mien.io.video_writer import VideoWriter
from mien.viewer.preview import Preview

__all__ = ["write_speech_preview"]

_FPS = 30.0
_SIDE = 480
_SHOWN = 1.2
"""Seconds of the voice on either side of now."""
_GROUND, _WAVE, _NOW, _SOUND, _TEXT = (24, 26, 31), (120, 200, 255), (255, 176, 92), (46, 50, 58), (225, 228, 235)


def write_speech_preview(
    path: str | Path,
    clip: Clip,
    rig: Rig,
    track: VisemeTrack,
    sound: Sound | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write an .mp4 of a spoken clip with its sound in step, whole or not at all.

    `progress` is called after every frame with (frames done, total). Raises MienError when the path cannot be written.
    """
    times = clip.times[0] + np.arange(int(clip.duration * _FPS + 1e-6) + 1) / _FPS
    shown = clip.filled().at(times)
    composer = Preview(rig, _SIDE, _SIDE, clip.channels)
    with VideoWriter(Path(path), composer.width, composer.height, _FPS, sound=sound) as writer:
        for row, time in enumerate(times):
            image = composer.compose(
                _voice(float(time), track, sound), None, rig.perform(shown, row), shown.weights[row]
            )
            writer.write(image, float(time))
            if progress is not None:
                progress(row + 1, len(times))


def _voice(time: float, track: VisemeTrack, sound: Sound | None) -> UInt8[np.ndarray, "480 480 3"]:
    """The waveform and visemes around `time`, which is the line in the middle."""
    import cv2

    image = np.full((_SIDE, _SIDE, 3), _GROUND, np.uint8)
    scale, middle = _SIDE / (2 * _SHOWN), _SIDE // 2
    for name, start, end in zip(track.visemes, track.starts, track.ends, strict=True):
        left, right = (round(middle + (edge - time) * scale) for edge in (start, end))
        if right < 0 or left >= _SIDE:
            continue
        cv2.rectangle(image, (left + 1, 330), (right - 1, 380), _SOUND, -1)
        cv2.putText(image, name, (left + 4, 361), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _TEXT, 1, cv2.LINE_AA)
        if start <= time < end:
            cv2.putText(image, name, (middle - 30, 450), cv2.FONT_HERSHEY_SIMPLEX, 1.4, _NOW, 2, cv2.LINE_AA)
    if sound is not None:
        at = (time - sound.start + (np.arange(_SIDE + 1) - middle) / scale) * sound.rate
        at = np.clip(at, 0, len(sound.samples)).astype(int)
        for x in range(_SIDE):
            piece = sound.samples[at[x] : at[x + 1]]
            if len(piece):
                low, high = (round(170 - 150 * float(v)) for v in (piece.max(), piece.min()))
                cv2.line(image, (x, low), (x, high), _WAVE, 1)
    cv2.line(image, (middle, 10), (middle, 400), _NOW, 1)
    return image
