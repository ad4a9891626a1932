"""One identity, and a pose and an expression per frame, from landmarks: robust Gauss-Newton with priors.

The solver finds the most probable face under

- landmarks: Huber's function of the reprojection error, with a standard deviation stated in millimetres on the face;
- identity: normally distributed coefficients; standard normal, as the modes are scaled (ICT-FaceKit has 100 orthogonal
  modes, with pupils 65.7 +- 3.9 mm apart; people's are 63.4 +- 3.8 mm apart, Dodgson 2004), or the prior of a `Guess`;
- expression: each weight in [0, 1], near its expected value (the output of a network) or, without that, sparse;
- focal length, when it is free: log-normal about the camera's.

The method is that of Blanz & Vetter 2003 ("Face recognition based on fitting a 3D morphable model") and, for several
frames, of Thies et al. 2016 ("Face2Face", section 4), on landmarks alone. Frames share only identity and focal lengths,
so the normal equations have arrowhead form and are solved by the Schur complement (Triggs et al. 2000). Steps use
Levenberg's damping, and bounds are kept by projection (Bertsekas 1982): a weight at its bound whose step points outside
is held there.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mien.core import ARKIT, MienError
from mien.rigs.fit.model import POSE, FaceModel, project, turn_matrix

__all__ = ["Problem", "State", "minimise", "orthographic"]

_HUBER = 1.345
"""Residuals beyond this many standard deviations are weighted down: 95 % efficiency on Gaussian noise (Huber 1964)."""
MOST_STEPS = 100
"""Largest number of steps; one frame of predicted landmarks takes 10, twelve frames of exact ones 45."""
DONE = 3e-5
"""The search ends when a step lowers the cost by less than this share; the face then changes by under 0.02 mm."""
_GIVE_UP = 1e8
"""Damping beyond which no step can lower the cost, and the search ends."""


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """The parameters of the fit at one step of the search."""

    identity: Float[np.ndarray, "M"]
    log_focal: Float[np.ndarray, "G"]
    """Logarithm of each camera's focal length [log px]."""
    rotation: Float[np.ndarray, "F 3 3"]
    """`camera_from_head`."""
    shift: Float[np.ndarray, "F 3"]
    """The rig's origin in the camera frame [mm]."""
    weights: Float[np.ndarray, "F 52"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """The cost of a state, its residuals and their derivatives. No array contains NaN, and none is modified."""

    model: FaceModel
    image: Float[np.ndarray, "F L 2"]
    """Landmarks relative to the principal point, y up [px]; 0 where `whiten` is 0."""
    whiten: Float[np.ndarray, "F L 2 2"]
    """Matrices from errors [px] to standard deviations, trust included; 0 leaves a point out."""
    camera: Int[np.ndarray, "F"]
    """Index of each frame's camera."""
    log_focal: Float[np.ndarray, "G"]
    """Mean of the prior on the logarithms of the focal lengths."""
    focal_precision: float
    """1 / variance of the logarithm of a focal length."""
    identity: Float[np.ndarray, "M"]
    """Mean of the prior on the identity coefficients."""
    identity_precision: Float[np.ndarray, "M M"]
    """Inverse covariance of the identity coefficients."""
    expected: Float[np.ndarray, "F 52"]
    expression_precision: float
    sparsity: float
    """Cost per unit of weight."""

    def residuals(self, state: State) -> Float[np.ndarray, "F L 2"]:
        """Reprojection errors in standard deviations, before Huber's function."""
        seen = self._seen(state)[1]
        image, _ = project(seen, self._focal(state))
        return np.einsum("flij,flj->fli", self.whiten, self.image - image)

    def jacobians(self, state: State) -> tuple[Float[np.ndarray, "F 2L S"], Float[np.ndarray, "F 2L P"]]:
        """Derivatives of the whitened projection by the shared parameters (identity, log focal lengths) and by those of
        each frame."""
        turned, seen = self._seen(state)
        image, by_point = project(seen, self._focal(state))
        by_point = np.einsum("flij,fljk->flik", self.whiten, by_point)
        frames, count = image.shape[:2]
        by_model = np.einsum("flij,fjk->flik", by_point, state.rotation)
        modes, focals = len(state.identity), len(state.log_focal)
        shared = np.zeros((frames, 2 * count, modes + focals))
        shared[..., :modes] = np.einsum("flik,mlk->flim", by_model, self.model.modes).reshape(frames, -1, modes)
        by_focal = np.einsum("flij,flj->fli", self.whiten, image).reshape(frames, -1)
        shared[np.arange(frames), :, modes + self.camera] = by_focal
        own = np.zeros((frames, 2 * count, POSE + len(ARKIT)))
        # A rotation w moves the point by w x turned, so a row j of the projection's derivative becomes turned x j.
        own[..., :3] = np.cross(turned[:, :, None], by_point).reshape(frames, -1, 3)
        own[..., 3:6] = by_point.reshape(frames, -1, 3)
        own[..., POSE:] = np.einsum("flik,clk->flic", by_model, self.model.shapes).reshape(frames, -1, len(ARKIT))
        return shared, own

    def cost(self, state: State, *, residuals: np.ndarray | None = None) -> float:
        """Twice the negative logarithm of the posterior, up to a constant."""
        length = np.linalg.norm(self.residuals(state) if residuals is None else residuals, axis=-1)
        near = np.minimum(length, _HUBER)
        apart = state.identity - self.identity
        value = (near * (2 * length - near)).sum() + apart @ self.identity_precision @ apart
        value += self.expression_precision * ((state.weights - self.expected) ** 2).sum()
        value += 2 * self.sparsity * state.weights.sum()
        return float(value + self.focal_precision * ((state.log_focal - self.log_focal) ** 2).sum())

    def _focal(self, state: State) -> np.ndarray:
        return np.exp(state.log_focal)[self.camera][:, None]

    def _seen(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        points = self.model.points(state.identity, state.weights)
        turned = np.einsum("fij,flj->fli", state.rotation, points)
        return turned, turned + state.shift[:, None]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Normal:
    """The arrowhead system of one step: H step = g."""

    shared: np.ndarray
    cross: np.ndarray
    own: np.ndarray
    shared_g: np.ndarray
    own_g: np.ndarray

    def step(
        self, damping: float, free_shared: Bool[np.ndarray, "S"], free_own: Bool[np.ndarray, "F P"]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Damped step of the free parameters; the step of the others is 0."""
        own, cross = _held(self.own, free_own), self.cross * free_own[:, :, None] * free_shared
        shared = _held(self.shared[None], free_shared[None])[0]
        for matrix in (shared, *own):
            matrix[np.diag_indices(len(matrix))] *= 1 + damping
        own_g, shared_g = np.where(free_own, self.own_g, 0.0), np.where(free_shared, self.shared_g, 0.0)
        solved = np.linalg.solve(own, np.concatenate([cross, own_g[..., None]], axis=2))
        complement = shared - np.einsum("fps,fpt->st", cross, solved[..., :-1])
        shared_step = np.linalg.solve(complement, shared_g - np.einsum("fps,fp->s", cross, solved[..., -1]))
        return shared_step, solved[..., -1] - solved[..., :-1] @ shared_step


def _held(matrices: Float[np.ndarray, "N P P"], free: Bool[np.ndarray, "N P"]) -> np.ndarray:
    """Copies with the rows and columns of parameters that are not free replaced by those of the identity matrix."""
    out = matrices * (free[:, :, None] & free[:, None, :])
    n, p = np.nonzero(~free)
    out[n, p, p] = 1.0
    return out


def _normal(problem: Problem, state: State, residuals: np.ndarray) -> _Normal:
    length = np.linalg.norm(residuals, axis=-1)
    robust = np.repeat(_HUBER / np.maximum(length, _HUBER), 2, axis=-1)
    by_shared, by_own = problem.jacobians(state)
    frames, modes = len(residuals), len(state.identity)
    error = residuals.reshape(frames, -1) * robust
    weighted = by_own * robust[..., None]
    flat = by_shared.reshape(-1, by_shared.shape[-1])
    shared = flat.T @ (flat * robust.reshape(-1, 1))
    shared_g = np.einsum("fns,fn->s", by_shared, error)
    prior = np.diag(np.full(len(shared), problem.focal_precision))
    prior[:modes, :modes] = problem.identity_precision
    present = np.concatenate([state.identity - problem.identity, state.log_focal - problem.log_focal])
    shared += prior
    own = weighted.transpose(0, 2, 1) @ by_own
    own_g = np.einsum("fnp,fn->fp", by_own, error)
    at = np.arange(POSE, own.shape[1])
    own[:, at, at] += problem.expression_precision
    own_g[:, POSE:] -= problem.expression_precision * (state.weights - problem.expected) + problem.sparsity
    return _Normal(
        shared=shared,
        cross=weighted.transpose(0, 2, 1) @ by_shared,
        own=own,
        shared_g=shared_g - prior @ present,
        own_g=own_g,
    )


def minimise(
    problem: Problem, state: State, *, identity: bool = True, focal: bool = True, expression: bool = True
) -> tuple[State, int, bool]:
    """(state, steps taken, whether it converged); identity, focal lengths and expression are fixed where False.

    Poses are always free.
    """
    free_shared = np.r_[np.full(len(state.identity), identity), np.full(len(state.log_focal), focal)]
    residuals = problem.residuals(state)
    cost = problem.cost(state, residuals=residuals)
    damping, steps = 1e-3, 0
    normal = _normal(problem, state, residuals)
    while steps < MOST_STEPS and damping < _GIVE_UP:
        steps += 1
        free_own = np.ones(normal.own_g.shape, bool)
        bound = ((state.weights <= 0) & (normal.own_g[:, POSE:] < 0)) | (
            (state.weights >= 1) & (normal.own_g[:, POSE:] > 0)
        )
        free_own[:, POSE:] = ~bound & expression
        new = _moved(state, *normal.step(damping, free_shared, free_own))
        new_residuals = problem.residuals(new)
        new_cost = problem.cost(new, residuals=new_residuals)
        if not new_cost <= cost:
            damping *= 10.0
            continue
        done = cost - new_cost <= DONE * cost
        state, residuals, cost = new, new_residuals, new_cost
        if done:
            return state, steps, True
        damping = max(damping * 0.2, 1e-7)
        normal = _normal(problem, state, residuals)
    return state, steps, damping >= _GIVE_UP


def _moved(state: State, shared: np.ndarray, own: np.ndarray) -> State:
    modes = len(state.identity)
    return State(
        identity=state.identity + shared[:modes],
        log_focal=state.log_focal + shared[modes:],
        rotation=turn_matrix(own[:, :3]) @ state.rotation,
        shift=state.shift + own[:, 3:POSE],
        weights=np.clip(state.weights + own[:, POSE:], 0.0, 1.0),
    )


def orthographic(
    image: Float[np.ndarray, "L 2"], model: Float[np.ndarray, "L 3"], trust: Float[np.ndarray, "L"], focal: float
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """Rotation and translation of the scaled orthographic camera that fits best (DeMenthon and Davis 1995).

    Raises MienError when the points do not span a face.
    """
    share = trust / trust.sum()
    mean_model, mean_image = share @ model, share @ image
    spread = (model - mean_model) * np.sqrt(share)[:, None]
    affine = np.linalg.lstsq(spread, (image - mean_image) * np.sqrt(share)[:, None], rcond=1e-4)[0].T
    left, scales, right = np.linalg.svd(affine, full_matrices=False)
    if scales[1] < 1e-3 * scales[0] or scales[0] <= 0:
        raise MienError("no face fits these landmarks: they lie on one line; leave this frame out")
    rows = left @ right
    matrix = np.stack([rows[0], rows[1], np.cross(rows[0], rows[1])])
    depth = focal / float(scales.mean())
    return matrix, np.append(mean_image * depth / focal, -depth) - matrix @ mean_model
