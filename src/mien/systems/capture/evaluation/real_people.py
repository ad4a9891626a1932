"""Capture on pictures of real people: what it calls hidden, how it reads a face at rest, how far a smile moves it.

Every picture is read by itself, as `mien capture` reads a picture: no rest is known and nothing is calibrated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from mien.core import ARKIT, MienError
from mien.core.landmarks import OUTER_EYE_CORNERS
from mien.engine.metrics import neutral_bias
from mien.io.video import read_image
from mien.systems.capture import spec
from mien.systems.capture.evaluation.amplitude import slope_through_origin
from mien.systems.capture.evaluation.face_measures import MEASURES, measures_of_points, measures_of_weights
from mien.systems.capture.evaluation.held_out_people import is_held_out
from mien.systems.capture.evaluation.teacher_labels import TeacherLabels
from mien.systems.capture.predict import Capture, CapturedFrame
from mien.systems.capture.runtime.hidden_regions import HIDDEN, TRUSTED
from mien.systems.capture.runtime.landmark_rig import LandmarkRig
from mien.systems.capture.training.face_sets import set_of

__all__ = ["CALLED_HIDDEN", "Look", "change_slopes", "false_cover", "look_at", "rest_scores"]

CALLED_HIDDEN = (HIDDEN + TRUSTED) / 2
"""Visibility under which a region counts as called hidden: the middle of what capture holds and trusts."""
_DARK = 40.0
"""Mean light of a face, of 255, under which a picture is too dark to be called clear: faces before the light."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """A picture of a held-out person, what the teacher says of it, and what was captured."""

    folder: str
    name: str
    captured: CapturedFrame
    measures: Float[np.ndarray, "6"]
    """The teacher's `face_measures.MEASURES`; NaN where its points are not to be trusted."""
    weights: Float[np.ndarray, "52"]
    """The teacher's own blendshapes."""
    clear: bool
    """Whether the whole face is well lit, in sight, and seen from in front."""

    @property
    def person(self) -> str:
        """The name up to its first underscore, by which the pictures of one London person are paired."""
        return self.name.partition("_")[0]


def look_at(capture: Capture, folder: Path, labels: TeacherLabels, *, most: int = 60) -> list[Look]:
    """Capture the pictures of a folder's held-out people, at most so many, spread evenly over the folder.

    Pictures in which no face is found are left out. Raises MienError when a picture is not there.
    """
    names: list[str] = [name for name in labels.images if is_held_out(folder.name, name)]
    measures, clear = labels.measures(), labels.clear
    own, looks = set_of(folder.name), list[Look]()
    for name in _thinned(names, most):
        row, image = labels.row(name), read_image(folder / name)
        capture.reset()
        captured = capture.frame(image, 0.0)
        if captured is None:
            continue
        lit = _light(image, labels.points[row, :, :2]) >= _DARK
        looks.append(
            Look(
                folder=folder.name,
                name=name,
                captured=captured,
                measures=measures[row],
                weights=labels.weights[row],
                clear=bool(clear[row]) and lit and own.in_sight(Path(name).stem),
            )
        )
    return looks


def _thinned(names: list[str], most: int) -> list[str]:
    chosen = np.unique(np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int))
    return [names[k] for k in chosen]


def _light(image: UInt8[np.ndarray, "H W 3"], points: Float[np.ndarray, "P 2"]) -> float:
    """Mean light of the box around a face's points; 0 where the teacher found no face."""
    if not np.isfinite(points).all():
        return 0.0
    (left, top), (right, bottom) = np.clip([points.min(axis=0), points.max(axis=0)], 0, None).astype(int)
    box = image[top : bottom + 1, left : right + 1].reshape(-1, 3)
    return float((box @ (0.299, 0.587, 0.114)).mean())


def false_cover(looks: Sequence[Look]) -> dict[str, float]:
    """Share of clear faces of which each of `spec.REGIONS`, or any of them, is called hidden; NaN without clear faces.

    Raises MienError for a network that does not say what is in sight.
    """
    seen = [look.captured.visibility for look in looks if look.clear]
    if any(row is None for row in seen):
        raise MienError("this network does not say what is in sight")
    hidden: Bool[np.ndarray, "N R"] = np.array(seen).reshape(-1, len(spec.REGIONS)) < CALLED_HIDDEN
    if not len(hidden):
        return dict.fromkeys((*spec.REGIONS, "any"), float("nan"))
    shares = dict(zip(spec.REGIONS, hidden.mean(axis=0).tolist(), strict=True))
    return {**shares, "any": float(hidden.any(axis=1).mean())}


def rest_scores(looks: Sequence[Look]) -> dict[str, dict[str, Any]]:
    """Weights answered to faces at rest, which should all be 0: their means over people, for capture and the teacher.

    Of each the mean and the worst of the 52 channels, and the name of the worst.
    """
    rows: Mapping[str, np.ndarray] = {
        "ours": np.array([look.captured.weights for look in looks]),
        "MediaPipe": np.array([look.weights for look in looks]),
    }
    scores: dict[str, dict[str, Any]] = {}
    for name, weights in rows.items():
        bias, _ = neutral_bias(weights, np.arange(len(weights)))
        worst = int(bias.argmax())
        scores[name] = {"mean": float(bias.mean()), "worst": float(bias[worst]), "worst_channel": ARKIT[worst]}
    return scores


def change_slopes(before: Sequence[Look], after: Sequence[Look], rig: LandmarkRig) -> dict[str, dict[str, float]]:
    """How far each measure changes from one picture of a person to another, for each unit that the teacher's points do.

    Of what the weights make on the mean face, of the captured landmarks, and of the teacher's own blendshapes on the
    mean face. `before` and `after` show the same people in the same order.
    """
    truth = np.array([b.measures - a.measures for a, b in zip(before, after, strict=True)])
    known = np.isfinite(truth).all(axis=1)

    def slopes(measured: list[np.ndarray]) -> dict[str, float]:
        change = measured[1] - measured[0]
        return dict(zip(MEASURES, slope_through_origin(change[known], truth[known]).tolist(), strict=True))

    sides = (before, after)
    return {
        "weights": slopes(
            [measures_of_weights(np.array([k.captured.weights for k in side], np.float64), rig) for side in sides]
        ),
        "landmarks": slopes(
            [measures_of_points(_upright(np.array([k.captured.landmarks for k in side]))) for side in sides]
        ),
        "MediaPipe": slopes([measures_of_weights(np.array([k.weights for k in side]), rig) for side in sides]),
    }


def _upright(landmarks: Float[np.ndarray, "N L 2"]) -> Float[np.ndarray, "N L 2"]:
    """Landmarks with y up, turned so that the outer corners of the eyes lie level."""
    points = landmarks * (1.0, -1.0)
    first, last = (points[:, k] for k in OUTER_EYE_CORNERS)
    along = (last - first) / np.linalg.norm(last - first, axis=1, keepdims=True)
    turn = np.stack([along, np.stack([-along[:, 1], along[:, 0]], axis=1)], axis=1)
    return np.einsum("nij,nlj->nli", turn, points)
