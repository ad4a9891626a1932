"""The pictures and clips that a folder of real faces is made from: SET/NAME.jpg, SET/NAME.mp4 and other formats."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mien.core import MienError
from mien.io.video import is_image

__all__ = ["Source", "sources_of"]

_TEMPLATE = ".tem"
"""Suffix of a picture's points that were marked by hand (`portraits.read_template`)."""
_LABELS = "labels"
"""Folder of the labels in a folder of real faces, which is no set."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One picture or clip."""

    path: Path
    clip: bool
    template: Path | None = None
    """The file of points that people marked in a picture."""

    @property
    def folder(self) -> str:
        """Name of the set."""
        return self.path.parent.name

    @property
    def stem(self) -> str:
        """Name without folder and suffix."""
        return self.path.stem

    def digest(self) -> str:
        """The sha256 of the file, and of the points marked in it."""
        whole = hashlib.sha256()
        for path in (self.path, self.template):
            if path is not None:
                with path.open("rb") as file:
                    whole.update(hashlib.file_digest(file, "sha256").digest())
        return whole.hexdigest()


def sources_of(pictures: Path, out: Path) -> list[Source]:
    """Every picture and clip SET/NAME in the folder `pictures`, which are to be labelled into the folder `out`.

    A file that begins like no picture is taken for a clip. Hidden files, and in a folder that is labelled already its
    labels, are none. Raises MienError when there is nothing, when `out` lies in `pictures`, and when two files of a set
    have one name without their suffix, or a set has a name that no file of labels can have.
    """
    if not pictures.is_dir():
        raise MienError(
            f"{pictures} is no folder; `pictures` names one with a folder of pictures or clips for each set"
        )
    if out.resolve().is_relative_to(pictures.resolve()):
        raise MienError(f"{out} lies in {pictures}, whose pictures it would replace; choose another `out`")
    sources: list[Source] = []
    for folder in sorted(path for path in pictures.iterdir() if path.is_dir() and path.name != _LABELS):
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
        templates = {path.stem: path for path in files if path.suffix.lower() == _TEMPLATE}
        for path in files:
            if path.suffix.lower() != _TEMPLATE:
                still = is_image(path)
                sources.append(Source(path=path, clip=not still, template=templates.get(path.stem) if still else None))
    _check(pictures, sources)
    return sources


def _check(pictures: Path, sources: list[Source]) -> None:
    if not sources:
        raise MienError(f"{pictures} holds no pictures or clips; put them into a folder for each set: SET/NAME.jpg")
    seen: dict[tuple[str, str], Path] = {}
    for source in sources:
        if "__" in source.folder:
            raise MienError(f"{source.path.parent}: two underscores part a set from a clip; rename the folder")
        other = seen.setdefault((source.folder, source.stem), source.path)
        if other != source.path:
            raise MienError(f"{other} and {source.path} have one name; rename one of them")
