"""`fit_identity`: the identity of the person whose landmarks are given. See `mien.rigs.fit.solver` for the method."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mien.core import ARKIT, Camera, Mesh, MienError, Rig
from mien.rigs.fit.model import FaceModel, project
from mien.rigs.fit.person import head_position, person
from mien.rigs.fit.solver import Problem, State, minimise, orthographic

__all__ = ["Fit", "Guess", "Priors", "fit_identity"]


@dataclass(frozen=True, kw_only=True)
class Priors:
    """Standard deviations and weights of the observations and of the priors."""

    landmark_mm: float = 2.0
    """Standard deviation of a landmark on the face [mm]; 2 is a network's NME of 0.03 on eyes 90 mm across."""
    repeated: float = 0.6
    """Correlation of a landmark's error between two frames of one person: a detector repeats its errors, so that F
    frames count as F / (1 + repeated (F - 1)) independent ones."""
    identity: float = 1.0
    """Standard deviation of identity coefficients without a `Guess`."""
    guess: float = 0.5
    """Factor on the standard deviations of a `Guess`, which comes from the same landmarks and is not independent."""
    brows: float = 0.25
    """Weight of the brows' landmarks, because the place of the brow hair on the skin differs from person to person."""
    expression: float = 0.3
    """Standard deviation of expression weights about their expected values."""
    sparsity: float = 1.0
    """Cost of a weight of 1, in half squared standard deviations, when no expected weights are given."""
    focal: float = 0.2
    """Standard deviation of the logarithm of an unknown focal length: fields of view of 36 to 56 degrees lie within
    one."""
    slide: float = 0.3
    """Ratio of a jaw landmark's standard deviation across the jaw line to that along it: 1 for points fixed to the
    skin, nearly 0 for annotations of the visible outline. mien's landmarks are fixed to the skin, and exact ones fit
    best at 1; a network locates them less accurately along the line than across it, and its landmarks fit equally well
    at 0.05 and at 1 (`benchmarks/fit.py`): the default lies between."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Guess:
    """A prior on the identity that does not come from the fit."""

    mean: Float[np.ndarray, "M"]
    """Mean coefficients of the rig's identity modes, in standard deviations."""
    covariance: Float[np.ndarray, "M M"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """The fit of one person to F frames."""

    identity: Float[np.ndarray, "M"]
    """Coefficients of the rig's identity modes, in standard deviations."""
    weights: Float[np.ndarray, "F 52"]
    """Expression of each frame, ARKit order."""
    rotation: Float[np.ndarray, "F 4"]
    """`camera_from_head`, xyzw."""
    translation: Float[np.ndarray, "F 3"]
    """The fitted head joint in the camera frame [mm]."""
    focal: Float[np.ndarray, "F"]
    """Focal length of each frame's camera [px]; frames of one camera share it."""
    reprojected: Float[np.ndarray, "F L 2"]
    """The fitted face's landmarks in the image [px]."""
    residual: Float[np.ndarray, "F"]
    """Median distance in each frame between `reprojected` and the given landmarks that were used [px]."""
    steps: int
    converged: bool
    rig: Rig
    """The rig with this identity: neutral and joints are moved, shapes are unchanged."""

    @property
    def neutral(self) -> Mesh:
        """The fitted face at rest [mm]."""
        return self.rig.neutral

    @property
    def eye_distance(self) -> float:
        """Distance of the eyeballs' centres [mm]."""
        joints = {joint.name: np.array(joint.position) for joint in self.rig.joints}
        return float(np.linalg.norm(joints["eyeLeft"] - joints["eyeRight"]))


def fit_identity(
    landmarks: Float[np.ndarray, "F L 2"],
    cameras: Sequence[Camera],
    rig: Rig,
    layout: str,
    *,
    camera_of: Int[np.ndarray, "F"] | None = None,
    trust: Float[np.ndarray, "F L"] | None = None,
    expected: Float[np.ndarray, "F 52"] | None = None,
    guess: Guess | None = None,
    focal_known: bool = True,
    priors: Priors | None = None,
) -> Fit:
    """Fit one person to F frames: one identity for all frames, and a pose and an expression for each frame.

    Args:
        landmarks: points of `layout` in each frame [px]; rows that are not finite are left out.
        cameras: one or more cameras. Focal lengths that are not known are the mean of their prior.
        rig: a rig with identity modes.
        layout: a layout the rig has landmarks of.
        camera_of: index of each frame's camera; None when the first camera filmed all frames.
        trust: weight of each point, 0 leaves it out. Irises are always left out, because they move with the gaze.
        expected: expected weights of each frame, for example the output of the capture network.
        guess: prior on the identity; None for the prior of the rig's modes.
        focal_known: whether the cameras' focal lengths are fixed.
        priors: weights of observations and priors; the defaults suit mien's own landmarks.

    Raises:
        MienError: the rig has no identity modes or lacks the layout, or a frame has fewer than six usable points.
    """
    priors = priors or Priors()
    model = FaceModel.of(rig, layout)
    camera = np.zeros(len(landmarks), int) if camera_of is None else np.asarray(camera_of)
    if landmarks.shape != (len(camera), model.layout.count, 2) or not len(camera):
        raise ValueError(f"landmarks are {landmarks.shape} for {len(camera)} frames of '{layout}'")
    centre = np.array([c.centre for c in cameras])[camera][:, None]
    image = (np.asarray(landmarks, np.float64) - centre) * (1.0, -1.0)
    trust = _usable(model, image, trust, priors.brows)
    spread = priors.identity if guess is None else priors.guess
    guess = guess or Guess(mean=np.zeros(len(model.modes)), covariance=np.eye(len(model.modes)))
    image = np.where(trust[..., None] > 0, image, 0.0)
    state = _start(model, image, trust, np.array([c.focal for c in cameras]), camera, expected, guess.mean)
    # Repeated errors do not average out over frames, so the priors of what frames share are strengthened with F.
    again = 1 + priors.repeated * (len(image) - 1)
    problem = Problem(
        model=model,
        image=image,
        whiten=_whiten(model, image, trust, state, camera, priors),
        camera=camera,
        log_focal=state.log_focal,
        focal_precision=priors.focal**-2 * again,
        identity=guess.mean,
        identity_precision=np.linalg.inv(guess.covariance) * spread**-2 * again,
        expected=state.weights,
        expression_precision=priors.expression**-2,
        sparsity=priors.sparsity if expected is None else 0.0,
    )
    state, _, _ = minimise(problem, state, identity=False, focal=False, expression=False)
    state, steps, converged = minimise(problem, state, focal=not focal_known)
    return _result(problem, state, rig, trust, centre, steps, converged)


def _usable(model: FaceModel, image: np.ndarray, trust: np.ndarray | None, brows: float) -> np.ndarray:
    out = np.ones(image.shape[:2]) if trust is None else np.array(trust, np.float64)
    for name, points in model.layout.groups.items():
        if name.startswith("iris"):
            out[:, list(points)] = 0.0
        elif name.startswith("brow"):
            out[:, list(points)] *= brows
    out[~np.isfinite(image).all(axis=2) | ~(out > 0)] = 0.0
    few = (out > 0).sum(axis=1) < 6
    if few.any():
        raise MienError(f"a fit needs six landmarks or more in each frame; frame {int(few.argmax())} has fewer")
    return out


def _start(
    model: FaceModel,
    image: np.ndarray,
    trust: np.ndarray,
    focal: np.ndarray,
    camera: np.ndarray,
    expected: np.ndarray | None,
    identity: np.ndarray,
) -> State:
    """The start of the search: the guessed face with the expected expression, posed by orthographic cameras."""
    weights = np.zeros((len(image), len(ARKIT))) if expected is None else np.clip(expected, 0.0, 1.0).astype(float)
    points = model.points(identity, weights)
    poses = [orthographic(image[f], points[f], trust[f], float(focal[camera[f]])) for f in range(len(image))]
    return State(
        identity=identity,
        log_focal=np.log(focal),
        rotation=np.stack([rotation for rotation, _ in poses]),
        shift=np.stack([shift for _, shift in poses]),
        weights=weights,
    )


def _whiten(
    model: FaceModel, image: np.ndarray, trust: np.ndarray, state: State, camera: np.ndarray, priors: Priors
) -> np.ndarray:
    """Matrices [F, L, 2, 2] from pixels to standard deviations: `landmark_mm` at the face's distance, and for jaw
    points different across and along the jaw line."""
    pixels_per_mm = np.exp(state.log_focal)[camera] / np.maximum(-state.shift[:, 2], 1.0)
    scale = np.sqrt(trust) / (priors.landmark_mm * pixels_per_mm[:, None])
    out = np.broadcast_to(np.eye(2), (*image.shape, 2)) * scale[..., None, None]
    if priors.slide == 1.0:
        return out
    out = out.copy()
    points = (
        np.einsum("fij,flj->fli", state.rotation, model.points(state.identity, state.weights)) + state.shift[:, None]
    )
    seen, _ = project(points, np.exp(state.log_focal)[camera][:, None])
    for name, group in model.layout.groups.items():
        if not name.startswith("jaw"):
            continue
        along = np.gradient(seen[:, list(group)], axis=1)
        along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-9)
        across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
        rows = np.stack([across, along * priors.slide], axis=2)
        out[:, list(group)] = rows * scale[:, list(group), None, None]
    return out


def _result(
    problem: Problem, state: State, rig: Rig, trust: np.ndarray, centre: np.ndarray, steps: int, converged: bool
) -> Fit:
    from scipy.spatial.transform import Rotation

    points = problem.model.points(state.identity, state.weights)
    seen = np.einsum("fij,flj->fli", state.rotation, points) + state.shift[:, None]
    focal = np.exp(state.log_focal)[problem.camera]
    image, _ = project(seen, focal[:, None])
    length = np.linalg.norm(image - problem.image, axis=2)
    fitted = person(rig, state.identity)
    return Fit(
        identity=state.identity,
        weights=state.weights,
        rotation=Rotation.from_matrix(state.rotation).as_quat(),
        translation=state.shift + state.rotation @ head_position(fitted),
        focal=focal,
        reprojected=image * (1.0, -1.0) + centre,
        residual=np.array([np.median(row[kept > 0]) for row, kept in zip(length, trust, strict=True)]),
        steps=steps,
        converged=converged,
        rig=fitted,
    )
