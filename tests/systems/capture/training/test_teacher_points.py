from pathlib import Path

import numpy as np
import pytest

from mien.core import MienError
from mien.systems.capture import spec
from mien.systems.capture.evaluation.face_measures import MEDIAPIPE
from mien.systems.capture.training.face_labels import label_files, read_labels
from mien.systems.capture.training.face_sets import set_of
from mien.systems.capture.training.teacher_points import HandMarks, TeacherMap, learn, marked_landmarks

OUTER_EYES = MEDIAPIPE["outer_eyes"]


@pytest.fixture(scope="module")
def held_out_marks(assets: Path) -> HandMarks:
    """Faces marked by hand of people that the packaged map was not learnt from."""
    points, templates = [], []
    for path in label_files(assets / "real"):
        labels = read_labels(path)
        for row in np.flatnonzero(np.isfinite(labels.hand[:, 0, 0])).tolist():
            if set_of(labels.folder).held_out(labels.stem(row)):
                points.append(labels.teacher.points[row])
                templates.append(labels.hand[row])
    return HandMarks(points=np.array(points), templates=np.array(templates))


def turned(points: np.ndarray, angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * points @ turn.T + shift


def test_landmarks_turn_scale_and_shift_with_the_teachers_points(held_out_marks: HandMarks) -> None:
    teacher, points = TeacherMap.load(), held_out_marks.points[..., :2]
    for change in ((0.4, 1.0, (0, 0)), (0.0, 2.5, (0, 0)), (-2.0, 0.3, (700, -40))):
        np.testing.assert_allclose(
            teacher.apply(turned(points, *change)), turned(teacher.apply(points), *change), rtol=0, atol=1e-6
        )
    np.testing.assert_array_equal(teacher.apply(held_out_marks.points), teacher.apply(points))  # depth does not matter
    np.testing.assert_allclose(teacher.weight.sum(axis=1), 1.0, atol=1e-5)


def test_the_packaged_map_lands_on_the_hand_marks_of_people_it_never_learnt_from(held_out_marks: HandMarks) -> None:
    """Within 1.3 % of the distance of the outer eye corners on average, 1.7 % at every point."""
    assert len(held_out_marks.points) == 41
    right, left = OUTER_EYES
    size = np.linalg.norm(held_out_marks.points[:, left, :2] - held_out_marks.points[:, right, :2], axis=1)
    marked, exact = marked_landmarks(held_out_marks.templates)
    far = np.linalg.norm(TeacherMap.load().apply(held_out_marks.points) - marked, axis=2)[:, exact] / size[:, None]
    of_point = np.sqrt(np.square(far).mean(axis=0))
    assert exact.sum() == 33 and np.sqrt(np.square(far).mean()) < 0.013 and of_point.max() < 0.0175


def test_the_spread_of_a_mean_of_independent_points_is_that_of_noise_put_through_the_map() -> None:
    teacher, rng = TeacherMap.load(), np.random.default_rng(0)
    face = rng.uniform(0, 100, (478, 2))
    right, left = OUTER_EYES
    face[[right, left]] = (20, 50), (80, 50)
    spread = rng.uniform(0.1, 0.5, 478)
    spread[[right, left]] = 0.0  # the frame of the offsets moves with them
    noisy = face + rng.normal(0, 1, (20_000, 478, 2)) * spread[:, None]
    measured = teacher.apply(noisy).std(axis=0)
    np.testing.assert_allclose(measured, np.repeat(teacher.spread(spread[None])[0][:, None], 2, axis=1), rtol=0.03)


def world(people: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, TeacherMap]:
    """Faces, each turned and scaled, whose landmarks are means of the points nearest to them, shifted by an offset."""
    mean = rng.uniform(0, 1, (478, 2))
    right, left = OUTER_EYES
    mean[[right, left]] = (0.2, 0.3), (0.8, 0.3)
    mean[:, 0] -= 0.5
    near = rng.integers(0, 478, (spec.LAYOUT.count, 1))
    truth = TeacherMap(
        near=near,
        weight=np.ones_like(near, np.float64),
        offset=np.tile([0.004, -0.002], (len(near), 1)),
        error=np.zeros(len(near)),
    )
    faces = mean + rng.normal(0, 0.02, (people, 478, 2))
    points = np.stack([turned(face, rng.uniform(-1, 1), rng.uniform(50, 200), (90, 90)) for face in faces])
    return points, truth.apply(points), np.arange(people), truth


def test_a_map_is_learnt_from_faces_whose_landmarks_follow_one() -> None:
    rng = np.random.default_rng(1)
    points, landmarks, identity, truth = world(300, rng)
    learnt = learn(points, landmarks, identity)
    fresh = world(20, np.random.default_rng(1))[0]
    size = np.linalg.norm(fresh[:, OUTER_EYES[0]] - fresh[:, OUTER_EYES[1]], axis=1)
    far = np.linalg.norm(learnt.apply(fresh) - truth.apply(fresh), axis=2) / size[:, None]
    assert np.median(far) < 2e-3
    # The error that it states is the one on people left out.
    out = identity % 5 == 0
    sizes = np.linalg.norm(points[out][:, OUTER_EYES[0]] - points[out][:, OUTER_EYES[1]], axis=1)
    off = np.linalg.norm(learnt.apply(points[out]) - landmarks[out], axis=2) / sizes[:, None]
    np.testing.assert_allclose(learnt.error, np.sqrt(np.square(off).mean(axis=0)), rtol=1e-6)
    with pytest.raises(ValueError, match="people"):
        learn(points[:3], landmarks[:3], np.array([5, 10, 15]))


def test_hand_marks_move_the_points_they_mark_alike_on_both_sides_and_no_others(held_out_marks: HandMarks) -> None:
    points, landmarks, identity, _ = world(100, np.random.default_rng(2))
    plain, by_hand = learn(points, landmarks, identity), learn(points, landmarks, identity, held_out_marks)
    _, exact = marked_landmarks(held_out_marks.templates[:1])
    moved = by_hand.offset - plain.offset
    assert (moved[~exact] == 0).all() and (np.linalg.norm(moved[exact], axis=1) > 0).all()
    np.testing.assert_allclose(moved, moved[list(spec.LAYOUT.mirror)] * (-1, 1), atol=1e-12)


def test_a_map_survives_its_file_and_another_file_is_refused(tmp_path: Path) -> None:
    teacher = TeacherMap.load()
    teacher.save(tmp_path / "map.npz")
    for name, value in vars(TeacherMap.load(tmp_path / "map.npz")).items():
        np.testing.assert_allclose(value, vars(teacher)[name], rtol=0, atol=1e-7)
    (tmp_path / "other.npz").write_bytes(b"nothing")
    with pytest.raises(MienError, match=r"other\.npz"):
        TeacherMap.load(tmp_path / "other.npz")
