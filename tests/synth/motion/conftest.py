"""What every weight vector of a performer must satisfy."""

from collections.abc import Callable

import numpy as np
import pytest

from mien.core.transforms import GAZE_LIMITS, gaze_from_weights
from mien.synth.motion.groups import AT
from mien.synth.motion.plausible import (
    LID_CLOSURE,
    LID_CLOSURE_LIMIT,
    LIPS_CLOSED,
    OPPOSITES,
    SHARED,
    TONGUE_NEEDS,
    VERGENCE,
)

SIDES = ("Left", "Right")


def _assert_plausible(w: np.ndarray) -> None:
    """Every promise in `plausible`'s docstring, on [..., 52]."""

    def channel(name: str) -> np.ndarray:
        return w[..., AT[name]].astype(float)

    assert w.dtype == np.float32
    assert np.isfinite(w).all()
    assert (w >= 0).all() and (w <= 1).all()
    gaze_pairs = [(f"eyeLook{a}{s}", f"eyeLook{b}{s}") for s in SIDES for a, b in (("Up", "Down"), ("In", "Out"))]
    for a, b in (*OPPOSITES, *gaze_pairs):
        assert (np.minimum(channel(a), channel(b)) == 0).all(), (a, b)
    gaze = gaze_from_weights(w) / np.array([GAZE_LIMITS["Out"], 1.0])
    vergence = gaze[..., 1, 0] - gaze[..., 0, 0]
    assert (vergence >= VERGENCE[0] - 1e-5).all() and (vergence <= VERGENCE[1] + 1e-5).all()
    assert (np.abs(gaze[..., 0, 1] - gaze[..., 1, 1]) < np.radians(1.0)).all()
    for names, limit in SHARED:
        assert (sum(channel(name) for name in names) <= limit + 1e-5).all(), names
    for side in SIDES:
        assert (channel("eyeWide" + side) <= np.maximum(1 - 2.5 * channel("eyeBlink" + side), 0) + 1e-5).all()
        closure = sum(share * channel(name + side) for name, share in LID_CLOSURE.items())
        assert (closure <= LID_CLOSURE_LIMIT + 1e-5).all()
    assert (channel("mouthClose") <= channel("jawOpen") + 1e-6).all()
    apart = channel("jawOpen") - channel("mouthClose")
    for name, limit in LIPS_CLOSED:
        assert (channel(name) + apart <= limit + 1e-5).all(), name
    assert (channel("tongueOut") * TONGUE_NEEDS <= apart + 1e-5).all()


@pytest.fixture(scope="session")
def assert_plausible() -> Callable[[np.ndarray], None]:
    return _assert_plausible
