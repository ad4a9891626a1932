"""Praat's TextGrid, long or short form, as forced aligners write it: the interval tier of phones.

The tier is the one named "phones", "phone" or "phonemes", also with a speaker's name ("anna - phones"); or the only
tier. Both forms hold the same values in the same order: numbers, and texts in quotes in which a quote is doubled.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mien.core.errors import MienError
from mien.core.visemes import VisemeTrack
from mien.io.speech_sounds import Interval, read_text, track_of_intervals

__all__ = ["read"]

_VALUE = re.compile(r'"((?:[^"]|"")*)"|(?<![\w\[.])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w\]:.])|<exists>')


def read(path: Path) -> VisemeTrack:
    """Read the tier of phones; raises MienError when the file has none."""
    text = read_text(path)
    head = text.find("TextGrid")
    if not 0 <= head < 200:
        raise MienError(f"{path} is no TextGrid of Praat: its first lines do not say so")
    values = iter([match[1] if match[2] is None else float(match[2])
                   for match in _VALUE.finditer(text[head + len('TextGrid"'):]) if match[0] != "<exists>"])  # fmt: skip
    try:
        tiers = dict(_tiers(values))
    except (StopIteration, RuntimeError, TypeError, ValueError) as error:
        raise MienError(f"{path} is cut short or no TextGrid: its tiers cannot be read") from error
    name = next((n for n in tiers if re.search(r"(^|[\s-])phone(me)?s?$", n.strip().lower())), None)
    if name is None and len(tiers) == 1:
        name = next(iter(tiers))
    if name is None:
        known = ", ".join(tiers) or "none"
        raise MienError(f"{path} has no tier of phones (its tiers: {known}); name one of them 'phones'")
    return track_of_intervals(path, tiers[name])


def _tiers(values: Iterator[object]) -> Iterator[tuple[str, list[Interval]]]:
    """(name, intervals) of each interval tier; tiers of points are skipped."""
    _span(values)
    for _ in range(int(_number(values))):
        kind, name = next(values), next(values)
        _span(values)
        rows: list[Interval] = []
        for k in range(int(_number(values))):
            start = _number(values)
            end = _number(values) if kind == "IntervalTier" else start
            label = next(values)
            if not isinstance(label, str):
                raise TypeError("a label was expected")
            rows.append(Interval(label.replace('""', '"'), start, end, f"interval {k + 1}"))
        if kind == "IntervalTier" and isinstance(name, str):
            yield name, rows


def _span(values: Iterator[object]) -> tuple[float, float]:
    """The times between which a file or a tier lies."""
    return _number(values), _number(values)


def _number(values: Iterator[object]) -> float:
    value = next(values)
    if not isinstance(value, float):
        raise TypeError("a number was expected")
    return value
