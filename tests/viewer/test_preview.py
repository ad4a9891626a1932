"""The preview's frames and the contact sheet."""

from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, Clip, MienError
from mien.core.channels import index
from mien.io.video import open_video
from mien.io.video_writer import VideoWriter
from mien.rigs.mo.load import load_mo
from mien.viewer.preview import Preview, readable, write_preview

AT = index(ARKIT)


def test_names_are_readable():
    assert readable("mouthSmileLeft") == "mouth smile L"
    assert readable("jawOpen") == "jaw open"
    assert readable("jawRight") == "jaw R"
    assert len({readable(name) for name in ARKIT}) == len(ARKIT)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (1280, 720), (240, 426), (1, 1), (301, 77)])
def test_every_size_of_footage_gives_an_even_frame(width: int, height: int):
    rig = load_mo()
    preview = Preview(rig, width, height)
    picture = np.full((height, width, 3), 200, np.uint8)
    out = preview.compose(picture, None, rig.neutral.vertices, np.zeros(len(ARKIT)))
    assert out.shape == (preview.height, preview.width, 3)
    assert out.dtype == np.uint8
    assert preview.width % 2 == preview.height % 2 == 0
    if (width, height) == (640, 480):
        assert (preview.width, preview.height) == (1280, 600)
        assert (out[:480, :640] == 200).all(), "footage that fits is shown unscaled"


def test_landmarks_are_drawn_where_they_are():
    rig = load_mo()
    preview = Preview(rig, 320, 240)
    black = np.zeros((240, 320, 3), np.uint8)
    marks = np.full((70, 2), np.nan)
    marks[30] = (100.0, 60.0)
    out = preview.compose(black, marks, None, None)
    shown = out[60:480, :640].astype(int).sum(axis=2)  # below the "no face" label
    y, x = np.unravel_index(np.argmax(shown), shown.shape)
    assert (x, y + 60) == pytest.approx((200.5, 120.5), abs=1.5)


def test_lost_faces_and_wild_values_are_survived():
    rig = load_mo()
    preview = Preview(rig, 320, 240)
    black = np.zeros((240, 320, 3), np.uint8)
    lost = preview.compose(black, None, None, None)
    assert lost[:60, :200].any(), "it says that no face is seen"
    wild = preview.compose(black, np.full((68, 2), 1e9), rig.neutral.vertices, np.linspace(-2, 3, len(ARKIT)))
    nan = preview.compose(black, np.full((68, 2), np.nan), rig.neutral.vertices, np.full(len(ARKIT), np.nan))
    assert wild.shape == nan.shape == lost.shape


def test_the_strongest_channels_reach_the_strip():
    rig = load_mo()
    preview = Preview(rig, 64, 48)
    black = np.zeros((48, 64, 3), np.uint8)
    weights = np.zeros(len(ARKIT))
    strong = ["tongueOut", "cheekPuff", "mouthFunnel", "noseSneerRight"]
    weights[[AT[name] for name in strong]] = 0.9
    quiet = preview.compose(black, None, rig.neutral.vertices, np.zeros(len(ARKIT)))[480:]
    for _ in range(4):
        loud = preview.compose(black, None, rig.neutral.vertices, weights)[480:]
    assert {AT[name] for name in strong} <= set(preview._shown)
    bars = (loud == (255, 176, 92)).all(axis=2).sum() - (quiet == (255, 176, 92)).all(axis=2).sum()
    assert bars > 4 * 0.5 * preview.width / 6


def test_footage_head_and_landmarks_are_those_of_one_frame(tmp_path: Path) -> None:
    """In one frame of six the jaw is open; in another one the footage is bright, in a third a landmark is marked."""
    times = np.cumsum([0.0, 0.03, 0.05, 0.03, 0.06, 0.03])
    with VideoWriter(tmp_path / "a.mp4", 320, 240, 30) as writer:
        for frame, time in enumerate(times):
            writer.write(np.full((240, 320, 3), 200 if frame == 1 else 0, np.uint8), float(time))
    weights = np.zeros((6, len(ARKIT)), np.float32)
    weights[3, AT["jawOpen"]] = 1
    marks = np.full((6, 70, 2), np.nan)
    marks[4, 30] = (100.0, 60.0)
    write_preview(
        tmp_path / "p.mp4", tmp_path / "a.mp4", Clip(times=times, weights=weights), load_mo(), landmarks=marks
    )
    with open_video(tmp_path / "p.mp4") as video:
        frames = list(video)
    np.testing.assert_allclose([frame.time for frame in frames], times, atol=1e-3)
    footage, head = (
        np.stack([f.image[:480, part].astype(int) for f in frames]) for part in (slice(640), slice(640, 1280))
    )
    moved = np.abs(head - head[0]).mean(axis=(1, 2, 3))
    assert moved.argmax() == 3 and moved[3] > 5 * np.delete(moved, 3).max()
    assert (footage.mean(axis=(1, 2, 3)) > 100).tolist() == [frame == 1 for frame in range(6)]
    assert (np.delete(footage, 1, axis=0)[:, 110:130, 190:210].max(axis=(1, 2, 3)) > 120).tolist() == [
        frame == 4 for frame in range(6) if frame != 1
    ]


def test_a_hidden_region_is_marked_as_hidden_and_the_others_are_not():
    rig = load_mo()
    preview = Preview(rig, 320, 240)
    black, weights = np.zeros((240, 320, 3), np.uint8), np.zeros(len(ARKIT))
    plain, shown, hidden = (
        preview.compose(black, None, rig.neutral.vertices, weights, visibility)[:480, :640].astype(int)
        for visibility in (None, np.ones(3), np.array([1.0, 1.0, 0.1]))
    )
    assert int(plain.max()) == 0 and int(shown[:440].max()) == 0, "marks stay at the lower edge"
    third = slice(156, 240)
    np.testing.assert_array_equal(shown[:, :160], hidden[:, :160])
    assert (shown[:, third] != hidden[:, third]).any()
    assert shown[460, 174].max() > 200 and hidden[460, 174].max() < 50, "filled in sight, hollow where hidden"


def test_bad_input_is_one_clear_line():
    rig = load_mo()
    with pytest.raises(MienError, match="positive"):
        Preview(rig, 0, 10)
    preview = Preview(rig, 32, 24)
    with pytest.raises(MienError, match="32x24"):
        preview.compose(np.zeros((10, 10, 3), np.uint8), None, None, None)
    with pytest.raises(MienError, match="weights"):
        preview.compose(np.zeros((24, 32, 3), np.uint8), None, None, np.zeros(3))
