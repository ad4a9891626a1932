import json
from pathlib import Path

import numpy as np
import pytest

import mien as api
from mien.core import Clip, Rig
from mien.rigs.load import load_neutral, load_rig
from mien.rigs.readers.obj import save_obj_folder
from mien.rigs.transfer.transfer import transfer

from .conftest import Mien, Run


@pytest.fixture
def take(tmp_path: Path) -> Path:
    weights = np.random.default_rng(0).uniform(0, 0.6, (6, 52)).astype(np.float32)
    Clip(times=np.arange(6) / 30, weights=weights).save(tmp_path / "take.csv")
    return tmp_path / "take.csv"


def few(tmp_path: Path, *names: str, called: tuple[str, ...] = ()) -> Path:
    mo = load_rig("mo")
    rig = Rig(
        name="few", neutral=mo.neutral, shape_names=called or names, shapes=np.stack([mo.shape(name) for name in names])
    )
    save_obj_folder(rig, tmp_path / "few")
    return tmp_path / "few"


def test_a_take_on_another_rig(run: Run, take: Path, assets: Path) -> None:
    done = run("retarget", take, "--rig", assets / "rigs" / "rocketbox_female_01.glb", "--out", "x.glb")
    assert (done.returncode, done.stderr) == (0, "")
    assert "by name: 52 channels" in done.stdout
    back = Clip.load(take.parent / "x.glb")
    np.testing.assert_allclose(back.with_channels(Clip.load(take).channels).weights, Clip.load(take).weights, atol=1e-6)


def test_names_by_a_mapping_and_the_rest_is_reported(run: Run, take: Path, tmp_path: Path) -> None:
    folder = few(tmp_path, "jawOpen", "mouthSmileLeft", called=("Mouth_Gape", "mouthSmileLeft"))
    (tmp_path / "map.json").write_text('{"shapes": {"jawOpen": "Mouth_Gape"}}')
    done = run("retarget", take, "--rig", folder, "--map", "map.json", "--method", "names", "--out", "x.npz")
    assert (done.returncode, done.stderr) == (0, "")
    assert "by name: 2 channels" in done.stdout
    assert "this rig cannot show: 50 channels" in done.stdout
    assert set(Clip.load(tmp_path / "x.npz").channels) == {"jawOpen", "mouthSmileLeft"}


def test_what_cannot_be_retargeted_is_refused(refused, take: Path, tmp_path: Path) -> None:
    assert "x.mp4" in refused("retarget", take, "--rig", "mo", "--out", "x.mp4")
    assert "nobody" in refused("retarget", take, "--rig", "nobody", "--out", "x.glb")
    assert "none.csv" in refused("retarget", "none.csv", "--rig", "mo", "--out", "x.glb")
    assert "overwritten" in refused("retarget", take, "--rig", "mo", "--out", take)
    assert "map.txt" in refused("retarget", take, "--rig", "mo", "--map", "map.txt", "--out", "x.glb")


def test_check_says_what_maps_and_exits_by_verdict(run: Run, tmp_path: Path) -> None:
    done = run("rig", "check", "mo")
    assert (done.returncode, done.stderr) == (0, "")
    assert "52 of 52" in done.stdout
    folder = few(tmp_path, "jawOpen", "eyeBlinkLeft", "eyeBlinkRight")
    assert run("rig", "check", folder).returncode == 0
    done = run("rig", "check", folder, "--complete")
    assert (done.returncode, done.stderr) == (1, "")
    assert "not sound" in done.stdout
    folder = few(tmp_path, "jawOpen", "eyeBlinkLeft", "eyeBlinkRight", called=("jawOpen", "cheekPuff", "eyeBlinkLeft"))
    done = run("rig", "check", folder)
    assert done.returncode in {0, 1}


