"""Sound and text: phones lie where they are said, on real speakers and on a voice whose times are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import MienError
from mien.io.sound import RATE, Sound, read_sound
from mien.systems.speak.runtime.alignment import align, aligned_phones, recognise
from mien.systems.speak.runtime.espeak import speak_text
from mien.systems.speak.runtime.pronunciation import words_of

TEXT = "Bin blue at F two now"


@pytest.fixture(scope="module")
def real(assets: Path) -> Sound:
    return read_sound(assets / "speech" / "bbaf2n.mpg")


def voice(text: str) -> tuple[object, Sound]:
    """A synthetic voice at the aligner's rate."""
    from scipy.signal import resample_poly

    track, sound = speak_text(text)
    samples = resample_poly(sound.samples, 320, 441).astype(np.float32)
    return track, Sound(samples=samples, rate=RATE, source="voice")


def test_phones_of_a_synthetic_voice_lie_where_it_said_them() -> None:
    said, sound = voice("Baby people may move before Bob")
    found = align(sound, words_of("Baby people may move before Bob"))
    labial = [np.array([t.starts[k] for k, name in enumerate(t.visemes) if name == "PP"]) for t in (said, found)]  # pyright: ignore
    assert len(labial[0]) == len(labial[1]) == 9
    assert np.median(np.abs(labial[0] - labial[1])) < 0.03 and np.abs(labial[0] - labial[1]).max() < 0.1


def test_real_speech_is_aligned_in_order_and_in_the_sounds_own_time(real: Sound) -> None:
    track = align(real, words_of(TEXT))
    assert track.visemes[:4] == ("PP", "ih", "nn", "PP") and track.visemes[-2:] == ("aa", "ou")
    assert 0.8 < track.starts[0] < 1.0 and 2.0 < track.duration < 2.3
    assert track.confidence is not None and track.confidence.min() == 1.0
    later = align(replace(real, start=5.0), words_of(TEXT))
    np.testing.assert_allclose(later.starts, track.starts + 5.0)
    quiet = align(replace(real, samples=real.samples * np.float32(0.03)), words_of(TEXT))
    np.testing.assert_allclose(quiet.starts, track.starts, atol=0.03)
    phones = aligned_phones(real, words_of(TEXT))
    assert [phone for phone, _, _ in phones][:6] == ["B", "IH", "N", "B", "L", "UW"]


def test_a_word_outside_the_dictionary_is_aligned_by_its_spelling(real: Sound) -> None:
    given = align(real, words_of("bin bloo{B L UW} at F two now"))
    np.testing.assert_allclose(given.starts, align(real, words_of(TEXT)).starts, atol=0.011)


def test_sound_alone_is_recognised_with_less_confidence(real: Sound) -> None:
    track = recognise(real)
    known = align(real, words_of(TEXT))
    assert track.confidence is not None and track.confidence.max() == 0.5
    times = np.arange(0.5, 2.3, 0.01)
    same = (track.levels(times).argmax(axis=1) == known.levels(times).argmax(axis=1)).mean()
    assert same > 0.35  # a fifteenth by chance; a third of the frames are silence


def test_another_text_is_refused_with_the_place(real: Sound) -> None:
    for text in ("set white in z three now", "good morning everybody and welcome to the show tonight"):
        with pytest.raises(MienError, match="does not match") as error:
            align(real, words_of(text))
        assert "\n" not in str(error.value) and "bbaf2n" in str(error.value)
    with pytest.raises(MienError, match=r"near 'set' at \d\.\d+ s"):
        align(real, words_of("set white in z three now"))


def test_silence_is_no_speech() -> None:
    silent = Sound(samples=np.zeros(RATE, np.float32), source="x.wav")
    for attempt in (lambda: align(silent, words_of(TEXT)), lambda: recognise(silent)):
        with pytest.raises(MienError, match="no speech is heard"):
            attempt()


def test_the_extra_is_named_when_it_is_missing(real: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    words = words_of(TEXT)
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(MienError, match=r"pip install 'mien\[speak\]'"):
        align(real, words)
