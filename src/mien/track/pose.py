"""Head pose from landmarks: the rigid motion that projects model points onto image points.

The solver uses Newton's method with Levenberg's damping on six parameters under Huber's function (Huber 1964; Triggs et
al. 2000, "Bundle Adjustment - A Modern Synthesis"), and reweighted Gauss-Newton when Newton's step would increase the
cost. It starts from the previous frame's pose, or from a scaled orthographic fit (DeMenthon and Davis 1995). The caller
deforms the model points by the captured expression first, so that an open jaw is not mistaken for pitch.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mien.core.camera import Camera
from mien.core.errors import MienError

__all__ = ["Pose", "PoseSolver"]

_HUBER = 1.345
"""Residuals beyond this many standard deviations are weighted down: 95 % efficiency on Gaussian noise (Huber 1964)."""
_RAYLEIGH_MEDIAN = 1.1774
"""Ratio of the median length of a 2-D Gaussian residual to its standard deviation: sqrt(2 ln 2)."""
_LEAST_SIGMA = 0.05
"""Least standard deviation of residuals [px]; for exact points it would otherwise be 0."""
_MOST_STEPS = 25
"""Largest number of steps; a warm start takes three to five."""
_SCALE_STEPS = 3
"""Number of steps after which the residuals' scale is fixed, so that the cost function is constant and the steps
converge."""
_DONE = 1e-4
"""Size of a step (radians; share of the distance) below which the search ends: 0.006 degrees, with quadratic
convergence."""
_BAD_FIT = 0.05
"""Median residual, as a share of the face's image size, above which the result of a warm start is not trusted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """Pose of the head in one frame."""

    quaternion: Float[np.ndarray, "4"]
    """`camera_from_head`, xyzw, with the sign that is nearer to the previous frame's quaternion."""
    translation: Float[np.ndarray, "3"]
    """Head origin in the camera frame [mm]; z is negative in front of the camera."""
    residual: float
    """Median distance [px] between the image points and the projected model points."""


class PoseSolver:
    """Solves the poses of one face in successive frames of one camera; call `reset` when the face was lost."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self._matrix: np.ndarray | None = None
        self._shift = np.zeros(3)
        self._quaternion: np.ndarray | None = None

    def reset(self) -> None:
        """Discard the previous frame's pose, so that the next frame starts from an orthographic fit."""
        self._matrix = self._quaternion = None

    def solve(
        self,
        points: Float[np.ndarray, "L 2"],
        model: Float[np.ndarray, "L 3"],
        weights: Float[np.ndarray, "L"] | None = None,
    ) -> Pose:
        """The pose that projects `model` (head frame [mm], expression applied) onto `points` [px].

        Args:
            points: landmarks in the image; a row that is not finite is left out.
            model: the same landmarks on the head.
            weights: weight of each point, of which only the ratios matter; 0 leaves a point out, None is equal weights.

        Raises:
            MienError: fewer than six points can be used, or all lie on one line.
        """
        trust = np.ones(len(points)) if weights is None else np.asarray(weights, np.float64)
        use = np.isfinite(points).all(axis=1) & np.isfinite(model).all(axis=1) & (trust > 0)
        if int(use.sum()) < 6:
            raise MienError(f"head pose needs six landmarks or more; {int(use.sum())} can be used")
        if not use.all():
            points, model, trust = points[use], model[use], trust[use]
        problem = _Problem(np.asarray(points, np.float64), np.asarray(model, np.float64), trust, self.camera)
        best = None
        if self._matrix is not None:
            best = problem.minimise(self._matrix, self._shift)
        if best is None or best[2] > _BAD_FIT * problem.size:
            fresh = problem.minimise(*problem.orthographic())
            best = fresh if best is None or fresh[2] < best[2] else best
        self._matrix, self._shift, residual = best
        quaternion = _quaternion(self._matrix)
        if self._quaternion is not None and float(quaternion @ self._quaternion) < 0:
            quaternion = -quaternion
        self._quaternion = quaternion
        return Pose(quaternion=quaternion, translation=self._shift.copy(), residual=residual)


class _View(NamedTuple):
    """The model points at one pose, and their errors."""

    turned: Float[np.ndarray, "3 L"]
    """Model points after rotation, before translation [mm]."""
    scale: Float[np.ndarray, "L"]
    """Pixels per mm at each point's depth."""
    projected: Float[np.ndarray, "2 L"]
    error: Float[np.ndarray, "2 L"]
    """Image points minus projected points [px]."""
    length: Float[np.ndarray, "L"]
    """Lengths of the errors [px]."""


