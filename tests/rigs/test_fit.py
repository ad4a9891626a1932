"""The fit against faces whose identity, pose, expression and lens are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mien.core import ARKIT, Camera, LandmarkAnchors, LandmarkLayout, MienError, Rig
from mien.core.transforms import quaternion_from_angles
from mien.rigs.fit import (
    FaceModel,
    Guess,
    Priors,
    choose_frames,
    fit_identity,
    head_position,
    load_identity,
    person,
    save_identity,
)
from mien.rigs.fit.model import POSE, turn_matrix
from mien.rigs.fit.solver import Problem, State, minimise, orthographic
from mien.rigs.ict import load_ict
from mien.rigs.ict_topology import GROUPS

CAMERA = Camera(width=1280, height=720, focal=1100.0, centre=(639.5, 359.5))
EXACT = Priors(landmark_mm=0.05, repeated=0.0, slide=1.0, sparsity=0.01, brows=1.0)


@pytest.fixture(scope="module")
def rig(assets: Path) -> Rig:
    return load_ict()


@pytest.fixture(scope="module")
def model(rig: Rig) -> FaceModel:
    return FaceModel.of(rig, "mien70")


class Scene:
    """F frames of one invented person."""

    def __init__(self, model: FaceModel, seed: int, frames: int, *, modes: int = 30, spread: float = 0.5) -> None:
        rng = np.random.default_rng(seed)
        self.identity = np.zeros(len(model.modes))
        self.identity[:modes] = rng.normal(size=modes)
        self.weights = rng.uniform(0, 0.6, (frames, len(ARKIT))) * (rng.random((frames, len(ARKIT))) < 0.15)
        self.quaternions = quaternion_from_angles(rng.uniform(-spread, spread, (frames, 3)))
        self.shifts = rng.uniform((-60, -60, -700), (60, 60, -450), (frames, 3))
        turned = np.einsum(
            "fij,flj->fli",
            Rotation.from_quat(self.quaternions).as_matrix(),
            model.points(self.identity, self.weights),
        )
        self.landmarks = CAMERA.project(turned + self.shifts[:, None])


def shape_error(rig: Rig, found: np.ndarray, true: np.ndarray) -> float:
    """RMS distance [mm] of face vertices, sizes made equal about the centre."""
    face = slice(*GROUPS["face"])
    a, b = (rig.with_identity(c).neutral.vertices[face].astype(np.float64) for c in (found, true))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return float(np.sqrt((((a * b).sum() / (a * a).sum() * a - b) ** 2).sum(axis=1).mean()))


def problem(model: FaceModel, seed: int) -> tuple[Problem, State]:
    """Anything goes: two cameras, full whitening, a state away from the optimum."""
    rng = np.random.default_rng(seed)
    scene = Scene(model, seed, 3)
    log_focal = np.log([1100.0, 900.0])
    mix = rng.normal(0, 0.1, (len(scene.identity), len(scene.identity)))
    state = State(
        identity=scene.identity + rng.normal(0, 0.3, len(scene.identity)),
        log_focal=log_focal + 0.1,
        rotation=turn_matrix(rng.normal(0, 0.05, (3, 3))) @ Rotation.from_quat(scene.quaternions).as_matrix(),
        shift=scene.shifts + rng.normal(0, 5, (3, 3)),
        weights=rng.uniform(0, 1, scene.weights.shape),
    )
    made = Problem(
        model=model,
        image=(scene.landmarks - CAMERA.centre) * (1.0, -1.0),
        whiten=rng.normal(0, 0.3, (3, model.layout.count, 2, 2)),
        camera=np.array([0, 1, 0]),
        log_focal=log_focal,
        focal_precision=25.0,
        identity=rng.normal(0, 0.5, len(scene.identity)),
        identity_precision=mix @ mix.T + np.eye(len(mix)),
        expected=scene.weights,
        expression_precision=4.0,
        sparsity=0.5,
    )
    return made, state


def test_jacobians_are_the_derivatives(model: FaceModel) -> None:
    made, state = problem(model, 0)
    shared, own = made.jacobians(state)
    frames, modes = len(state.shift), len(state.identity)
    step = 1e-6

    def differences(moved) -> np.ndarray:
        ahead, back = (made.residuals(moved(sign * step)) for sign in (1, -1))
        return -((ahead - back) / (2 * step)).reshape(frames, -1)

    def bumped(array: np.ndarray, *index: object, by: float) -> np.ndarray:
        out = array.copy()
        out[index] += by
        return out

    for m in (0, 7, modes - 1):
        numeric = differences(lambda h, m=m: replace(state, identity=bumped(state.identity, m, by=h)))
        np.testing.assert_allclose(shared[..., m], numeric, atol=1e-4)
    for g in range(2):
        numeric = differences(lambda h, g=g: replace(state, log_focal=bumped(state.log_focal, g, by=h)))
        np.testing.assert_allclose(shared[..., modes + g], numeric, atol=1e-3)
    for k in range(3):
        axis = np.eye(3)[k]
        numeric = differences(lambda h, axis=axis: replace(state, rotation=turn_matrix(axis * h) @ state.rotation))
        np.testing.assert_allclose(own[..., k], numeric, atol=1e-3)
        numeric = differences(lambda h, k=k: replace(state, shift=bumped(state.shift, slice(None), k, by=h)))
        np.testing.assert_allclose(own[..., 3 + k], numeric, atol=1e-4)
    for c in (ARKIT.index("jawOpen"), ARKIT.index("eyeBlinkLeft"), ARKIT.index("browInnerUp")):
        numeric = differences(lambda h, c=c: replace(state, weights=bumped(state.weights, slice(None), c, by=h)))
        np.testing.assert_allclose(own[..., POSE + c], numeric, atol=1e-4)


@settings(max_examples=5)
@given(seed=st.integers(0, 1000))
def test_a_minimum_is_one_and_weights_stay_in_the_box(model: FaceModel, seed: int) -> None:
    made, state = problem(model, seed)
    made = replace(made, whiten=np.broadcast_to(np.eye(2) * 0.5, made.whiten.shape))
    found, _, _ = minimise(made, state)
    assert found.weights.min() >= 0
    assert found.weights.max() <= 1
    cost = made.cost(found)
    assert cost < made.cost(state)
    rng = np.random.default_rng(seed)
    for size in (0.03, 0.1):
        near = replace(
            found,
            identity=found.identity + rng.normal(0, size, len(found.identity)),
            weights=np.clip(found.weights + rng.normal(0, size, found.weights.shape), 0, 1),
            shift=found.shift + rng.normal(0, size, found.shift.shape),
        )
        assert made.cost(near) > cost


def test_exact_landmarks_of_several_frames_give_the_person(rig: Rig, model: FaceModel) -> None:
    scene = Scene(model, 1, 8)
    fit = fit_identity(scene.landmarks, [CAMERA], rig, "mien70", priors=EXACT)
    assert fit.converged
    assert fit.residual.max() < 0.1
    mean = shape_error(rig, np.zeros(100), scene.identity)
    assert shape_error(rig, fit.identity, scene.identity) < 0.3 * mean
    turned = Rotation.from_quat(fit.rotation) * Rotation.from_quat(scene.quaternions).inv()
    assert np.degrees(turned.magnitude()).max() < 1.5
    seen = np.setdiff1d(np.arange(70), [68, 69])
    np.testing.assert_allclose(fit.reprojected[:, seen], scene.landmarks[:, seen], atol=2.0)


def test_more_frames_tell_more(rig: Rig, model: FaceModel) -> None:
    errors = {}
    for count in (1, 8):
        rows = []
        for seed in range(4):
            scene = Scene(model, seed, 8)
            fit = fit_identity(scene.landmarks[:count], [CAMERA], rig, "mien70", priors=EXACT)
            rows.append(shape_error(rig, fit.identity, scene.identity))
        errors[count] = np.mean(rows)
    mean = np.mean([shape_error(rig, np.zeros(100), Scene(model, seed, 8).identity) for seed in range(4)])
    assert errors[8] < errors[1] < mean


def test_any_layout_of_the_rig_will_do_and_a_denser_one_tells_more(rig: Rig, model: FaceModel) -> None:
    rows = np.arange(*GROUPS["face_narrow"], 40)
    layout = LandmarkLayout(
        name="dense", count=len(rows), groups={"jaw": (0, 1, 2), "iris_left": (3,)}, mirror=tuple(range(len(rows)))
    )
    anchors = LandmarkAnchors(layout=layout, indices=rows[:, None], weights=np.ones((len(rows), 1)))
    dense_rig = replace(rig, landmarks={"dense": anchors})
    dense = Scene(FaceModel.of(dense_rig, "dense"), 1, 2)
    sparse = Scene(model, 1, 2)
    np.testing.assert_array_equal(dense.identity, sparse.identity)
    found = fit_identity(dense.landmarks, [CAMERA], dense_rig, "dense", priors=EXACT).identity
    other = fit_identity(sparse.landmarks, [CAMERA], rig, "mien70", priors=EXACT).identity
    assert shape_error(rig, found, dense.identity) < shape_error(rig, other, dense.identity)


def test_the_mean_face_is_the_mean_face(rig: Rig, model: FaceModel) -> None:
    scene = Scene(model, 2, 2, modes=0)
    scene_weights = np.zeros_like(scene.weights)
    points = np.einsum(
        "fij,flj->fli", Rotation.from_quat(scene.quaternions).as_matrix(), model.points(scene.identity, scene_weights)
    )
    fit = fit_identity(CAMERA.project(points + scene.shifts[:, None]), [CAMERA], rig, "mien70")
    assert np.abs(fit.identity).max() < 1e-2
    assert fit.weights.max() < 1e-2
    head = Rotation.from_quat(scene.quaternions).as_matrix() @ head_position(rig) + scene.shifts
    np.testing.assert_allclose(fit.translation, head, atol=0.5)


def test_a_frame_shown_again_tells_nothing_new_if_errors_repeat(rig: Rig, model: FaceModel) -> None:
    points = Scene(model, 3, 1).landmarks
    priors = Priors(repeated=1.0)
    once, thrice = (
        fit_identity(np.repeat(points, n, axis=0), [CAMERA], rig, "mien70", priors=priors).identity for n in (1, 3)
    )
    np.testing.assert_allclose(once, thrice, atol=0.02)


def test_a_lens_is_corrected_when_heads_turn(rig: Rig, model: FaceModel) -> None:
    scene = Scene(model, 4, 8)
    guess = replace(CAMERA, focal=CAMERA.focal * 1.25)
    fit = fit_identity(scene.landmarks, [guess], rig, "mien70", priors=EXACT, focal_known=False)
    assert abs(np.log(fit.focal[0] / CAMERA.focal)) < 0.6 * np.log(1.25)
    assert (fit.focal == fit.focal[0]).all()
    kept = fit_identity(scene.landmarks, [guess], rig, "mien70", priors=EXACT)
    np.testing.assert_allclose(kept.focal, guess.focal)


def test_wild_points_do_little(rig: Rig, model: FaceModel) -> None:
    scene = Scene(model, 5, 4)
    clean = fit_identity(scene.landmarks, [CAMERA], rig, "mien70", priors=Priors(slide=1.0))
    wild = scene.landmarks.copy()
    wild[1, [30, 40, 57]] += (60.0, -45.0)
    fit = fit_identity(wild, [CAMERA], rig, "mien70", priors=Priors(slide=1.0))
    assert shape_error(rig, fit.identity, clean.identity) < 0.5
    left_out = np.full_like(wild, np.nan)
    trust = np.ones(wild.shape[:2])
    trust[1, [30, 40, 57]] = 0
    left_out[trust > 0] = wild[trust > 0]
    missing = fit_identity(left_out, [CAMERA], rig, "mien70")
    untrusted = fit_identity(wild, [CAMERA], rig, "mien70", trust=trust)
    np.testing.assert_allclose(missing.identity, untrusted.identity, atol=1e-6)


def test_irises_and_the_place_along_the_jaw_do_not_matter(rig: Rig, model: FaceModel) -> None:
    scene = Scene(model, 6, 2, spread=0.0)
    scene.weights[:] = 0
    base = fit_identity(scene.landmarks, [CAMERA], rig, "mien70")
    moved = scene.landmarks.copy()
    moved[:, 68:] += 8.0
    np.testing.assert_array_equal(fit_identity(moved, [CAMERA], rig, "mien70").identity, base.identity)
    cheek = scene.landmarks.copy()
    cheek[:, [1, 2, 14, 15], 1] += 6.0  # the jaw runs upright there
    slid, fixed = (
        fit_identity(cheek, [CAMERA], rig, "mien70", priors=Priors(slide=slide)).identity - own
        for slide, own in (
            (0.02, fit_identity(scene.landmarks, [CAMERA], rig, "mien70", priors=Priors(slide=0.02)).identity),
            (1.0, fit_identity(scene.landmarks, [CAMERA], rig, "mien70", priors=Priors(slide=1.0)).identity),
        )
    )
    assert np.linalg.norm(slid) < 0.4 * np.linalg.norm(fixed)


def test_a_guess_counts_where_landmarks_say_little(rig: Rig, model: FaceModel) -> None:
    scene = Scene(model, 6, 1)
    vague = np.random.default_rng(6).normal(0, 6.0, scene.landmarks.shape)
    known = Guess(mean=scene.identity, covariance=0.05 * np.eye(100))
    alone, helped, exact = (
        fit_identity(points, [CAMERA], rig, "mien70", guess=guess, priors=priors)
        for points, guess, priors in (
            (scene.landmarks + vague, None, None),
            (scene.landmarks + vague, known, None),
            (scene.landmarks, Guess(mean=np.zeros(100), covariance=np.eye(100)), replace(EXACT, guess=1.0)),
        )
    )
    assert shape_error(rig, helped.identity, scene.identity) < 0.5 * shape_error(rig, alone.identity, scene.identity)
    plain = fit_identity(scene.landmarks, [CAMERA], rig, "mien70", priors=EXACT)
    np.testing.assert_allclose(exact.identity, plain.identity, atol=1e-9, err_msg="anybody is no guess")


def test_brows_that_grow_elsewhere_do_little(rig: Rig, model: FaceModel) -> None:
    scene = Scene(model, 7, 4)
    high = scene.landmarks.copy()
    high[:, [*model.layout.groups["brow_right"], *model.layout.groups["brow_left"]]] -= (0.0, 6.0)
    usual, trusting = (
        np.subtract(
            *(fit_identity(p, [CAMERA], rig, "mien70", priors=priors).identity for p in (high, scene.landmarks))
        )
        for priors in (Priors(), Priors(brows=1.0))
    )
    assert np.linalg.norm(usual) < 0.9 * np.linalg.norm(trusting)


def test_what_cannot_be_fitted_is_refused(rig: Rig, model: FaceModel) -> None:
    points = Scene(model, 7, 2).landmarks
    with pytest.raises(MienError, match="no identity modes"):
        fit_identity(points, [CAMERA], replace(rig, identity_modes=None), "mien70")
    with pytest.raises(MienError, match="no landmarks 'mine'"):
        fit_identity(points, [CAMERA], rig, "mine")
    few = points.copy()
    few[1, 5:] = np.nan
    with pytest.raises(MienError, match="frame 1 has fewer"):
        fit_identity(few, [CAMERA], rig, "mien70")
    with pytest.raises(MienError, match="one line"):
        fit_identity(np.stack([points[..., 0], points[..., 0]], axis=-1), [CAMERA], rig, "mien70")
    with pytest.raises(ValueError, match="landmarks are"):
        fit_identity(points[:, :5], [CAMERA], rig, "mien70")


@settings(max_examples=30)
@given(st.tuples(*[st.floats(-0.6, 0.6)] * 3))
def test_the_orthographic_start_is_near(model: FaceModel, angles: tuple[float, float, float]) -> None:
    turn = Rotation.from_quat(quaternion_from_angles(np.array(angles)))
    points = turn.apply(model.neutral) + np.array([20.0, -30.0, -800.0])
    image = points[:, :2] * (1000.0 / -points[:, 2:])
    matrix, shift = orthographic(image, model.neutral, np.ones(len(image)), 1000.0)
    assert np.degrees((Rotation.from_matrix(matrix) * turn.inv()).magnitude()) < 12
    assert abs(shift[2] + 800) < 150


def test_modes_are_in_standard_deviations(rig: Rig) -> None:
    """Orthogonal over all vertices, and pupils as far apart as people's (63.4 +- 3.8 mm, Dodgson 2004)."""
    assert rig.identity_modes is not None
    flat = rig.identity_modes.reshape(100, -1).astype(np.float64)
    gram = flat @ flat.T
    size = np.sqrt(np.diag(gram))
    assert np.abs(gram / np.outer(size, size) - np.eye(100)).max() < 1e-3
    anchors = rig.landmarks["mien70"]
    people = np.random.default_rng(0).normal(size=(500, 100))
    points = np.tensordot(people, anchors.positions(rig.identity_modes)[:, 68:], axes=1)
    points = points + anchors.positions(rig.neutral.vertices)[68:]
    distance = np.linalg.norm(points[:, 0] - points[:, 1], axis=1)
    assert distance.mean() == pytest.approx(63.4, abs=3.0)
    assert distance.std() == pytest.approx(3.8, rel=0.15)


