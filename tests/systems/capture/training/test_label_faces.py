"""A folder of pictures and clips becomes a folder that training reads, and a repeated run does what is left to do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.drawn_faces import EYES, GROUND, Landmarker, draw, install, landmarks, write

from mien.core import MienError
from mien.io.video import read_image
from mien.io.video_writer import VideoWriter
from mien.systems.capture.training.face_crops import LARGEST, SIDE
from mien.systems.capture.training.face_labels import files_of, label_files, pictures, read_labels
from mien.systems.capture.training.label_faces import Labelled, label_faces

Label = Callable[..., Labelled]
LARGE, SMALL, HIGH = (700.0, 500.0, 220.0), (60.0, 50.0, 40.0), (200.0, 150.0, 80.0)
"""Faces of the pictures: x and y of the right eye, distance of the eyes [px]."""


@pytest.fixture
def landmarker(monkeypatch: pytest.MonkeyPatch) -> Landmarker:
    return install(monkeypatch)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Two sets: three pictures, one of them without a face, and hand marks; a clip with a face in its middle frames."""
    folder = tmp_path / "given"
    write(folder / "people" / "large.png", draw(1500, 1200, LARGE))
    write(folder / "people" / "small.jpg", draw(160, 160, SMALL))
    write(folder / "people" / "nobody.jpg", draw(200, 200))
    (folder / "people" / ".hidden.jpg").write_bytes(b"of the file manager")
    marks = np.full((189, 2), 7.0)
    marks[:2] = (LARGE[0], LARGE[1]), (LARGE[0] + LARGE[2], LARGE[1])
    lines = "\n".join(f"{x}\t{y}" for x, y in marks)
    (folder / "people" / "large.tem").write_text(f"189\n{lines}\n0\n")
    (folder / "moving").mkdir()
    with VideoWriter(folder / "moving" / "take.mp4", 400, 300, 25) as video:
        for k in range(6):
            video.write(draw(400, 300, *([(HIGH[0] + 5 * k, *HIGH[1:])] if 1 <= k <= 4 else [])), k / 25)
    return folder


@pytest.fixture
def label(tmp_path: Path, given: Path, landmarker: Landmarker) -> Label:
    """Label the folder `given` into the folder `out` of `tmp_path`, with a model of the bytes `model`."""

    def label(*, out: str = "out", model: bytes = b"model", **options: object) -> Labelled:
        (tmp_path / "drawn.task").write_bytes(model)
        return label_faces(given, tmp_path / out, tmp_path / "drawn.task", **options)

    return label


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """File -> time of its last change, and its bytes."""
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()
    }


def test_pictures_become_crops_with_points_where_the_faces_are(label: Label, tmp_path: Path) -> None:
    lines: list[str] = []
    assert label(say=lines.append) == Labelled(pictures=2, clips=1, left_out=1)
    assert len(lines) == 1 and "nobody.jpg shows no face" in lines[0]
    labels = read_labels(tmp_path / "out" / "labels" / "people.npz")
    assert labels.files == ("large.jpg", "small.jpg")
    seen = dict(pictures(tmp_path / "out", labels))
    for row, (_, _, apart) in enumerate((LARGE, SMALL)):
        crop, points = seen[row], labels.teacher.points[row]
        shape = landmarks(np.zeros(2), np.array([apart, 0.0]))
        scale = np.linalg.norm(points[EYES[1]] - points[EYES[0]]) / apart
        np.testing.assert_allclose(points - points[EYES[0]], scale * (shape - shape[EYES[0]]), atol=0.6)
        bright = crop[tuple(np.round(points[list(EYES), 1::-1] - 0.5).astype(int).T)]
        assert (bright > 200).all(), "the eyes lie on the discs"
        np.testing.assert_allclose(crop[3, 3], GROUND, atol=4)
        extent = np.ptp(shape[:, :2], axis=0).max()
        assert scale == pytest.approx(min(1.0, LARGEST / (SIDE * extent)), rel=0.01)
    assert seen[0].shape == (LARGEST, LARGEST, 3) and seen[1].shape[0] <= 160
    assert labels.teacher.spread.max() < 0.01 and labels.teacher.steady.all()
    with np.load(tmp_path / "out" / "labels" / "people.npz") as file:
        assert file["size"].tolist() == [list(seen[row].shape[1::-1]) for row in range(2)]


