"""Random utterances that sound like English: words of syllables, with its consonants, vowels, rhythm and pauses."""

import numpy as np

from mien.core import VisemeTrack
from mien.core.phones import phone_visemes, track_of_phones

__all__ = ["draw_utterance"]

_ONSETS = {
    "": 14, "T": 7, "D": 6, "S": 6, "N": 5, "B": 7, "M": 7, "P": 5, "F": 5, "V": 2, "W": 6, "HH": 5, "R": 4, "L": 5,
    "K": 5, "G": 3, "DH": 8, "TH": 1.5, "SH": 2, "CH": 1.5, "JH": 1.5, "Y": 3, "Z": 0.7, "S T": 2, "P R": 1.5,
    "T R": 1.2, "K L": 0.8, "B L": 0.8, "F R": 1.0, "P L": 0.8, "S P": 0.8, "K W": 0.5, "G R": 0.7, "B R": 0.7,
    "F L": 0.6, "S M": 0.4, "T W": 0.3, "S T R": 0.3,
}  # fmt: skip
_NUCLEI = {
    "AH": 16, "IH": 12, "IY": 9, "EH": 8, "AE": 8, "AA": 4, "AO": 4, "EY": 5, "AY": 6, "OW": 5, "UW": 5, "ER": 5,
    "UH": 1.5, "AW": 2, "OY": 0.5,
}  # fmt: skip
_CODAS = {
    "": 34, "N": 10, "T": 8, "D": 5, "S": 5, "Z": 6, "R": 6, "L": 6, "M": 4, "K": 4, "V": 3, "P": 2, "NG": 3, "F": 1,
    "TH": 0.7, "CH": 0.7, "SH": 0.5, "JH": 0.5, "B": 0.6, "G": 0.8, "N D": 3, "S T": 2, "N T": 2, "N S": 1, "K S": 1,
    "M P": 0.5, "L D": 0.6, "R D": 0.6, "F T": 0.4,
}  # fmt: skip
"""Relative frequencies, of the order of running English: what matters is that every sequence of visemes occurs."""
_TENSE = frozenset({"AA", "AE", "AO", "AW", "AY", "EY", "IY", "OW", "OY", "UW"})
_VOWEL = frozenset(_NUCLEI)


def _pick(rng: np.random.Generator, table: dict[str, float]) -> list[str]:
    names = list(table)
    shares = np.array(list(table.values()))
    return names[rng.choice(len(names), p=shares / shares.sum())].split()


def draw_utterance(rng: np.random.Generator, seconds: float) -> VisemeTrack:
    """Phrases and pauses that fill `seconds`, from a short silence to a silence at the end."""
    rate = 1.0 / rng.uniform(0.75, 1.35)
    clock = rng.uniform(0.1, 0.8)
    phones: list[tuple[str, ...]] = []
    starts: list[float] = []
    ends: list[float] = []
    while clock < seconds - 0.4:
        for name, length in _phrase(rng, rate):
            if clock + length > seconds - 0.15:
                break
            phones.append(phone_visemes(name))
            starts.append(clock)
            ends.append(clock + length)
            clock += length
        clock += rng.uniform(0.12, 1.0) if rng.random() < 0.8 else rng.uniform(1.0, 2.0)
    return track_of_phones(phones, starts, ends, source="random utterance")


def _phrase(rng: np.random.Generator, rate: float) -> list[tuple[str, float]]:
    """(ARPAbet phone, length [s]) of a phrase; its last syllable is longer, stressed syllables are longer."""
    syllables = int(rng.integers(2, 12))
    out: list[tuple[str, float]] = []
    for k in range(syllables):
        stressed, last = rng.random() < 0.45, k == syllables - 1
        factor = rate * (1.25 if stressed else 0.85) * (1.4 if last else 1.0)
        for name in _pick(rng, _ONSETS) + _pick(rng, _NUCLEI) + _pick(rng, _CODAS):
            vowel = name in _VOWEL
            base = (0.12 if name in _TENSE else 0.085) if vowel else 0.07
            out.append((name, float(np.clip(base * factor * rng.lognormal(0, 0.25), 0.03, 0.4))))
    return out