@settings(max_examples=5)
@given(seed=st.integers(0, 100))
def test_joints_follow_the_face(rig: Rig, seed: int) -> None:
    identity = np.random.default_rng(seed).normal(size=100)
    who = person(rig, identity)
    np.testing.assert_array_equal(who.neutral.vertices, rig.with_identity(identity).neutral.vertices)
    joints = {joint.name: np.array(joint.position) for joint in who.joints}
    for name, group in (("eyeLeft", "sclera_left"), ("eyeRight", "sclera_right")):
        radius = np.linalg.norm(who.neutral.vertices[slice(*GROUPS[group])] - joints[name], axis=1)
        assert radius.std() < 0.06 * radius.mean()  # the cornea bulges
    unmoved = person(rig, np.zeros(1))
    for before, after in zip(rig.joints, unmoved.joints, strict=True):
        np.testing.assert_allclose(before.position, after.position, atol=1e-4)


def take(seed: int, frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    angles = np.cumsum(rng.normal(0, 0.05, (frames, 3)), axis=0)
    return quaternion_from_angles(angles), rng.uniform(0, 1, (frames, 52)), rng.uniform(0.8, 1, frames)


@given(seed=st.integers(0, 1000), frames=st.integers(1, 80), count=st.integers(1, 15))
def test_chosen_frames_are_few_confident_calm_and_apart(seed: int, frames: int, count: int) -> None:
    rotation, weights, confidence = take(seed, frames)
    confidence[:: frames // 3 + 1] = 0
    rotation[confidence == 0] = np.nan
    weights[confidence == 0] = np.nan
    rows = choose_frames(rotation, weights, confidence, count)
    assert len(rows) <= count
    assert (np.diff(rows) > 0).all()
    assert (confidence[rows] > 0).all()
    assert bool(len(rows)) == bool((confidence > 0).any())
    pairs = Rotation.from_quat(rotation[rows])
    for i in range(len(rows)):
        for j in range(i):
            assert (pairs[i] * pairs[j].inv()).magnitude() > np.radians(1.0)


def test_frames_with_expression_are_passed_over() -> None:
    angles = np.stack([np.linspace(-0.5, 0.5, 40), np.zeros(40), np.zeros(40)], axis=1)
    weights = np.zeros((40, 52))
    weights[::2, ARKIT.index("jawOpen")] = 0.9
    rows = choose_frames(quaternion_from_angles(angles), weights, np.ones(40), 8)
    assert len(rows) == 8
    assert (rows % 2 == 1).all()
    assert np.ptp(angles[rows, 0]) > 0.9


def test_a_fit_survives_its_file(rig: Rig, model: FaceModel, tmp_path: Path) -> None:
    fit = fit_identity(Scene(model, 8, 2).landmarks, [CAMERA], rig, "mien70")
    save_identity(fit, tmp_path / "me.npz")
    back = load_identity(tmp_path / "me.npz")
    assert back.rig == "ict"
    np.testing.assert_array_equal(back.coefficients, fit.identity)
    assert set(back.landmarks) == set(rig.landmarks)
    own = rig.landmarks["mien70"].positions(fit.neutral.vertices) - head_position(fit.rig)
    np.testing.assert_allclose(back.landmarks["mien70"], own, atol=1e-4)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "me.npz").read_bytes()[:500])
    np.savez(tmp_path / "other.npz", identity=np.zeros(100))
    for name in ("cut.npz", "other.npz", "none.npz"):
        with pytest.raises(MienError, match=name):
            load_identity(tmp_path / name)