def test_check_refuses_what_is_no_rig(refused, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no .obj" in refused("rig", "check", "empty")
    assert "none.glb" in refused("rig", "check", "none.glb")


def test_shapes_for_a_new_face(run: Run, tmp_path: Path, assets: Path) -> None:
    mo = load_rig("mo")
    one = Rig(name="mo", neutral=mo.neutral, shape_names=("jawOpen",), shapes=mo.shape("jawOpen")[None])
    save_obj_folder(one, tmp_path / "new")
    done = run("rig", "transfer", "new/neutral.obj", "--from", "mo", "--out", "made.glb")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"52 shapes of {len(mo.neutral.vertices):,} vertices" in done.stdout
    assert "not carried" not in done.stdout
    made = load_rig(tmp_path / "made.glb")
    np.testing.assert_allclose(made.shape("jawOpen"), mo.shape("jawOpen"), atol=0.05)


def test_a_transfer_goes_by_the_landmarks_and_the_unit_that_are_given(mien: Mien, tmp_path: Path) -> None:
    mo = load_rig("mo")
    anchors = mo.landmarks["ibug68"]
    vertices = anchors.indices[np.arange(68), anchors.weights.argmax(axis=1)]
    points = {number: int(vertices[number]) for number in range(17, 68)}
    points[8] = points[30]  # a chin at the nose: a fit by other points than these is another one
    (tmp_path / "points.json").write_text(json.dumps({"ibug68": points}))
    mo.neutral.save(tmp_path / "face.obj")  # as large as a head in millimetres
    words = ("rig", "transfer", "face.obj", "--from", "mo", "--out", "made.glb")
    done = mien(*words, "--landmarks", "points.json", "--unit", "cm")
    assert (done.code, done.err) == (0, "")
    made = load_rig(tmp_path / "made.glb")
    np.testing.assert_allclose(made.neutral.vertices, 10 * mo.neutral.vertices, atol=1e-2)
    face = load_neutral(tmp_path / "face.obj", "cm")
    by_points, by_shape = (
        transfer(mo, face, name="face", landmarks=given).shape("jawOpen") for given in (points, None)
    )
    np.testing.assert_allclose(made.shape("jawOpen"), by_points, atol=1e-2)
    assert np.abs(by_points - by_shape).max() > 0.1


def test_a_transfer_that_cannot_be_is_refused(refused, tmp_path: Path) -> None:
    (tmp_path / "bad.obj").write_text("v 0 0")
    assert "bad.obj" in refused("rig", "transfer", "bad.obj", "--out", "x.glb")
    assert "x.fbx" in refused("rig", "transfer", "bad.obj", "--out", "x.fbx")
    assert "none.obj" in refused("rig", "transfer", "none.obj", "--out", "x.glb")
    (tmp_path / "face.fbx").write_text("")
    assert "a mesh is read from one of: .obj, .ply" in refused("rig", "transfer", "face.fbx", "--out", "x.glb")
    (tmp_path / "face.glb").write_text("glTF")
    assert "states its own" in refused("rig", "transfer", "face.glb", "--out", "x.glb", "--unit", "cm")
    assert "overwritten" in refused("rig", "transfer", "face.glb", "--out", "face.glb")


def test_the_command_is_the_verb_and_every_option_changes_it(mien: Mien, take: Path, tmp_path: Path) -> None:
    mo = load_rig("mo")
    names = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp")
    small = np.stack([mo.shape(name) for name in names]) * 0.5  # goes half as far as the face of the take
    called = ("jawOpen", "gape", "grin", "lift")
    save_obj_folder(Rig(name="small", neutral=mo.neutral, shape_names=called, shapes=small), tmp_path / "small")

    def retargeted(*options: object) -> Clip:
        done = mien("retarget", take, "--rig", "small", "--out", "x.npz", *options)
        assert (done.code, done.err) == (0, "")
        return Clip.load(tmp_path / "x.npz")

    clip = Clip.load(take)

    def same(ours: Clip, **options) -> bool:
        verb = api.retarget(clip, tmp_path / "small", **options).clip
        return ours.channels == verb.channels and np.array_equal(ours.weights, verb.weights)

    plain = retargeted()
    assert same(plain) and set(plain.channels) == set(called)
    np.testing.assert_array_equal(plain.curve("jawOpen"), clip.curve("jawOpen"))
    named, moved = retargeted("--method", "names"), retargeted("--method", "motion")
    assert same(named, method="names") and named.channels == ("jawOpen",)
    assert same(moved, method="motion") and not np.array_equal(moved.curve("jawOpen"), clip.curve("jawOpen"))
    actual = retargeted("--same-size")
    assert same(actual, own_range=False)
    # In the rig's own range a smile stays as full as it was; in its own size half a shape needs twice the weight.
    assert np.median(actual.curve("gape")) > 1.5 * np.median(plain.curve("gape")) > 0
    other = retargeted("--source", "small")  # a face that has none of the moving channels but one
    assert same(other, source=tmp_path / "small") and not np.array_equal(other.weights, plain.weights)
    (tmp_path / "map.json").write_text('{"shapes": {"mouthSmileLeft": "gape"}}')
    mapped = retargeted("--map", "map.json")
    np.testing.assert_array_equal(mapped.curve("mouthSmileLeft"), clip.curve("mouthSmileLeft"))


def test_the_earlier_to_still_works_and_names_the_new_way(mien: Mien, tmp_path: Path) -> None:
    for words in (("--to", "none.obj"), ("--to=none.obj",)):
        note, error = mien("rig", "transfer", *words, "--out", "x.glb").err.splitlines()
        assert "'mien rig transfer NEUTRAL'" in note and "none.obj" in error
