import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core import MienError
from mien.systems.express import spec
from mien.systems.express.runtime.timeline import Beat, Timeline, ramp


def test_text_becomes_beats() -> None:
    timeline = Timeline.parse(" happy 0.0-0.4-1.2-1.6 @0.8; Surprise 2-2.2-2.2-3 ;")
    assert timeline.beats == (
        Beat(expression="happy", timing=(0.0, 0.4, 1.2, 1.6), intensity=0.8),
        Beat(expression="Surprise", timing=(2.0, 2.2, 2.2, 3.0), intensity=1.0),
    )
    assert timeline.duration == 3.0


@given(st.lists(st.floats(0.05, 1.0), min_size=4, max_size=4), st.floats(0, 1))
def test_the_signal_is_a_trapezoid_of_the_intensity_in_its_own_row(gaps: list[float], intensity: float) -> None:
    timing = tuple(np.cumsum(gaps).tolist())
    beat = Beat(expression="sad", timing=timing, intensity=intensity)  # pyright: ignore
    times = np.array([0.0, *timing, timing[3] + 1, (timing[0] + timing[1]) / 2, (timing[2] + timing[3]) / 2])
    signal = Timeline(beats=(beat,)).signal(times)
    row = spec.EXPRESSIONS.index("sadness")
    np.testing.assert_allclose(signal[:, row], intensity * np.array([0, 0, 1, 1, 0, 0, 0.5, 0.5]), atol=1e-6)
    assert not np.delete(signal, row, axis=1).any()
    np.testing.assert_allclose(signal[:, row], intensity * ramp(times, timing), atol=1e-6)


def test_overlapping_beats_blend_by_row_and_repeat_by_maximum() -> None:
    timeline = Timeline.parse("happy 0-1-2-3; happy 1-2-3-4 @0.5; fear 0-1-2-3 @0.25")
    signal = timeline.signal(np.array([1.5, 2.9]))
    np.testing.assert_allclose(signal[0], [1, 0, 0, 0.25, 0, 0])
    np.testing.assert_allclose(signal[1], [0.5, 0, 0, 0.025, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("happy", "no beat"),
        ("bored 0-1-2-3", "no expression 'bored'"),
        ("happy 0-1-2", "3 times"),
        ("happy 0-2-1-3", "grow"),
        ("happy 0-0-1-3", "grow"),
        ("happy 0-1-2-3 @1.5", "between 0 and 1"),
        ("happy 0-1-2-x", "cannot be read"),
        ("happy 0-1-2-3 @nan", "no number"),
        ("happy 0-nan-2-3", "no number"),
    ],
)
def test_what_is_no_timeline_is_one_clear_line(text: str, complaint: str) -> None:
    with pytest.raises(MienError, match=complaint) as error:
        Timeline.parse(text)
    assert "\n" not in str(error.value)