def test_points_marked_by_hand_lie_where_they_were_marked(label: Label, tmp_path: Path) -> None:
    label()
    labels = read_labels(tmp_path / "out" / "labels" / "people.npz")
    np.testing.assert_allclose(labels.hand[0, :2], labels.teacher.points[0, list(EYES), :2] - 0.5, atol=0.2)
    assert np.isfinite(labels.hand[0]).all() and np.isnan(labels.hand[1]).all()


def test_of_a_clip_the_frames_with_a_face_are_labelled_where_it_is(label: Label, tmp_path: Path, given: Path) -> None:
    label()
    labels = read_labels(tmp_path / "out" / "labels" / "moving__take.npz")
    assert (labels.clip, labels.frames) == ("take", (1, 2, 3, 4))
    for row, frame in enumerate(labels.frames):
        eyes = np.array([(HIGH[0] + 5 * frame, HIGH[1]), (HIGH[0] + 5 * frame + HIGH[2], HIGH[1])])
        np.testing.assert_allclose(labels.teacher.points[row, list(EYES), :2], eyes + 0.5, atol=0.2)
    (copy,) = files_of(tmp_path / "out", labels)
    assert copy.read_bytes() == (given / "moving" / "take.mp4").read_bytes()
    assert [row for row, _ in pictures(tmp_path / "out", labels)] == [0, 1, 2, 3]


def test_a_repeated_run_looks_at_nothing_that_is_labelled(label: Label, tmp_path: Path, landmarker: Landmarker) -> None:
    first = label()
    before, landmarker.looks = contents(tmp_path / "out"), 0
    assert label() == first and contents(tmp_path / "out") == before
    assert landmarker.looks <= 8, "four views of the picture without a face, near what the cascade finds and whole"


def test_what_changed_is_labelled_again_and_what_is_gone_loses_its_label(
    label: Label, tmp_path: Path, given: Path
) -> None:
    label()
    small = read_image(tmp_path / "out" / "people" / "small.jpg")
    write(given / "people" / "small.jpg", draw(160, 160, (50.0, 60.0, 50.0)))
    (given / "people" / "large.tem").unlink()
    write(given / "people" / "more.jpg", draw(160, 160, SMALL))
    label()
    labels = read_labels(tmp_path / "out" / "labels" / "people.npz")
    assert labels.files == ("large.jpg", "more.jpg", "small.jpg") and np.isnan(labels.hand).all()
    assert np.ptp(labels.teacher.points[2, list(EYES), 0]) == pytest.approx(50, abs=0.5)
    assert not np.array_equal(read_image(tmp_path / "out" / "people" / "small.jpg"), small)
    (given / "people" / "more.jpg").unlink()
    (given / "people" / "large.png").unlink()
    label()
    assert read_labels(tmp_path / "out" / "labels" / "people.npz").files == ("small.jpg",)


def test_another_model_labels_everything_again(label: Label, tmp_path: Path, landmarker: Landmarker) -> None:
    label()
    looks, landmarker.looks = landmarker.looks, 0
    label(model=b"a newer model")
    assert landmarker.looks == looks
    with (
        np.load(tmp_path / "out" / "labels" / "people.npz") as people,
        np.load(tmp_path / "out" / "labels" / "moving__take.npz") as take,
    ):
        assert people["model"] == take["model"] and len(str(people["model"])) == 64


