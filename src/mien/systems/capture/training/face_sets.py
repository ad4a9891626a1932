"""The sets of real faces that capture knows: licence and credit, who is shown, who is at rest, who is never trained on.

A folder of real faces has a folder of pictures or clips for each set, named as here. A set that is not here is taken
for portraits of one person each, whose licence the model card then calls unknown.
"""

import re
import zlib
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["SETS", "FaceSet", "set_of"]


def _itself(stem: str) -> str:
    return stem


def _nobody(_: str) -> bool:
    return False


def _a_tenth(person: str, _: int) -> bool:
    """A tenth of all names, the same ones whatever else the folder holds."""
    return zlib.crc32(person.encode()) % 10 == 0


@dataclass(frozen=True, kw_only=True)
class FaceSet:
    """What mien knows of one set. Files are named by their stem: the name without folder and suffix."""

    name: str
    """Its folder's name."""
    title: str
    """What it is, on the model card."""
    licence: str = "unknown"
    credit: str = ""
    person: Callable[[str], str] = _itself
    """Who is shown in a file; unique within the set."""
    held_out: Callable[[str, int], bool] = _a_tenth
    """Whether a person is never trained on, by name and by place among the set's sorted names."""
    at_rest: Callable[[str], bool] = _nobody
    """Whether the face in a file is at rest: no expression, mouth shut."""
    into_camera: bool = False
    """Whether everybody looks into the camera."""
    in_sight: Callable[[str], bool] = lambda _: True
    """Whether nothing is before the face in a file."""
    alike: bool = True
    """Whether two pictures of a person differ by expression and head pose alone, and not by the lens."""


_CALTECH_FIRST = (
    1, 22, 42, 47, 69, 90, 113, 133, 138, 159, 164, 169, 174, 194, 215, 240, 262, 267, 286, 306, 326, 346
)  # fmt: skip
"""Number of the first picture of each of the 22 people: the set shows one after the other, told apart by eye."""
_CALTECH_COVERED = frozenset({"image_0319", "image_0325"})
"""An arm and a hand before the face."""
_ASL_SIGNERS = {
    "again": "a", "brother": "a", "help": "a", "no": "a",
    "bird": "b", "milk": "b", "please": "b", "sorry": "b",
    "eat": "c", "night": "c", "sister": "c",
    "hungry": "d",
}  # fmt: skip
"""Clip -> signer, told apart by eye."""
_NICKNAMES = {"dmayercantu": "diego", "raphy": "raphael", "kane": "ben"}
"""18F's word for somebody whom the fellows' portraits show under the full name."""


def _caltech_person(stem: str) -> str:
    number = re.search(r"\d+", stem)
    return f"{bisect_right(_CALTECH_FIRST, int(number[0])):02d}" if number else stem


def _staff_held_out(person: str, _: int) -> bool:
    """By first name, since some people are in both sets of staff portraits, in one by their first name alone."""
    return _a_tenth(_NICKNAMES.get(person, person.partition("-")[0]), 0)


SETS = MappingProxyType(
    {
        row.name: row
        for row in (
            FaceSet(
                name="us_congress",
                title="official portraits of members of the US Congress",
                licence="public domain (work of the US government)",
                credit="United States Congress",
            ),
            FaceSet(
                name="us_18f", title="staff portraits of 18F", licence="CC0-1.0", credit="18F", held_out=_staff_held_out
            ),
            FaceSet(
                name="us_pif",
                title="portraits of Presidential Innovation Fellows",
                licence="CC0-1.0",
                credit="Presidential Innovation Fellows",
                person=lambda stem: stem.removesuffix("-headshot"),
                held_out=_staff_held_out,
            ),
            FaceSet(
                name="caltech_faces",
                title="Faces of Caltech 101",
                licence="CC-BY-4.0",
                credit="Li, Andreetto, Ranzato, Perona 2022, CaltechDATA",
                person=_caltech_person,
                held_out=lambda _, place: place % 5 == 4,
                in_sight=lambda stem: stem not in _CALTECH_COVERED,
            ),
            FaceSet(
                name="london",
                title="Face Research Lab London Set, neutral and smiling",
                licence="CC-BY-4.0",
                credit="DeBruine & Jones 2017, figshare 5047666",
                person=lambda stem: stem.partition("_")[0],
                held_out=lambda person, _: person.isdigit() and int(person) % 4 == 0,
                at_rest=lambda stem: stem.endswith("_03"),
                into_camera=True,
            ),
            FaceSet(
                name="canada",
                title="webmorph_canada, neutral",
                licence="CC-BY-4.0",
                credit="DeBruine & Jones 2017, figshare 4220517",
                held_out=lambda _, place: place % 2 == 1,
                at_rest=lambda _: True,
                into_camera=True,
            ),
            FaceSet(
                name="debruine_cc0",
                title="webmorphR.stim lisa and zoom: one person, distances and positions",
                licence="CC0-1.0",
                credit="DeBruine",
                person=lambda _: "lisa",
                held_out=lambda *_: False,
                alike=False,
            ),
            FaceSet(
                name="grid",
                title="clips of the GRID corpus",
                licence="CC-BY-4.0",
                credit="Cooke, Barker, Cunningham, Shao 2006, zenodo 3625687",
                held_out=lambda person, _: person in {"sbia1a", "swiz3n"},
            ),
            FaceSet(
                name="intel_asl",
                title="clips of sign language, intel-iot-devkit/sample-videos",
                licence="CC-BY-4.0",
                credit="Intel",
                person=lambda stem: _ASL_SIGNERS.get(stem, stem),
                held_out=lambda person, _: person == "b",
                in_sight=lambda _: False,  # hands pass before the face
            ),
        )
    }
)
"""Folder name -> set."""


def set_of(folder: str) -> FaceSet:
    """The set in a folder of this name."""
    return SETS.get(folder) or FaceSet(name=folder, title=folder)
