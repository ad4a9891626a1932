"""Live Link Face CSV, which Epic's iPhone app records and importers of Unreal, Maya and MotionBuilder read.

Layout: a header `Timecode,BlendShapeCount,` + 52 PascalCase channels + nine angles, then one line per frame with 61
values of ten decimals. A frame without a face is `timecode,0`; it is read as a NaN row of confidence 0 and never
written. Columns are matched by name.

Timecode `HH:MM:SS:FF.mmm` is a time of day. FF counts 1/60 s whatever the frame rate, .mmm is a fraction of that
frame, so t = 3600 h + 60 m + s + FF.mmm / 60 and the resolution is 1/60000 s. Times are written modulo 24 h, and a
recording that passes midnight is read with continuous times.

Names, signs and values are those of `mien.io.livelink`. When all head columns are zero, head rotation was switched off
in the app, and the clip's head rotation is None; the same holds for the eyes. None is written as zeros.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mien.core.channels import ARKIT
from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.io.atomic import write_whole
from mien.io.csv_rows import Row, numbers, read_rows
from mien.io.livelink import ANGLES, NAMES, gaze_of, head_rotation_of, values_of

__all__ = ["HEADER", "read", "recognises", "timecode", "write"]

HEADER: tuple[str, ...] = ("Timecode", "BlendShapeCount", *NAMES)
"""The names of the columns."""

TICKS = 60_000
"""Timecode ticks per second: 60 frames of 1000 fractions."""
DAY = 86_400 * TICKS
_TIMECODE = re.compile(r"(\d{1,3}):([0-5]?\d):([0-5]?\d):([0-5]?\d)(?:\.(\d{1,9}))?")


def write(clip: Clip, path: Path) -> None:
    """Write the frames of `clip` in which a face was seen; channels it lacks are zero, extra ones are dropped.

    Raises:
        MienError: no frame shows a face, two frames are closer than 1/60000 s, or the path cannot be written.
    """
    clip = clip.select(clip.seen)
    if not len(clip):
        raise MienError(f"cannot write {path}: the clip has no frame with a face")
    ticks = np.rint(clip.times * TICKS).astype(np.int64)
    if (np.diff(ticks) <= 0).any():
        raise MienError(f"cannot write {path}: two frames are closer than 1/60000 s; use .npz")
    values = values_of(clip)
    if not np.isfinite(values).all():
        raise MienError(f"cannot write {path}: head rotation or gaze is not finite in a frame with a face")
    # Values are rounded first, so that -1e-12 is printed as zero and not as "-0.0000000000".
    values = np.round(values, 10) + 0.0
    pattern = ",".join(["%.10f"] * values.shape[1])
    lines = [",".join(HEADER)]
    lines += [f"{timecode(t)},{values.shape[1]},{pattern % tuple(row)}" for t, row in zip(ticks, values, strict=True)]
    with write_whole(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")


def timecode(ticks: int) -> str:
    """`HH:MM:SS:FF.mmm` of a time in 1/60000 s, modulo 24 h."""
    seconds, rest = divmod(int(ticks) % DAY, TICKS)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def recognises(head: bytes) -> bool:
    """Whether a file that begins with `head` is a Live Link Face take."""
    first = head.partition(b"\n")[0].lower()
    return b"timecode" in first and b"blendshapecount" in first


def read(path: Path) -> Clip:
    """Read a Live Link Face take; weights are float32, as the app prints them, times float64 from the timecodes.

    Raises:
        MienError: the file is missing, is not such a take, lacks channels, or a line is malformed (with its number).
    """
    rows = read_rows(path, "a Live Link Face .csv")
    columns = _columns(path, rows[0])
    frames = rows[1:]
    if not frames:
        raise MienError(f"{path}: no frames after the header; is the recording empty?")
    times = _times(path, frames, columns["timecode"])
    lost = np.array([_is_lost(row, columns["blendshapecount"]) for row in frames])

    def values(names: Sequence[str]) -> np.ndarray | None:
        if any(name.lower() not in columns for name in names):
            return None
        return numbers(path, frames, len(rows[0].cells), [columns[name.lower()] for name in names], lost)

    weights, head, eyes = values(ARKIT), values(ANGLES[:3]), values(ANGLES[3:])
    assert weights is not None  # `_columns` has checked that
    gaze = torsion = rotation = None
    if head is not None and np.any(head[~lost]):
        rotation = head_rotation_of(head)
    if eyes is not None and np.any(eyes[~lost]):
        gaze, torsion = gaze_of(eyes)
    return Clip(
        times=times,
        weights=weights.astype(np.float32),
        head_rotation=rotation,
        gaze=gaze,
        eye_torsion=torsion,
        confidence=np.where(lost, 0.0, 1.0) if lost.any() else None,
        source=path.name,
    )


def _columns(path: Path, header: Row) -> dict[str, int]:
    """Lower-case column name -> position."""
    columns = {name.lower(): i for i, name in enumerate(header.cells)}
    if "timecode" not in columns or "blendshapecount" not in columns:
        raise MienError(f"{path} is not a Live Link Face .csv: its first line has no Timecode and BlendShapeCount")
    missing = [name for name in HEADER[2 : 2 + len(ARKIT)] if name.lower() not in columns]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise MienError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing[:3])}{more}")
    if len(columns) != len(header.cells):
        raise MienError(f"{path}: two columns have the same name")
    return columns


def _is_lost(row: Row, count: int) -> bool:
    return len(row.cells) > count and row.cells[count] == "0" and sum(cell != "" for cell in row.cells) == 2


def _times(path: Path, frames: list[Row], column: int) -> np.ndarray:
    ticks = np.empty(len(frames))
    for i, row in enumerate(frames):
        match = _TIMECODE.fullmatch(row.cells[column]) if column < len(row.cells) else None
        if match is None:
            raise MienError(f"{path} line {row.line}: no timecode HH:MM:SS:FF.mmm")
        hour, minute, second, frame = (int(group) for group in match.groups()[:4])
        fraction = float(f"0.{match[5] or 0}")
        ticks[i] = (((hour * 60 + minute) * 60 + second) * 60 + frame) * 1000 + fraction * 1000
    # The times of a recording over midnight step back by nearly a day; any other step back is an error.
    steps = np.diff(ticks)
    ticks[1:] += np.cumsum(np.where(steps < -DAY / 2, DAY, 0))
    back = np.flatnonzero(np.diff(ticks) <= 0)
    if len(back):
        row = frames[int(back[0]) + 1]
        raise MienError(f"{path} line {row.line}: the time does not increase; sort or repair the file")
    return ticks / TICKS
