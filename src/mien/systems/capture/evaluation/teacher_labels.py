"""What MediaPipe's Face Landmarker saw in pictures, or in the frames of a clip: the labels that judge capture.

A file of labels is an .npz with points [N, 478, 3] in pixels (from the picture's top left corner, which is half a pixel
from the middle of its first pixel; y down; a smaller z is nearer), each the mean over several views of the picture;
spread [N, 478], the standard deviation over the views (root mean square of x and y) as a share of the distance of the
outer eye corners; pose [N, 4, 4], head to camera; blendshapes [N, 52] with blendshape_names, their mean over the views;
and image [N] (file names) or frame [N]. Where no face was found the numbers are NaN.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Bool, Float, Int

from mien.core import ARKIT, MienError
from mien.core.transforms import angles_from_quaternion
from mien.io.atomic import write_whole
from mien.systems.capture.evaluation.face_measures import MEDIAPIPE, frontal_points, measures_of_points

__all__ = ["FRONTAL", "STEADY", "TeacherLabels", "read_labels", "spread_over", "write_labels"]

STEADY = 0.008
"""Median spread of the points up to which a label is trusted. Wrong ones (turned far with glasses, behind a hand, in
deep shadow) spread by over 0.012; of 3,000 pictures of faces looking ahead nine in ten lie under 0.006."""
FRONTAL = 20.0
"""Yaw and pitch up to which a face counts as seen from in front [degrees]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TeacherLabels:
    """The teacher's answers to N pictures or frames."""

    points: Float[np.ndarray, "N 478 3"]
    spread: Float[np.ndarray, "N 478"]
    pose: Float[np.ndarray, "N 4 4"]
    weights: Float[np.ndarray, "N 52"]
    """The teacher's own blendshapes in ARKit order; it has no tongueOut."""
    images: tuple[str, ...] = ()
    """File name of each picture; none for a clip."""
    frames: Int[np.ndarray, "N"] | None = None
    """Index of each frame in its clip; None for pictures."""

    @property
    def steady(self) -> Bool[np.ndarray, "N"]:
        """Where a face was found whose points hardly depend on the view."""
        found = np.asarray(np.isfinite(self.points).all(axis=(1, 2)))
        spread = np.median(np.where(found[:, None], self.spread, np.inf), axis=1)
        return np.logical_and(found, spread <= STEADY)

    @property
    def angles(self) -> Float[np.ndarray, "N 3"]:
        """Head yaw, pitch, roll [degrees]; NaN where no face was found."""
        from scipy.spatial.transform import Rotation  # pyright: ignore[reportMissingTypeStubs]

        turn = self.pose[:, :3, :3].astype(np.float64)
        found = np.isfinite(turn).all(axis=(1, 2))
        angles = np.full((len(turn), 3), np.nan)
        if found.any():
            rotations = Rotation.from_matrix(turn[found] / np.cbrt(np.linalg.det(turn[found]))[:, None, None])
            angles[found] = np.degrees(angles_from_quaternion(rotations.as_quat()))
        return angles

    @property
    def clear(self) -> Bool[np.ndarray, "N"]:
        """Where a steady face is seen from in front."""
        return np.logical_and(self.steady, (np.abs(self.angles[:, :2]) <= FRONTAL).all(axis=1))

    def frontal(self) -> Float[np.ndarray, "N 478 2"]:
        """Points with the head's pose turned back, y up [px]; NaN where `steady` is not."""
        points = np.full((*self.points.shape[:2], 2), np.nan)
        if self.steady.any():
            points[self.steady] = frontal_points(self.points[self.steady], self.pose[self.steady])
        return points

    def measures(self) -> Float[np.ndarray, "N 6"]:
        """`face_measures.MEASURES` of each face; NaN where `steady` is not."""
        return measures_of_points(self.frontal(), MEDIAPIPE)

    def over(self, length: int) -> Float[np.ndarray, "T 52"]:
        """`weights` in every frame of a clip of so many; NaN where a frame has no label.

        Raises ValueError for labels of pictures.
        """
        return spread_over(self.frames, self.weights, length)

    def row(self, image: str) -> int:
        """Where a picture's label stands; raises MienError when it has none."""
        if image not in self.images:
            raise MienError(f"no label for the picture {image}; label the pictures of its folder again")
        return self.images.index(image)


def spread_over(
    frames: Int[np.ndarray, "N"] | None, rows: Float[np.ndarray, "N K"], length: int
) -> Float[np.ndarray, "T K"]:
    """Rows laid at their frames in a clip of so many, NaN elsewhere; raises ValueError when no frames are given."""
    if frames is None:
        raise ValueError("labels of pictures make no curve; those of a clip name their frames")
    whole = np.full((length, rows.shape[1]), np.nan)
    inside = frames < length
    whole[frames[inside]] = rows[inside]
    return whole


def read_labels(path: Path) -> TeacherLabels:
    """Read a file of labels; raises MienError when it is none."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
        names = arrays["blendshape_names"] if "blendshape_names" in arrays else arrays["names"]
        points, scores = arrays["points"].astype(np.float64), arrays["blendshapes"].astype(np.float64)
        weights = np.zeros((len(points), len(ARKIT)))
        for column, name in enumerate(names.tolist()):
            if name in ARKIT:
                weights[:, ARKIT.index(name)] = scores[:, column]
        pictures = "image" in arrays
        return TeacherLabels(
            points=points,
            spread=arrays["spread"].astype(np.float64),
            pose=arrays["pose"].astype(np.float64),
            weights=weights,
            images=tuple(str(name) for name in arrays["image"]) if pictures else (),
            frames=None if pictures else arrays.get("frame", np.arange(len(points))),
        )
    except (OSError, EOFError, ValueError, KeyError, IndexError, BadZipFile, zlib.error) as error:
        raise MienError(f"{path}: cannot be read as labels of faces ({error}); label the faces again") from error


def write_labels(path: Path, labels: TeacherLabels, **more: np.ndarray) -> None:
    """Write a file of labels, whole or not at all; `more` are further arrays, which `read_labels` ignores.

    Raises MienError when the file cannot be written.
    """
    arrays: dict[str, Any] = {
        "points": labels.points.astype(np.float32),
        "spread": labels.spread.astype(np.float16),
        "pose": labels.pose.astype(np.float32),
        "blendshapes": labels.weights.astype(np.float16),
        "blendshape_names": np.array(ARKIT),
        **({"image": np.array(labels.images)} if labels.frames is None else {"frame": labels.frames.astype(np.int32)}),
        **more,
    }
    with write_whole(path) as temporary:
        np.savez_compressed(temporary, **arrays)
