"""Phones to a viseme track without sound: lengths by rule, after Klatt 1979.

The rules ("Synthesis by rule of segmental durations in English sentences") give phones inherent lengths, longer before
a pause, shorter in long words, in clusters and in words of grammar.
"""

from collections.abc import Sequence

from mien.core import VisemeTrack
from mien.core.phones import phone_visemes, track_of_phones
from mien.systems.speak.runtime.pronunciation import Word

__all__ = ["LEAD", "track_of_words"]

LEAD = 0.4
"""Silence before the first word [s], in which the mouth opens."""

_LENGTH = {
    "AA": 0.125, "AE": 0.125, "AH": 0.075, "AO": 0.125, "AW": 0.150, "AY": 0.145, "EH": 0.090, "ER": 0.100,
    "EY": 0.130, "IH": 0.070, "IY": 0.100, "OW": 0.130, "OY": 0.160, "UH": 0.080, "UW": 0.110,
    "B": 0.065, "CH": 0.090, "D": 0.055, "DH": 0.045, "F": 0.085, "G": 0.065, "HH": 0.055, "JH": 0.080, "K": 0.075,
    "L": 0.060, "M": 0.065, "N": 0.055, "NG": 0.070, "P": 0.080, "R": 0.060, "S": 0.095, "SH": 0.100, "T": 0.065,
    "TH": 0.080, "V": 0.055, "W": 0.060, "Y": 0.050, "Z": 0.075, "ZH": 0.070,
}  # fmt: skip
"""Length [s] of a phone within a phrase, of the order of Klatt's inherent and shortest lengths."""
_VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])
_FINAL, _LONG_WORD, _CLUSTER, _WEAK = 1.4, 0.85, 0.8, 0.75
"""Factors: the last syllable before a pause, words of three syllables and more, consonant beside consonant, and words
of grammar."""
_GRAMMAR = frozenset(
    (
        "a", "an", "the", "of", "to", "in", "on", "at", "and", "or", "but", "is", "are", "was", "were", "be", "for",
        "with", "as", "it", "its", "that", "he", "she", "we", "you", "they", "i", "my", "your", "his", "her", "our",
        "their", "this", "from", "by",
    )
)  # fmt: skip


def track_of_words(words: Sequence[Word], *, pace: float = 1.0) -> VisemeTrack:
    """The viseme track of spoken words; `pace` is the factor on the rate of speech."""
    clock = LEAD
    phones: list[tuple[str, ...]] = []
    starts: list[float] = []
    ends: list[float] = []
    for number, word in enumerate(words):
        final = word.pause > 0 or number == len(words) - 1
        for name, length in _lengths(word, final=final):
            phones.append(phone_visemes(name))
            starts.append(clock)
            clock += length / pace
            ends.append(clock)
        clock += word.pause
    return track_of_phones(phones, starts, ends, source="text, timed by rule")


def _lengths(word: Word, *, final: bool) -> list[tuple[str, float]]:
    vowels = [k for k, name in enumerate(word.phones) if name in _VOWELS]
    last = vowels[-1] if vowels else 0
    out: list[tuple[str, float]] = []
    for k, name in enumerate(word.phones):
        length = _LENGTH.get(name, 0.08)
        beside = [word.phones[j] for j in (k - 1, k + 1) if 0 <= j < len(word.phones)]
        if name not in _VOWELS and any(other not in _VOWELS for other in beside):
            length *= _CLUSTER
        if len(vowels) >= 3:
            length *= _LONG_WORD
        if word.text in _GRAMMAR and not final:
            length *= _WEAK
        if final and k >= last:
            length *= _FINAL
        out.append((name, length))
    return out
