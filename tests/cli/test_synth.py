"""`mien synth` renders for real: EGL and ICT-FaceKit are needed."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.drawn_faces import draw, install, write

from mien.cli.synth import frame_rates, tile
from mien.core import MienError
from mien.synth.expressions import write_expressions
from mien.systems.capture.training.label_faces import label_faces

from .conftest import Mien, Run


@pytest.fixture(autouse=True)
def ict(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (archive,) = assets.glob("ICT-FaceKit-*.zip")
    monkeypatch.setenv("MIEN_ICT", str(archive))


def test_tiles_stand_in_reading_order() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    grid = tile(images, 3)
    assert grid[::2, ::2, 0].tolist() == [[0, 1, 2], [3, 4, 0]]
    assert tile(images[:2], 12).shape == (2, 4, 3)


def test_frame_rates_are_one_number_or_a_range() -> None:
    assert frame_rates("30") == (30.0, 30.0)
    assert frame_rates("12-60") == (12.0, 60.0)
    assert frame_rates("23.976") == (23.976, 23.976)
    for senseless in ("fast", "12-60-90", "-30"):
        with pytest.raises(MienError, match="--fps"):
            frame_rates(senseless)


def test_a_data_set_is_made_in_whole_shards_and_gone_on_with(run: Run, tmp_path: Path) -> None:
    command = (
        "synth",
        "dataset",
        "--out",
        "data",
        "--samples",
        "3",
        "--per-shard",
        "2",
        "--frames",
        "2",
        "--seed",
        "5",
    )
    done = run(*command)
    assert (done.returncode, done.stderr) == (0, "")
    shards = sorted((tmp_path / "data").iterdir())
    assert [shard.name for shard in shards] == ["shard-00000", "shard-00001"]
    crops = np.load(shards[0] / "crops.npy")
    assert crops.shape == (2, 2, 160, 160, 3)
    stamp = (shards[0] / "crops.npy").stat().st_mtime_ns
    assert run(*command).returncode == 0
    assert (shards[0] / "crops.npy").stat().st_mtime_ns == stamp
    other = run(*command[:-1], "6")
    assert other.returncode == 2
    assert "seed" in other.stderr


def test_every_option_of_a_data_set_decides_what_is_rendered(mien: Mien, tmp_path: Path) -> None:
    words = ("--samples", 1, "--frames", 2, "--seed", 5, "--fps", "24", "--identities", 7, 8)
    assert mien("synth", "dataset", "--out", "data", *words).code == 0
    shard = tmp_path / "data" / "shard-00000"
    note = json.loads((shard / "shard.json").read_text())
    told = {name: note[name] for name in ("per_shard", "frames", "seed", "fps", "identities")}
    assert told == {"per_shard": 1, "frames": 2, "seed": 5, "fps": [24, 24], "identities": [7, 8]}
    assert np.load(shard / "identity.npy").tolist() == [7]


def test_a_preview_of_another_seed_shows_other_faces(mien: Mien, tmp_path: Path) -> None:
    sheets = []
    for seed in (1, 2, 1):
        assert mien("synth", "preview", "--samples", 1, "--seed", seed, "--out", "sheet.png").code == 0
        sheets.append(cv2.imread(str(tmp_path / "sheet.png")))
    np.testing.assert_array_equal(sheets[0], sheets[2])
    assert np.abs(sheets[0].astype(int) - sheets[1]).mean() > 5


def test_takes_are_those_of_the_seed_and_as_many_as_asked_for(mien: Mien, tmp_path: Path) -> None:
    words = ("--subjects", 1, "--per-expression", 1, "--blends", 2, "--seed", 5)
    assert mien("synth", "expressions", "--out", "takes", *words).code == 0
    write_expressions(tmp_path / "same", subjects=1, per_expression=1, blends=2, seed=5)
    with (
        np.load(tmp_path / "takes" / "subject-0000.npz") as ours,
        np.load(tmp_path / "same" / "subject-0000.npz") as verb,
    ):
        assert ours.files == verb.files
        for name in verb.files:
            np.testing.assert_array_equal(ours[name], verb[name])


def test_faces_are_labelled_as_the_verb_labels_them(
    mien: Mien, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    (tmp_path / "drawn.task").write_bytes(b"model")
    for folder, name, faces in (
        ("own", "a", [(60.0, 50.0, 40.0)]),
        ("own", "b", []),
        ("asset", "c", [(50.0, 60.0, 30.0)]),
    ):
        write(tmp_path / folder / "set" / f"{name}.png", draw(160, 160, *faces))
    words = ("synth", "faces", "--teacher", "drawn.task")
    done = mien(*words, "--pictures", "own", "--out", "made")
    assert (done.code, done.err) == (0, "")
    lost, last = done.out.splitlines()
    assert lost == "left out: own/set/b.png shows no face"
    assert last == ("made: labelled pictures: 1, clips: 0; left out: 1; train with: mien train capture --faces made")
    label_faces(tmp_path / "own", tmp_path / "verb", tmp_path / "drawn.task", say=lambda _: None)
    for name in ("set/a.jpg", "labels/set.npz"):
        assert (tmp_path / "made" / name).read_bytes() == (tmp_path / "verb" / name).read_bytes()
    monkeypatch.setenv("MIEN_FACE_PICTURES", str(tmp_path / "asset"))
    assert mien(*words).code == 0
    assert [p.name for p in (tmp_path / "data" / "faces" / "set").iterdir()] == ["c.jpg"]


def test_a_preview_shows_faces(run: Run, tmp_path: Path) -> None:
    done = run("synth", "preview", "--samples", "3", "--columns", "2", "--landmarks", "--out", "sheet.png")
    assert (done.returncode, done.stderr) == (0, "")
    image = cv2.imread(str(tmp_path / "sheet.png"))
    assert image.shape == (640, 640, 3)
    assert image[:320].std() > 10
    assert not image[320:, 320:].any()


def test_expressions_are_performed_and_gone_on_with(run: Run, tmp_path: Path) -> None:
    command = ("synth", "expressions", "--out", "takes", "--subjects", "2", "--per-expression", "1")
    done = run(*command)
    assert (done.returncode, done.stderr) == (0, "")
    files = sorted((tmp_path / "takes").iterdir())
    assert [file.name for file in files] == ["subject-0000.npz", "subject-0001.npz"]
    stamp = files[0].stat().st_mtime_ns
    assert run(*command[:4], "--subjects", "3", "--per-expression", "1").returncode == 0
    assert files[0].stat().st_mtime_ns == stamp and (tmp_path / "takes" / "subject-0002.npz").exists()


def test_bad_numbers_and_places(refused, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "--samples" in refused("synth", "dataset", "--out", "data", "--samples", "0")
    assert "identities" in refused("synth", "dataset", "--out", "data", "--identities", "5", "5")
    assert "file/data" in refused("synth", "dataset", "--out", "file/data")
    assert "at least 1" in refused("synth", "expressions", "--out", "data", "--subjects", "0")
    assert "sheet.gif" in refused("synth", "preview", "--out", "sheet.gif")
    of_teacher = ("synth", "teacher", "--teacher", "gone.task", "--out")
    assert "gone.task" in refused(*of_teacher, "map.npz")
    assert "map.txt" in refused(*of_teacher, "map.txt")
    assert "--people" in refused(*of_teacher, "map.npz", "--people", "9")


def test_faces_that_cannot_be_labelled(refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "own" / "set" / "a.png", draw(160, 160))
    words = ("synth", "faces", "--teacher", "gone.task")
    assert "gone.task" in refused(*words, "--pictures", "own")
    assert "--pictures names" in refused(*words, "--pictures", "nowhere")
    assert "choose another --out" in refused(*words, "--pictures", "own", "--out", "own")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MIEN_FACE_PICTURES", raising=False)
    assert "mien assets get faces" in refused(*words)


def test_the_earlier_positional_folder_still_works_and_names_the_new_way(mien: Mien, tmp_path: Path) -> None:
    note, error = mien("synth", "dataset", "data", "--samples", 0).err.splitlines()
    assert "'mien synth dataset --out DIR'" in note and "--samples" in error
    done = mien("synth", "expressions", "takes", "--subjects", 1, "--per-expression", 1, "--blends", 0)
    assert done.code == 0 and "'mien synth expressions --out DIR'" in done.err
    assert (tmp_path / "takes" / "subject-0000.npz").is_file()
