"""Reading a folder of real faces: pictures and clips, and what the teacher, MediaPipe's Face Landmarker, says of them.

`SET/NAME.jpg` is a picture of the set SET and `SET/NAME.mpg` (or another video) a clip. `labels/SET.npz` holds, for N
pictures, `image` [N] file names, `points` [N, 478, 3] the teacher's points [px of the picture, pixel centres, y down, z
away from the viewer], `spread` [N, 478] their standard deviation over several views of the picture, as a share of the
distance of the outer eye corners, `pose` [N, 4, 4] head to camera, and where people marked faces by hand `hand189`
[N, 189, 2], NaN elsewhere. `labels/SET__NAME.npz` holds the same of a clip, with `frame` [N] in place of `image`.
"""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import MienError

__all__ = ["Labels", "files_of", "label_files", "pictures", "read_labels"]

_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


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
    points: Float[np.ndarray, "N 478 3"]
    spread: Float[np.ndarray, "N 478"]
    pose: Float[np.ndarray, "N 4 4"]
    hand: Float[np.ndarray, "N 189 2"]
    """Points marked by hand; NaN where there are none."""

    def stem(self, row: int) -> str:
        """Name of the picture or clip of a row, without its suffix."""
        return self.clip or Path(self.files[row]).stem

    def name(self, row: int) -> str:
        """A name of the row that no other row has."""
        frame = f":{self.frames[row]}" if self.clip else ""
        return f"{self.folder}/{self.stem(row)}{frame}"


def label_files(folder: Path) -> list[Path]:
    """The files of labels in a folder of real faces; raises MienError when it has none."""
    found = sorted((folder / "labels").glob("*.npz"))
    if not found:
        raise MienError(f"{folder} holds no labelled faces (labels/*.npz); name another folder with `faces`")
    return found


def read_labels(path: Path) -> Labels:
    """One file of labels; raises MienError when it is none, or the clip that it is of is not there."""
    folder, _, clip = path.stem.partition("__")
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        count = len(arrays["frame" if clip else "image"])
        hand = arrays.get("hand189", np.full((count, 189, 2), np.nan))
        shapes = {"points": (count, 478, 3), "spread": (count, 478), "pose": (count, 4, 4)}
        if any(arrays[name].shape != shape for name, shape in shapes.items()) or hand.shape != (count, 189, 2):
            raise ValueError
    except _DAMAGED as error:
        raise MienError(f"{path}: no labels of real faces, or damaged; copy it again") from error
    return Labels(
        folder=folder,
        clip=clip,
        files=(_clip_file(path.parent.parent / folder, clip),) if clip else tuple(map(str, arrays["image"])),
        frames=tuple(map(int, arrays["frame"])) if clip else (),
        points=arrays["points"].astype(np.float64),
        spread=arrays["spread"].astype(np.float64),
        pose=arrays["pose"].astype(np.float64),
        hand=hand.astype(np.float64),
    )


def _clip_file(folder: Path, clip: str) -> str:
    found = sorted(folder.glob(f"{clip}.*"))
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
