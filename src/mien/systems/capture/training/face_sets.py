"""The sets of real faces that capture knows: licence and credit, who is shown, who is at rest.

A folder of real faces has a folder of pictures or clips for each set, named as here. A set that is not here is taken
for portraits of one person each, whose licence the model card then calls unknown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from zlib import crc32

from mien.systems.capture.evaluation.held_out_people import FOLDERS, is_held_out, person_of

__all__ = ["SETS", "FaceSet", "set_of"]


def _nobody(_: str) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class FaceSet:
    """What mien knows of one set. Files are named by their stem: the name without folder and suffix."""

    name: str
    """Its folder's name."""
    title: str
    """What it is, on the model card."""
    licence: str = "unknown"
    credit: str = ""
    apart: bool = False
    """Whether each file shows another person, though names that training holds out together may be alike."""
    at_rest: Callable[[str], bool] = _nobody
    """Whether the face in a file is at rest: no expression, mouth shut."""
    into_camera: bool = False
    """Whether everybody looks into the camera."""
    in_sight: Callable[[str], bool] = lambda _: True
    """Whether nothing is before the face in a file."""
    alike: bool = True
    """Whether two pictures of a person differ by expression and head pose alone, and not by the lens."""

    def person(self, stem: str) -> str:
        """A label that the files of one person share, and nobody else's files do."""
        return person_of(self.name, stem) if self.name in FOLDERS and not self.apart else f"{self.name}/{stem}"

    def held_out(self, stem: str) -> bool:
        """Whether the person in a file is never trained on (`held_out_people`); of an unknown set, a tenth."""
        return is_held_out(self.name, stem) if self.name in FOLDERS else crc32(stem.encode()) % 10 == 0


_CALTECH_COVERED = frozenset({"image_0319", "image_0325"})
"""An arm and a hand before the face."""

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
            FaceSet(name="us_18f", title="staff portraits of 18F", licence="CC0-1.0", credit="18F", apart=True),
            FaceSet(
                name="us_pif",
                title="portraits of Presidential Innovation Fellows",
                licence="CC0-1.0",
                credit="Presidential Innovation Fellows",
                apart=True,
            ),
            FaceSet(
                name="caltech_faces",
                title="Faces of Caltech 101",
                licence="CC-BY-4.0",
                credit="Li, Andreetto, Ranzato, Perona 2022, CaltechDATA",
                in_sight=lambda stem: stem not in _CALTECH_COVERED,
            ),
            FaceSet(
                name="london",
                title="Face Research Lab London Set, neutral and smiling",
                licence="CC-BY-4.0",
                credit="DeBruine & Jones 2017, figshare 5047666",
                at_rest=lambda stem: stem.endswith("_03"),
                into_camera=True,
            ),
            FaceSet(
                name="canada",
                title="webmorph_canada, neutral",
                licence="CC-BY-4.0",
                credit="DeBruine & Jones 2017, figshare 4220517",
                at_rest=lambda _: True,
                into_camera=True,
            ),
            FaceSet(
                name="debruine_cc0",
                title="webmorphR.stim lisa and zoom: one person, distances and positions",
                licence="CC0-1.0",
                credit="DeBruine",
                alike=False,
            ),
            FaceSet(
                name="grid",
                title="clips of the GRID corpus",
                licence="CC-BY-4.0",
                credit="Cooke, Barker, Cunningham, Shao 2006, zenodo 3625687",
            ),
            FaceSet(
                name="intel_asl",
                title="clips of sign language, intel-iot-devkit/sample-videos",
                licence="CC-BY-4.0",
                credit="Intel",
                in_sight=lambda _: False,  # hands pass before the face
            ),
        )
    }
)
"""Folder name -> set."""


def set_of(folder: str) -> FaceSet:
    """The set in a folder of this name."""
    return SETS.get(folder) or FaceSet(name=folder, title=folder)