class _Problem:
    """The points of one frame, relative to the principal point, y upwards, so that projection is focal * (x, y) / d."""

    def __init__(self, points: np.ndarray, model: np.ndarray, trust: np.ndarray, camera: Camera) -> None:
        self.image = np.ascontiguousarray(((points - camera.centre) * (1.0, -1.0)).T)
        self.model = np.ascontiguousarray(model.T)
        self.trust = trust / trust.sum()
        self.focal = camera.focal
        self.size = float(np.ptp(points, axis=0).max())
        """Extent of the face in the image [px]."""

    def orthographic(self) -> tuple[np.ndarray, np.ndarray]:
        """Rotation and translation of the scaled orthographic camera that fits best, outliers weighted down."""
        affine, mean_model, mean_image, length = self._affine(self.trust)
        for _ in range(3):
            affine, mean_model, mean_image, length = self._affine(self.trust * _huber(length, self._sigma(length)))
        left, scales, right = np.linalg.svd(affine)
        if scales[1] < 1e-3 * scales[0] or scales[0] <= 0:
            raise MienError("head pose cannot be found: the landmarks lie on one line")
        rows = left @ right[:2]
        matrix = np.stack([rows[0], rows[1], np.cross(rows[0], rows[1])])
        depth = self.focal / float(scales.mean())
        return matrix, np.append(mean_image * depth / self.focal, -depth) - matrix @ mean_model

    def _affine(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The affine camera [2, 3] that fits best under these weights, the weighted means of model and image that it
        joins, and the errors' lengths."""
        weight = weight / weight.sum()
        mean_model, mean_image = self.model @ weight, self.image @ weight
        model, image = self.model.T - mean_model, self.image.T - mean_image
        scaled = (model * weight[:, None]).T
        # The ridge makes a flat set of points solvable; with 1e-6 of the spread its effect on a face is negligible.
        gram = scaled @ model
        gram[np.diag_indices(3)] += 1e-6 * np.trace(gram) + 1e-9
        affine = np.linalg.solve(gram, scaled @ image).T
        return affine, mean_model, mean_image, np.linalg.norm(image - model @ affine.T, axis=1)

    def minimise(self, matrix: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Rotation, translation and median residual [px] at the local minimum for a start."""
        damping, newton = 1e-6, True
        view = self._view(matrix, shift)
        sigma = self._sigma(view.length)
        for count in range(_MOST_STEPS):
            weight = self.trust * _huber(view.length, sigma)
            jacobian = self._jacobian(view)
            scaled = (jacobian * weight).reshape(6, -1)
            normal = scaled @ jacobian.reshape(6, -1).T
            if newton:
                normal -= self._curvature(jacobian, view, weight, view.length > _HUBER * sigma)
            normal.flat[::7] *= 1.0 + damping
            step = np.linalg.solve(normal, scaled @ view.error.ravel())
            new_matrix, new_shift = _turn(step[:3]) @ matrix, shift + step[3:]
            new_view = self._view(new_matrix, new_shift)
            if self._cost(new_view.length, sigma) > self._cost(view.length, sigma) * (1 + 1e-12):
                if not newton:
                    damping *= 100.0
                newton = False
                if damping > 1e6:
                    break
                continue
            matrix, shift, view = new_matrix, new_shift, new_view
            damping = max(damping * 0.1, 1e-9)
            if np.abs(step[:3]).max() < _DONE and np.abs(step[3:]).max() < _DONE * abs(shift[2]):
                break
            if count < _SCALE_STEPS:
                sigma = self._sigma(view.length)
        return _orthonormal(matrix), shift, _median(view.length)

    def _view(self, matrix: np.ndarray, shift: np.ndarray) -> _View:
        turned = matrix @ self.model
        # Points behind the camera are projected as if just in front of it: their large error rejects the step.
        scale = self.focal / np.maximum(-(turned[2] + shift[2]), 1.0)
        projected = (turned[:2] + shift[:2, None]) * scale
        error = self.image - projected
        length = np.sqrt(error[0] * error[0] + error[1] * error[1])
        return _View(turned=turned, scale=scale, projected=projected, error=error, length=length)

    def _jacobian(self, view: _View) -> np.ndarray:
        """Derivative [6,2,L] of the projection by a rotation after the present one (3) and by the translation (3)."""
        # A rotation w moves the point by w x turned = (wy c - wz b, wz a - wx c, wx b - wy a).
        a, b, c = view.turned * view.scale
        bearing = view.projected / self.focal  # by depth: the image grows as the point comes nearer
        jacobian = np.zeros((6, 2, len(a)))
        np.multiply(b, bearing, out=jacobian[0])
        jacobian[0, 1] -= c
        np.multiply(-a, bearing, out=jacobian[1])
        jacobian[1, 0] += c
        np.negative(b, out=jacobian[2, 0])
        jacobian[2, 1] = a
        jacobian[3, 0] = jacobian[4, 1] = view.scale
        np.multiply(view.scale, bearing, out=jacobian[5])
        return jacobian

    def _curvature(self, jacobian: np.ndarray, view: _View, weight: np.ndarray, outlier: np.ndarray) -> np.ndarray:
        """The terms [6, 6] of the cost's second derivative that reweighted Gauss-Newton lacks, to be subtracted.

        Along an outlier's residual Huber's cost is a cone, without curvature; and where a face differs from the model,
        residuals are large, so that the curvature of the points' paths under rotation matters. With these terms 4 steps
        per frame suffice on a real video, without them 14.
        """
        along = (jacobian[:, :, outlier] * (view.error[:, outlier] / view.length[outlier])).sum(axis=1)
        taken = (along * weight[outlier]) @ along.T
        bent = np.zeros((3, 3))
        bent[:2] = (view.error * (weight * view.scale)) @ view.turned.T
        taken[:3, :3] += (bent + bent.T) / 2
        taken.flat[[0, 7, 14]] -= bent[0, 0] + bent[1, 1]
        return taken

    def _sigma(self, length: np.ndarray) -> float:
        return max(_median(length) / _RAYLEIGH_MEDIAN, _LEAST_SIGMA)

    def _cost(self, length: np.ndarray, sigma: float) -> float:
        limit = _HUBER * sigma
        near = np.minimum(length, limit)
        return float(self.trust @ (near * (2 * length - near)))


def _median(values: np.ndarray) -> float:
    """The upper median; np.median checks for NaN and averages, which takes three times as long."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])


def _huber(length: np.ndarray, sigma: float) -> np.ndarray:
    """Weight of residuals: 1 up to 1.345 sigma, then falling as 1 / length."""
    return (_HUBER * sigma) / np.maximum(length, _HUBER * sigma)


def _turn(vector: np.ndarray) -> np.ndarray:
    """Rotation matrix of a rotation vector [rad] (Rodrigues)."""
    x, y, z = (float(n) for n in vector)
    angle = math.sqrt(x * x + y * y + z * z)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = x / angle, y / angle, z / angle
    s, c = math.sin(angle), 1.0 - math.cos(angle)
    return np.array(
        [
            [1 - c * (y * y + z * z), c * x * y - s * z, c * x * z + s * y],
            [c * x * y + s * z, 1 - c * (x * x + z * z), c * y * z - s * x],
            [c * x * z - s * y, c * y * z + s * x, 1 - c * (x * x + y * y)],
        ]
    )


def _orthonormal(matrix: np.ndarray) -> np.ndarray:
    """A rotation matrix orthonormalised, so that rounding errors do not accumulate over a long video."""
    (a, b, c), (d, e, f) = matrix[:2].tolist()
    n = math.sqrt(a * a + b * b + c * c)
    a, b, c = a / n, b / n, c / n
    g, h, i = b * f - c * e, c * d - a * f, a * e - b * d
    n = math.sqrt(g * g + h * h + i * i)
    g, h, i = g / n, h / n, i / n
    return np.array([[a, b, c], [h * c - i * b, i * a - g * c, g * b - h * a], [g, h, i]])


def _quaternion(matrix: np.ndarray) -> np.ndarray:
    """Quaternion (xyzw) of a rotation matrix, computed from its largest component (Shepperd 1978)."""
    m = matrix.tolist()
    trace = m[0][0] + m[1][1] + m[2][2]
    squares = (m[0][0], m[1][1], m[2][2], trace)
    k = max(range(4), key=squares.__getitem__)
    if k == 3:
        q = [m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1], 1.0 + trace]
    else:
        i, j = (k + 1) % 3, (k + 2) % 3
        q = [0.0, 0.0, 0.0, m[j][i] - m[i][j]]
        q[k] = 1.0 + m[k][k] - m[i][i] - m[j][j]
        q[i], q[j] = m[i][k] + m[k][i], m[j][k] + m[k][j]
    value = np.array(q)
    return value / math.sqrt(float(value @ value))
