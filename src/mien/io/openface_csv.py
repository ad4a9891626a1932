"""OpenFace 2 CSV (Baltrusaitis et al. 2018): action units, head pose and gaze of one face. Files are only read.

Columns are matched by name, with or without a leading space; the landmarks are not read. Action units `AUxx_r`
(intensity 0 to 5) become weights by `core.channels.arkit_from_aus`; those without an ARKit channel (AU23, AU25) are
dropped, as are the binary columns `AUxx_c`. A row whose `success` is 0 is a lost frame: NaN, and confidence 0.

Coordinate frames: OpenFace's camera has x to image right, y down, z away from the camera; its head at rest has the same
axes, so that x is to the subject's left and the face looks along -z. F = diag(1, -1, -1) converts both to mien's.

* `pose_T*` [mm] is the head's position t, which becomes F t.
* `pose_R*` [rad] become camera_from_head = F Rx Ry Rz F. Verified on the line between the eyes and the 3D landmarks of
  OpenFace's sample, whose rotation matches these angles (|r| > 0.998 about each axis, to 0.4 degrees).
* `gaze_0_*` and `gaze_1_*` are gaze directions in the camera's frame, of the eye at the left of the image (the
  subject's right eye) and of the other eye. Without them `gaze_angle_x` and `gaze_angle_y` are used for both eyes: the
  angles [rad] of the mean direction to image right and downwards, atan2(x, -z) and atan2(y, -z).
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core.channels import AU_TO_ARKIT, arkit_from_aus
from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.io.csv_rows import Row, numbers, read_rows

__all__ = ["read", "recognises"]

_FLIP = np.array([1.0, -1.0, -1.0])
"""Diagonal of F, which converts OpenFace's axes to mien's and back."""
_INTENSITY = re.compile(r"au(\d\d)_r")
_EYES = (("gaze_1_x", "gaze_1_y", "gaze_1_z"), ("gaze_0_x", "gaze_0_y", "gaze_0_z"))
"""Columns of the gaze direction of the subject's left eye, then of the right eye."""
_NEEDED = ("timestamp", "confidence", "success")


def recognises(head: bytes) -> bool:
    """Whether a file that begins with `head` is an output of OpenFace 2."""
    first = head.partition(b"\n")[0].lower()
    return all(word in first for word in (b"timestamp", b"confidence", b"success"))


def read(path: Path) -> Clip:
    """Read the action units, head pose and gaze of a video with one face.

    Raises:
        MienError: the file is missing, is not such an output, has no action units or several faces, or a line is
            malformed (with its number).
    """
    rows = read_rows(path, "an OpenFace .csv")
    columns = _columns(path, rows[0])
    frames = rows[1:]
    if not frames:
        raise MienError(f"{path}: no frames after the header; is the recording empty?")

    width = len(rows[0].cells)
    times, trust, success = numbers(path, frames, width, [columns[name] for name in _NEEDED]).T
    _check_times(path, frames, times)
    lost = success <= 0
    units = {f"AU{int(match[1])}": at for name, at in columns.items() if (match := _INTENSITY.fullmatch(name))}
    units = {unit: at for unit, at in units.items() if unit in AU_TO_ARKIT}
    if not units:
        raise MienError(
            f"{path} has no column AUxx_r of an action unit that mien knows; let OpenFace write them (-aus)"
        )

    def values(names: Sequence[str]) -> np.ndarray | None:
        if any(name not in columns for name in names):
            return None
        return numbers(path, frames, width, [columns[name] for name in names], lost)

    weights = arkit_from_aus(numbers(path, frames, width, list(units.values()), lost), tuple(units))
    weights[lost] = np.nan
    place = values(("pose_tx", "pose_ty", "pose_tz"))
    rotation = _rotation(values(("pose_rx", "pose_ry", "pose_rz")))
    return Clip(
        times=times,
        weights=weights,
        head_rotation=rotation,
        head_translation=None if place is None else place * _FLIP,
        gaze=_gaze([values(eye) for eye in _EYES], values(("gaze_angle_x", "gaze_angle_y")), rotation),
        confidence=np.where(lost, 0.0, np.clip(trust, 0.0, 1.0)),
        source=path.name,
    )


def _columns(path: Path, header: Row) -> dict[str, int]:
    """Lower-case column name -> position. OpenFace's X_0 and x_0 differ only in case, but neither is used."""
    columns = {name.lower(): i for i, name in enumerate(header.cells)}
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise MienError(f"{path} is not an OpenFace .csv: its first line has no {' and no '.join(missing)}")
    return columns


def _check_times(path: Path, frames: list[Row], times: np.ndarray) -> None:
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        row = frames[int(back[0]) + 1]
        raise MienError(f"{path} line {row.line}: the time does not increase; keep the rows of one face of one video")


def _rotation(angles: np.ndarray | None) -> Float[np.ndarray, "T 4"] | None:
    """`camera_from_head` quaternions (xyzw) in mien's frames from OpenFace's angles; rows of NaN stay so."""
    if angles is None:
        return None
    from scipy.spatial.transform import Rotation  # pyright: ignore[reportMissingTypeStubs]

    seen = np.isfinite(angles).all(axis=1)
    out = np.full((len(angles), 4), np.nan)
    turned = Rotation.from_euler("XYZ", angles[seen]).as_matrix() * _FLIP[:, None] * _FLIP
    out[seen] = Rotation.from_matrix(turned).as_quat()
    return out


def _gaze(
    eyes: Sequence[np.ndarray | None], angles: np.ndarray | None, rotation: np.ndarray | None
) -> Float[np.ndarray, "T 2 2"] | None:
    """Gaze as in a `Clip`, from directions or one pair of angles in the camera frame.

    None without a head pose, because the head frame is then unknown.
    """
    from scipy.spatial.transform import Rotation  # pyright: ignore[reportMissingTypeStubs]

    directions = [eye for eye in eyes if eye is not None]
    if len(directions) != len(eyes):
        if angles is None:
            return None
        mean = np.stack([*np.tan(np.clip(angles, -1.5, 1.5).T), -np.ones(len(angles))], axis=1)
        directions = [mean, mean]
    if rotation is None:
        return None
    seen = np.isfinite(rotation).all(axis=1)
    head_from_camera = Rotation.from_quat(rotation[seen]).inv()
    out = np.full((len(rotation), 2, 2), np.nan)
    for e, direction in enumerate(directions):
        x, y, z = head_from_camera.apply(direction[seen] * _FLIP).T
        out[seen, e] = np.stack([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))], axis=1)
    return out
