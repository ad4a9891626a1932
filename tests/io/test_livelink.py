"""What Live Link's recordings and stream share: two orders of the same names, angles there and back."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mien.core import ARKIT, Clip, Pose
from mien.core.channels import mirrored
from mien.core.transforms import quaternion_from_angles
from mien.io.livelink import ANGLES, NAMES, UDP_NAMES, gaze_of, head_rotation_of, pose_values, values_of


def test_the_orders_hold_the_same_names_and_differ_where_left_and_right_do() -> None:
    assert len(NAMES) == 61 and set(NAMES) == set(UDP_NAMES) and len(set(NAMES)) == 61
    assert tuple(name[0].lower() + name[1:] for name in NAMES[:52]) == ARKIT
    assert NAMES[52:] == UDP_NAMES[52:] == ANGLES
    assert [pair for pair in zip(NAMES, UDP_NAMES, strict=True) if pair[0] != pair[1]] == [
        ("JawRight", "JawLeft"), ("JawLeft", "JawRight"), ("MouthRight", "MouthLeft"), ("MouthLeft", "MouthRight"),
    ]  # fmt: skip
    # In the stream every left channel stands before its right one.
    at = {name: i for i, name in enumerate(UDP_NAMES[:52])}
    assert all(at[name] < at[mirrored(name)] for name in at if name.endswith("Left"))


def test_the_header_of_the_app_is_the_first_order(assets: Path) -> None:
    header = (assets / "motion" / "alex_rom_3.csv").read_text().splitlines()[0].split(",")
    assert tuple(header[2:]) == NAMES


ANGLE = st.floats(-1.2, 1.2)


@given(st.lists(st.tuples(*[ANGLE] * 9), min_size=1, max_size=4))
def test_angles_come_back(rows: list[tuple[float, ...]]) -> None:
    angles = np.array(rows)
    gaze, torsion = gaze_of(angles[:, 3:])
    clip = Clip(
        times=np.arange(float(len(rows))),
        weights=np.zeros((len(rows), 52)),
        head_rotation=head_rotation_of(angles[:, :3]),
        gaze=gaze,
        eye_torsion=torsion,
    )
    np.testing.assert_allclose(values_of(clip)[:, 52:], angles, atol=1e-9)


def test_a_pose_gives_the_row_of_its_clip_in_the_order_of_the_stream(assets: Path) -> None:
    clip = Clip.load(assets / "motion" / "alex_rom_3.csv")
    whole = values_of(clip)
    for frame in (0, 1234, 4029):
        np.testing.assert_array_equal(pose_values(clip.pose(frame), NAMES), whole[frame])
        streamed = dict(zip(UDP_NAMES, pose_values(clip.pose(frame)), strict=True))
        assert streamed == dict(zip(NAMES, whole[frame], strict=True))
    jaw = Pose(time=0.0, weights=np.array([0.7], np.float32), channels=("jawLeft",))
    values = pose_values(jaw)
    assert values.argmax() == UDP_NAMES.index("JawLeft") == 15 and np.count_nonzero(values) == 1


def test_what_is_not_known_is_zero_and_a_lost_frame_is_nan() -> None:
    lost = values_of(Clip.from_poses([Pose.lost(0.0)]))[0]
    assert np.isnan(lost[:52]).all() and not lost[52:].any()
    turned = Pose(time=0.0, weights=np.zeros(52), head_rotation=quaternion_from_angles(np.array([0.3, 0.2, 0.1])))
    np.testing.assert_allclose(pose_values(turned)[52:], [0.3, 0.2, -0.1, *[0] * 6], atol=1e-12)
    assert np.isnan(head_rotation_of(np.full((1, 3), np.nan))).all()
