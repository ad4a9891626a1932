"""Reading a folder of real faces: pictures and clips, and what the teacher, MediaPipe's Face Landmarker, says of them.

`SET/NAME.jpg` is a picture of the set SET and `SET/NAME.mpg` (or another video) a clip. `labels/SET.npz` holds labels
of pictures (`evaluation.teacher_labels`), and where people marked faces by hand `hand189` [N, 189, 2], NaN elsewhere;
`labels/SET__NAME.npz` holds those of a clip. `label_faces` writes such a folder.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import MienError
from mien.systems.capture.evaluation import teacher_labels
from mien.systems.capture.evaluation.teacher_labels import TeacherLabels

__all__ = ["Labels", "files_of", "label_files", "pictures", "read_labels"]


@dataclass(frozen=True, kw_only=True)
class Labels:
    """One file of labels: the pictures of a set, or the frames of a clip."""

    folder: str
    """Name of the set's folder."""
    clip: str
    """Name of the clip; empty for pictures."""
    files: tuple[str, ...]
    """The picture of each row; for a clip, its file alone."""
    frames: tuple[int, ...]
    """The clip's frame of each row; empty for pictures."""
    teacher: TeacherLabels
    hand: Float[np.ndarray, "N 189 2"]
    """Points marked by hand; NaN where there are none."""

    def stem(self, row: int) -> str:
        """Name of the picture or clip of a row, without its suffix."""
        return self.clip or Path(self.files[row]).stem

    def name(self, row: int) -> str:
        """A name of the row that no other row has."""
        frame = f":{self.frames[row]}" if self.clip else ""
        return f"{self.folder}/{self.stem(row)}{frame}"

    def __len__(self) -> int:
        return len(self.teacher.points)


def label_files(folder: Path) -> list[Path]:
    """The files of labels in a folder of real faces; raises MienError when it has none."""
    found = sorted((folder / "labels").glob("*.npz"))
    if not found:
        raise MienError(f"{folder} holds no labelled faces (labels/*.npz); name another folder with `faces`")
    return found


def read_labels(path: Path) -> Labels:
    """One file of labels; raises MienError when it is none, or the clip that it is of is not there."""
    folder, _, clip = path.stem.partition("__")
    teacher = teacher_labels.read_labels(path)
    count = len(teacher.points)
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        hand = file["hand189"] if "hand189" in file.files else np.full((count, 189, 2), np.nan)
    shapes = (teacher.points.shape, teacher.spread.shape, teacher.pose.shape, hand.shape)
    named = teacher.frames is not None if clip else len(teacher.images) == count
    if shapes != ((count, 478, 3), (count, 478), (count, 4, 4), (count, 189, 2)) or not named:
        raise MienError(f"{path}: its arrays do not fit together; label the faces again")
    return Labels(
        folder=folder,
        clip=clip,
        files=(_clip_file(path.parent.parent / folder, clip),) if clip else teacher.images,
        frames=tuple(teacher.frames.tolist()) if clip and teacher.frames is not None else (),
        teacher=teacher,
        hand=hand.astype(np.float64),
    )


def _clip_file(folder: Path, clip: str) -> str:
    found = sorted(folder.glob(f"{escape(clip)}.*"))
    if not found:
        raise MienError(f"{folder / clip}: there are labels of this clip, and no video")
    return found[0].name


def files_of(folder: Path, labels: Labels) -> list[Path]:
    """Every picture or clip that a file of labels is of."""
    return [folder / labels.folder / file for file in labels.files]


def pictures(folder: Path, labels: Labels) -> Iterator[tuple[int, UInt8[np.ndarray, "H W 3"]]]:
    """(row, picture) of each row; frames that a clip lacks are left out. MienError for what cannot be read."""
    from mien.io.video import open_video, read_image

    if not labels.clip:
        yield from ((row, read_image(path)) for row, path in enumerate(files_of(folder, labels)))
        return
    row_of = {frame: row for row, frame in enumerate(labels.frames)}
    with open_video(files_of(folder, labels)[0]) as video:
        for frame in video:
            if frame.index in row_of:
                yield row_of[frame.index], frame.image
