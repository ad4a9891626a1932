from dataclasses import replace

import numpy as np
import pytest

from mien.core import VISEMES, VisemeTrack
from mien.core.visemes import arkit_from_visemes


def track() -> VisemeTrack:
    return VisemeTrack(
        visemes=("PP", "aa", "SS"), starts=np.array([0.1, 0.2, 0.5]), ends=np.array([0.2, 0.4, 0.6]), source="test"
    )


def test_one_viseme_sounds_at_a_time_and_silence_between() -> None:
    levels = track().levels(np.array([0.0, 0.1, 0.15, 0.2, 0.4, 0.45, 0.5, 0.6, 9.0]))
    sounding = [VISEMES[k] for k in levels.argmax(axis=1)]
    assert sounding == ["sil", "PP", "PP", "aa", "sil", "sil", "SS", "sil", "sil"]
    assert (levels.sum(axis=1) == 1).all()
    assert track().duration == pytest.approx(0.6) and len(track()) == 3


def test_strength_is_the_level_and_makes_weights() -> None:
    soft = replace(track(), strength=np.array([0.5, 1.0, 1.0]))
    level = soft.levels(np.array([0.15]))
    assert level[0, VISEMES.index("PP")] == 0.5
    np.testing.assert_allclose(arkit_from_visemes(level), 0.5 * arkit_from_visemes(np.eye(15)[[VISEMES.index("PP")]]))


def test_an_empty_track_is_silent() -> None:
    none = VisemeTrack(visemes=(), starts=np.zeros(0), ends=np.zeros(0))
    assert none.duration == 0 and none.levels(np.array([0.0]))[0, VISEMES.index("sil")] == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"visemes": ("PP", "aa", "hm")}, "no viseme 'hm'"),
        ({"starts": np.zeros(2)}, "starts have shape"),
        ({"ends": np.array([0.1, 0.4, 0.6])}, "end after they start"),
        ({"ends": np.array([0.3, 0.4, 0.6])}, "must not overlap"),
        ({"strength": np.ones(4)}, "strength have shape"),
    ],
)
def test_inconsistent_tracks_are_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(track(), **changes)
