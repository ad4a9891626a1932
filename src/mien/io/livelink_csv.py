"""Live Link Face CSV: what Epic's iPhone app records and Unreal, Maya and MotionBuilder importers read.

Layout: a header `Timecode,BlendShapeCount,` + 52 PascalCase channels + nine angles, then one line per frame with 61
values of ten decimals. A frame without a face is `timecode,0`; it is read as a NaN row of confidence 0 and never
written. Columns are matched by name.

Timecode `HH:MM:SS:FF.mmm` is a time of day. FF counts 1/60 s whatever the frame rate, .mmm is a fraction of that
frame, so t = 3600 h + 60 m + s + FF.mmm / 60 and the resolution is 1/60000 s. Times are written modulo 24 h, and a
recording that passes midnight is read with continuous times.

Angles [rad]. With X to the subject's left, Y up and Z out of the face:

* eyes: rotation = Rx(pitch) Ry(-yaw) Rz(roll), so yaw + looks to the subject's right and pitch + looks down. This is
  measured, not guessed: in two recordings of the app (7,839 frames) the angles follow the eyeLook channels with
  |r| > 0.995, and these signs in this order turn every frame into yaw and pitch without torsion to 5e-8 rad.
* head: yaw + turns to the subject's left, pitch + lifts the nose, roll + tilts counter-clockwise in an unmirrored
  image, in mien's order of angles. No recording with head motion was at hand and Epic documents no signs; these are
  the ones that independent public programs agree on (one that sends MediaPipe's pose to Unreal, one that applies the
  app's stream to VRM avatars with the measured eye signs). If a head turns the wrong way, suspect this line first.

All-zero head columns mean that the app had head rotation switched off, and are read as no head rotation; the same
for the eyes. None is written as zeros.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mien.core.channels import ARKIT
from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.core.transforms import angles_from_quaternion, quaternion_from_angles
from mien.io.atomic import write_whole

__all__ = ["ANGLES", "HEADER", "read", "timecode", "write"]

ANGLES: tuple[str, ...] = (
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll",
    "RightEyeYaw", "RightEyePitch", "RightEyeRoll",
)  # fmt: skip
"""The nine angle columns after the 52 channels."""

HEADER: tuple[str, ...] = ("Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in ARKIT), *ANGLES)

TICKS = 60_000
"""Timecode ticks per second: 60 frames of 1000 fractions."""
DAY = 86_400 * TICKS
_TIMECODE = re.compile(r"(\d{1,3}):([0-5]?\d):([0-5]?\d):([0-5]?\d)(?:\.(\d{1,9}))?")
_HEAD_SIGNS = np.array([1.0, 1.0, -1.0])


class _Row(NamedTuple):
    line: int
    cells: list[str]


def write(clip: Clip, path: Path) -> None:
    """Write the frames of `clip` in which a face was seen; channels it lacks are zero, extra ones are dropped.

    Raises:
        MienError: no frame shows a face, two frames are closer than 1/60000 s, or the path cannot be written.
    """
    clip = clip.select(clip.seen).with_channels(ARKIT)
    if not len(clip):
        raise MienError(f"cannot write {path}: the clip has no frame with a face")
    ticks = np.rint(clip.times * TICKS).astype(np.int64)
    if (np.diff(ticks) <= 0).any():
        raise MienError(f"cannot write {path}: two frames are closer than 1/60000 s; use .npz")
    values = np.concatenate([np.asarray(clip.weights, np.float64), _angles(clip)], axis=1)
    if not np.isfinite(values).all():
        raise MienError(f"cannot write {path}: head rotation or gaze is not finite in a frame with a face")
    # Rounded first, so that -1e-12 prints as zero and not as "-0.0000000000".
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


def _angles(clip: Clip) -> np.ndarray:
    """The nine angle columns [rad], shape [T, 9]."""
    out = np.zeros((len(clip), 9))
    if clip.head_rotation is not None:
        out[:, :3] = angles_from_quaternion(clip.head_rotation) * _HEAD_SIGNS
    if clip.gaze is not None:
        torsion = np.zeros((len(clip), 2)) if clip.eye_torsion is None else clip.eye_torsion
        for eye in range(2):
            start = 3 + 3 * eye
            out[:, start : start + 3] = _eye_angles(clip.gaze[:, eye], torsion[:, eye])
    return out


def _eye_angles(gaze: np.ndarray, torsion: np.ndarray) -> np.ndarray:
    """File (yaw, pitch, roll) from mien's gaze (yaw, pitch) and torsion.

    mien's eye is Ry(yaw) Rx(-pitch) Rz(torsion), the file's Rx(pitch) Ry(-yaw) Rz(roll); entries of one give the other.
    """
    (sin_y, sin_x, sin_z), (cos_y, cos_x, cos_z) = (
        f(np.stack([gaze[:, 0], -gaze[:, 1], torsion])) for f in (np.sin, np.cos)
    )
    yaw = np.arcsin(sin_y * cos_x)
    pitch = np.arctan2(sin_x, cos_y * cos_x)
    roll = np.arctan2(cos_y * sin_z - sin_y * sin_x * cos_z, cos_y * cos_z + sin_y * sin_x * sin_z)
    return np.stack([-yaw, pitch, roll], axis=1)


def _gaze(angles: np.ndarray) -> np.ndarray:
    """mien's (yaw, pitch, torsion) from file (yaw, pitch, roll); the inverse of `_eye_angles`."""
    (sin_y, sin_x, sin_z), (cos_y, cos_x, cos_z) = (
        f(np.stack([-angles[:, 0], angles[:, 1], angles[:, 2]])) for f in (np.sin, np.cos)
    )
    pitch = -np.arcsin(sin_x * cos_y)
    yaw = np.arctan2(sin_y, cos_x * cos_y)
    torsion = np.arctan2(cos_z * sin_x * sin_y + sin_z * cos_x, cos_z * cos_x - sin_z * sin_x * sin_y)
    return np.stack([yaw, pitch, torsion], axis=1)


