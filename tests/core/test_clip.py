from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation, Slerp

from mien.core import ARKIT, Clip, MienError, Pose


def clip(frames: int = 6, lost: tuple[int, ...] = ()) -> Clip:
    rng = np.random.default_rng(frames)
    weights = rng.random((frames, 52)).astype(np.float32)
    confidence = np.ones(frames)
    confidence[list(lost)] = 0
    weights[list(lost)] = np.nan
    return Clip(
        times=np.cumsum(rng.uniform(0.01, 0.1, frames)),
        weights=weights,
        head_rotation=rng.normal(size=(frames, 4)),
        head_translation=rng.normal(size=(frames, 3)),
        gaze=rng.normal(size=(frames, 2, 2)),
        eye_torsion=rng.normal(size=(frames, 2)),
        confidence=confidence,
    )


PER_FRAME = ("weights", "head_rotation", "head_translation", "gaze", "eye_torsion")


@given(arrays(bool, st.integers(1, 12)))
def test_filled_holds_the_last_seen_frame(seen: np.ndarray):
    before = clip(len(seen), tuple(np.flatnonzero(~seen)))
    after = before.filled()
    assert np.isfinite(after.weights).all()
    assert np.array_equal(after.times, before.times) and np.array_equal(after.confidence, before.confidence)
    if not seen.any():
        assert not after.weights.any() and not after.head_translation.any()
        assert after.head_rotation.tolist() == [[0, 0, 0, 1]] * len(seen)
        return
    for frame in range(len(seen)):
        earlier = np.flatnonzero(seen[: frame + 1])
        source = earlier[-1] if len(earlier) else np.flatnonzero(seen)[0]
        for name in PER_FRAME:
            assert np.array_equal(getattr(after, name)[frame], getattr(before, name)[source])


def test_filled_leaves_a_whole_clip_alone():
    whole = clip()
    assert whole.filled() is whole
    bare = Clip(times=np.arange(3.0), weights=np.full((3, 52), np.nan))
    assert bare.filled().head_rotation is None and bare.filled().gaze is None


def test_seen_needs_confidence_and_finite_weights():
    some = clip(5, (1,))
    weights = some.weights.copy()
    weights[3, 7] = np.nan
    assert replace(some, weights=weights).seen.tolist() == [True, False, True, False, True]
    assert replace(some, weights=weights, confidence=None).seen.tolist() == [True, False, True, False, True]


@given(arrays(bool, 6))
def test_select_keeps_the_times(rows: np.ndarray):
    before = clip(6, (2,))
    after = before.select(rows)
    assert len(after) == rows.sum() and np.array_equal(after.times, before.times[rows])
    for name in (*PER_FRAME, "confidence"):
        assert np.array_equal(getattr(after, name), getattr(before, name)[rows], equal_nan=True)


def test_with_channels_reorders_drops_and_adds_zeros():
    before = clip(4, (1,))
    after = before.with_channels(("jawOpen", "smirk", "tongueOut"))
    assert after.channels == ("jawOpen", "smirk", "tongueOut")
    assert np.array_equal(after.weights[:, 0], before.curve("jawOpen"), equal_nan=True)
    np.testing.assert_array_equal(after.curve("smirk"), [0, np.nan, 0, 0])  # a lost frame stays lost
    assert after.seen.tolist() == before.seen.tolist()
    again = after.with_channels(ARKIT)
    assert np.array_equal(again.curve("tongueOut"), before.curve("tongueOut"), equal_nan=True)
    assert before.with_channels(()).weights.shape == (4, 0)
    with pytest.raises(MienError, match="no channel 'jawOpen'"):
        before.with_channels(("smirk",)).curve("jawOpen")


