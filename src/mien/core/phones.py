"""Speech sounds: which visemes stand for an ARPAbet phone or an IPA symbol, and which of them are vowels.

A diphthong is two visemes, because its mouth moves: /aɪ/ opens as "aa" and ends as "ih".
"""

# ruff: noqa: RUF001
# IPA has letters that look like others.

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from mien.core.visemes import VisemeTrack

__all__ = ["ARPABET", "IPA", "VOWELS", "ipa_visemes", "label_visemes", "phone_visemes", "track_of_phones"]

VOWELS = frozenset({"aa", "E", "ih", "oh", "ou"})
"""The visemes of vowels."""

_ARPABET = {
    "PP": "P B M", "FF": "F V", "TH": "TH DH", "DD": "T D", "kk": "K G NG HH", "CH": "CH JH SH ZH", "SS": "S Z",
    "nn": "N L", "RR": "R ER AXR", "aa": "AA AH", "E": "EH AE", "ih": "IH IY Y AX IX", "oh": "AO", "ou": "UH UW W UX",
    "sil": "SIL SP SPN NSN PAU",
    "aa ih": "AY", "aa ou": "AW", "E ih": "EY", "oh ou": "OW", "oh ih": "OY",
}  # fmt: skip
ARPABET: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {phone: tuple(visemes.split()) for visemes, phones in _ARPABET.items() for phone in phones.split()}
)
"""ARPAbet phone, without a digit of stress -> its visemes in order. The groups are those of Oculus LipSync's reference;
/h/ and /ŋ/, whose lips take the shape of their neighbours, are counted with /k/."""

_IPA = {
    "PP": "p b m ɓ", "FF": "f v ɱ ʋ ɸ β", "TH": "θ ð", "DD": "t d ʈ ɖ ʔ ɗ c ɟ", "kk": "k ɡ g x ɣ ŋ h ɦ q χ ʁ ħ ʕ ç ʝ",
    "CH": "ʃ ʒ ʂ ʐ ɕ ʑ", "SS": "s z", "nn": "n l ɫ ɲ ɳ ɭ ʎ ɬ", "RR": "r ɹ ɾ ɻ ʀ ɝ ɚ ɽ", "aa": "a ɑ ɐ ʌ ɶ",
    "E": "e ɛ æ ø œ ə ɜ ɘ", "ih": "i ɪ j ɨ ᵻ ʲ", "oh": "o ɔ ɒ ɤ", "ou": "u ʊ w ʍ y ʏ ɥ ʉ ɯ",
}  # fmt: skip
IPA: Mapping[str, str] = MappingProxyType(
    {sound: viseme for viseme, sounds in _IPA.items() for sound in sounds.split()}
)
"""IPA symbol -> its viseme. Front rounded vowels (/y/, /ø/) stand with the viseme whose lips are nearest."""
_ROUNDED = {"ø": "oh", "œ": "oh", "y": "ou", "ʏ": "ou"}


def phone_visemes(phone: str) -> tuple[str, ...]:
    """Visemes of an ARPAbet phone, in any case, with or without a digit of stress; KeyError for another word."""
    return ARPABET[phone.strip().upper().rstrip("0123456789")]


def ipa_visemes(phone: str) -> tuple[str, ...]:
    """Visemes of an IPA phone such as "aɪ" or "tʃ"; marks of length, stress, tone and secondary articulation are
    skipped. Empty when no symbol of the phone is known."""
    found: list[str] = []
    for symbol in phone:
        viseme = _ROUNDED.get(symbol) or IPA.get(symbol)
        if viseme is not None and (not found or found[-1] != viseme):
            found.append(viseme)
    # /t/ and /d/ before a fricative are its onset: an affricate has the fricative's lips.
    return tuple(found[1:]) if found[:1] == ["DD"] and found[1:] in (["CH"], ["SS"]) else tuple(found)


def label_visemes(label: str, *, ipa: bool) -> tuple[str, ...]:
    """Visemes of a phone's label, ARPAbet or IPA; an empty label and the marks of silence are "sil".

    Raises KeyError for a label that is no phone.
    """
    word = label.strip()
    if word.lower() in _SILENCE:
        return ("sil",)
    found = ipa_visemes(word) if ipa else phone_visemes(word)
    if not found:
        raise KeyError(label)
    return found


_SILENCE = frozenset({"", "_", "#", "<eps>", "<s>", "</s>", "<sil>", "sil", "sp", "spn", "pau", "[noise]"})
_TURN = 0.55
"""Share of a diphthong's time that its first viseme lasts."""


def track_of_phones(
    phones: Sequence[tuple[str, ...]],
    starts: Sequence[float],
    ends: Sequence[float],
    *,
    strength: Sequence[float] | None = None,
    confidence: Sequence[float] | None = None,
    source: str = "",
) -> VisemeTrack:
    """The viseme track of sounds: `phones` are the visemes of each in order, `starts` and `ends` its times [s].

    Silences are left out. Raises ValueError for times that overlap or do not increase.
    """
    rows: list[tuple[str, float, float, int]] = []
    for number, (visemes, start, end) in enumerate(zip(phones, starts, ends, strict=True)):
        cuts = [start, start + _TURN * (end - start), end] if len(visemes) == 2 else [start, end]
        if len(visemes) > 2:
            cuts = np.linspace(start, end, len(visemes) + 1).tolist()
        rows += [(v, a, b, number) for v, a, b in zip(visemes, cuts, cuts[1:], strict=False) if v != "sil"]
    at = [row[3] for row in rows]
    return VisemeTrack(
        visemes=tuple(row[0] for row in rows),
        starts=np.array([row[1] for row in rows], float),
        ends=np.array([row[2] for row in rows], float),
        strength=None if strength is None else np.asarray(strength, float)[at],
        confidence=None if confidence is None else np.asarray(confidence, float)[at],
        source=source,
    )