def read(path: Path) -> Clip:
    """Read a Live Link Face take; weights are float32 (what the app prints), times float64 from the timecodes.

    Raises:
        MienError: the file is missing, is not such a take, lacks channels, or a line is malformed (with its number).
    """
    rows = _rows(path)
    columns = _columns(path, rows[0])
    frames = rows[1:]
    if not frames:
        raise MienError(f"{path}: no frames after the header; is the recording empty?")
    times = _times(path, frames, columns["timecode"])
    lost = np.array([_is_lost(row, columns["blendshapecount"]) for row in frames])
    weights = _values(path, frames, lost, len(rows[0].cells), [columns[name.lower()] for name in ARKIT])

    def angles(names: Sequence[str]) -> np.ndarray | None:
        if any(name.lower() not in columns for name in names):
            return None
        return _values(path, frames, lost, len(rows[0].cells), [columns[name.lower()] for name in names])

    head, left, right = angles(ANGLES[:3]), angles(ANGLES[3:6]), angles(ANGLES[6:])
    gaze = torsion = rotation = None
    seen = ~lost
    if head is not None and np.any(head[seen]):
        rotation = np.full((len(frames), 4), np.nan)
        rotation[seen] = quaternion_from_angles(head[seen] * _HEAD_SIGNS)
    if left is not None and right is not None and (np.any(left[seen]) or np.any(right[seen])):
        both = np.full((len(frames), 2, 3), np.nan)
        both[seen] = np.stack([_gaze(left[seen]), _gaze(right[seen])], axis=1)
        gaze, torsion = both[..., :2], both[..., 2]
    return Clip(
        times=times,
        weights=weights.astype(np.float32),
        head_rotation=rotation,
        gaze=gaze,
        eye_torsion=torsion,
        confidence=np.where(lost, 0.0, 1.0) if lost.any() else None,
        source=path.name,
    )


def _rows(path: Path) -> list[_Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            rows = [_Row(reader.line_num, [c.strip() for c in cells]) for cells in reader if any(cells)]
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise MienError(f"{path} is not a text file; a Live Link Face .csv was expected") from error
    if not rows:
        raise MienError(f"{path} is empty; a Live Link Face .csv was expected")
    return rows


def _columns(path: Path, header: _Row) -> dict[str, int]:
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


def _is_lost(row: _Row, count: int) -> bool:
    return len(row.cells) > count and row.cells[count] == "0" and sum(cell != "" for cell in row.cells) == 2


def _times(path: Path, frames: list[_Row], column: int) -> np.ndarray:
    ticks = np.empty(len(frames))
    for i, row in enumerate(frames):
        match = _TIMECODE.fullmatch(row.cells[column]) if column < len(row.cells) else None
        if match is None:
            raise MienError(f"{path} line {row.line}: no timecode HH:MM:SS:FF.mmm")
        hour, minute, second, frame = (int(group) for group in match.groups()[:4])
        fraction = float(f"0.{match[5] or 0}")
        ticks[i] = (((hour * 60 + minute) * 60 + second) * 60 + frame) * 1000 + fraction * 1000
    # A recording over midnight steps back by nearly a day; anything else that steps back is an error.
    steps = np.diff(ticks)
    ticks[1:] += np.cumsum(np.where(steps < -DAY / 2, DAY, 0))
    back = np.flatnonzero(np.diff(ticks) <= 0)
    if len(back):
        row = frames[int(back[0]) + 1]
        raise MienError(f"{path} line {row.line}: the time does not grow; sort or repair the file")
    return ticks / TICKS


def _values(path: Path, frames: list[_Row], lost: np.ndarray, width: int, columns: list[int]) -> np.ndarray:
    """The cells of some columns as float64 [T, len(columns)]; NaN in lost frames."""
    out = np.full((len(frames), len(columns)), np.nan)
    for i, row in enumerate(frames):
        if lost[i]:
            continue
        if len(row.cells) != width:
            raise MienError(f"{path} line {row.line}: {len(row.cells)} cells, but the header has {width}")
        cells = [row.cells[column] for column in columns]
        try:
            out[i] = [float(cell) for cell in cells]
        except ValueError:
            bad = next(cell for cell in cells if not _is_number(cell))
            raise MienError(f"{path} line {row.line}: '{bad[:40]}' is not a number") from None
        if not np.isfinite(out[i]).all():
            raise MienError(f"{path} line {row.line}: a value is not finite")
    return out


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
