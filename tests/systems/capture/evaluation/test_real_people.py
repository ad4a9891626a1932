"""What is said of real people: counted on clear faces, and exact for a face that moves half as far."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, MienError
from mien.runtime import Bundle
from mien.systems.capture.evaluation.face_measures import MEASURES, measures_of_weights
from mien.systems.capture.evaluation.held_out_people import is_held_out
from mien.systems.capture.evaluation.real_people import Look, change_slopes, false_cover, look_at, rest_scores
from mien.systems.capture.evaluation.teacher_labels import read_labels
from mien.systems.capture.predict import Capture, CapturedFrame
from mien.systems.capture.runtime.landmark_rig import LandmarkRig
from mien.track import TrackedFace

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def rig() -> LandmarkRig:
    return LandmarkRig.from_arrays(Bundle.load("capture").arrays)


def look(rig: LandmarkRig, weights: np.ndarray, seen: tuple[float, float, float] | None = (1, 1, 1)) -> Look:
    """The mean face at these weights in a picture, upright, captured without an error."""
    captured = CapturedFrame(
        face=TrackedFace(id=0, box=np.zeros(4), five_points=np.zeros((5, 2)), confidence=1.0),
        weights=weights,
        landmarks=rig.points(weights)[:, :2] * (2.0, -2.0) + 100.0,
        rotation=np.array([0.0, 0, 0, 1]),
        translation=np.zeros(3),
        raw=weights,
        code=np.zeros((1, 1)),
        visibility=None if seen is None else np.array(seen),
    )
    measures = measures_of_weights(weights[None], rig)[0]
    return Look(folder="london", name="004_03.jpg", captured=captured, measures=measures, weights=weights, clear=True)


def test_a_smile_that_moves_half_as_far_has_a_slope_of_a_half(rig: LandmarkRig) -> None:
    before = [look(rig, RNG.uniform(0, 0.2, 52)) for _ in range(5)]
    after = [look(rig, RNG.uniform(0, 0.6, 52)) for _ in range(5)]
    after = [replace(b, measures=2 * b.measures - a.measures) for a, b in zip(before, after, strict=True)]
    slopes = change_slopes(before, after, rig)
    assert set(slopes) == {"weights", "landmarks", "MediaPipe"}
    for who, row in slopes.items():
        # Landmarks are levelled by the corners of the eyes, which the expression itself moves a little.
        assert row == pytest.approx(dict.fromkeys(MEASURES, 0.5), abs=0.05 if who == "landmarks" else 1e-6)


def test_landmarks_are_measured_upright(rig: LandmarkRig) -> None:
    """A head that tilts between two pictures has not moved its mouth."""
    before, after = ([look(rig, RNG.uniform(0, 0.4, 52))] for _ in range(2))
    c, s = np.cos(0.3), np.sin(0.3)
    turned = after[0].captured.landmarks @ np.array([[c, s], [-s, c]])
    tilted = [replace(after[0], captured=replace(after[0].captured, landmarks=turned))]
    assert change_slopes(before, tilted, rig)["landmarks"] == pytest.approx(
        change_slopes(before, after, rig)["landmarks"], abs=1e-9
    )


def test_people_without_a_trusted_label_do_not_count(rig: LandmarkRig) -> None:
    before, after = ([look(rig, RNG.uniform(0, 0.4, 52)) for _ in range(3)] for _ in range(2))
    known = change_slopes(before[:2], after[:2], rig)
    after[2] = replace(after[2], measures=np.full(6, np.nan))
    assert change_slopes(before, after, rig) == known


def test_cover_is_counted_on_clear_faces(rig: LandmarkRig) -> None:
    rest = np.zeros(52)
    looks = [look(rig, rest, (0.64, 0.66, 0.9)), look(rig, rest, (0.9, 0.1, 0.9)), look(rig, rest), look(rig, rest)]
    looks.append(replace(look(rig, rest, (0, 0, 0)), clear=False))
    assert false_cover(looks) == {"eyes": 0.25, "brows": 0.25, "mouth": 0.0, "any": 0.5}
    assert all(np.isnan(share) for share in false_cover(looks[-1:]).values())
    with pytest.raises(MienError, match="in sight"):
        false_cover([look(rig, rest, None)])


def test_the_worst_channel_at_rest_is_named(rig: LandmarkRig) -> None:
    weights = np.zeros((2, 52))
    weights[:, ARKIT.index("jawOpen")] = 0.1, 0.3
    weights[0, ARKIT.index("mouthPucker")] = 0.3
    ours = rest_scores([look(rig, row) for row in weights])["ours"]
    assert ours["worst_channel"] == "jawOpen" and ours["worst"] == pytest.approx(0.2)
    assert ours["mean"] == pytest.approx((0.2 + 0.15) / 52)


def test_held_out_people_are_looked_at_and_nobody_else(assets: Path) -> None:
    folder = assets / "real" / "caltech_faces"
    looks = look_at(Capture(), folder, read_labels(folder.parent / "labels" / "caltech_faces.npz"), most=6)
    names = [seen.name for seen in looks]
    assert len(names) == 6 and names == sorted(names) and all(is_held_out("caltech_faces", name) for name in names)
    assert names[0] == "image_0047.jpg" and names[-1] == "image_0325.jpg", "spread evenly over all of them"
    assert looks[0].clear and not looks[-1].clear, "a hand lies over the last one"