def test_a_run_that_is_killed_keeps_what_it_labelled_and_is_gone_on_with(
    label: Label, tmp_path: Path, landmarker: Landmarker
) -> None:
    def killed(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    label(out="whole")
    with pytest.raises(KeyboardInterrupt):
        label(progress=killed)
    assert read_labels(tmp_path / "out" / "labels" / "people.npz").files == ("large.jpg",)
    landmarker.looks = 0
    steps: list[tuple[int, int]] = []
    label(progress=lambda *step: steps.append(step))
    assert steps == [(k, 4) for k in range(1, 5)]
    assert [p.name for p in label_files(tmp_path / "out")] == ["moving__take.npz", "people.npz"]
    for name in ("people", "moving__take"):
        with (
            np.load(tmp_path / "out" / "labels" / f"{name}.npz") as one,
            np.load(tmp_path / "whole" / "labels" / f"{name}.npz") as other,
        ):
            assert one.files == other.files
            for key in one.files:
                np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def test_a_file_that_cannot_be_read_is_left_out_with_one_line(label: Label, given: Path) -> None:
    (given / "people" / "cut.jpg").write_bytes((given / "people" / "nobody.jpg").read_bytes()[:300])
    (given / "people" / "notes.txt").write_text("no picture")
    lines: list[str] = []
    assert label(say=lines.append) == Labelled(pictures=2, clips=1, left_out=3)
    assert len(lines) == 3 and all("\n" not in line and line.startswith("left out: ") for line in lines)
    assert any("cut.jpg" in line for line in lines) and any("notes.txt" in line for line in lines)


def test_labels_of_other_origin_are_never_overwritten(label: Label, tmp_path: Path, assets: Path) -> None:
    other = tmp_path / "out" / "labels" / "people.npz"
    other.parent.mkdir(parents=True)
    shutil.copy(assets / "real" / "labels" / "debruine_cc0.npz", other)
    before = contents(tmp_path / "out")
    with pytest.raises(MienError, match=r"people\.npz was not written by this command .* another `out`"):
        label()
    assert contents(tmp_path / "out") == before


def test_folders_that_cannot_be_labelled(label: Label, tmp_path: Path, given: Path) -> None:
    (tmp_path / "drawn.task").write_bytes(b"model")
    for out in ("given", "given/out"):
        with pytest.raises(MienError, match=r"lies in .*given, whose pictures it would replace"):
            label(out=out)
    write(given / "people" / "large.bmp", draw(100, 100))
    with pytest.raises(MienError, match=r"large\.bmp and .*large\.png have one name"):
        label()
    (given / "people" / "large.bmp").unlink()
    (given / "moving").rename(given / "a__b")
    with pytest.raises(MienError, match="a__b: two underscores"):
        label()
    empty = tmp_path / "empty"
    for folder, reason in ((empty, "is no folder"), (empty, "SET/NAME.jpg"), (empty, "none of 1 .* shows a face")):
        with pytest.raises(MienError, match=reason):
            label_faces(folder, tmp_path / "no", tmp_path / "drawn.task", say=lambda _: None)
        if reason == "is no folder":
            empty.mkdir()
        else:
            write(empty / "set" / "nobody.png", draw(100, 100))
    assert not list((tmp_path / "no").rglob("*.npz"))


def test_pictures_that_are_labelled_already_can_be_labelled_again(label: Label, tmp_path: Path) -> None:
    """The labels in a folder of real faces are no set of pictures."""
    label()
    done = label_faces(tmp_path / "out", tmp_path / "again", tmp_path / "drawn.task")
    assert done == Labelled(pictures=2, clips=1, left_out=0)
    one, other = (read_labels(tmp_path / name / "labels" / "people.npz") for name in ("out", "again"))
    assert one.files == other.files
    apart = [np.ptp(labels.teacher.points[:, list(EYES), 0], axis=1) for labels in (one, other)]
    np.testing.assert_allclose(apart[0], apart[1], rtol=0.01)
