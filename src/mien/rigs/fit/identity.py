"""`fit_identity`: whose face is in these landmarks. See `mien.rigs.fit.solver` for the method."""

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
    """How far what is seen is believed against what is usual."""

    landmark_mm: float = 2.0
    """Standard deviation of a landmark on the face [mm]; 2 is a network's NME of 0.03 on eyes 90 mm across."""
    repeated: float = 0.6
    """Correlation of a landmark's error between two frames of one person: a detector errs alike again and again, so
    that F frames weigh as F / (1 + repeated (F - 1)) independent ones."""
    identity: float = 1.0
    """Standard deviation of identity coefficients where nothing was guessed."""
    guess: float = 0.5
    """Standard deviations of a `Guess` count as this share of themselves: it has seen the same landmarks before."""
    brows: float = 0.25
    """Trust in a brow's landmarks: hair grows where it likes on the skin that the rig moves."""
    expression: float = 0.3
    """Standard deviation of expression weights about what is expected of them."""
    sparsity: float = 1.0
    """Cost of a full weight, in half squared standard deviations, where no weights are expected."""
    focal: float = 0.2
    """Standard deviation of the logarithm of an unknown focal length: lenses of 36 to 56 degrees lie within one."""
    slide: float = 0.3
    """Standard deviation across the jaw over that along it: 1 for points fixed to the skin, nearly 0 for annotations
    of the visible outline. mien's are fixed, and exact ones are best at 1; a network places them worse along than
    across, and its own are as good at 0.05 as at 1 (`benchmarks/fit.py`): the default lies between."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Guess:
    """What is known of an identity before its landmarks are looked at."""

    mean: Float[np.ndarray, "M"]
    """Coefficients of the rig's identity modes, in standard deviations."""
    covariance: Float[np.ndarray, "M M"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """One person, as F frames show them."""

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
    """Median distance between them and the landmarks given, over those used [px]."""
    steps: int
    converged: bool
    rig: Rig
    """The rig with this identity: neutral and joints moved, shapes as they were."""

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
    """The person in F frames: shared identity, a pose and an expression of each frame.

    Args:
        landmarks: points of `layout` in each frame [px]; rows that are not finite are left out.
        cameras: one or more. Their focal lengths are the mean of the prior where they are not known.
        rig: a rig with identity modes.
        layout: a layout the rig has landmarks of.
        camera_of: which camera saw each frame; the first one saw all when None.
        trust: weight of each point, 0 leaves it out. Irises are always left out: they turn with the gaze.
        expected: weights each frame is believed to show, the network's answer for example.
        guess: who it probably is; anybody when None.
        focal_known: whether the cameras' focal lengths are to be kept.
        priors: how much is believed; the defaults suit mien's own landmarks.

    Raises:
        MienError: the rig has no identity modes or not this layout, or a frame has fewer than six points to use.
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
    # Errors that come again do not average out: as much as frames add, what they share is held by its priors.
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
    """The guessed face with the expected expression, posed by orthographic cameras."""
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
    """[F, L, 2, 2] pixels to standard deviations: `landmark_mm` at the face's distance; jaw points across, along."""
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
