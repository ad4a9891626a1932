"""Writing a folder of labelled real faces (`face_labels`) from a folder of pictures and clips.

Of a picture the face is cut out and the teacher looks at what was written; a clip is copied, and the teacher looks at
each frame. Every label names the bytes that it was made from and the teacher's model, so that a run that is repeated
labels only what is new or has changed.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.core import MienError
from mien.io.atomic import write_whole
from mien.io.video import open_video, read_image
from mien.systems.capture.evaluation.teacher import Teacher
from mien.systems.capture.evaluation.teacher_labels import TeacherLabels, read_labels, write_labels
from mien.systems.capture.training.face_crops import Looks, crop_face, look_at_face
from mien.systems.capture.training.face_sources import Source, sources_of
from mien.systems.capture.training.portraits import read_template
from mien.track.cascade import Cascade

__all__ = ["Labelled", "Labelling", "label_faces"]

_QUALITY = 92
"""JPEG quality of crops."""
_SAVED = 50
"""Pictures after which their labels are saved: a run that is killed loses no more."""

_CORNER = np.array((0.5, 0.5, 0.0))
"""Added to the teacher's points [px]: in files of labels they are counted from the corner of the picture, as MediaPipe
counts. The map to mien's landmarks (`teacher_points`) corrects what remains between such points and marks made by hand.
On 20 people marked by hand that the map was not learnt from, the landmarks are off by 1.1 % of the distance of the
outer eye corners, and by 1.2 % when points are counted from the middle of the first pixel."""

_Row = dict[str, np.ndarray]
"""Label of one picture or frame: the arrays of a file of labels, without their first axis."""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """What is labelled in a folder now."""

    pictures: int
    clips: int
    left_out: int
    """Pictures and clips without a face, or that cannot be read."""


def label_faces(
    pictures: Path,
    out: Path,
    model: Path,
    *,
    say: Callable[[str], None] = print,
    progress: Callable[[int, int], None] | None = None,
) -> Labelled:
    """Label the pictures and clips SET/NAME of a folder with MediaPipe's Face Landmarker, and put them into `out`.

    `say` gets one line for each file that is left out. Raises MienError when MediaPipe or its `model` is not there, the
    folder holds nothing to label, no file has a face, or `out` holds labels that this function did not write.
    """
    sources = sources_of(pictures, out)
    with Teacher(model) as teacher:
        name = hashlib.sha256(Path(model).read_bytes()).hexdigest()
        run = Labelling(out=out, teacher=teacher, model=name, cascade=Cascade.load(), say=say)
        return run.label(sources, progress)


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """Labels files one after the other."""

    out: Path
    teacher: Looks
    model: str
    """What tells the teacher's model from others: labels of another model are made again."""
    cascade: Cascade
    say: Callable[[str], None] = print

    def label(self, sources: Sequence[Source], progress: Callable[[int, int], None] | None = None) -> Labelled:
        """Label all files; raises MienError as `label_faces` does."""
        for path in {self._labels(source) for source in sources}:
            self._check_own(path)
        (self.out / "labels").mkdir(parents=True, exist_ok=True)
        stills = [source for source in sources if not source.clip]
        done, found = 0, {True: 0, False: 0}
        for group in [[s for s in stills if s.folder == folder] for folder in sorted({s.folder for s in stills})]:
            for labelled in self._pictures(group):
                done, found[False] = done + 1, found[False] + labelled
                if progress:
                    progress(done, len(sources))
        for source in sources:
            if source.clip:
                done, found[True] = done + 1, found[True] + self._clip(source)
                if progress:
                    progress(done, len(sources))
        count = sum(found.values())
        if count == 0:
            raise MienError(f"none of {len(sources)} pictures and clips shows a face; name another folder")
        return Labelled(pictures=found[False], clips=found[True], left_out=len(sources) - count)

    def _labels(self, source: Source) -> Path:
        """The file that holds the label of a picture or clip."""
        return self.out / "labels" / (f"{source.folder}__{source.stem}.npz" if source.clip else f"{source.folder}.npz")

    def _check_own(self, path: Path) -> None:
        if path.exists() and not {"original", "model"} <= _read(path).keys():
            raise MienError(f"{path} was not written by this command and would be overwritten; choose another `out`")

    def _pictures(self, sources: Sequence[Source]) -> Iterator[bool]:
        """Whether a face was found in each picture of one set."""
        path = self._labels(sources[0])
        digests = {f"{source.stem}.jpg": source.digest() for source in sources}
        before = _rows(path, self.model) if path.exists() else {}
        rows = {
            name: row
            for name, row in before.items()
            if row["original"] == digests.get(name) and (self.out / sources[0].folder / name).is_file()
        }
        if path.exists() and len(rows) < len(_read(path)["image"]):
            self._save(path, rows)  # before a crop is written that a label of another picture would be about
        saved = len(rows)
        try:
            for source in sources:
                name = f"{source.stem}.jpg"
                row = rows.get(name) or self._picture(source)
                if row is not None:
                    rows[name] = row | {"original": np.array(digests[name])}
                if len(rows) >= saved + _SAVED:
                    self._save(path, rows)
                    saved = len(rows)
                yield row is not None
        finally:
            if len(rows) > saved:
                self._save(path, rows)

    def _picture(self, source: Source) -> _Row | None:
        """Write the crop of a picture and label it; None when there is no face."""
        import cv2

        try:
            picture = read_image(source.path)
        except MienError as error:
            return self._left_out(str(error))
        hand = read_template(source.template) if source.template is not None else None
        seen = look_at_face(picture, self.teacher, self.cascade)
        if seen is None:
            return self._left_out(f"{source.path} shows no face")
        crop = crop_face(picture, seen[0][:, :2])
        coded = cv2.imencode(".jpg", crop.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        written = cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB)
        points, spread, pose, weights = self.teacher.look(np.asarray(written))
        if not np.isfinite(points).all():
            return self._left_out(f"the crop of {source.path} shows no face")
        target = self.out / source.folder / f"{source.stem}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(target) as temporary:
            temporary.write_bytes(coded.tobytes())
        marks = np.full((189, 2), np.nan) if hand is None else crop.points(hand)
        size = np.array(crop.image.shape[1::-1])
        return {
            "points": points + _CORNER,
            "spread": spread,
            "pose": pose,
            "weights": weights,
            "hand189": marks,
            "size": size,
        }

    def _left_out(self, why: str) -> None:
        self.say(f"left out: {why}")

    def _save(self, path: Path, rows: dict[str, _Row]) -> None:
        """Save the labels of a set's pictures; without any, there is no file."""
        if not rows:
            path.unlink(missing_ok=True)
            return
        names = sorted(rows)
        columns = {key: np.stack([rows[name][key] for name in names]) for key in rows[names[0]]}
        hand = columns.pop("hand189").astype(np.float32)
        more = {"hand189": hand} if np.isfinite(hand).any() else {}
        self._write(path, columns, images=tuple(names), **more)

    def _write(self, path: Path, columns: dict[str, Any], *, images: tuple[str, ...] = (), **more: np.ndarray) -> None:
        more |= {"size": columns.pop("size").astype(np.int32), "original": columns.pop("original")}
        write_labels(path, TeacherLabels(images=images, **columns), model=np.array(self.model), **more)

    def _clip(self, source: Source) -> bool:
        """Copy a clip and label its frames, unless that is done; whether any shows a face."""
        path, target = self._labels(source), self.out / source.folder / source.path.name
        digest = source.digest()
        if path.exists():
            known = _read(path)
            if (known["original"], known["model"]) == (digest, self.model) and target.is_file():
                return True
            path.unlink()
        rows: list[tuple[int, tuple[Any, ...]]] = []
        try:
            with open_video(source.path) as video:
                for frame in video:
                    seen = look_at_face(frame.image, self.teacher, self.cascade)
                    if seen is not None:
                        rows.append((frame.index, seen))
                size = video.width, video.height
        except MienError as error:
            self._left_out(str(error))
            return False
        if not rows:
            self._left_out(f"no frame of {source.path} shows a face")
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(target) as temporary:
            shutil.copyfile(source.path, temporary)
        frames = np.array([index for index, _ in rows])
        points, spread, pose, weights = (np.stack(column) for column in zip(*(seen for _, seen in rows), strict=True))
        columns = {"points": points + _CORNER, "spread": spread, "pose": pose, "weights": weights, "frames": frames}
        self._write(path, columns | {"size": np.tile(size, (len(rows), 1)), "original": np.array(digest)})
        return True


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file of labels; raises MienError when it is damaged."""
    read_labels(path)  # says what is wrong with it
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _rows(path: Path, model: str) -> dict[str, _Row]:
    """Picture -> its label, of a file that this module wrote; none when the labels are another teacher's."""
    arrays, labels = _read(path), read_labels(path)
    if arrays["model"] != model:
        return {}
    hand = arrays.get("hand189", np.full((len(labels.images), 189, 2), np.nan))
    columns = {"points": labels.points, "spread": labels.spread, "pose": labels.pose, "weights": labels.weights}
    columns |= {"hand189": hand, "size": arrays["size"], "original": arrays["original"]}
    return {name: {key: values[row] for key, values in columns.items()} for row, name in enumerate(labels.images)}
