import cv2
import numpy as np
import pytest

from mien.core.transforms import gaze_from_weights, weights_from_gaze
from mien.systems.capture import spec
from mien.systems.capture.runtime.landmark_rig import LandmarkRig, landmark_rig
from mien.systems.capture.training.moved_faces import GROUPS, FaceMover, _field, draw_change
from mien.track.align import STORED

ORDER = list(spec.LAYOUT.mirror)


@pytest.fixture(scope="module")
def mover(assets: object) -> FaceMover:
    return FaceMover.of(LandmarkRig.from_arrays(landmark_rig()))


@pytest.fixture
def face(mover: FaceMover) -> np.ndarray:
    """The rig's landmarks [px] in a stored crop, somewhat turned."""
    camera = np.array([[0.52, 0.05], [-0.04, -0.55], [0.1, 0.02]])
    points = mover.neutral @ camera
    return points - points.mean(axis=0) + (STORED - 1) / 2


def change_of(*names: str, level: float = 0.8) -> np.ndarray:
    change = np.zeros(len(spec.CHANNELS))
    change[[spec.CHANNELS.index(name) for name in names]] = level
    return change


def picture(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (20, 20, 3)).astype(np.float32)
    return cv2.resize(noise, (STORED, STORED), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def test_no_change_is_the_same_picture(mover: FaceMover, face: np.ndarray) -> None:
    image, landmarks = mover.moved(picture(), face, np.zeros(len(spec.CHANNELS)))
    np.testing.assert_array_equal(image, picture())
    np.testing.assert_array_equal(landmarks, face)


def test_landmarks_move_as_the_rig_does_through_the_pictures_own_camera(mover: FaceMover, face: np.ndarray) -> None:
    change = change_of("mouthSmileLeft", "browInnerUp")
    _, landmarks = mover.moved(picture(), face, change)
    camera = np.array([[0.52, 0.05], [-0.04, -0.55], [0.1, 0.02]])
    moved_rig = mover.neutral + np.tensordot(change, mover.shapes, axes=1)
    np.testing.assert_allclose(landmarks - face, (moved_rig - mover.neutral) @ camera, atol=1e-9)
    assert np.abs(landmarks - face).max() > 3


@pytest.mark.parametrize("names", [names for _, names in GROUPS if not names[0].startswith("jaw")])
def test_what_lies_at_a_landmark_goes_where_the_landmark_goes(
    mover: FaceMover, face: np.ndarray, names: tuple[str, ...]
) -> None:
    """A blob at each of some landmarks far apart; its centroid in the moved picture is the moved landmark."""
    moved_by = np.linalg.norm(mover.displacements(face, change_of(*names)), axis=1)
    y, x = np.mgrid[:STORED, :STORED]
    for point in sorted({int(np.argmax(moved_by)), 8, 19, 24, 33, 48, 54}):
        blob = np.exp(-((x - face[point, 0]) ** 2 + (y - face[point, 1]) ** 2) / 8)
        image = np.repeat((255 * blob)[..., None], 3, axis=2).astype(np.uint8)
        moved, landmarks = mover.moved(image, face, change_of(*names))
        weight = moved[..., 0].astype(np.float64)
        centroid = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        assert np.linalg.norm(centroid - landmarks[point]) < 0.25 + 0.2 * moved_by.max(), (names, point)


@pytest.mark.parametrize("gaze", [(0.3, 0.0), (-0.4, 0.1), (0.0, -0.2)])
def test_turned_eyes_move_each_pupil_by_its_arm_and_the_rest_of_the_face_but_lids_not(
    mover: FaceMover, face: np.ndarray, gaze: tuple[float, float]
) -> None:
    change = weights_from_gaze(np.array([gaze, (0.0, 0.0)])).astype(np.float64)
    camera = np.array([[0.52, 0.05], [-0.04, -0.55], [0.1, 0.02]])
    move = mover.displacements(face, change)
    left, right = (
        [*spec.LAYOUT.groups[f"iris_{side}"], *spec.LAYOUT.groups[f"iris_rim_{side}"]] for side in ("left", "right")
    )
    expected = np.array([*(10.5 * np.sin(gaze)), 0.0]) @ camera
    np.testing.assert_allclose(move[left], np.tile(expected, (5, 1)), atol=1e-9)
    assert np.abs(move[right]).max() < 1e-9
    assert np.abs(move[[*spec.LAYOUT.groups["lips_outer"], *spec.LAYOUT.groups["jaw"]]]).max() < 0.3
    # What shows at the pupil goes along.
    y, x = np.mgrid[:STORED, :STORED]
    pupil = face[left[0]]
    blob = np.repeat((255 * np.exp(-((x - pupil[0]) ** 2 + (y - pupil[1]) ** 2) / 4))[..., None], 3, axis=2)
    moved, landmarks = mover.moved(blob.astype(np.uint8), face, change)
    weight = moved[..., 0].astype(np.float64)
    centroid = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
    far = landmarks[left[0]] - pupil
    assert 0.65 < (centroid - pupil) @ far / (far @ far) < 1.1


def test_half_of_the_changes_turn_the_eyes_a_few_of_them_apart() -> None:
    rng = np.random.default_rng(1)
    gaze = np.stack([gaze_from_weights(draw_change(rng)) for _ in range(3000)])
    turned = gaze.any(axis=(1, 2))
    assert 0.45 < turned.mean() < 0.55
    assert 0.15 < (np.ptp(gaze[turned], axis=1)[:, 0] > 1e-6).mean() < 0.25
    assert np.abs(np.median(gaze[turned], axis=0)).max() < 0.03 and 0.15 < gaze[turned, 0, 0].std() < 0.25


def test_the_edge_stays_and_the_background_hardly_moves(mover: FaceMover, face: np.ndarray) -> None:
    for names in (("mouthLeft",), ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), ("jawRight",)):
        moved, _ = mover.moved(picture(), face, change_of(*names, level=1.0))
        for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
            np.testing.assert_array_equal(moved[edge], picture()[edge])
        move = mover.displacements(face, change_of(*names, level=1.0))
        field = _field(face + move, -move)
        corners = [field[a, b] for a in (np.s_[:20], np.s_[-20:]) for b in (np.s_[:20], np.s_[-20:])]
        assert max(np.abs(corner).max() for corner in corners) < 0.25 * np.abs(move).max()
        assert (moved != picture()).any()


