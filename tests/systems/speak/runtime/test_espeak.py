"""Voices of espeak-ng: two languages, the times of their phones, and what is missing is one line."""

import ctypes

import numpy as np
import pytest

from mien.core import MienError
from mien.systems.speak.runtime import espeak
from mien.systems.speak.runtime.espeak import speak_text


@pytest.mark.parametrize(
    ("voice", "text", "visemes"),
    [("en-us", "Move", ("PP", "ou", "FF")), ("de", "Bitte", ("PP", "ih", "DD", "E")),
     ("fr", "Papa", ("PP", "aa", "PP", "aa"))],
)  # fmt: skip
def test_a_voice_says_the_sounds_of_its_language(voice: str, text: str, visemes: tuple[str, ...]) -> None:
    track, sound = speak_text(text, voice)
    assert track.visemes == visemes and 0.2 < track.duration <= sound.duration < 2.0
    said = np.abs(sound.samples).max()
    assert said > 0.05 and sound.rate > 8000


def test_phones_begin_where_the_sound_does() -> None:
    track, sound = speak_text("Sasha, see.")
    level = sound.loudness(np.array([(a + b) / 2 for a, b in zip(track.starts, track.ends, strict=True)]), 0.01)
    gap = int(np.argmax(track.starts[1:] - track.ends[:-1]))
    pause = (track.ends[gap] + track.starts[gap + 1]) / 2
    assert level.min() > sound.loudness(np.array([pause]), 0.01)[0] + 10


def test_a_voice_that_is_not_there_and_a_text_without_words_are_one_line() -> None:
    with pytest.raises(MienError, match="no voice 'xx-none'"):
        speak_text("hello", "xx-none")
    with pytest.raises(MienError, match="nothing to say"):
        speak_text("...", "en-us")


def test_a_missing_library_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> ctypes.CDLL:
        raise OSError

    espeak._started.cache_clear()
    monkeypatch.setattr(espeak.ctypes, "CDLL", missing)
    with pytest.raises(MienError, match="apt install libespeak-ng1"):
        speak_text("hello")
