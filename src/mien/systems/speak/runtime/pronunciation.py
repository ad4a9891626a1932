"""Text to phones: the dictionary that comes inside pocketsphinx's wheel, spelling rules for other words, numbers.

The spelling rules are a short list of English letter groups, longest first; they serve names and new words, where a
plausible mouth is enough. A word may be given its phones in the text: `mien{M IY N}`.
"""

# ruff: noqa: RUF001
# Texts have typographic dashes and apostrophes.

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mien.core.errors import MienError
from mien.core.phones import ARPABET

__all__ = ["Word", "dictionary_path", "need_pocketsphinx", "spell", "words_of"]


class Word(NamedTuple):
    """One word of a text."""

    text: str
    """The word in lower case."""
    phones: tuple[str, ...]
    """ARPAbet phones."""
    pause: float
    """Length of the pause after the word by its punctuation [s]."""
    known: bool
    """Whether the phones are the dictionary's or the user's, and not made by rule."""


_PAUSES = {",": 0.25, ";": 0.35, ":": 0.35, ".": 0.55, "!": 0.55, "?": 0.55, "\n": 0.55, "—": 0.3, "–": 0.3}
_TOKEN = re.compile(r"([A-Za-z][A-Za-z'’]*(?:\{[^}]*\})?|\d+)|([,;:.!?\n—–]+)")
_MOST = 20_000
"""Words up to which a text is accepted: two hours of speech."""


def need_pocketsphinx() -> None:
    """Raise MienError, which names the extra, when pocketsphinx is not installed."""
    try:
        import pocketsphinx  # noqa: F401  # pyright: ignore[reportUnusedImport, reportMissingImports]
    except ModuleNotFoundError:
        raise MienError("speech from text or sound needs pocketsphinx; run: pip install 'mien[speak]'") from None


def dictionary_path() -> Path:
    """The pronouncing dictionary inside pocketsphinx's wheel; raises MienError without pocketsphinx."""
    need_pocketsphinx()
    import pocketsphinx  # pyright: ignore[reportMissingImports]

    return Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))


@cache
def _dictionary() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    with dictionary_path().open(encoding="utf-8") as file:
        for line in file:
            word, _, phones = line.partition(" ")
            found.setdefault(word, tuple(phones.split()))
    return found


def words_of(text: str) -> list[Word]:
    """The words of an English text with their phones.

    Raises MienError when the text has no word, is too long, or gives a word phones that do not exist.
    """
    words: list[Word] = []
    for spoken, marks in _TOKEN.findall(text.replace("’", "'")):
        if marks:
            if words:
                words[-1] = words[-1]._replace(pause=max(_PAUSES[mark] for mark in marks))
            continue
        for part in _number(int(spoken[:12])).split() if spoken.isdigit() else [spoken]:
            words.append(_word(part))
        if len(words) > _MOST:
            raise MienError(f"the text has more than {_MOST} words; give it in parts")
    if not words:
        raise MienError("the text has no word that can be spoken; write it in Latin letters and digits")
    return words


def _word(spoken: str) -> Word:
    text, _, given = spoken.partition("{")
    text = text.lower().strip("'")
    if given:
        phones = tuple(given.rstrip("}").upper().split())
        wrong = [phone for phone in phones if phone.rstrip("012") not in ARPABET]
        if wrong or not phones:
            raise MienError(f"'{spoken}': '{' '.join(wrong)}' is no ARPAbet phone; write a word as mien{{M IY N}}")
        return Word(text, tuple(phone.rstrip("012") for phone in phones), 0.0, True)
    found = _dictionary().get(text)
    return Word(text, found or spell(text), 0.0, found is not None)


_LETTERS = {
    "tion": "SH AH N", "sion": "ZH AH N", "ough": "AO", "igh": "AY", "eigh": "EY", "tch": "CH", "dge": "JH",
    "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "ck": "K", "ng": "NG", "qu": "K W", "kn": "N",
    "wr": "R", "ee": "IY", "ea": "IY", "oo": "UW", "ou": "AW", "ow": "OW", "ai": "EY", "ay": "EY", "oa": "OW",
    "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO", "ew": "UW", "ie": "IY", "ei": "EY", "ar": "AA R", "er": "ER",
    "ir": "ER", "or": "AO R", "ur": "ER", "bb": "B", "cc": "K", "dd": "D", "ff": "F", "gg": "G", "ll": "L",
    "mm": "M", "nn": "N", "pp": "P", "rr": "R", "ss": "S", "tt": "T", "zz": "Z", "ce": "S", "ci": "S IH", "cy": "S IY",
    "ge": "JH", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH",
    "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AO", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T",
    "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW"}


def spell(word: str) -> tuple[str, ...]:
    """ARPAbet phones of a word by spelling rules; a vowel before one consonant and a silent final e is long."""
    silent = len(word) > 3 and word.endswith("e") and word[-2] not in "aeiouy" and word[-3] in _LONG
    body = word[:-1] if silent else word
    phones: list[str] = []
    at = 0
    while at < len(body):
        if silent and at == len(body) - 2:
            phones += _LONG[body[at]].split()
            at += 1
            continue
        size = next((n for n in (4, 3, 2, 1) if body[at : at + n] in _LETTERS), 0)
        phones += _LETTERS[body[at : at + size]].split() if size else []
        at += max(size, 1)
    return tuple(phones) or ("AH",)


_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def _number(value: int) -> str:
    """A whole number in words."""
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if value >= size:
            rest = f" {_number(value % size)}" if value % size else ""
            return f"{_number(value // size)} {name}{rest}"
    if value >= 20:
        return _TENS[value // 10 - 2] + (f" {_UNITS[value % 10]}" if value % 10 else "")
    return _UNITS[value]
