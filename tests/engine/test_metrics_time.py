import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.engine.metrics import pearson
from mien.engine.metrics_time import pearson_over_time, velocity_error


def takes(seed: int, count: int = 4, frames: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(weights [N, 3], times [N], take [N]) of takes with uneven times."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.01, 0.1, (count, frames)), axis=1)
    return rng.random((count * frames, 3)), times.reshape(-1), np.repeat(np.arange(count), frames)


@given(seed=st.integers(0, 1000))
def test_a_persons_offset_and_gain_do_not_count(seed: int) -> None:
    truth, _, take = takes(seed)
    offset = np.random.default_rng(seed + 1).normal(size=(4, 3))
    assert pearson_over_time(0.5 * truth + offset[take], truth, take) == pytest.approx(1.0)
    assert pearson_over_time(-truth, truth, take) == pytest.approx(-1.0)


def test_what_differs_between_takes_only_is_no_motion() -> None:
    truth, _, take = takes(3)
    offset = 5.0 * take[:, None]
    followed_nothing = np.broadcast_to(offset, truth.shape)
    assert (pearson(followed_nothing, truth + offset) > 0.9).all()
    assert (pearson_over_time(followed_nothing, truth + offset, take) == 0).all()
    assert np.isnan(pearson_over_time(truth, followed_nothing, take)).all()


@given(seed=st.integers(0, 1000), gain=st.floats(0, 3))
def test_velocity_error_of_a_gain_is_what_is_missing_or_too_much(seed: int, gain: float) -> None:
    truth, times, take = takes(seed)
    offset = np.random.default_rng(seed).normal(size=(4, 3))[take]
    assert velocity_error(gain * truth + offset, truth, times, take) == pytest.approx(abs(gain - 1), abs=1e-9)


def test_false_motion_of_a_still_channel_counts() -> None:
    truth, times, take = takes(1)
    still = truth.copy()
    still[:, 2] = 0.4
    assert velocity_error(truth, still, times, take) > 0.2
    assert velocity_error(still, still, times, take) == 0
    assert np.isnan(velocity_error(truth, np.zeros_like(truth), times, take))


def test_steps_between_takes_are_no_velocity_and_times_grow() -> None:
    truth, times, take = takes(2)
    assert velocity_error(truth + 10.0 * take[:, None], truth, times, take) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="grow"):
        velocity_error(truth, truth, times[::-1], take)
