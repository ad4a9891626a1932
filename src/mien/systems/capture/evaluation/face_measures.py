"""Distances on a face that can be computed both from expression weights and from another tracker's points.

Comparing one channel with one distance would count correct weights as errors: lips part without the jaw, and a smile
widens a mouth as a pucker narrows it. So all weights are applied to ICT-FaceKit's mean face, seen from in front, and
the same distances are measured there as between another tracker's points after its head pose is turned back. All are
shares of the distance between the outer eye corners.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from mien.systems.capture.runtime.landmark_rig import LandmarkRig

__all__ = [
    "IBUG",
    "MEASURES",
    "MEDIAPIPE",
    "frontal_points",
    "measure_rows",
    "measures_of_points",
    "measures_of_weights",
]

MEASURES = ("opening", "width", "corners", "asymmetry", "brows", "lids")
"""Opening of the inner lips; mouth width; height of both mouth corners above the middle of the lips, summed, and left
less right; height of the brows above the eye line; opening of the lids (eye aspect ratio), the mean of both eyes."""

_TINY = 1e-8
"""Added to squared distances [squared unit of the points], so that their gradient is finite where lids or lips meet."""

Points = Mapping[str, tuple[int, ...]]

IBUG: Points = MappingProxyType(
    {
        "outer_eyes": (36, 45),
        "inner_eyes": (39, 42),
        "lips": (62, 66),
        "mouth": (48, 54),
        "brow_right": (17, 18, 19, 20, 21),
        "brow_left": (22, 23, 24, 25, 26),
        "upper_lid_right": (37, 38),
        "lower_lid_right": (41, 40),
        "upper_lid_left": (43, 44),
        "lower_lid_left": (47, 46),
    }
)
"""Indices into iBUG 68, with whose points mien's layouts begin; the subject's right comes first."""

MEDIAPIPE: Points = MappingProxyType(
    {
        "outer_eyes": (33, 263),
        "inner_eyes": (133, 362),
        "lips": (13, 14),
        "mouth": (61, 291),
        "brow_right": (70, 63, 105, 66, 107),
        "brow_left": (300, 293, 334, 296, 336),
        "upper_lid_right": (159,),
        "lower_lid_right": (145,),
        "upper_lid_left": (386,),
        "lower_lid_left": (374,),
    }
)
"""The same points among MediaPipe's 478."""


def measures_of_points(points: Float[np.ndarray, "N P 2"], named: Points = IBUG) -> Float[np.ndarray, "N 6"]:
    """`MEASURES` of points seen from in front, y up."""
    return np.stack(measure_rows(points, named), axis=1)


def measure_rows(points: Any, named: Points = IBUG) -> tuple[Any, ...]:
    """The rows of `MEASURES`, [N] each, of points [N, P, 2] that are a numpy array or a torch tensor."""

    def middle(*names: str) -> Any:
        return points[:, [i for name in names for i in named[name]]].mean(1)

    def apart(first: Any, second: Any) -> Any:
        return (((first - second) ** 2).sum(-1) + _TINY) ** 0.5

    eyes, inner, lips, mouth = (points[:, list(named[name])] for name in ("outer_eyes", "inner_eyes", "lips", "mouth"))
    size = apart(eyes[:, 0], eyes[:, 1])
    corner = mouth[..., 1] - lips[..., 1].mean(1)[:, None]
    brow = (middle("brow_right")[:, 1] + middle("brow_left")[:, 1]) / 2
    lids = [
        apart(middle(f"upper_lid_{side}"), middle(f"lower_lid_{side}")) / apart(eyes[:, k], inner[:, k])
        for k, side in enumerate(("right", "left"))
    ]
    return (
        apart(lips[:, 0], lips[:, 1]) / size,
        apart(mouth[:, 0], mouth[:, 1]) / size,
        corner.sum(1) / size,
        (corner[:, 1] - corner[:, 0]) / size,
        (brow - middle("outer_eyes", "inner_eyes")[:, 1]) / size,
        (lids[0] + lids[1]) / 2,
    )


def measures_of_weights(weights: Float[np.ndarray, "N 52"], rig: LandmarkRig) -> Float[np.ndarray, "N 6"]:
    """`MEASURES` of the mean face at these weights, without head pose."""
    points = rig.neutral[None, :, :2] + np.tensordot(weights, rig.shapes[..., :2], axes=1)
    return measures_of_points(points)


def frontal_points(
    points: Float[np.ndarray, "N 478 3"], camera_from_head: Float[np.ndarray, "N 4 4"]
) -> Float[np.ndarray, "N 478 2"]:
    """MediaPipe's points with their head pose turned back, y up [px]; `points` are in pixels, y down, z away from the
    viewer."""
    turn = camera_from_head[:, :3, :3].astype(np.float64)
    turn /= np.cbrt(np.linalg.det(turn))[:, None, None]  # the matrix contains the scale of the face
    upright = points.astype(np.float64) * (1.0, -1.0, -1.0)
    centred = upright - upright.mean(axis=1, keepdims=True)
    return np.einsum("nij,npi->npj", turn, centred)[..., :2]
