"""`mien avatar` as a user runs it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import mien as api
from mien.cli.main import main
from mien.core import ARKIT, Clip, MienError
from mien.rigs.load import load_rig

from .conftest import Mien, Run


@pytest.fixture
def portrait(assets: Path) -> Path:
    return assets / "faces" / "webmorph_canada" / "095m.jpg"


def test_a_portrait_into_a_folder_that_performs(run: Run, portrait: Path, tmp_path: Path) -> None:
    done = run("avatar", portrait, "--out", "me")
    assert (done.returncode, done.stderr) == (0, "")
    assert "095m.jpg" in done.stdout
    folder = tmp_path / "me"
    assert {p.name for p in folder.iterdir()} == {
        "avatar.json", "avatar.glb", "face.jpg", "head.png", "eyes.png", "hair.png", "preview.png",
    }  # fmt: skip
    about = json.loads((folder / "avatar.json").read_text())
    assert about["photos"] == ["095m.jpg"] and about["unused"] == {} and 0.2 < about["coverage"] < 0.9
    red, green, blue = about["colors"]["skin"]
    assert 0.3 < blue < green < red < 1
    rig = load_rig(folder)
    assert rig.name == "me" and set(ARKIT) - set(rig.shape_names) == {"tongueOut"}
    assert {p.texture for p in rig.neutral.topology.parts} == {"", "face", "head", "eyes", "hair"}
    marks = rig.landmarks["mien198"].positions(rig.neutral.vertices)
    assert 80 < np.linalg.norm(marks[36] - marks[45]) < 120
    done = run("capture", portrait, "--rig", "me", "--out", "take.glb")
    assert (done.returncode, done.stderr) == (0, "")
    assert Clip.load(tmp_path / "take.glb").weights.max() > 0
    assert run("rig", "info", "me").returncode == 0


def test_options_change_what_they_name_and_the_command_is_the_verb(mien: Mien, portrait: Path, tmp_path: Path) -> None:
    done = mien("avatar", portrait, "--out", "bare", "--hair", "none", "--face", 0, "--focal", 2500)
    assert (done.code, done.err) == (0, "")
    bare = load_rig(tmp_path / "bare")
    assert "hair" not in bare.neutral.topology.textures and not (tmp_path / "bare" / "hair.png").exists()
    verb = api.avatar(portrait, hair="none", face=0, focal=2500)
    np.testing.assert_allclose(verb.rig.neutral.vertices, bare.neutral.vertices, atol=1e-3)
    assert verb.hair is None
    free = api.avatar([portrait], hair="none")
    assert not np.allclose(free.rig.neutral.vertices, verb.rig.neutral.vertices, atol=1e-3)
    # written over an avatar, and over nothing else
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert "other files" in mien("avatar", portrait, "--out", "mine").err
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_several_photos_share_one_head(assets: Path) -> None:
    photos = [assets / "real" / "london" / f"004_{view}.jpg" for view in ("03", "08")]
    both = api.avatar(photos)
    assert both.sources == tuple(path.name for path in photos)


def test_what_cannot_become_an_avatar_is_one_line(
    portrait: Path, assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("grey.png", np.full((200, 200, 3), 128, np.uint8))
    crowd = assets / "video" / "multi_face.jpg"
    before = set(tmp_path.rglob("*"))
    for complaint, words in (
        ("no photo given", ()),
        ("grey.png: no face found", ("grey.png",)),
        ("shows 5 faces", (crowd,)),
        ("--face", (crowd,)),
        ("gone.jpg", ("gone.jpg",)),
        ("it is a file", (portrait, "--out", "grey.png")),
        ("does not exist", (portrait, "--out", "no/me")),
        ("--focal", (portrait, "--focal", 0)),
    ):
        assert main(["avatar", *map(str, words)]) == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1, said
        assert complaint in said[0]
    assert set(tmp_path.rglob("*")) == before


def test_a_dark_photo_is_named_and_the_head_has_no_texture(mien: Mien, portrait: Path, tmp_path: Path) -> None:
    image = cv2.imread(str(portrait))
    assert image is not None
    cv2.imwrite(str(tmp_path / "night.png"), (image * 0.08).astype(np.uint8))
    done = mien("avatar", "night.png", "--out", "me")
    assert (done.code, done.err) == (0, "")
    assert "too dark" in done.out and "no photo is good enough" in " ".join(done.out.split())
    assert set(load_rig(tmp_path / "me").neutral.topology.textures) == {"eyes"}


def test_an_avatar_that_lacks_a_part_or_is_damaged_is_refused(portrait: Path, tmp_path: Path) -> None:
    api.avatar(portrait, tmp_path / "me")
    manifest = tmp_path / "me" / "avatar.json"
    whole = json.loads(manifest.read_text())
    for change, words in (
        ({"textures": {"face": "gone.jpg"}}, "gone.jpg is missing"),
        ({"textures": {"face": "../x.jpg"}}, "outside"),
        ({"version": 99}, "manifest of an avatar"),
        ({"landmarks": {"indices": [[0]], "weights": [[1]]}}, "damaged"),
    ):
        manifest.write_text(json.dumps(whole | change))
        with pytest.raises(MienError, match=words):
            load_rig(tmp_path / "me")
    manifest.write_text("{")
    with pytest.raises(MienError, match="no valid JSON"):
        load_rig(tmp_path / "me")
    manifest.write_text(json.dumps(whole))
    (tmp_path / "me" / "avatar.glb").unlink()
    with pytest.raises(MienError, match=r"avatar\.glb is missing"):
        load_rig(tmp_path / "me")
