from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.core import ARKIT, Clip, MienError
from mien.core.transforms import quaternion_from_angles
from mien.io import livelink_csv

TAKES = ("alex_rom_3.csv", "alex_rom_4.csv")
CELLS = ",".join(["0.5"] * 61)
HEADER = ",".join(livelink_csv.HEADER)


@pytest.mark.parametrize("name", TAKES)
def test_recordings_are_written_back_byte_for_byte(assets: Path, tmp_path: Path, name: str):
    source = assets / "motion" / name
    Clip.load(source).save(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("name", TAKES)
def test_angles_of_recordings_follow_the_look_channels_without_torsion(assets: Path, name: str):
    """The evidence for the signs and order of the eyes: gaze agrees with what eyeLook says, and rolls vanish."""
    clip = Clip.load(assets / "motion" / name)
    assert clip.gaze is not None and clip.eye_torsion is not None
    for eye, (side, left) in enumerate((("Left", "Out"), ("Right", "In"))):
        right = "In" if left == "Out" else "Out"
        to_left = clip.curve(f"eyeLook{left}{side}") - clip.curve(f"eyeLook{right}{side}")
        up = clip.curve(f"eyeLookUp{side}") - clip.curve(f"eyeLookDown{side}")
        assert np.corrcoef(clip.gaze[:, eye, 0], to_left)[0, 1] > 0.99
        assert np.corrcoef(clip.gaze[:, eye, 1], up)[0, 1] > 0.99
    assert np.abs(clip.eye_torsion).max() < 1e-7


def test_times_come_from_the_timecode(assets: Path):
    clip = Clip.load(assets / "motion" / "alex_rom_3.csv")
    assert clip.times[0] == 13 * 3600 + 13 * 60 + 4 + 31.652 / 60
    assert len(clip) == 4030
    # 30 Hz on a counter of 1/60 s, whose printed fraction has three decimals; three frames were dropped.
    assert np.isin(np.rint(np.diff(clip.times) * 30), (1, 2)).all()
    assert clip.head_rotation is None  # the app had head rotation off and wrote zeros


ticks = st.lists(st.integers(0, livelink_csv.DAY - 1), min_size=1, max_size=8, unique=True).map(sorted)


@settings(deadline=None)
@given(ticks=ticks, data=st.data())
def test_any_clip_round_trips(tmp_path_factory: pytest.TempPathFactory, ticks: list[int], data: st.DataObject):
    count = len(ticks)
    weights = data.draw(arrays(np.float32, (count, 52), elements=st.floats(0, 2, width=32)))
    angles = data.draw(arrays(np.float64, (count, 3), elements=st.floats(-1.2, 1.2)))
    gaze = data.draw(arrays(np.float64, (count, 2, 2), elements=st.floats(-0.8, 0.8)))
    clip = Clip(
        times=np.array(ticks) / livelink_csv.TICKS,
        weights=weights,
        head_rotation=quaternion_from_angles(angles),
        gaze=gaze,
    )
    path = tmp_path_factory.mktemp("csv") / "take.csv"
    clip.save(path)
    back = Clip.load(path)
    # The last printed digit is 1e-10.
    assert np.array_equal(back.times, clip.times)
    np.testing.assert_allclose(back.weights, weights, rtol=0, atol=1.3e-7)  # 1e-10 and float32
    for name, empty in (("head_rotation", np.tile([0.0, 0, 0, 1], (count, 1))), ("gaze", np.zeros((count, 2, 2)))):
        value, expected = getattr(back, name), getattr(clip, name)
        np.testing.assert_allclose(empty if value is None else value, expected, rtol=0, atol=1e-9)
    back.save(path.with_name("again.csv"))
    assert path.with_name("again.csv").read_bytes() == path.read_bytes()


@given(time=st.floats(0, 86_399))
def test_presentation_times_keep_the_resolution_of_the_format(time: float):
    code = livelink_csv.timecode(round(time * livelink_csv.TICKS))
    hour, minute, second, frame = code.split(":")
    assert abs(int(hour) * 3600 + int(minute) * 60 + int(second) + float(frame) / 60 - time) <= 0.5 / 60_000 + 1e-9
    assert len(code) == len("HH:MM:SS:FF.mmm")


def take(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "take.csv"
    path.write_text("\n".join((HEADER, *lines)) + "\n")
    return path


def test_lost_frames_are_read_and_never_written(tmp_path: Path):
    path = take(tmp_path, "00:00:00:00.000,0", f"00:00:00:02.000,61,{CELLS}", "00:00:00:04.000,0")
    clip = Clip.load(path)
    assert clip.seen.tolist() == [False, True, False]
    assert clip.confidence is not None and clip.confidence.tolist() == [0, 1, 0]
    assert np.isnan(clip.weights[[0, 2]]).all()
    assert clip.gaze is not None and np.isnan(clip.gaze[[0, 2]]).all()
    clip.save(tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["Timecode", "00:00:00:02.000"]


def test_columns_are_matched_by_name(tmp_path: Path):
    path = take(tmp_path, f"00:00:01:00.000,61,{CELLS}")
    header, row = (line.split(",") for line in path.read_text().splitlines())
    row[header.index("JawOpen")] = "0.75"
    order = [1, 0, *range(len(header) - 1, 1, -1)]
    path.write_text("\ufeff" + "\r\n".join(",".join(cells[i] for i in order) for cells in (header, row)))
    clip = Clip.load(path)
    assert clip.curve("jawOpen").tolist() == [0.75]
    assert clip.curve("jawLeft").tolist() == [0.5]


def test_a_take_without_angles_has_no_pose(tmp_path: Path):
    path = tmp_path / "take.csv"
    path.write_text(",".join(livelink_csv.HEADER[:54]) + "\n00:00:01:00.000,52," + ",".join(["0.25"] * 52) + "\n")
    clip = Clip.load(path)
    assert clip.head_rotation is None and clip.gaze is None and (clip.weights == 0.25).all()


def test_midnight(tmp_path: Path):
    clip = Clip.load(take(tmp_path, f"23:59:59:59.500,61,{CELLS}", f"00:00:00:01.500,61,{CELLS}"))
    np.testing.assert_allclose(np.diff(clip.times), 2 / 60)


def test_head_signs(tmp_path: Path):
    """Written as documented: yaw + to the subject's left, pitch + up, roll + counter-clockwise in the image."""
    angles = np.array([[0.3, 0.2, 0.1]])  # mien: image right (= subject's left), up, clockwise
    Clip(times=np.zeros(1), weights=np.zeros((1, 52)), head_rotation=quaternion_from_angles(angles)).save(
        tmp_path / "a.csv"
    )
    header, row = (line.split(",") for line in (tmp_path / "a.csv").read_text().splitlines())
    written = [float(row[header.index(name)]) for name in ("HeadYaw", "HeadPitch", "HeadRoll")]
    np.testing.assert_allclose(written, [0.3, 0.2, -0.1], atol=1e-10)


def test_negative_zero_is_never_printed(tmp_path: Path):
    Clip(times=np.zeros(1), weights=np.full((1, 52), -1e-13)).save(tmp_path / "a.csv")
    assert "-0" not in (tmp_path / "a.csv").read_text()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"is no \.csv of Live Link Face or OpenFace 2"),
        ("frame,timestamp,AU01\n1,2,3\n", r"is no \.csv of Live Link Face or OpenFace 2"),
        (HEADER + "\n", "no frames"),
        (HEADER.replace("JawOpen,", "").replace("BrowInnerUp,", "") + "\n", "lacks the columns JawOpen, BrowInnerUp"),
        (f"{HEADER}\n00:00:00:00.000,61,{CELLS}\n00:00:00:02.000,61,{CELLS.replace('0.5', 'x', 1)}\n", "line 3: 'x'"),
        (f"{HEADER}\n00:00:00:00.000,61,{CELLS.replace('0.5', 'nan', 1)}\n", "line 2: a value is not finite"),
        (f"{HEADER}\n00:00:00:00.000,61,0.5\n", "line 2: 3 cells, but the header has 63"),
        (f"{HEADER}\n00:00:00,61,{CELLS}\n", "line 2: no timecode"),
        (f"{HEADER}\n00:00:00:99.000,61,{CELLS}\n", "line 2: no timecode"),
        (f"{HEADER}\n00:00:01:00.000,61,{CELLS}\n00:00:01:00.000,61,{CELLS}\n", "line 3: the time does not increase"),
        (HEADER.replace("TongueOut", "TongueOut,TongueOut") + f"\n00:00:00:00.000,61,{CELLS},0\n", "same name"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, text: str, reason: str):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(MienError, match=reason) as caught:
        Clip.load(path)
    assert "\n" not in str(caught.value) and "bad.csv" in str(caught.value)


def test_unreadable_files(tmp_path: Path):
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    with pytest.raises(MienError, match=r"is no \.csv of"):
        Clip.load(tmp_path / "binary.csv")
    (tmp_path / "binary.csv").write_bytes(HEADER.encode() + b"\n" + bytes(range(256)))
    with pytest.raises(MienError, match="not a text file"):
        Clip.load(tmp_path / "binary.csv")
    with pytest.raises(MienError, match="cannot read"):
        Clip.load(tmp_path / "missing.csv")
    with pytest.raises(MienError, match="cannot read"):
        (tmp_path / "folder.csv").mkdir()
        Clip.load(tmp_path / "folder.csv")


def test_what_cannot_be_written(tmp_path: Path):
    clip = Clip(times=np.array([0.0, 1e-6]), weights=np.zeros((2, 52)))
    with pytest.raises(MienError, match="closer than"):
        clip.save(tmp_path / "a.csv")
    with pytest.raises(MienError, match="no frame with a face"):
        replace(clip, confidence=np.zeros(2)).save(tmp_path / "a.csv")
    with pytest.raises(MienError, match="not finite"):
        replace(clip, times=np.arange(2.0), gaze=np.full((2, 2, 2), np.nan)).save(tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_other_channels_are_dropped_and_missing_ones_zero(tmp_path: Path):
    Clip(times=np.zeros(1), weights=np.ones((1, 2)), channels=("smirk", "jawOpen")).save(tmp_path / "a.csv")
    clip = Clip.load(tmp_path / "a.csv")
    assert clip.channels == ARKIT and clip.weights.sum() == 1 and clip.curve("jawOpen").tolist() == [1]