def test_duration():
    assert clip(1).duration == 0 and Clip(times=np.zeros(0), weights=np.zeros((0, 52))).duration == 0
    assert clip(6).duration == clip(6).times[-1] - clip(6).times[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"weights": np.zeros((6, 51))}, "weights have shape"),
        ({"times": np.zeros(6)}, "strictly increasing"),
        ({"times": np.array([0, 1, 2, 3, 4, np.nan])}, "finite"),
        ({"times": np.zeros((6, 1))}, "one number per frame"),
        ({"gaze": np.zeros((5, 2, 2))}, "gaze has 5 frames, not 6"),
        ({"head_rotation": np.zeros((6, 3))}, r"head_rotation has shape \(6, 3\), not \(6, 4\)"),
        ({"visibility": np.zeros((6, 2))}, "visibility has shape"),
        ({"eye_torsion": np.zeros((5, 2))}, "eye_torsion has 5"),
        ({"confidence": np.zeros(7)}, "confidence has 7"),
    ],
)
def test_inconsistent_clips_are_refused(changes: dict[str, np.ndarray], reason: str):
    with pytest.raises(ValueError, match=reason):
        replace(clip(), **changes)


def poses_of(some: Clip) -> list[Pose]:
    return [some.pose(frame) for frame in range(len(some))]


@given(arrays(bool, st.integers(1, 8)))
def test_a_clip_is_its_poses(seen: np.ndarray):
    before = clip(len(seen), tuple(np.flatnonzero(~seen)))
    after = Clip.from_poses(poses_of(before), source="live")
    assert after.seen.tolist() == before.seen.tolist() == [pose.seen for pose in poses_of(before)]
    assert after.source == "live" and np.array_equal(after.times, before.times)
    for name in (*PER_FRAME, "confidence"):
        kept, expected = getattr(after, name), getattr(before, name)
        if kept is None:
            assert not seen.any()
            continue
        assert np.array_equal(kept[seen], expected[seen])
        assert not seen.all() or kept.shape == expected.shape


def test_a_field_that_only_some_poses_carry_is_not_invented():
    both = poses_of(clip(2))
    assert Clip.from_poses([both[0], replace(both[1], gaze=None)]).gaze is None
    assert Clip.from_poses([both[0], Pose.lost(both[1].time)]).gaze is not None
    with pytest.raises(ValueError, match="same channels"):
        Clip.from_poses([both[0], Pose.lost(both[1].time, ("jawOpen",))])
    assert len(Clip.from_poses([])) == 0


def test_at_its_own_times_a_clip_is_itself_and_between_them_linear():
    before = replace(clip(6), head_rotation=Rotation.random(6, random_state=1).as_quat())
    same = before.at(before.times)
    for name in (*PER_FRAME, "confidence"):
        assert np.array_equal(getattr(same, name), getattr(before, name))
    middle = before.at((before.times[:-1] + before.times[1:]) / 2)
    np.testing.assert_allclose(middle.weights, (before.weights[:-1] + before.weights[1:]) / 2, atol=1e-6)
    np.testing.assert_allclose(middle.gaze, (before.gaze[:-1] + before.gaze[1:]) / 2)
    turns = Slerp(before.times, Rotation.from_quat(before.head_rotation))(middle.times)
    apart = (turns.inv() * Rotation.from_quat(middle.head_rotation)).magnitude()
    assert apart.max() < 1e-6
    outside = before.at(np.array([before.times[0] - 5, before.times[-1] + 5]))
    assert np.array_equal(outside.weights, before.weights[[0, -1]])


def test_no_face_is_invented_in_a_gap():
    before = clip(5, (2,))
    middle = before.at((before.times[:-1] + before.times[1:]) / 2)
    assert middle.seen.tolist() == [True, False, False, True]
    assert middle.confidence.tolist()[1:3] == [0, 0] and np.isnan(middle.weights[1]).all()
    assert before.at(before.times).seen.tolist() == before.seen.tolist()
    trusted = replace(before, confidence=None).at((before.times[:-1] + before.times[1:]) / 2)
    assert trusted.seen.tolist() == [True, False, False, True]
    with pytest.raises(ValueError, match="without frames"):
        before.select(np.zeros(5, bool)).at(np.zeros(1))
