"""`mien fit` as a user runs it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

import mien as api
from mien.cli.main import main
from mien.core import ARKIT, Clip
from mien.rigs.fit import load_identity
from mien.rigs.ict import load_ict
from mien.rigs.load import load_rig
from mien.runtime import packaged_bundles

from .conftest import FRAMES, Mien, Run


@pytest.fixture
def portrait(assets: Path) -> Path:
    return assets / "faces" / "webmorph_canada" / "008f.jpg"


def test_a_portrait_into_a_head_and_the_head_into_capture(run: Run, portrait: Path, tmp_path: Path) -> None:
    done = run("fit", portrait, "--out", "me.obj", "--out", "me.glb", "--out", "me.npz")
    assert (done.returncode, done.stderr) == (0, "")
    assert "008f.jpg" in done.stdout
    assert "mm apart" in done.stdout
    identity = load_identity(tmp_path / "me.npz")
    neutral = load_ict().with_identity(identity.coefficients).neutral.vertices
    mesh = trimesh.load(tmp_path / "me.obj", process=False, maintain_order=True, force="mesh")
    np.testing.assert_allclose(np.sort(np.asarray(mesh.bounds)), np.sort([neutral.min(0), neutral.max(0)]), atol=1e-3)
    rig = load_rig(tmp_path / "me.glb")
    assert set(ARKIT) - set(rig.shape_names) == {"tongueOut"}
    assert 55 < np.linalg.norm(np.subtract(*(j.position for j in rig.joints if j.name.startswith("eye")))) < 75

    takes = {}
    for name, extra in (("mean", ()), ("own", ("--identity", "me.npz"))):
        done = run("capture", portrait, "--out", f"{name}.npz", *extra)
        assert (done.returncode, done.stderr) == (0, "")
        takes[name] = Clip.load(tmp_path / f"{name}.npz")
    np.testing.assert_array_equal(takes["mean"].weights, takes["own"].weights)
    assert takes["mean"].head_translation is not None
    assert takes["own"].head_translation is not None
    moved = np.linalg.norm(takes["mean"].head_translation - takes["own"].head_translation)
    assert 0.1 < moved < 300


def test_several_inputs_are_one_person_and_the_command_is_the_verb(
    mien: Mien, short: Path, portrait: Path, assets: Path, tmp_path: Path
) -> None:
    def fitted(*options: object, video: Path = short) -> dict[str, np.ndarray]:
        done = mien("fit", video, portrait, "--out", "me.npz", *options)
        assert (done.code, done.err) == (0, "")
        with np.load(tmp_path / "me.npz") as stored:
            return dict(stored)

    counted: list[tuple[int, int]] = []
    stored = fitted("--frames", 3, "--focal", 1500)
    assert 2 <= len(stored["weights"]) <= 4
    np.testing.assert_allclose(stored["focal"], 1500)
    verb = api.fit([short, portrait], frames=3, focal=1500, progress=lambda *done: counted.append(done))
    for name in ("identity", "weights", "rotation", "translation", "focal", "residual"):
        np.testing.assert_array_equal(stored[name], getattr(verb, name))
    assert counted == [(done + 1, FRAMES + 1) for done in range(FRAMES + 1)]
    free = fitted("--frames", 3)
    assert not np.isclose(free["focal"], 1500).any() and not np.array_equal(free["identity"], stored["identity"])
    same = fitted("--frames", 3, "--bundle", packaged_bundles()["capture"])
    np.testing.assert_array_equal(same["identity"], free["identity"])
    turning = assets / "video" / "liveportrait_d18.mp4"
    one, more = (fitted("--frames", frames, video=turning) for frames in (1, 3))
    assert (len(one["weights"]), len(more["weights"])) == (2, 4)
    assert not np.array_equal(one["identity"], more["identity"])


def test_what_cannot_be_fitted_is_refused(
    portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.jpg").write_text("no picture")
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((200, 200, 3), 128, np.uint8))
    (tmp_path / "copy.obj").write_bytes(portrait.read_bytes())
    np.savez(tmp_path / "foreign.npz", identity=np.zeros(100))
    before = set(tmp_path.rglob("*"))
    for complaint, words in (
        ("no picture given", ()),
        ("text.jpg", ("text.jpg",)),
        ("gone.jpg", ("gone.jpg",)),
        ("grey.png: no face found", (portrait, "grey.png")),
        ("no face found", (portrait, "--face", 1)),
        ("counts from 0", (portrait, "--face", -1)),
        ("x.fbx", (portrait, "--out", "x.fbx")),
        ("name it .obj", (portrait, "--out", "folder")),
        ("overwritten", ("copy.obj", "--out", "copy.obj")),
        ("no/x.obj", (portrait, "--out", "no/x.obj")),
        ("--focal", (portrait, "--focal", "nan")),
        ("--frames", (portrait, "--frames", 0)),
        ("none: no such bundle", (portrait, "--bundle", "none")),
    ):
        assert main(["fit", *map(str, words)]) == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1, said
        assert complaint in said[0]
    assert main(["capture", str(portrait), "--identity", "foreign.npz"]) == 2
    assert "foreign.npz was not written by mien" in capsys.readouterr().err
    assert set(tmp_path.rglob("*")) == before
