"""A sheet of real frames, each beside mo wearing what was captured. Only people whose licence lets them be shown.

These are GRID's speakers, and the Canada and London sets of webmorph; all CC BY 4.0, with credit on the sheet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mien.core import Clip
from mien.io.atomic import write_whole
from mien.io.video import open_video, read_image
from mien.rigs.load import load_rig
from mien.systems.capture.evaluation.real_people import Look
from mien.systems.capture.evaluation.teacher_labels import TeacherLabels
from mien.systems.capture.predict import CaptureResult
from mien.viewer.paint import Painter

__all__ = ["Shown", "draw_sheet", "far_apart", "shown_frames", "shown_looks"]

CREDIT = (
    "Real faces: GRID (Cooke, Barker, Cunningham, Shao 2006), Canada and London sets (DeBruine & Jones 2017): CC BY 4.0"
)
FRAMES, LONDON, CANADA = 5, 12, 8
"""Frames of each GRID clip, pictures of the London set (two of each person), and of the Canada set."""
SIDE, ACROSS = 176, 6
"""Pixels of a picture's side, and pairs in a row."""
_AROUND = 1.25
"""Side of the square that is shown over the height of the face's box."""
_BAR, _INK = 28, (235, 238, 245)


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """A real frame and the captured one."""

    image: UInt8[np.ndarray, "H W 3"]
    box: Float[np.ndarray, "4"]
    """x0, y0, x1, y1 [px]."""
    clip: Clip
    """Of one frame."""


def far_apart(measures: Float[np.ndarray, "N M"], count: int) -> list[int]:
    """Rows that differ most, in order: first the one farthest from the mean, then each farthest from those chosen.

    Rows that are not finite are left out; fewer than `count` come back when there are no more.
    """
    known = np.flatnonzero(np.isfinite(measures).all(axis=1))
    chosen: list[int] = []
    if not len(known):
        return chosen
    apart = np.linalg.norm(measures[known] - measures[known].mean(axis=0), axis=1)
    for _ in range(min(count, len(known))):
        chosen.append(int(known[apart.argmax()]))
        near = np.linalg.norm(measures[known] - measures[chosen[-1]], axis=1)
        apart = near if len(chosen) == 1 else np.minimum(apart, near)
    return sorted(chosen)


def shown_frames(path: Path, take: CaptureResult, labels: TeacherLabels) -> list[Shown]:
    """The frames of a clip whose faces differ most to the teacher, as they were captured."""
    known = np.zeros(0, int) if labels.frames is None else labels.frames
    rows = far_apart(np.where(take.clip.seen[known][:, None], labels.measures(), np.nan), FRAMES)
    wanted = set(known[rows].tolist())
    with open_video(path) as video:
        return [
            Shown(image=frame.image, box=take.track.boxes[frame.index], clip=_one(take.clip, frame.index))
            for frame in video
            if frame.index in wanted
        ]


def shown_looks(real: Path, looks: Mapping[str, Sequence[Look]]) -> list[Shown]:
    """Pictures of the London and Canada sets, the first of each."""
    return [
        Shown(
            image=read_image(real / look.folder / look.name),
            box=look.captured.face.box,
            clip=Clip.from_poses([look.captured.pose(0.0)]),
        )
        for look in (*looks["london"][:LONDON], *looks["canada"][:CANADA])
    ]


def draw_sheet(path: Path, shown: Sequence[Shown]) -> None:
    """Write the sheet; raises MienError when the file cannot be written."""
    mo = load_rig("mo")
    painter = Painter(mo, SIDE, SIDE, face=True, fill=0.8, glow=False)
    pairs = [np.hstack([_square(one), painter.draw(mo.perform(one.clip, 0))]) for one in shown]
    pairs += [np.zeros((SIDE, 2 * SIDE, 3), np.uint8)] * (-len(pairs) % ACROSS)
    rows = [np.hstack(pairs[start : start + ACROSS]) for start in range(0, len(pairs), ACROSS)]
    bar = np.zeros((_BAR, 2 * SIDE * ACROSS, 3), np.uint8)
    cv2.putText(bar, CREDIT, (8, _BAR - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
    with write_whole(path) as temporary:
        sheet = np.ascontiguousarray(np.vstack([*rows, bar])[..., ::-1])
        cv2.imwrite(str(temporary), sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])


def _one(clip: Clip, frame: int) -> Clip:
    return Clip.from_poses([clip.pose(frame)])


def _square(one: Shown) -> np.ndarray:
    """The face in a square of `SIDE` px."""
    low, high = one.box[:2], one.box[2:]
    scale = SIDE / (_AROUND * float(high[1] - low[1]))
    shift = SIDE / 2 - scale * (low + high) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = one.image if scale >= 1 else cv2.resize(one.image, None, fx=scale, fy=scale, interpolation=method)
    if scale < 1:
        matrix[:, :2] = np.eye(2)
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
