"""The curves of a performance that capture and another tracker can both be read off, each with the same meaning.

The six measures of `face_measures`; gaze as the shift of the iris between the eye corners; the head's angles. A curve
is judged only on a clip where the tracker's moves (`LEAST`).
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from mien.core import ARKIT, Clip
from mien.core.transforms import PUPIL_ARM, angles_from_quaternion, gaze_from_weights
from mien.systems.capture.evaluation.amplitude import Followed, follow
from mien.systems.capture.evaluation.face_measures import MEASURES, measures_of_weights
from mien.systems.capture.evaluation.teacher_labels import TeacherLabels, spread_over
from mien.systems.capture.runtime.landmark_rig import LandmarkRig

__all__ = [
    "CURVES",
    "IRIS_SHIFT",
    "LEAST",
    "Curves",
    "curves_of_clip",
    "curves_of_labels",
    "curves_of_weights",
    "follow_curves",
    "gaze_of_points",
    "gaze_of_weights",
]

Curves = Mapping[str, Float[np.ndarray, "T"]]
"""Name -> value in every frame, NaN where it is not known."""

LEAST: Mapping[str, float] = MappingProxyType(
    {
        "opening": 0.02, "width": 0.02, "corners": 0.02, "asymmetry": 0.012, "brows": 0.012, "lids": 0.02,
        "gaze_x": 0.04, "gaze_y": 0.03, "yaw": 2.0, "pitch": 1.5, "roll": 1.5,
    }
)  # fmt: skip
"""Least standard deviation of the tracker's curve in a clip that counts: about ten times the tracker's noise. Measures
are shares of the distance of the outer eye corners, gaze of the width of an eye, angles in degrees."""
CURVES = tuple(LEAST)
"""Names of the curves. gaze_x and yaw are positive to image right, gaze_y and pitch positive up."""

_EYES = ((468, 33, 133), (473, 362, 263))
"""Iris and the eye's corners, image left first, of the subject's right and left eye among MediaPipe's points."""
IRIS_SHIFT = PUPIL_ARM / 27.0
"""Eye widths by which the iris of a mean eye moves for a turn of one radian: the corners of an eye are 27 mm apart on
ICT-FaceKit's mean face."""
_SHUT = 15.0
"""Percentile of the lids' opening under which a frame's gaze is not judged: the iris of a closing eye is not seen."""


def gaze_of_points(points: Float[np.ndarray, "N 478 2"]) -> Float[np.ndarray, "N 2"]:
    """Shift of the irises from the middle of the eye corners along the eye and across it (up), in eye widths.

    `points` are MediaPipe's seen from in front, y up; the mean of both eyes.
    """
    shifts: list[np.ndarray] = []
    for iris, first, last in _EYES:
        along = points[:, last] - points[:, first]
        width = np.linalg.norm(along, axis=1, keepdims=True)
        x = along / width
        y = np.stack([-x[:, 1], x[:, 0]], axis=1)
        shift = points[:, iris] - (points[:, first] + points[:, last]) / 2
        shifts.append(np.stack([(shift * x).sum(axis=1), (shift * y).sum(axis=1)], axis=1) / width)
    return np.mean(shifts, axis=0)


def gaze_of_weights(weights: Float[np.ndarray, "N 52"]) -> Float[np.ndarray, "N 2"]:
    """The same that the weights say, for an eye of mean size."""
    return IRIS_SHIFT * np.sin(gaze_from_weights(weights)).mean(axis=1)


def curves_of_weights(weights: Float[np.ndarray, "T 52"], rig: LandmarkRig) -> dict[str, Float[np.ndarray, "T"]]:
    """Measures and gaze that weights in ARKit order make on the mean face."""
    weights = weights.astype(np.float64)
    curves: dict[str, np.ndarray] = dict(zip(MEASURES, measures_of_weights(weights, rig).T, strict=True))
    curves["gaze_x"], curves["gaze_y"] = gaze_of_weights(weights).T
    return curves


def curves_of_clip(clip: Clip, rig: LandmarkRig) -> dict[str, Float[np.ndarray, "T"]]:
    """`CURVES` of a captured clip on the mean face; the head's only where the clip has a head."""
    curves = curves_of_weights(clip.with_channels(ARKIT).weights, rig)
    if clip.head_rotation is not None:
        angles = np.degrees(angles_from_quaternion(clip.head_rotation))
        curves |= dict(zip(("yaw", "pitch", "roll"), angles.T, strict=True))
    return curves


def curves_of_labels(labels: TeacherLabels, length: int) -> dict[str, Float[np.ndarray, "T"]]:
    """`CURVES` of the teacher's points over a clip of `length` frames; NaN where a frame has no trusted label.

    Raises ValueError for labels of pictures.
    """
    frontal, steady = labels.frontal(), labels.steady
    measures = labels.measures()
    gaze = gaze_of_points(frontal)
    lids = measures[:, MEASURES.index("lids")]
    if steady.any():
        gaze[lids < np.nanpercentile(lids, _SHUT)] = np.nan
    rows = np.concatenate([measures, gaze, np.where(steady[:, None], labels.angles, np.nan)], axis=1)
    return dict(zip(CURVES, spread_over(labels.frames, rows, length).T, strict=True))


def follow_curves(ours: Curves, truth: Curves, other: Curves | None = None) -> dict[str, Followed]:
    """How `ours` follows each of `CURVES` that both have and that moves in `truth`; `other` is a second tracker's."""
    found = {
        name: follow(ours[name], truth[name], (other or {}).get(name), least=LEAST[name])
        for name in CURVES
        if name in ours and name in truth
    }
    return {name: followed for name, followed in found.items() if followed is not None}
