from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core import ARKIT, MienError
from mien.rigs.ict_topology import FACE
from mien.synth import expressions as ex


@pytest.fixture(scope="module")
def takes(assets: Path) -> ex.Takes:
    return ex.sample_takes(1, 3, 1, blends=4)


@pytest.fixture(scope="module")
def face(takes: ex.Takes) -> ex.ExpressiveFace:
    return ex.ExpressiveFace(takes.coefficients)


@given(cuts=st.lists(st.floats(0.02, 0.5), min_size=4, max_size=4), ease=st.floats(1, 3))
def test_a_pulse_rises_from_0_to_1_and_falls_again(cuts: list[float], ease: float) -> None:
    timing = np.cumsum(cuts)
    times = np.linspace(0, 2, 400)
    pulse = ex.pulse_at(times, timing, ease)
    assert (pulse[(times <= timing[0]) | (times >= timing[3])] == 0).all()
    np.testing.assert_allclose(pulse[(times >= timing[1]) & (times <= timing[2])], 1)
    assert (np.diff(pulse[times <= timing[1]]) >= -1e-12).all()
    assert (np.diff(pulse[times >= timing[2]]) <= 1e-12).all()


def test_every_take_starts_and_ends_neutral_and_shows_its_expression(takes: ex.Takes, face: ex.ExpressiveFace) -> None:
    assert takes.expression[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert takes.weights.min() >= 0 and takes.weights.max() <= 1
    assert not takes.weights[:, 0].any() and not takes.weights[:, -1].any()
    assert (np.diff(takes.timing, axis=1) > 0).all() and takes.timing.max() < ex.FRAMES / ex.FPS
    happy, surprised = takes.weights[0].max(axis=0), takes.weights[2].max(axis=0)
    assert happy[ARKIT.index("mouthSmileLeft")] > 0.2 > happy[ARKIT.index("mouthFrownLeft")]
    assert surprised[ARKIT.index("browInnerUp")] > 0.2 > surprised[ARKIT.index("browDownLeft")]
    moved = np.linalg.norm(face.displacements(takes.weights[0]), axis=2).mean(axis=1)
    middle = round(takes.timing[0, 1:3].mean() * ex.FPS)
    assert moved[0] == moved[-1] == 0
    assert moved[middle] == pytest.approx(takes.apex_mm[0], rel=1e-4) and moved[middle] > 0.7 * moved.max()


def test_in_a_blend_both_expressions_are_shown_at_once_and_alone_nothing_changes(takes: ex.Takes) -> None:
    alone = ex.sample_takes(1, 3, 1)
    np.testing.assert_array_equal(alone.weights, takes.weights[:6])
    assert takes.second[:6].tolist() == [-1] * 6 and not takes.second_timing[:6].any()
    units = [{a for a, range_ in enumerate(ex.subject_style(1, 3, name).level) if range_ > 0.1} for name in ex.EMOTIONS]
    for i in range(6, 10):
        first, second = takes.expression[i], takes.second[i]
        assert first != second >= 0 and takes.apex_mm[i] > 0.1 < takes.second_apex_mm[i]
        own, other = takes.timing[i], takes.second_timing[i]
        assert own[0] <= other[0] <= own[2] and (np.diff(other) > 0).all() and other[3] <= 1.85 + 1e-9
        middle = takes.weights[i, round(float(max(own[1], other[0])) * ex.FPS) : round(float(own[3]) * ex.FPS)]
        assert middle[:, sorted(units[first] - units[second])].any()
        assert takes.weights[i][:, sorted(units[second] - units[first])].any()
    with pytest.raises(MienError, match="blends"):
        ex.write_expressions(Path("nowhere"), blends=-1)


def test_faces_are_not_linear_and_differ_by_more_than_their_neutral(face: ex.ExpressiveFace) -> None:
    smile, squint = np.zeros((2, 52), np.float32)
    smile[[ARKIT.index("mouthSmileLeft"), ARKIT.index("mouthSmileRight")]] = 1
    squint[[ARKIT.index("cheekSquintLeft"), ARKIT.index("cheekSquintRight")]] = 1
    one, other, both, half = face.displacements(np.stack([smile, squint, smile + squint, smile / 2]))
    assert np.linalg.norm(both - one - other, axis=1).max() > 1.0
    assert np.linalg.norm(half - one / 2, axis=1).max() > 0.3
    other = ex.ExpressiveFace(-2 * np.sign(np.arange(100) % 3 - 0.5))
    assert np.linalg.norm(other.displacements(smile[None])[0] - one, axis=1).mean() > 0.2


def test_the_jaw_swings_on_an_arc(face: ex.ExpressiveFace) -> None:
    weights = np.zeros((3, 52), np.float32)
    weights[:, ARKIT.index("jawOpen")] = (0, 0.5, 1)
    chin = face.neutral[:, 1].argmin()
    moved = np.linalg.norm(face.displacements(weights), axis=2).argmax(axis=1)[2]
    start, middle, end = face.neutral[moved] + face.displacements(weights)[:, moved]
    assert np.linalg.norm(middle - (start + end) / 2) > 1.0
    centre = np.array([0.0, -10.0, 10.0])
    assert np.linalg.norm(middle - centre) > np.linalg.norm((start + end) / 2 - centre)
    assert face.neutral[chin, 1] < 0


def test_the_mean_face_carries_shapes_unchanged_where_they_are_small() -> None:
    from mien.rigs.ict import load_ict

    mean = ex.ExpressiveFace(np.zeros(100))
    rig = load_ict()
    np.testing.assert_allclose(mean.neutral, rig.neutral.vertices[:FACE], atol=1e-4)
    weights = np.zeros((1, 52), np.float32)
    weights[0, ARKIT.index("browOuterUpLeft")] = 0.05
    expected = 0.05 * rig.shape("browOuterUpLeft")[:FACE]
    np.testing.assert_allclose(mean.displacements(weights)[0], expected, atol=2e-3)


def test_subjects_are_written_once_read_back_and_depend_on_their_number_alone(tmp_path: Path, takes: ex.Takes) -> None:
    ex.write_expressions(tmp_path, subjects=4, per_expression=1, blends=4, seed=1)
    stamp = (tmp_path / "subject-0003.npz").stat().st_mtime_ns
    ex.write_expressions(tmp_path, subjects=4, per_expression=1, seed=1)
    assert (tmp_path / "subject-0003.npz").stat().st_mtime_ns == stamp
    stored = ex.read_subject(tmp_path / "subject-0003.npz")
    for name, value in vars(takes).items():
        np.testing.assert_array_equal(getattr(stored, name), value)
    other = ex.read_subject(tmp_path / "subject-0002.npz")
    assert not np.array_equal(other.weights, stored.weights)
    with pytest.raises(MienError, match="another seed"):
        ex.write_expressions(tmp_path, subjects=4, per_expression=1, seed=2)
    (tmp_path / "subject-0001.npz").write_bytes(b"no")
    with pytest.raises(MienError, match="subject-0001"):
        ex.read_subject(tmp_path / "subject-0001.npz")
    with pytest.raises(MienError, match="at least 1"):
        ex.write_expressions(tmp_path, subjects=0)
