"""Real faces as training sees them: aligned crops with landmarks, cut once and kept in the user's cache.

A crop is what capture would see: found by the cascade, aligned on its five points. Landmarks are the teacher's points
(`face_labels`) mapped to mien's (`teacher_points`), and where people marked a face by hand, their marks.
"""

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from mien.core import MienError
from mien.engine.fingerprint import fingerprint
from mien.io import npz
from mien.io.atomic import write_whole
from mien.io.cache import cache_folder
from mien.systems.capture import spec
from mien.systems.capture.evaluation.face_curves import IRIS_SHIFT, gaze_of_points
from mien.systems.capture.evaluation.face_measures import MEASURES
from mien.systems.capture.evaluation.teacher_labels import TeacherLabels
from mien.systems.capture.training.face_labels import Labels, files_of, label_files, pictures, read_labels
from mien.systems.capture.training.face_sets import set_of
from mien.systems.capture.training.teacher_points import TeacherMap, marked_landmarks

__all__ = ["STEADY", "RealFaces", "faces_fingerprint", "faces_folder", "open_faces"]

STEADY = 0.006
"""Median spread of the teacher's points, as a share of the eye corners' distance, up to which a face is trained on;
nine faces in ten are. What judges trusts labels a little further (`teacher_labels.STEADY`)."""
_AHEAD = (0.0, 0.077)
"""Where the teacher's irises are when people look into the camera, from the middle of the eye corners [eye widths]: on
204 portraits .003 sideways and .077 up, with a deviation of .016 and .019 from person to person."""
_NARROW = 0.15
"""Opening of the lids (eye aspect ratio) up to which an iris shows too little to tell where it looks."""
_FAR = 0.55
"""Sine of the largest gaze: 33 degrees, as far as the weights go."""
_VERSION = 2
"""Of the cache; a change of what is kept, or how it is made, raises it."""


