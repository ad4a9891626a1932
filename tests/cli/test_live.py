"""`mien live`: a video file stands in for the camera that a test does not have."""

from pathlib import Path

import numpy as np
import pytest

from mien.core import Clip
from mien.core.smoothing import smooth_ahead
from mien.io import npz
from mien.io.video import open_video
from mien.live.recording import Recording
from mien.live.run import run as perform
from mien.rigs.load import load_rig
from mien.runtime import Bundle
from mien.systems.capture.perform import open_capture
from mien.systems.capture.runtime.live_capture import LiveCapture

from .conftest import FRAMES, Mien, Run


def recorded(source: Path, *, smooth: bool = True, rest: float | None = 2.0, **options) -> Clip:
    recording = Recording()
    with open_video(source) as video:
        perform(video, LiveCapture(open_capture(mirror=False, **options), smooth=smooth, rest=rest), [recording])
    return recording.clip()


def same(one: Clip, other: Clip) -> bool:
    names = ("times", "weights", "head_rotation", "head_translation", "gaze", "confidence", "visibility")
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names)


def test_a_recording_is_what_python_records_and_each_option_changes_it(mien: Mien, short: Path, tmp_path: Path) -> None:
    def live(*words: object) -> Clip:
        done = mien("live", short, "--out", "x.npz", *words)
        assert (done.code, done.err) == (0, "")
        assert "frames" in done.out and "wrote x.npz" in done.out
        return Clip.load(tmp_path / "x.npz")

    plain = live()
    assert plain.source == "smile.mp4" and len(plain) == FRAMES
    assert same(plain, recorded(short))
    raw = live("--smooth", "off")
    assert same(raw, recorded(short, smooth=False)) and not same(raw, plain)
    assert same(live("--smooth", "ahead"), smooth_ahead(raw))
    far = live("--focal", 2000)
    assert same(far, recorded(short, focal=2000)) and not same(far, plain)
    ended = live("--seconds", 0.2)
    assert ended.times[-1] <= 0.2 < plain.times[-1]
    assert same(ended, plain.select(plain.times <= 0.2))
    assert mien("live", short, "--face", 1).code == 2  # there is only one


def test_the_rest_at_the_start_reads_as_zero_unless_told_otherwise(mien: Mien, assets: Path, tmp_path: Path) -> None:
    video = assets / "video" / "liveportrait_d18.mp4"
    for word in ("auto", "off"):
        assert mien("live", video, "--neutral", word, "--smooth", "off", "--out", f"{word}.npz").code == 0
    auto, off = (Clip.load(tmp_path / f"{word}.npz") for word in ("auto", "off"))
    early = auto.times < 0.9
    np.testing.assert_array_equal(auto.weights[early], off.weights[early])
    assert np.abs(auto.weights[-1] - off.weights[-1]).max() > 1e-3
    assert same(off, recorded(video, smooth=False, rest=None))


def test_a_rig_performs_and_curves_have_a_name_of_their_own(mien: Mien, short: Path, tmp_path: Path) -> None:
    assert mien("live", short, "--out", "x.glb", "--out", "x.csv").code == 0
    assert len(Clip.load(tmp_path / "x.glb")) == len(Clip.load(tmp_path / "x.csv")) == FRAMES
    assert mien("live", short).code == 0
    assert (tmp_path / "live.csv").is_file()


def test_the_rig_the_backend_and_the_performers_face_are_those_that_are_named(
    mien: Mien, short: Path, assets: Path, tmp_path: Path
) -> None:
    rig = assets / "rigs" / "rocketbox_female_01.glb"
    assert mien("live", short, "--seconds", 0.1, "--rig", rig, "--out", "x.glb").code == 0
    written, wanted = load_rig(tmp_path / "x.glb").neutral, load_rig(rig).neutral
    np.testing.assert_array_equal(written.topology.triangles, wanted.topology.triangles)
    np.testing.assert_allclose(written.vertices, wanted.vertices, atol=1e-3)

    bundle = Bundle.load("capture")
    landmarks = {f"landmarks_{bundle.manifest.layout.name}": bundle.arrays["landmarks_neutral"] * 1.2}
    own = {"identity": np.zeros(1), **landmarks}
    npz.save(tmp_path / "own.npz", "mien.identity", 1, {"rig": "somebody"}, own)
    plain = recorded(short)
    for option, value in (("identity", tmp_path / "own.npz"), ("backend", "ncnn")):
        assert mien("live", short, f"--{option}", value, "--out", "x.npz").code == 0
        other = Clip.load(tmp_path / "x.npz")
        assert same(other, recorded(short, **{option: value})) and not same(other, plain), option


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("97",), "webcam 97 cannot be opened"),
        (("gone.mp4",), "gone.mp4"),
        (("gone.mp4", "--seconds", "0"), "--seconds is how long"),
        (("gone.mp4", "--focal", "0"), "--focal"),
        (("gone.mp4", "--face", "-1"), "--face"),
        (("gone.mp4", "--bundle", "none"), "none: no such bundle"),
        (("gone.mp4", "--out", "x.fbx"), "x.fbx"),
    ],
)
def test_what_cannot_be_is_one_clear_line(mien: Mien, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = mien("live", *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err
    assert list(tmp_path.iterdir()) == []


def test_nobody_in_front_of_the_camera_is_one_clear_line(mien: Mien, assets: Path, tmp_path: Path) -> None:
    done = mien("live", assets / "video" / "no_face.mp4", "--seconds", 0.3)
    assert done.code == 2 and "no face seen" in done.err
    assert list(tmp_path.iterdir()) == []


INTERRUPT = """
import os, signal, sys
from mien.cli.main import main
from mien.live.recording import Recording

signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have had it ignored
keep = Recording.send

def send(self, pose):
    keep(self, pose)
    if len(self) == 8:
        os.kill(os.getpid(), signal.SIGINT)

Recording.send = send
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_ends_a_recording_and_keeps_it(run: Run, short: Path, tmp_path: Path) -> None:
    done = run("live", short, "--out", "x.npz", code=INTERRUPT)
    assert (done.returncode, done.stderr) == (0, "")
    kept = Clip.load(tmp_path / "x.npz")
    np.testing.assert_array_equal(kept.weights, recorded(short).weights[:8])


def test_the_earlier_words_still_record(mien: Mien, tmp_path: Path) -> None:
    done = mien("capture", "webcam97", "--smooth", "auto", "--fast", "--seconds", 3, "--out", "{name}.npz")
    *notes, error = done.err.splitlines()
    assert done.code == 2 and error == (
        "mien: error: webcam 97 cannot be opened: check that it is plugged in and no other program uses it"
    )
    assert "'mien capture webcam97' is now 'mien live'" in notes[0] and len(notes) == 2
    (tmp_path / "webcam97").write_text("a file of that name is a file")
    assert "webcam97 is not a video" in mien("capture", "webcam97").err
