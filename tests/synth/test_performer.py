"""Contact: lids close exactly and never cross, lips seal, eyes turn about their centres."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core import ARKIT
from mien.core.transforms import PUPIL_ARM, weights_from_gaze
from mien.synth.body import body
from mien.synth.performer import Performer, identity_coefficients

AT = {name: i for i, name in enumerate(ARKIT)}
BLINKS = [AT["eyeBlinkLeft"], AT["eyeBlinkRight"]]


def _lid_gaps(performer: Performer, vertices: np.ndarray) -> np.ndarray:
    """Height of the upper over the lower lid [mm] at nine places between the corners, [2 eyes, 9]."""
    out = []
    for k, lids in enumerate(body().lids):
        heights = []
        for margin in (lids.upper, lids.lower):
            p = vertices[margin] - performer.eyes[k]
            azimuth, elevation = np.arctan2(p[:, 0], p[:, 2]), np.arctan2(p[:, 1], np.hypot(p[:, 0], p[:, 2]))
            order = np.argsort(azimuth)
            heights.append(np.interp(np.radians(np.linspace(-28, 28, 9)), azimuth[order], elevation[order]))
        out.append((heights[0] - heights[1]) * 16.0)
    return np.array(out)


@settings(max_examples=12)
@given(identity=st.integers(0, 10_000), others=st.lists(st.sampled_from(range(52)), max_size=4))
def test_a_blink_closes_whatever_else_happens(identity: int, others: list[int]) -> None:
    performer = Performer(identity_coefficients(0, identity))
    weights = np.zeros((1, 52), np.float32)
    weights[:, others] = 0.8
    weights[:, BLINKS] = 1.0
    gaps = _lid_gaps(performer, performer.perform(weights).vertices[0])
    assert gaps.max() < 0.15
    assert gaps.min() > -1.6  # they overlap by a lid's thickness, they do not cross


@settings(max_examples=8)
@given(identity=st.integers(0, 10_000))
def test_a_blink_closes_steadily(identity: int) -> None:
    performer = Performer(identity_coefficients(0, identity))
    weights = np.zeros((6, 52), np.float32)
    weights[:, BLINKS] = np.linspace(0, 1, 6)[:, None]
    frames = performer.perform(weights).vertices
    middle = np.array([_lid_gaps(performer, v)[:, 4] for v in frames])
    assert (np.diff(middle, axis=0) < 0).all()
    share = middle[2] / middle[0]
    assert (np.abs(share - 0.6) < 0.15).all()


@pytest.mark.parametrize("identity", range(4))
@pytest.mark.parametrize(("jaw", "close"), [(0.0, 0.0), (0.3, 0.3), (0.7, 0.7)])
def test_lips_seal(identity: int, jaw: float, close: float) -> None:
    performer = Performer(identity_coefficients(0, identity))
    weights = np.zeros((1, 52), np.float32)
    weights[:, AT["jawOpen"]], weights[:, AT["mouthClose"]] = jaw, close
    performance = performer.perform(weights)
    assert performance.mouth_gap[0] < 0.05
    lips = body().lips
    upper, lower = performance.vertices[0, lips.upper], performance.vertices[0, lips.lower]
    x = upper[:, 0].mean() + np.linspace(-12, 12, 7)
    gap = np.interp(x, upper[:, 0], upper[:, 1]) - np.interp(x, lower[:, 0], lower[:, 1])
    assert gap.max() < 1.3
    assert gap.min() > -1.0


def test_an_open_jaw_opens_the_mouth() -> None:
    performer = Performer(identity_coefficients(0, 0))
    weights = np.zeros((3, 52), np.float32)
    weights[:, AT["jawOpen"]] = [0.1, 0.4, 1.0]
    assert (np.diff(performer.perform(weights).mouth_gap) > 2).all()


@settings(max_examples=8)
@given(yaw=st.floats(-0.4, 0.4), pitch=st.floats(-0.35, 0.35))
def test_eyes_turn_by_the_gaze(yaw: float, pitch: float) -> None:
    performer = Performer(identity_coefficients(0, 1))
    gaze = np.tile([yaw, pitch], (1, 2, 1))
    performance = performer.perform(weights_from_gaze(gaze))
    np.testing.assert_allclose(performance.gaze, gaze, atol=1e-6)
    rest = performer.perform(np.zeros((1, 52), np.float32))
    for k, lids in enumerate(body().lids):
        before, after = (p.vertices[0, lids.sclera] - performer.eyes[k] for p in (rest, performance))
        np.testing.assert_allclose(np.linalg.norm(after, axis=1), np.linalg.norm(before, axis=1), atol=1e-3)
        pupil = 68 + 1 - k  # mien70 has the right iris first
        moved = (performer.landmarks(performance.vertices) - performer.landmarks(rest.vertices))[0, pupil, :2]
        np.testing.assert_allclose(moved, PUPIL_ARM * np.sin([yaw, pitch]), rtol=0.15, atol=0.1)
        forward = performance.axes[0, k] - rest.axes[0, k]
        if abs(yaw) > 0.05:
            assert np.sign(forward[0]) == np.sign(yaw)
        if abs(pitch) > 0.05:
            assert np.sign(forward[1]) == np.sign(pitch)


def test_lids_stay_outside_the_eyeball() -> None:
    performer = Performer(identity_coefficients(0, 2))
    weights = np.zeros((5, 52), np.float32)
    weights[:, BLINKS] = np.linspace(0, 1, 5)[:, None]
    performance = performer.perform(weights)
    for k, lids in enumerate(body().lids):
        ball = np.linalg.norm(performance.vertices[0, lids.sclera] - performer.eyes[k], axis=1)
        margins = np.linalg.norm(performance.vertices[:, lids.upper[4:-6]] - performer.eyes[k], axis=-1)
        assert margins.min() > np.median(ball) - 0.3


def test_identities_depend_on_seed_and_number_alone() -> None:
    np.testing.assert_array_equal(identity_coefficients(3, 5), identity_coefficients(3, 5))
    assert np.abs(identity_coefficients(3, 5) - identity_coefficients(3, 6)).max() > 0.5
    assert np.abs(identity_coefficients(3, 5) - identity_coefficients(4, 5)).max() > 0.5
    many = np.concatenate([identity_coefficients(0, k) for k in range(200)])
    assert abs(many.mean()) < 0.03
    assert abs(many.std() - 1) < 0.05
