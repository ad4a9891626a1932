"""A spoken text with the times of its phones, by the C library of espeak-ng, where the system has it.

espeak-ng is GPL and no dependency of mien: the library is opened when the user asks for a voice (Debian: apt install
libespeak-ng1). Its command line prints no times of phones; its events do (espeak-ng/speak_lib.h).
"""

import ctypes
import ctypes.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mien.core import MienError, VisemeTrack
from mien.core.phones import ipa_visemes, track_of_phones
from mien.io.sound import Sound

__all__ = ["speak_text"]

_SYNCHRONOUS = 2
_PHONEMES, _AS_IPA = 1, 2
_END_OF_LIST, _PHONEME = 0, 7
_UTF8 = 1


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@cache
def _started() -> tuple[ctypes.CDLL, int]:
    """(library, samples per second), started once: started again in one process, the library hangs."""
    library = _library()
    rate = int(library.espeak_Initialize(_SYNCHRONOUS, 200, None, _PHONEMES | _AS_IPA))
    if rate <= 0:
        raise MienError("espeak-ng cannot be started: its data are missing (Debian: apt install espeak-ng-data)")
    return library, rate


def _library() -> ctypes.CDLL:
    for name in (ctypes.util.find_library("espeak-ng"), "libespeak-ng.so.1", "libespeak-ng.dylib", "libespeak-ng.dll"):
        if name is None:
            continue
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise MienError(
        "a voice needs espeak-ng, which is not installed (Debian: apt install libespeak-ng1); "
        "without `voice` the text is timed by rule"
    )


def speak_text(text: str, voice: str = "en-us") -> tuple[VisemeTrack, Sound]:
    """(viseme track, sound) of a text in any of espeak-ng's voices, such as "en-us" or "de".

    Raises MienError when espeak-ng is not installed, has no such voice, or the text cannot be spoken.
    """
    library, rate = _started()
    samples: list[np.ndarray] = []
    phones: list[tuple[int, bytes]] = []

    def collect(wave: Any, count: int, events: Any) -> int:
        if count > 0 and wave:
            samples.append(np.ctypeslib.as_array(wave, (count,)).copy())
        at = 0
        while events[at].type != _END_OF_LIST:
            if events[at].type == _PHONEME:
                phones.append((events[at].sample, bytes(events[at].id.string)))
            at += 1
        return 0

    callback = _CALLBACK(collect)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise MienError(f"espeak-ng has no voice '{voice}'; 'espeak-ng --voices' lists them")
    data = text.encode("utf-8")
    library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    sound = np.concatenate(samples).astype(np.float32) / 32768 if samples else np.zeros(0, np.float32)
    track = _track(phones, len(sound), rate, voice)
    if not len(track):
        raise MienError(f"espeak-ng's voice '{voice}' finds nothing to say in the text; check its language")
    return track, Sound(samples=sound, rate=rate, source=f"espeak-ng {voice}")


def _track(phones: list[tuple[int, bytes]], length: int, rate: int, voice: str) -> VisemeTrack:
    """Phones from their events; a phone lasts until the next event."""
    times = [sample for sample, _ in phones] + [length]
    rows = []
    for (sample, name), after in zip(phones, times[1:], strict=True):
        visemes = ipa_visemes(name.decode("utf-8", "ignore"))
        if visemes and after > sample:
            rows.append((visemes, sample / rate, after / rate))
    visemes, starts, ends = zip(*rows, strict=True) if rows else ((), (), ())
    return track_of_phones(visemes, starts, ends, source=Path(f"text, espeak-ng {voice}").name)
