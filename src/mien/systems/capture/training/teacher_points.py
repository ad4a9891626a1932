"""From the 478 points of MediaPipe's Face Landmarker, the teacher on real faces, to mien's 198 landmarks.

Each landmark is a weighted mean of the eight points that lie nearest to it, plus an offset. Weights and offsets are
learnt on renders, where the teacher's points and the true landmarks are both known; where people have marked real faces
by hand, the mean distance of the marks is added. `mien synth teacher` learns the map again.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from mien.io import npz
from mien.systems.capture import spec
from mien.systems.capture.evaluation.face_measures import MEDIAPIPE
from mien.systems.capture.training.portraits import landmarks_from_template

__all__ = ["HandMarks", "TeacherMap", "learn", "marked_landmarks"]

_PACKAGED = Path(__file__).with_name("teacher_map.npz")
_NEAREST = 8
"""Points of the teacher that a landmark is read off. On renders of people never learnt from, 1, 4, 8 and 16 points
leave errors of 4.2, 3.8, 3.8 and 3.7 % of the distance of the outer eye corners; on hand marks of real people 8 are no
worse than 16."""
_PRIOR = 1e-4
"""Weight, per face, of the squared distance of weights from a Gaussian of distance; 1e-3 leaves an error of 3.8 %, 1e-4
3.75 %, 1e-5 3.7 %."""
_HELD_OUT = 5
"""Every fifth person measures the map and is not learnt from."""


@dataclass(frozen=True, kw_only=True)
class HandMarks:
    """M faces marked by hand with the 189 points of webmorph's template, and the teacher's points on them [px]."""

    points: Float[np.ndarray, "M 478 3"]
    templates: Float[np.ndarray, "M 189 2"]


@dataclass(frozen=True, kw_only=True)
class TeacherMap:
    """How each of mien's landmarks follows from the teacher's points."""

    near: Int[np.ndarray, "L K"]
    """The points that a landmark is read off."""
    weight: Float[np.ndarray, "L K"]
    """Their weights, which sum to 1."""
    offset: Float[np.ndarray, "L 2"]
    """Added, in the frame of the outer eye corners: along the eye line to the subject's left, and downwards; as a share
    of the corners' distance."""
    error: Float[np.ndarray, "L"]
    """Root mean square error on renders of people never learnt from, as such a share; hand marks left out."""

    def apply(self, points: Float[np.ndarray, "N 478 D"]) -> Float[np.ndarray, "N L 2"]:
        """mien's landmarks [px] on N pictures of a face; of the teacher's points [px], x and y are used.

        An affine change of the picture that keeps the shape of figures (turn, scale, shift) moves them as it moves the
        teacher's points.
        """
        flat = points[..., :2].astype(np.float64)
        mean = np.einsum("nlkd,lk->nld", flat[:, self.near], self.weight)
        return mean + np.einsum("ld,nde->nle", self.offset, _axes(flat))

    def spread(self, spread: Float[np.ndarray, "N 478"]) -> Float[np.ndarray, "N L"]:
        """Standard deviations of landmarks from those of the teacher's points, taken as independent, in their unit."""
        variance = np.square(spread.astype(np.float64))[:, self.near]
        return np.sqrt(np.einsum("nlk,lk->nl", variance, np.square(self.weight)))

    @classmethod
    def load(cls, path: Path = _PACKAGED) -> "TeacherMap":
        """From a file that `save` wrote, by default the map that comes with mien; MienError when it is none."""
        _, arrays = npz.load(path, "teacher-map", 1, "map of the teacher's points")
        near, weight = arrays.pop("near").astype(np.int64), arrays.pop("weight").astype(np.float64)
        weight /= weight.sum(axis=1, keepdims=True)  # which rounding to 32 bits took a little off
        return cls(near=near, weight=weight, **{name: value.astype(np.float64) for name, value in arrays.items()})

    def save(self, path: Path) -> None:
        """Write to a .npz; raises MienError when the path cannot be written."""
        arrays = {name: value.astype(np.float32) for name, value in vars(self).items() if name != "near"}
        npz.save(path, "teacher-map", 1, {}, {"near": self.near.astype(np.int16), **arrays})


