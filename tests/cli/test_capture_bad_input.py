"""Everything a user may hand to `mien capture` by mistake: one line, exit code 2, nothing written."""

import shutil
import wave
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import trimesh

from mien.runtime import packaged_bundles

Refused = Callable[..., str]


def text(path: Path, assets: Path) -> None:
    path.write_text("this is no video\n" * 100)


def empty(path: Path, assets: Path) -> None:
    path.touch()


def truncated(path: Path, assets: Path) -> None:
    data = (assets / "video" / "single_face.mp4").read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def zero_frames(path: Path, assets: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()


def audio_only(path: Path, assets: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.zeros(16000, np.int16).tobytes())


def no_face(path: Path, assets: Path) -> None:
    shutil.copyfile(assets / "video" / "no_face.mp4", path)


def missing(path: Path, assets: Path) -> None:
    pass


def a_folder(path: Path, assets: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [text, empty, truncated, zero_frames, audio_only, no_face, missing, a_folder])
def test_bad_videos(refused: Refused, assets: Path, tmp_path: Path, make: Callable[[Path, Path], None]) -> None:
    video = tmp_path / "video.mp4"
    make(video, assets)
    line = refused("capture", video, "--out", "take.csv", "--out", "take.glb", "--preview", "take_preview.mp4")
    assert "video.mp4" in line


@pytest.mark.parametrize("size", [(1, 1), (4320, 7680)])
def test_pictures_of_odd_sizes_without_a_face(refused: Refused, tmp_path: Path, size: tuple[int, int]) -> None:
    picture = tmp_path / "picture.png"
    ramp = np.linspace(0, 255, size[1], dtype=np.uint8)
    cv2.imwrite(str(picture), np.broadcast_to(ramp[None, :, None], (*size, 3)).copy())
    assert "picture.png" in refused("capture", picture, "--out", "take.csv")


def test_a_picture_that_is_none(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    assert "picture.jpg" in refused("capture", tmp_path / "picture.jpg", "--out", "take.csv")


@pytest.mark.parametrize("out", ["none/take.csv", "file/take.csv", "/proc/take.csv", "folder.csv", "take.fbx", "take"])
def test_outputs_that_cannot_be_written(refused: Refused, assets: Path, tmp_path: Path, out: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    line = refused("capture", assets / "video" / "single_face.mp4", "--out", "good.csv", "--out", out)
    assert out in line


def test_a_preview_must_be_mp4(refused: Refused, assets: Path) -> None:
    assert "preview.gif" in refused("capture", assets / "video" / "single_face.mp4", "--preview", "preview.gif")


def test_two_inputs_into_one_file(refused: Refused, assets: Path) -> None:
    videos = (assets / "video" / "single_face.mp4", assets / "video" / "no_face.mp4")
    assert "{name}" in refused("capture", *videos, "--out", "take.csv")


def test_no_input(refused: Refused) -> None:
    assert "no video given" in refused("capture", "--out", "take.csv")


def test_a_negative_face(refused: Refused, assets: Path) -> None:
    assert "--face" in refused("capture", assets / "video" / "single_face.mp4", "--face", "-1")
    assert "--focal" in refused("capture", assets / "video" / "single_face.mp4", "--focal", "0")


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A GLB without morph targets, made by another library."""
    path = tmp_path / "box.glb"
    path.write_bytes(trimesh.creation.box().export(file_type="glb"))
    return path


def test_a_glb_without_morphs(refused: Refused, assets: Path, box: Path) -> None:
    assert "box.glb" in refused("rig", "info", box)
    video = assets / "video" / "single_face.mp4"
    assert "box.glb" in refused("capture", video, "--rig", box, "--out", "take.glb")


@pytest.mark.parametrize("name", ["none.glb", "text.glb", "nobody"])
def test_a_rig_that_is_none(refused: Refused, tmp_path: Path, name: str) -> None:
    (tmp_path / "text.glb").write_text("no rig")
    assert name in refused("rig", "info", name)


@pytest.mark.parametrize("damage", ["missing", "model", "manifest", "version"])
def test_a_corrupt_bundle(refused: Refused, assets: Path, tmp_path: Path, damage: str) -> None:
    bundle = tmp_path / "bundle"
    if damage != "missing":
        shutil.copytree(packaged_bundles()["capture"], bundle)
    if damage == "model":
        data = bytearray((bundle / "model.onnx").read_bytes())
        data[len(data) // 2] ^= 255
        (bundle / "model.onnx").write_bytes(bytes(data))
    elif damage == "manifest":
        (bundle / "manifest.json").write_text("{}")
    elif damage == "version":
        manifest = (bundle / "manifest.json").read_text()
        (bundle / "manifest.json").write_text(manifest.replace('"format": 1', '"format": 99'))
    line = refused("capture", assets / "video" / "single_face.mp4", "--bundle", bundle, "--out", "take.csv")
    assert str(bundle) in line
