"""Tables of visemes or phones: columns `start`, `end` [s] and `viseme` or `phone`, and `strength` if there is one."""

from pathlib import Path

import numpy as np

from mien.core.errors import MienError
from mien.core.visemes import VisemeTrack
from mien.io.atomic import write_whole
from mien.io.csv_rows import numbers, read_rows
from mien.io.speech_sounds import Interval, track_of_intervals

__all__ = ["read", "write"]


def read(path: Path) -> VisemeTrack:
    """Read a table; the order of the columns is free and others are ignored. Raises MienError when it is none."""
    head, *rows = read_rows(path, "a table with the columns start, end and viseme")
    names = [cell.lower() for cell in head.cells]
    label = next((name for name in ("viseme", "phone") if name in names), None)
    if label is None or "start" not in names or "end" not in names:
        raise MienError(f"{path} line {head.line}: the columns start, end and viseme (or phone) were expected")
    used = [names.index(name) for name in ("start", "end", "strength") if name in names]
    values = numbers(path, rows, len(names), used)
    if len(used) == 2:
        values = np.column_stack([values, np.ones(len(rows))])
    at = names.index(label)
    intervals = [
        Interval(row.cells[at], start, end, f"line {row.line}", strength)
        for row, (start, end, strength) in zip(rows, values.tolist(), strict=True)
    ]
    return track_of_intervals(path, intervals, visemes=label == "viseme")


def write(track: VisemeTrack, path: Path) -> None:
    """Write a table of visemes, with their strength."""
    strength = np.ones(len(track)) if track.strength is None else track.strength
    lines = ["start,end,viseme,strength"]
    for name, start, end, level in zip(track.visemes, track.starts, track.ends, strength, strict=True):
        lines.append(f"{start:.6f},{end:.6f},{name},{level:.6f}")
    with write_whole(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