def _axes(points: np.ndarray) -> np.ndarray:
    """[N, 2, 2] the eye line [px], from the subject's right to the left, and its normal of the same length."""
    right, left = MEDIAPIPE["outer_eyes"]
    along = points[:, left, :2] - points[:, right, :2]
    return np.stack([along, np.stack([-along[:, 1], along[:, 0]], axis=1)], axis=1)


def _in_frame(places: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Places [N, P, 2] px in the frame of the teacher's outer eye corners (`TeacherMap.offset`)."""
    right, left = MEDIAPIPE["outer_eyes"]
    middle, axes = points[:, [right, left], :2].mean(axis=1), _axes(points)
    size = np.square(axes[:, :1]).sum(axis=-1, keepdims=True)
    return np.einsum("npe,nde->npd", places - middle[:, None], axes / size)


def learn(
    points: Float[np.ndarray, "N 478 D"],
    landmarks: Float[np.ndarray, "N L 2"],
    identity: Int[np.ndarray, "N"],
    marks: HandMarks | None = None,
) -> TeacherMap:
    """The map of N renders on which the teacher's points and the true landmarks [px] are known.

    `identity` says whom each render shows: every fifth number measures `error` and is not learnt from. Raises
    ValueError when nobody is left to learn from or to measure.
    """
    held_out = identity % _HELD_OUT == 0
    if held_out.all() or not held_out.any():
        raise ValueError("there must be people to learn from and people to measure")
    known, truth = _in_frame(points[..., :2], points), _in_frame(landmarks, points)
    rows = [_one(known[~held_out], truth[~held_out, point]) for point in range(truth.shape[1])]
    near, weight, offset = (np.stack(column) for column in zip(*rows, strict=True))
    of_renders = TeacherMap(near=near, weight=weight, offset=offset, error=np.zeros(len(near)))
    off = _in_frame(of_renders.apply(points[held_out]), points[held_out]) - truth[held_out]
    by_hand = 0.0 if marks is None else _by_hand(of_renders, marks)
    error = np.sqrt(np.square(off).sum(axis=-1).mean(axis=0))
    return TeacherMap(near=near, weight=weight, offset=offset + by_hand, error=error)


def _one(known: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(near [K], weight [K], offset [2]) of one landmark: ridge regression to a Gaussian of distance, with weights that
    sum to 1 and are the same for x and y."""
    distance = np.linalg.norm(known.mean(axis=0) - truth.mean(axis=0), axis=1)
    near = np.argsort(distance)[:_NEAREST]
    prior = np.exp(-np.square(distance[near] / (distance[near].mean() + 1e-9)))
    prior = np.r_[prior / prior.sum(), 0, 0]
    rows = known[:, near].transpose(0, 2, 1).reshape(-1, _NEAREST)
    rows = np.hstack([rows, np.tile(np.eye(2), (len(known), 1))])
    penalty = np.diag(np.r_[np.full(_NEAREST, _PRIOR * len(known)), np.full(2, 1e-9)])
    sums_to_one = np.r_[np.ones(_NEAREST), 0, 0][:, None]
    system = np.block([[rows.T @ rows + penalty, sums_to_one], [sums_to_one.T, np.zeros((1, 1))]])
    solved = np.linalg.solve(system, np.r_[rows.T @ truth.reshape(-1) + penalty @ prior, 1.0])
    return near, solved[:_NEAREST], solved[_NEAREST:-1]


def _by_hand(of_renders: TeacherMap, marks: HandMarks) -> np.ndarray:
    """What hand marks add to the offsets [L, 2]: the mean over faces, alike on both sides; zero where nobody marks."""
    marked, exact = marked_landmarks(marks.templates)
    away = _in_frame(marked, marks.points) - _in_frame(of_renders.apply(marks.points), marks.points)
    mean = np.where(exact[:, None], away.mean(axis=0), 0.0)
    return (mean + mean[list(spec.LAYOUT.mirror)] * (-1, 1)) / 2


def marked_landmarks(
    templates: Float[np.ndarray, "M 189 2"],
) -> tuple[Float[np.ndarray, "M L 2"], Bool[np.ndarray, "L"]]:
    """Landmarks [px] of faces marked by hand, and which of them the marks give exactly: eyes, irises and lips."""
    rows = [landmarks_from_template(template) for template in templates.astype(np.float64)]
    return np.stack([landmarks for landmarks, _ in rows]), rows[0][1] == 1
