"""When each phone is heard: forced alignment of sound and text, or phones recognised in sound alone (pocketsphinx).

Its beams are wide and its search for the best path is off: with default beams alignment failed on synthetic voices,
with wide beams and the search on real ones; this setting held on all eleven real clips and the synthetic ones tried.
"""

# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pocketsphinx is an optional dependency without annotations.

from pathlib import Path
from typing import Any

import numpy as np

from mien.core import MienError, VisemeTrack
from mien.core.phones import phone_visemes, track_of_phones
from mien.io.sound import RATE, Sound
from mien.systems.speak.runtime.pronunciation import Word, dictionary_path, need_pocketsphinx

__all__ = ["align", "aligned_phones", "recognise"]

_BEAMS = {"beam": 1e-80, "wbeam": 1e-60, "pbeam": 1e-80, "bestpath": False, "lm": None, "loglevel": "FATAL"}
_FRAME = 0.01
"""Length of pocketsphinx's frames [s]."""
_SILENT = -55.0
"""Level [dB of full scale] that speech must exceed somewhere."""
_RANGE = 40.0
"""Range [dB] below the loudest tenth of a second in which speech is heard."""
_LONG_PHONE = 0.6
"""Length [s] of one phone from which the text cannot have been said there: people hold vowels for a third of a second,
and an aligner that must place a word where it was not said stretches its phones over what was."""
_SHORTEST, _CROWDED = 3, 0.35
"""Frames of the shortest phone that the aligner's models allow, and the share of phones that short from which the text
was not said: under 0.1 in ten clips of their own text, over 0.4 with another clip's text."""
_GUESS = 0.5
"""Confidence of phones that were recognised without a text."""


def align(sound: Sound, words: list[Word]) -> VisemeTrack:
    """The track of words said in a sound, in the sound's own time.

    Raises MienError when the sound holds no speech, when the text does not match it (with the place), or without
    pocketsphinx.
    """
    return _track(sound, _aligned(sound, words), confidence=1.0, how="sound and text")


def aligned_phones(sound: Sound, words: list[Word]) -> list[tuple[str, float, float]]:
    """ARPAbet phones with start and end [s] in the sound's own time; errors as in `align`."""
    return [
        (phone, sound.start + start * _FRAME, sound.start + (start + length) * _FRAME)
        for _, phone, start, length in _aligned(sound, words)
        if not _silent(phone)
    ]


def _aligned(sound: Sound, words: list[Word]) -> list[tuple[str, str, int, int]]:
    """(word, phone, first frame, frames), silences included."""
    need_pocketsphinx()
    from pocketsphinx import Decoder

    _check_speech(sound)
    decoder = Decoder(samprate=RATE, **_BEAMS)
    names = _names(decoder, words)
    data = _pcm(sound)
    try:
        decoder.set_align_text(" ".join(names))
        _decode(decoder, data)
        decoder.set_alignment()
        _decode(decoder, data)
        # Each word is read before the next is asked for: pocketsphinx's iterator frees what it has passed.
        phones = [
            (word.name, phone.name, phone.start, phone.duration)
            for word in decoder.get_alignment() or ()
            for phone in word
        ]
    except RuntimeError:
        phones = []
    if not phones:
        raise MienError(f"{sound.source}: the text does not match what is said in the sound; check both")
    _check_match(sound, phones)
    return phones


def recognise(sound: Sound) -> VisemeTrack:
    """The track of a sound whose text is unknown, from the phones that a recogniser hears; less exact, so its
    confidence is a half. Raises MienError when there is no speech, or without pocketsphinx."""
    need_pocketsphinx()
    from pocketsphinx import Decoder

    _check_speech(sound)
    model = dictionary_path().with_name("en-us-phone.lm.bin")
    # Settings of the phone decoder in pocketsphinx's documentation ("Phoneme recognition").
    settings = {"lm": None, "allphone": str(model), "lw": 2.0, "beam": 1e-20, "pbeam": 1e-20, "loglevel": "FATAL"}
    decoder = Decoder(samprate=RATE, **settings)
    _decode(decoder, _pcm(sound))
    heard = [(s.word, s.word, s.start_frame, s.end_frame - s.start_frame + 1) for s in decoder.seg() or ()]
    track = _track(sound, [row for row in heard if not row[1].startswith("+")], confidence=_GUESS, how="sound alone")
    if not len(track):
        raise MienError(f"{sound.source}: no speech is heard in the sound")
    return track


def _names(decoder: Any, words: list[Word]) -> list[str]:
    """The words as the decoder knows them; words outside the dictionary are added."""
    names: list[str] = []
    for number, word in enumerate(words):
        name = word.text
        if not word.known or decoder.lookup_word(name) != " ".join(word.phones):
            known = decoder.lookup_word(name)
            if known is None or not word.known:
                name = name if known is None else f"{name}(mien{number})"
                if decoder.lookup_word(name) is None:
                    decoder.add_word(name, " ".join(word.phones), True)
        names.append(name)
    return names


def _decode(decoder: Any, data: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(data, full_utt=True)
    decoder.end_utt()


def _pcm(sound: Sound) -> bytes:
    """16-bit samples; a quiet recording is raised to nine tenths of full scale."""
    peak = float(np.abs(sound.samples).max())
    return (sound.samples * (0.9 / peak) * 32767).astype("<i2").tobytes()


def _check_speech(sound: Sound) -> None:
    times = sound.start + np.arange(0.0, sound.duration, 0.02)
    if not len(times) or sound.loudness(times).max() < _SILENT:
        raise MienError(f"{sound.source}: no speech is heard in the sound, it is silent")


def _check_match(sound: Sound, phones: list[tuple[str, str, int, int]]) -> None:
    """Raise MienError with the place where a phone is far too long, or where most of a word's sound is silence."""
    times = sound.start + np.arange(0.0, sound.duration + 0.02, _FRAME)
    level = sound.loudness(times)
    quiet = level < np.percentile(level, 95) - _RANGE
    for word, phone, start, length in phones:
        if _silent(phone):
            continue
        place = f"'{word.partition('(')[0]}' at {sound.start + start * _FRAME:.2f} s"
        if length * _FRAME > _LONG_PHONE or (length > 20 and quiet[start : start + length].mean() > 0.8):
            raise MienError(f"{sound.source}: the text does not match the sound near {place}; check the text there")
    said = [row for row in phones if not _silent(row[1])]
    short = [row for row in said if row[3] <= _SHORTEST]
    if len(said) >= 6 and len(short) > _CROWDED * len(said):
        word, _, start, _ = short[0]
        place = f"'{word.partition('(')[0]}' at {sound.start + start * _FRAME:.2f} s"
        raise MienError(f"{sound.source}: the text does not match the sound near {place}; check the text there")


def _silent(phone: str) -> bool:
    return phone in ("SIL", "<sil>", "(NULL)", "<s>", "</s>") or phone.startswith("+")


def _track(sound: Sound, phones: list[tuple[str, str, int, int]], *, confidence: float, how: str) -> VisemeTrack:
    said = [(phone, start, length) for _, phone, start, length in phones if not _silent(phone) and length > 0]
    return track_of_phones(
        [phone_visemes(phone) for phone, _, _ in said],
        [sound.start + start * _FRAME for _, start, _ in said],
        [sound.start + (start + length) * _FRAME for _, start, length in said],
        confidence=[confidence] * len(said),
        source=f"{Path(sound.source).name}, {how}",
    )
