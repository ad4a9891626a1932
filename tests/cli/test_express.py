"""`mien express` is `mien.express`, with the weights that ship, and every option changes what it should."""

from pathlib import Path

import numpy as np
import pytest
from trimesh import Trimesh

import mien as api
from mien.core import Clip, Mesh, MeshSequence
from mien.runtime import packaged_bundles
from mien.systems.express.perform import perform
from mien.systems.express.runtime.wrinkles import REGIONS

from .conftest import Mien

BEAT = "surprise 0-0.1-0.2-0.3"


def same(one: MeshSequence, other: MeshSequence) -> bool:
    return np.array_equal(one.times, other.times) and np.array_equal(one.vertices, other.vertices)


@pytest.fixture(scope="module")
def short() -> MeshSequence:
    return api.express(timeline=BEAT)


def test_the_command_is_the_verb(mien: Mien, short: MeshSequence, tmp_path: Path) -> None:
    done = mien("express", "--out", "x.npz")
    assert (done.code, done.err) == (0, "")
    assert same(MeshSequence.load(tmp_path / "x.npz"), api.express())
    assert mien("express", "mean", "--timeline", BEAT, "--out", "y.npz").code == 0
    assert same(MeshSequence.load(tmp_path / "y.npz"), short)
    assert mien("express", "--timeline", BEAT, "--bundle", packaged_bundles()["express"], "--out", "z.npz").code == 0
    assert same(MeshSequence.load(tmp_path / "z.npz"), short)
    assert "none" in mien("express", "--bundle", "none", "--out", "x.npz").err


def test_frames_a_second(mien: Mien, short: MeshSequence, tmp_path: Path) -> None:
    assert mien("express", "--timeline", BEAT, "--fps", 60, "--out", "x.npz").code == 0
    twice = MeshSequence.load(tmp_path / "x.npz")
    assert len(twice.times) == 2 * len(short.times) - 1
    np.testing.assert_allclose(twice.vertices[::2], short.vertices, atol=1e-4)
    assert "frame rate" in mien("express", "--fps", 0, "--out", "x.npz").err


def test_a_neutral_from_a_file_in_its_own_unit(mien: Mien, short: MeshSequence, tmp_path: Path) -> None:
    neutral = short.vertices[0] * 1.05
    Trimesh(neutral / 1000, short.topology.triangles, process=False).export(tmp_path / "face.obj", digits=8)
    verb = api.express(neutral, BEAT)
    # The mean face is 0.2 m wide: a unit that the file's size would not suggest is taken as it is stated.
    assert mien("express", "face.obj", "--timeline", BEAT, "--unit", "m", "--out", "x.npz").code == 0
    np.testing.assert_allclose(MeshSequence.load(tmp_path / "x.npz").vertices, verb.vertices, atol=1e-2)
    assert "not in millimetres" in mien("express", "face.obj", "--unit", "cm", "--out", "x.npz").err
    assert same(api.express(Mesh(vertices=neutral, topology=short.topology), BEAT), verb)


def test_weights_and_wrinkles_of_the_same_movement(mien: Mien, assets: Path, tmp_path: Path) -> None:
    done = mien(
        "express", "--timeline", BEAT, "--out", "x.npz", "--clip", "x_clip.npz", "--wrinkles", "w.csv",
        "--wrinkle-maps", "maps",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    made = perform(timeline=BEAT)
    np.testing.assert_array_equal(Clip.load(tmp_path / "x_clip.npz").weights, made.clip.weights)
    assert made.clip.curve("jawOpen").max() > 0.1
    rows = np.loadtxt(tmp_path / "w.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows, np.c_[made.sequence.times, made.wrinkles], atol=1e-5)
    assert {path.stem for path in (tmp_path / "maps").iterdir()} == set(REGIONS)


def test_what_cannot_be_is_refused_before_any_work(mien: Mien, tmp_path: Path) -> None:
    (tmp_path / "x.obj").write_text("v 0 0 0\n")
    before = set(tmp_path.rglob("*"))
    for words, said in (
        (("--out", "x.txt"), "a mesh sequence is written as one of"),
        (("x.obj", "--out", "x.obj"), "x.obj"),
        (("--out", "no/x.npz"), "no"),
        (("--out", "x.npz", "--clip", "x.glb"), ".csv or .npz"),
        (("--out", "x.npz", "--wrinkles", "w.png"), "the wrinkle signal is written as .csv"),
        (("--out", "x.npz", "--timeline", "bored 0-1-2-3"), "bored"),
        (("x.stl", "--out", "x.npz"), "x.stl"),
        (("--transfer", "--out", "x.npz"), "--transfer brings movement"),
        (("x.obj", "--landmarks", "l.json", "--out", "x.npz"), "use them with --transfer"),
    ):
        done = mien("express", *words)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done
        assert said in done.err
    assert set(tmp_path.rglob("*")) == before
