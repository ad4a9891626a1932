import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.smoke import tiny_faces

from mien.core import MienError
from mien.systems.capture import spec
from mien.systems.capture.training import real_faces
from mien.systems.capture.training.face_labels import label_files, pictures, read_labels
from mien.systems.capture.training.face_sets import SETS, set_of
from mien.systems.capture.training.portraits import landmarks_from_template
from mien.systems.capture.training.real_faces import RealFaces, faces_fingerprint, faces_folder, open_faces


@pytest.fixture(scope="module")
def folder(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("real") / "faces"
    tiny_faces(assets / "real", place)
    return place


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of real faces; the detector's nets stay in the user's."""
    monkeypatch.setattr(real_faces, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def test_faces_are_aligned_as_capture_aligns_them(folder: Path) -> None:
    from mien.track.align import align_matrix, warp
    from mien.track.cascade import Cascade

    faces, cascade = open_faces(folder, held_out=False), Cascade.load()
    labels = read_labels(folder / "labels" / "london.npz")
    for row, picture in pictures(folder, labels):
        (face,) = np.flatnonzero(faces.name == labels.name(row))
        (found, *_) = cascade.detect(picture, min_face=0.5 * np.ptp(labels.teacher.points[row, :, 0]))
        matrix = align_matrix(found.five_points, spec.CROP, margin=spec.MARGIN)
        np.testing.assert_array_equal(faces.crop(int(face)), warp(picture, matrix, spec.CROP + 2 * spec.MARGIN))


def test_where_people_marked_a_face_their_marks_are_its_landmarks(folder: Path) -> None:
    faces, labels = open_faces(folder, held_out=False), read_labels(folder / "labels" / "canada.npz")
    marked, trust = landmarks_from_template(labels.hand[0])
    (face,) = np.flatnonzero(faces.name == labels.name(0))
    exact = trust == 1
    assert (faces.spread[face][exact] == 0).all() and (faces.spread[face][~exact] > 0).all()
    # Both are one similarity apart: all distances have one ratio.
    one, other = marked[exact], faces.landmarks[face][exact]
    ratio = np.linalg.norm(other[1:] - other[:-1], axis=1) / np.linalg.norm(one[1:] - one[:-1], axis=1)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)


def test_the_second_time_no_picture_is_read_and_the_faces_are_the_same(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_faces(folder, held_out=False)
    monkeypatch.setattr(real_faces, "pictures", lambda *_: pytest.fail("a picture was read"))
    again = open_faces(folder, held_out=False)
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, vars(again)[name], err_msg=name)
    assert isinstance(again.crops, np.memmap) and sorted(p.name for p in cache.rglob("*.np?")) == [
        "crops.npy",
        "faces.npz",
    ]


def test_a_cache_that_is_cut_off_is_written_again(folder: Path, cache: Path) -> None:
    first = open_faces(folder, held_out=False)
    kept = [first.crop(k).copy() for k in range(len(first))]
    for name in ("crops.npy", "faces.npz"):
        (path,) = cache.rglob(name)
        path.write_bytes(path.read_bytes()[:5000])
        again = open_faces(folder, held_out=False)
        np.testing.assert_array_equal([again.crop(k) for k in range(len(again))], kept)


def test_another_label_is_another_folder_and_another_place_is_not(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    assert faces_fingerprint(tmp_path / "copy") == faces_fingerprint(folder)
    path = tmp_path / "copy" / "labels" / "canada.npz"
    with np.load(path) as labels:
        arrays = dict(labels)
    arrays["points"][0, 0, 0] += 1
    np.savez(path, **arrays)
    changed = faces_fingerprint(tmp_path / "copy")
    assert changed != faces_fingerprint(folder)
    with (tmp_path / "copy" / "canada" / str(arrays["image"][0])).open("ab") as file:
        file.write(b"more")
    assert faces_fingerprint(tmp_path / "copy") != changed


def test_everybody_is_trained_on_or_held_out_and_nobody_both(assets: Path) -> None:
    folder = assets / "real"
    train, held = (open_faces(folder, held_out=held_out) for held_out in (False, True))
    assert len(train) + len(held) == 3028
    assert not set(train.person) & set(held.person) and not set(train.name) & set(held.name)
    people = {name: {p for p in held.person if p.startswith(f"{name}/")} for name in SETS}
    counts = {name: len(own) for name, own in people.items()}
    assert counts["london"] == 21 and counts["canada"] == 20 and counts["grid"] == 2 and counts["caltech_faces"] == 5
    assert len(people["intel_asl"]) == 1 and len(set(held.clip)) - 1 == 6
    everybody = set(train.person) | set(held.person)
    for name in ("us_congress", "us_pif", "us_18f"):
        assert 0.03 < counts[name] / sum(p.startswith(f"{name}/") for p in everybody) < 0.15


def test_what_is_known_of_a_face_is_what_its_set_says(folder: Path) -> None:
    faces = open_faces(folder, held_out=False)
    london = {name.split("/")[1]: k for k, name in enumerate(faces.name) if name.startswith("london/")}
    assert set(london) == {"001_03", "001_08", "002_03", "002_08"}
    assert [bool(faces.at_rest[london[name]]) for name in sorted(london)] == [True, False, True, False]
    assert faces.person[london["001_03"]] == faces.person[london["001_08"]] != faces.person[london["002_03"]]
    assert faces.into_camera[list(london.values())].all()
    assert np.abs(faces.gaze[list(london.values())]).max() < 0.12
    clip = faces.clip != ""
    assert clip.sum() == 10 and set(faces.clip[clip]) == {"grid/bbaf2n"}
    assert not faces.at_rest[clip].any() and not faces.into_camera[clip].any() and faces.in_sight[clip].all()
    assert (faces.measures[london["001_08"], :3] > faces.measures[london["001_03"], :3]).all()  # a smile
    assert not set_of("intel_asl").in_sight("again") and not set_of("caltech_faces").in_sight("image_0325")
    assert set_of("caltech_faces").person("image_0021") != set_of("caltech_faces").person("image_0022")
    assert set_of("elsewhere").licence == "unknown" and set_of("elsewhere").person("anna_1") == "elsewhere/anna_1"


def test_faces_go_to_another_process_by_name(folder: Path) -> None:
    faces = open_faces(folder, held_out=False)
    sent = pickle.dumps(faces)
    assert len(sent) < faces.crops.nbytes / 2
    again: RealFaces = pickle.loads(sent)
    np.testing.assert_array_equal(again.crop(3), faces.crop(3))
    np.testing.assert_array_equal(again.landmarks, faces.landmarks)


def test_the_default_is_what_the_environment_names_and_none_is_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_FACES", str(tmp_path))
    assert faces_folder("") == tmp_path and faces_folder("none") is None
    assert faces_folder("elsewhere") == Path("elsewhere")
    monkeypatch.delenv("MIEN_FACES")
    (tmp_path / "real").mkdir()
    monkeypatch.setenv("MIEN_TEST_ASSETS", str(tmp_path))
    assert faces_folder("") == tmp_path / "real"
    monkeypatch.delenv("MIEN_TEST_ASSETS")
    with pytest.raises(MienError, match=r"`faces`.*--faces none"):
        faces_folder("")


def test_folders_that_are_not_whole_are_one_clear_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MienError, match="no labelled faces"):
        open_faces(tmp_path, held_out=False)
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "london" / "001_03.jpg").unlink()
    with pytest.raises(MienError, match=r"001_03\.jpg is not there"):
        open_faces(tmp_path / "copy", held_out=False)
    (tmp_path / "copy" / "grid" / "bbaf2n.mpg").unlink()
    with pytest.raises(MienError, match=r"bbaf2n.*no video"):
        faces_fingerprint(tmp_path / "copy")
    (first, *_) = label_files(tmp_path / "copy")
    for damage in (b"", first.read_bytes()[:900]):
        first.write_bytes(damage)
        with pytest.raises(MienError, match=first.name):
            read_labels(first)
    with np.load(folder / "labels" / first.name) as whole:
        np.savez(first, **{**whole, "hand189": np.zeros((1, 189, 2))})
    with pytest.raises(MienError, match=first.name):
        read_labels(first)