@dataclass(frozen=True, kw_only=True)
class RealFaces:
    """N real faces. Measures are those of `evaluation.face_measures`."""

    crops: UInt8[np.ndarray, "M S S 3"]
    """Aligned crops with margin (`mien.track.align.STORED`), memory mapped: of these faces and of others."""
    row: Int[np.ndarray, "N"]
    """Each face's crop in `crops`."""
    landmarks: Float[np.ndarray, "N L 2"]
    """Pixels of the crop."""
    spread: Float[np.ndarray, "N L"]
    """Standard deviation of each landmark from view to view, as a share of the distance of the outer eye corners; 0
    where it was marked by hand."""
    measures: Float[np.ndarray, "N 6"]
    """Distances on the face, seen from in front, by the teacher; NaN where the teacher is not to be trusted."""
    gaze: Float[np.ndarray, "N 2"]
    """Mean (yaw, pitch) of both eyes [rad] by the teacher's irises; NaN where it is not to be trusted or lids hide
    them."""
    steady: Bool[np.ndarray, "N"]
    """Whether the teacher is sure enough to learn from (`STEADY`)."""
    name: np.ndarray
    """Set, picture or clip, and frame, as text."""
    folder: np.ndarray
    """Name of the set's folder."""
    person: np.ndarray
    """A label that all faces of one person share (`FaceSet.person`)."""
    clip: np.ndarray
    """Set and clip, as text; empty for pictures."""
    held_out: Bool[np.ndarray, "N"]
    """Whether the person is never trained on."""
    at_rest: Bool[np.ndarray, "N"]
    """Whether the face is known to be at rest."""
    into_camera: Bool[np.ndarray, "N"]
    """Whether the eyes are known to look into the camera."""
    in_sight: Bool[np.ndarray, "N"]
    """Whether nothing is known to be, or may be, before the face."""
    alike: Bool[np.ndarray, "N"]
    """Whether the person's other pictures are taken with the same lens (`FaceSet.alike`)."""

    def __len__(self) -> int:
        return len(self.row)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the crops itself: pickled, a memory map becomes the megabytes that it shows."""
        arrays = {name: value for name, value in vars(self).items() if name != "crops"}
        mapped = getattr(self.crops, "filename", None)
        return _again, (mapped or self.crops, arrays)

    def __getitem__(self, chosen: Any) -> "RealFaces":
        """Some of the faces, chosen as rows of an array are."""
        return replace(self, **{f.name: getattr(self, f.name)[chosen] for f in fields(self) if f.name != "crops"})

    def crop(self, face: int) -> UInt8[np.ndarray, "S S 3"]:
        """The crop of one face."""
        return np.asarray(self.crops[self.row[face]])


def _again(crops: Any, arrays: dict[str, np.ndarray]) -> RealFaces:
    return RealFaces(crops=crops if isinstance(crops, np.ndarray) else np.load(crops, mmap_mode="r"), **arrays)


def faces_folder(chosen: str) -> Path | None:
    """The folder of real faces that the setting `faces` stands for; None when it is the word none.

    The empty setting is the prepared set that MIEN_FACES names, or the folder real in the folder of test material that
    MIEN_TEST_ASSETS names. Raises MienError when neither is there.
    """
    if chosen:
        return None if chosen == "none" else Path(chosen)
    material = os.environ.get("MIEN_TEST_ASSETS")
    named = os.environ.get("MIEN_FACES") or (str(Path(material) / "real") if material else "")
    if not named or not Path(named).is_dir():
        what = f"MIEN_FACES names '{named}', which is no folder" if named else "no labelled real faces are named"
        raise MienError(
            f"{what}; name a folder of them with `faces`, or train without: 'mien train capture --faces none'"
        )
    return Path(named)


def faces_fingerprint(folder: Path) -> str:
    """Equal for folders with the same labels of files with the same names and sizes, of which the same is known; reads
    no picture.

    Raises MienError when the folder holds no labels, or a file that they are of is missing.
    """
    parts: list[bytes | str] = []
    for path in label_files(folder):
        labels = read_labels(path)
        parts += [path.name, path.read_bytes(), repr(_about(labels))]
        for file in files_of(folder, labels):
            if not file.is_file():
                raise MienError(f"{file} is not there, though {path} is about it; copy the folder of real faces again")
            parts.append(f"{file.name} {file.stat().st_size}")
    return fingerprint(parts)


def open_faces(folder: Path, *, held_out: bool) -> RealFaces:
    """The faces of a folder that are trained on, or those of people that only measure.

    The first time, the folder's pictures are aligned and kept in the user's cache (for 3,000 faces two minutes and 250
    MB); after that no picture is read. Pictures in which the cascade finds no face are left out. Raises MienError when
    the folder cannot be read.
    """
    teacher = TeacherMap.load()
    about = [
        str(_VERSION),
        str(spec.CROP),
        str(spec.MARGIN),
        *(np.ascontiguousarray(v) for v in vars(teacher).values()),
    ]
    place = cache_folder() / "faces" / fingerprint([faces_fingerprint(folder), *about])[:24]
    kept = _opened(place)
    if kept is None:
        _write(place, _aligned(folder, teacher))
        kept = _opened(place)
    if kept is None:
        raise MienError(f"{place}: the crops just written cannot be read; check the disk")
    return kept[kept.held_out == held_out]


def _opened(place: Path) -> RealFaces | None:
    """What `_write` kept in the folder `place`; None when it is not whole."""
    try:
        _, arrays = npz.load(place / "faces.npz", "real-faces", _VERSION, "cache of real faces")
        crops = np.load(place / "crops.npy", mmap_mode="r")
        faces = RealFaces(crops=crops, **arrays)
    except (MienError, OSError, ValueError, TypeError):
        return None
    return faces if len(crops) == len(faces) else None


def _write(place: Path, faces: RealFaces) -> None:
    place.mkdir(parents=True, exist_ok=True)
    with write_whole(place / "crops.npy") as temporary, temporary.open("wb") as file:
        np.save(file, faces.crops)
    arrays = {name: value for name, value in vars(faces).items() if name != "crops"}
    npz.save(place / "faces.npz", "real-faces", _VERSION, {}, arrays)


def _aligned(folder: Path, teacher: TeacherMap) -> RealFaces:
    """Every face of the folder in which the cascade finds what the teacher found."""
    from mien.track.cascade import Cascade

    cascade = Cascade.load()
    rows: list[dict[str, Any]] = []
    for path in label_files(folder):
        labels = read_labels(path)
        landmarks, spread = _landmarks(labels, teacher)
        measures, gaze = labels.teacher.measures(), _gaze(labels.teacher)
        about = _about(labels)
        for row, picture in pictures(folder, labels):
            points = labels.teacher.points[row]
            matrix = _alignment(cascade, picture, points) if np.isfinite(points).all() else None
            if matrix is not None:
                seen = _seen(picture, matrix, landmarks[row])
                rows.append({**seen, "spread": spread[row], "measures": measures[row], "gaze": gaze[row], **about[row]})
    if not rows:
        raise MienError(f"{folder}: no face is found in its pictures; name another folder with `faces`")
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return RealFaces(row=np.arange(len(rows)), **columns)


def _landmarks(labels: Labels, teacher: TeacherMap) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks [N, L, 2] px of the pictures and their spread [N, L]; hand marks go before the teacher."""
    landmarks, spread = teacher.apply(labels.teacher.points), teacher.spread(labels.teacher.spread)
    by_hand = np.flatnonzero(np.isfinite(labels.hand[:, 0, 0]))
    if len(by_hand):
        marked, exact = marked_landmarks(labels.hand[by_hand])
        landmarks[np.ix_(by_hand, exact)] = marked[:, exact]
        spread[np.ix_(by_hand, exact)] = 0.0
    return landmarks, spread


