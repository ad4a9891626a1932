"""`mien capture` on real footage, as a user runs it."""

import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mien.core import ARKIT, Clip
from mien.io.video import open_video
from mien.rigs.load import load_rig

from .conftest import FRAMES, Mien, Run


def test_every_output_of_one_video(run: Run, short: Path, tmp_path: Path) -> None:
    outs = [f"take{suffix}" for suffix in (".csv", ".npz", ".glb")]
    done = run("capture", short, *(word for out in outs for word in ("--out", out)), "--preview", "preview.mp4")
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {*outs, "preview.mp4"}
    for text in ("frames", "frames without a face", "ms per frame", "channels that moved", *outs, "preview.mp4"):
        assert text in done.stdout

    exact, csv, glb = (Clip.load(tmp_path / f"take{suffix}") for suffix in (".npz", ".csv", ".glb"))
    with open_video(short) as video:
        times = [frame.time for frame in video]
    np.testing.assert_array_equal(exact.times, times)
    assert exact.channels == ARKIT
    assert exact.seen.all()
    assert len(csv) == len(glb) == FRAMES
    for clip in (csv, glb):
        weights = clip.with_channels(ARKIT).weights
        np.testing.assert_allclose(weights, exact.weights, atol=1e-3)

    with av.open(str(tmp_path / "preview.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES


def test_without_out_the_curves_stand_beside_you(run: Run, short: Path, tmp_path: Path) -> None:
    assert run("capture", short).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["smile.csv"]


def test_each_input_has_its_own_outputs_and_a_picture_is_one_frame(
    run: Run, short: Path, assets: Path, tmp_path: Path
) -> None:
    picture = assets / "video" / "multi_face.jpg"
    done = run("capture", short, picture, "--out", "{name}.npz", "--face", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(Clip.load(tmp_path / "smile.npz")) == FRAMES
    one = Clip.load(tmp_path / "multi_face.npz")
    assert one.times.tolist() == [0.0]
    assert one.seen.all()


def test_another_face_is_another_performance(run: Run, assets: Path, tmp_path: Path) -> None:
    picture = assets / "video" / "multi_face.jpg"
    for face in (0, 1):
        assert run("capture", picture, "--face", face, "--out", f"{face}.npz").returncode == 0
    largest, other = (Clip.load(tmp_path / f"{face}.npz") for face in (0, 1))
    assert largest.head_translation is not None
    assert other.head_translation is not None
    assert np.linalg.norm(largest.head_translation - other.head_translation) > 50


def test_a_rig_from_a_file_performs(run: Run, short: Path, assets: Path, tmp_path: Path) -> None:
    rig = assets / "rigs" / "rocketbox_female_01.glb"
    assert run("capture", short, "--rig", rig, "--out", "take.glb").returncode == 0
    assert set(load_rig(str(tmp_path / "take.glb")).shape_names) >= set(ARKIT)


def test_ncnn_agrees_with_onnx(run: Run, short: Path, tmp_path: Path) -> None:
    for backend in ("onnx", "ncnn"):
        assert run("capture", short, "--backend", backend, "--out", f"{backend}.npz").returncode == 0
    onnx, ncnn = (Clip.load(tmp_path / f"{backend}.npz") for backend in ("onnx", "ncnn"))
    np.testing.assert_allclose(onnx.weights, ncnn.weights, atol=1e-3)


def test_a_picture_of_8k_is_captured(run: Run, assets: Path, tmp_path: Path) -> None:
    small = cv2.imread(str(assets / "video" / "multi_face.jpg"))
    cv2.imwrite(str(tmp_path / "large.jpg"), cv2.resize(small, (7680, 4320)))
    done = run("capture", "large.jpg", "--out", "large.npz")
    assert (done.returncode, done.stderr) == (0, "")


def test_every_input_has_its_own_outcome(mien: Mien, short: Path, tmp_path: Path) -> None:
    shutil.copyfile(short, tmp_path / "a.mp4")
    (tmp_path / "bad.mp4").write_text("this is no video")
    shutil.copyfile(short, tmp_path / "c.mp4")
    done = mien("capture", "a.mp4", "bad.mp4", "gone.mp4", "c.mp4", "--out", "{name}.npz")
    assert done.code == 2
    first, second, last = done.err.splitlines()
    assert first.startswith("mien: error: bad.mp4 ") and second.startswith("mien: error: gone.mp4 ")
    assert last == "mien: error: 2 of 4 inputs failed, the others are written"
    assert sorted(path.name for path in tmp_path.glob("*.npz")) == ["a.npz", "c.npz"]
    np.testing.assert_array_equal(Clip.load(tmp_path / "a.npz").weights, Clip.load(tmp_path / "c.npz").weights)


def test_curves_go_to_the_folder_that_is_a_link(run: Run, short: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    shutil.copyfile(short, tmp_path / "real" / "smile.mp4")
    assert run("capture", "link/smile.mp4", "--out", "link/take.csv").returncode == 0
    assert (tmp_path / "real" / "take.csv").is_file()


INTERRUPT = """
import os, signal, sys
from contextlib import contextmanager
from mien.cli import display
from mien.cli.main import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have had it ignored
original, where = display.progress_bar, sys.argv[1]

@contextmanager
def progress_bar(what):
    with original(what) as advance:
        def interrupted(done, total):
            advance(done, total)
            if what == where and done == 5:
                os.kill(os.getpid(), signal.SIGINT)
        yield interrupted

display.progress_bar = progress_bar
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(("where", "left"), [("smile.mp4", set()), ("preview.mp4", {"take.csv"})])
def test_ctrl_c_leaves_whole_files_or_none(run: Run, short: Path, tmp_path: Path, where: str, left: set[str]) -> None:
    done = run(where, "capture", short, "--out", "take.csv", "--preview", "preview.mp4", code=INTERRUPT)
    assert (done.returncode, done.stderr) == (130, "mien: interrupted\n")
    assert {path.name for path in tmp_path.iterdir()} == left
    if left:
        assert len(Clip.load(tmp_path / "take.csv")) == FRAMES
