"""Speech sounds: which visemes stand for an ARPAbet phone or an IPA symbol, and which of them are vowels.

A diphthong is two visemes, because its mouth moves: /aɪ/ opens as "aa" and ends as "ih".
"""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ARPABET", "IPA", "VOWELS", "ipa_visemes", "phone_visemes"]

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