def _gaze(teacher: TeacherLabels) -> Float[np.ndarray, "N 2"]:
    """Where the teacher's irises look [rad], both eyes' mean, in which most of what makes eyes differ cancels."""
    shift = (gaze_of_points(teacher.frontal()) - _AHEAD) / IRIS_SHIFT
    shift[~(teacher.measures()[:, MEASURES.index("lids")] > _NARROW)] = np.nan
    return np.arcsin(np.clip(shift, -_FAR, _FAR))


def _about(labels: Labels) -> list[dict[str, Any]]:
    """What is known of each row's person and picture."""
    own = set_of(labels.folder)
    return [
        {
            "name": labels.name(row),
            "folder": labels.folder,
            "person": own.person(stem),
            "clip": labels.clip and f"{labels.folder}/{labels.clip}",
            "held_out": own.held_out(stem),
            "at_rest": own.at_rest(stem),
            "into_camera": own.into_camera,
            "in_sight": own.in_sight(stem),
            "alike": own.alike,
            "steady": bool(np.median(labels.teacher.spread[row]) < STEADY),
        }
        for row, stem in enumerate(map(labels.stem, range(len(labels))))
    ]


def _alignment(cascade: Any, picture: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """The matrix that aligns the face that the teacher's points [478, 3] are on; None when the cascade finds none."""
    from mien.track.align import align_matrix

    width, middle = np.ptp(points[:, 0]), points[:, :2].mean(axis=0)
    found = [face.five_points for face in cascade.detect(picture, min_face=max(24.0, 0.5 * width))]
    here = [five for five in found if np.linalg.norm(five.mean(axis=0) - middle) < 0.5 * width]
    return align_matrix(here[0], spec.CROP, margin=spec.MARGIN) if here else None


def _seen(picture: np.ndarray, matrix: np.ndarray, landmarks: np.ndarray) -> dict[str, np.ndarray]:
    from mien.track.align import STORED, warp

    return {"crops": warp(picture, matrix, STORED), "landmarks": landmarks @ matrix[:, :2].T + matrix[:, 2]}
