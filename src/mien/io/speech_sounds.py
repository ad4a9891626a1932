"""What every file of speech sounds shares: labelled intervals become a viseme track, or an error names the place."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mien.core.errors import MienError
from mien.core.phones import ARPABET, label_visemes, track_of_phones
from mien.core.visemes import VISEMES, VisemeTrack

__all__ = ["Interval", "read_text", "track_of_intervals"]

_MOST = 500_000
"""Intervals up to which a file is accepted: ten hours of fast speech."""


class Interval(NamedTuple):
    """One labelled interval of a file."""

    label: str
    start: float
    """[s]."""
    end: float
    """[s]."""
    where: str
    """The place in the file, for messages: "line 3"."""
    strength: float = 1.0
    """How fully the sound is articulated, in [0, 1]."""


def read_text(path: Path) -> str:
    """The text of a file in UTF-8 or UTF-16; raises MienError when it has none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from error
    if not data.strip():
        raise MienError(f"{path} is empty; a file of speech sounds was expected")
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise MienError(f"{path} is not a text file; a file of speech sounds was expected") from error


def track_of_intervals(path: Path, rows: Sequence[Interval], *, visemes: bool = False) -> VisemeTrack:
    """The track of labelled intervals, whose labels are `visemes` or else phones: ARPAbet if all of them are, or IPA.

    Raises MienError for an unknown label, and for times that are not finite, negative, overlap or do not increase.
    """
    if len(rows) > _MOST:
        raise MienError(f"{path} has {len(rows)} intervals, more than {_MOST}; cut it into takes")
    ipa = not visemes and not all(_arpabet(row.label) for row in rows)
    sounds: list[tuple[str, ...]] = []
    last = 0.0
    for row in rows:
        if not 0 <= row.start < row.end < float("inf"):
            raise MienError(f"{path} {row.where}: an interval from {row.start:g} to {row.end:g} s; it must end later")
        if row.start < last - 1e-6:
            raise MienError(f"{path} {row.where}: starts at {row.start:g} s, before the last one ends ({last:g} s)")
        if not 0 <= row.strength <= 1:
            raise MienError(f"{path} {row.where}: a strength of {row.strength:g}; it lies between 0 and 1")
        last = row.end
        sounds.append(_visemes(path, row, visemes=visemes, ipa=ipa))
    starts = [max(row.start, before) for row, before in zip(rows, [0.0, *(row.end for row in rows)], strict=False)]
    plain = all(row.strength == 1 for row in rows)
    try:
        return track_of_phones(
            sounds,
            starts,
            [row.end for row in rows],
            strength=None if plain else [row.strength for row in rows],
            source=path.name,
        )
    except ValueError as error:
        raise MienError(f"{path}: {error}; correct the times") from error


def _arpabet(label: str) -> bool:
    word = label.strip().rstrip("0123456789")
    return not word or word.upper() in ARPABET or not any(c.isalpha() for c in word)


def _visemes(path: Path, row: Interval, *, visemes: bool, ipa: bool) -> tuple[str, ...]:
    if visemes:
        name = row.label.removeprefix("viseme_")
        if name not in VISEMES:
            known = ", ".join(VISEMES)
            raise MienError(f"{path} {row.where}: there is no viseme '{row.label[:20]}'; there are: {known}")
        return (name,)
    try:
        return label_visemes(row.label, ipa=ipa)
    except KeyError:
        kind = "IPA" if ipa else "ARPAbet"
        raise MienError(f"{path} {row.where}: '{row.label[:20]}' is no phone in {kind}; correct it") from None
