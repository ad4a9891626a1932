"""Slopes and gains against closed forms: half as far, late, not at all, under noise that two trackers do not share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.systems.capture.evaluation.amplitude import FEWEST, follow, gain, moves, slope_through_origin

TURN = np.linspace(0, 4 * np.pi, 400, endpoint=False)
WAVE = 0.1 * np.sin(TURN)


@given(st.floats(-2, 2), st.floats(-1, 1))
def test_a_face_that_moves_a_part_of_the_way_has_that_gain(part: float, rest: float) -> None:
    followed = follow(rest + part * WAVE, WAVE, least=0.02)
    assert followed is not None
    assert followed.gain == pytest.approx(part, abs=1e-9)
    assert followed.r == pytest.approx(np.sign(part) if abs(part) > 1e-3 else followed.r)
    assert slope_through_origin(part * WAVE[:, None], WAVE[:, None]) == pytest.approx(part, abs=1e-9)


@pytest.mark.parametrize("late", [0.0, 0.3, np.pi / 2, np.pi])
def test_a_late_copy_loses_the_cosine_of_its_delay(late: float) -> None:
    followed = follow(0.1 * np.sin(TURN - late), WAVE, least=0.02)
    assert followed is not None
    assert (followed.r, followed.gain) == pytest.approx((np.cos(late), np.cos(late)), abs=1e-9)


def test_a_captured_face_that_stands_still_follows_nothing() -> None:
    followed = follow(np.full(400, 0.3), WAVE, WAVE, least=0.02)
    assert followed is not None and (followed.r, followed.gain) == pytest.approx((0, 0), abs=1e-12)


def test_only_a_curve_that_moves_counts() -> None:
    deviation = float(WAVE.std())
    assert moves(WAVE, 0.999 * deviation) and not moves(WAVE, 1.001 * deviation)
    assert follow(WAVE, np.full(400, 0.2), least=0.02) is None
    assert follow(WAVE, 0.1 * WAVE, least=0.02) is None
    assert follow(0.1 * WAVE, WAVE, least=0.02) is not None, "what is captured need not move"


def test_frames_without_a_face_are_left_out() -> None:
    ours, truth = 0.5 * WAVE, WAVE.copy()
    ours[:100], truth[100:200] = np.nan, np.nan
    followed = follow(ours, truth, least=0.02)
    assert followed is not None and followed.gain == pytest.approx(0.5)
    few = np.where(np.arange(400) < FEWEST, WAVE * 10, np.nan)
    assert follow(WAVE, few, least=0.01) is not None
    few[0] = np.nan
    assert follow(WAVE, few, least=0.01) is None


def test_the_noise_of_two_trackers_cancels() -> None:
    """One tracker whose noise is as strong as its signal halves the gain; a second one, in another unit, mends it."""
    rng = np.random.default_rng(0)
    signal = np.tile(WAVE, 100)
    first, second = (signal + rng.normal(0, WAVE.std(), len(signal)) for _ in range(2))
    assert gain(0.8 * signal, first) == pytest.approx(0.4, abs=0.01)
    assert gain(0.8 * signal, first, 3 * second) == pytest.approx(0.8, abs=0.02)
    clean = signal + 0.5 * (first - signal)
    followed = follow(0.8 * signal, clean, 3 * second, least=0.02)
    assert followed is not None and followed.gain == pytest.approx(0.8, abs=0.02)


def test_a_tracker_that_sees_something_else_does_not_judge() -> None:
    other = np.cos(TURN)
    followed = follow(0.5 * WAVE + 0.2 * other, WAVE, other, least=0.02)
    assert followed is not None and followed.gain == pytest.approx(0.5)


def test_who_does_not_change_must_be_seen_not_to() -> None:
    ours, truth = np.array([[0.3, 1.0], [0.1, 2.0]]), np.array([[0.4, 0.0], [0.2, 0.0]])
    slope = slope_through_origin(ours, truth)
    assert slope[0] == pytest.approx((0.3 * 0.4 + 0.1 * 0.2) / (0.4**2 + 0.2**2)) and np.isnan(slope[1])