def test_the_field_is_scipys_thin_plate_spline(mover: FaceMover, face: np.ndarray) -> None:
    from scipy.interpolate import RBFInterpolator

    move = mover.displacements(face, change_of("mouthSmileLeft", "mouthSmileRight", "browDownLeft"))
    steps = np.linspace(0, STORED - 1, 11)
    edge = np.array([(x, y) for x in steps for y in steps if {x, y} & {0.0, STORED - 1.0}])
    spline = RBFInterpolator(
        np.r_[face + move, edge], np.r_[-move, np.zeros_like(edge)], kernel="thin_plate_spline", smoothing=0.1
    )
    y, x = np.mgrid[10:150:7, 10:150:7]
    expected = spline(np.c_[x.ravel(), y.ravel()]).reshape(*x.shape, 2)
    far = np.linalg.norm(_field(face + move, -move)[y, x] - expected, axis=-1)
    assert far.mean() < 0.02 * np.abs(move).max() and far.max() < 0.15 * np.abs(move).max()


def test_a_mirrored_picture_moves_as_the_mirror_image(mover: FaceMover, face: np.ndarray) -> None:
    change = change_of("mouthSmileLeft", "browOuterUpRight", "jawLeft")
    moved, landmarks = mover.moved(picture(), face, change)
    mirrored_face = (face * (-1, 1) + (STORED - 1, 0))[ORDER]
    image = np.ascontiguousarray(picture()[:, ::-1])
    other, points = mover.moved(image, mirrored_face, change[list(spec.MIRROR)])
    np.testing.assert_allclose((points * (-1, 1) + (STORED - 1, 0))[ORDER], landmarks, atol=1e-9)
    assert np.abs(other[:, ::-1].astype(int) - moved).mean() < 0.5


def test_changes_are_of_few_channels_at_times_on_one_side_and_never_open_the_mouth() -> None:
    rng = np.random.default_rng(0)
    changes = np.stack([draw_change(rng) for _ in range(2000)])
    gaze = [k for k, name in enumerate(spec.CHANNELS) if name.startswith("eyeLook")]
    others = np.delete(changes, gaze, axis=1)
    assert (changes >= 0).all() and (changes <= 1).all() and (others.max(axis=1) >= 0.2).all()
    used = {spec.CHANNELS[k] for k in np.flatnonzero(changes.any(axis=0))}
    assert used == {name for _, names in GROUPS for name in names} | {spec.CHANNELS[k] for k in gaze}
    assert not used & {"jawOpen", "mouthUpperUpLeft", "mouthUpperUpRight", "tongueOut"}
    left, right = (changes[:, spec.CHANNELS.index(f"mouthSmile{side}")] > 0 for side in ("Left", "Right"))
    assert 0.25 < (left ^ right).sum() / (left | right).sum() < 0.45
