"""Which real people training never sees: the one answer, for training and for everything that judges it.

The names are those of the folders of real faces and clips (real/ in the folder of test material). A person is held out
with all of their pictures and clips, so that no face is trained on under another name:

- london: every fourth person (number divisible by 4).
- canada: every second picture by name, each of which shows another person (`training.portraits.split`).
- caltech_faces: every fourth person; the pictures are numbered person after person.
- us_18f, us_pif: about a tenth, drawn by the first four letters of the first name. Several people worked for both
  and are filed under a full name in one and a first name in the other, so first names stay together.
- us_congress: about a tenth, drawn by the person's number in the Biographical Directory.
- grid: two of six speakers, a clip each. intel_asl: one of four people, in all four clips that show him.
- debruine_cc0: one person, who is trained on.
"""

from bisect import bisect_right
from pathlib import PurePath
from zlib import crc32

__all__ = ["FOLDERS", "is_held_out", "person_of"]

FOLDERS = (
    "london",
    "canada",
    "caltech_faces",
    "us_18f",
    "us_pif",
    "us_congress",
    "debruine_cc0",
    "grid",
    "intel_asl",
)

_EVERY = 4
"""One person in so many, where people are numbered."""
_TENTH = 10
_CANADA = {
    "008f", "019f", "022f", "025f", "031f", "045f", "049f", "054f", "063f", "070f",
    "098m", "108m", "113m", "115m", "117m", "121m", "129m", "148m", "151m", "154m",
}  # fmt: skip
_CALTECH = (
    1, 22, 42, 47, 69, 90, 113, 133, 138, 159, 164, 169, 174, 194, 215, 240, 262, 267, 286, 306, 326, 346,
)  # fmt: skip
"""The first picture of each person, as the pictures show them."""
_ACCOUNTS = {"dmayercantu": "dieg"}
"""Files named by an account of a person whom the other folder names -> the letters of the first name."""
_CLIPS = {
    "sbia1a": "sbia1a", "swiz3n": "swiz3n", "bbaf2n": "bbaf2n", "brbk7n": "brbk7n", "lbax4n": "lbax4n",
    "lbbc2a": "lbbc2a", "bird": "grey", "milk": "grey", "please": "grey", "sorry": "grey", "again": "black",
    "brother": "black", "help": "black", "no": "black", "eat": "letters", "night": "letters", "sister": "letters",
    "hungry": "stripes",
}  # fmt: skip
"""Clip -> who is filmed: GRID's clips show a speaker each; Intel's are named by the shirt that tells people apart."""
_HELD_OUT_CLIPS = frozenset({"sbia1a", "swiz3n", "grey"})


def person_of(folder: str, name: str) -> str:
    """A label that all pictures and clips of one person share, as far as their names tell; others may share it too.

    `name` is a file of `folder`, with or without its suffix. Raises ValueError for a folder or file that is not known.
    """
    stem = PurePath(name).stem
    match folder:
        case "london":
            return f"london/{_number(folder, stem.partition('_')[0])}"
        case "canada" | "us_congress":
            return f"{folder}/{stem}"
        case "caltech_faces":
            person = bisect_right(_CALTECH, _number(folder, stem.removeprefix("image_")))
            return f"caltech_faces/{person}"
        case "us_18f" | "us_pif":
            return f"us/{_ACCOUNTS.get(stem, stem.partition('-')[0][:4].lower())}"
        case "debruine_cc0":
            return "debruine_cc0"
        case "grid" | "intel_asl" if stem in _CLIPS:
            return f"{folder}/{_CLIPS[stem]}"
        case _:
            raise ValueError(f"no real person is known by folder '{folder}' and file '{name}'")


def is_held_out(folder: str, name: str) -> bool:
    """Whether the person in a picture or clip is kept from training; arguments and errors are those of `person_of`."""
    _, _, key = person_of(folder, name).partition("/")
    match folder:
        case "london" | "caltech_faces":
            return int(key) % _EVERY == 0
        case "canada":
            return key in _CANADA
        case "grid" | "intel_asl":
            return key in _HELD_OUT_CLIPS
        case "debruine_cc0":
            return False
        case _:
            return crc32(key.encode()) % _TENTH == 0


def _number(folder: str, digits: str) -> int:
    try:
        return int(digits)
    except ValueError as error:
        raise ValueError(f"a picture of {folder} is named by a number, not '{digits}'") from error
