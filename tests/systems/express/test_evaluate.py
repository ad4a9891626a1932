from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.engine.mesh.pca import displacement_basis
from mien.synth.expressions import write_expressions
from mien.systems.express.config import PRESETS, ExpressConfig
from mien.systems.express.evaluate import error_table, held_out, held_out_blends, measure
from mien.systems.express.evaluation.baselines import linear_units, nearest_subject, still
from mien.systems.express.evaluation.classifier import Classifier, scores
from mien.systems.express.runtime.identity_code import IdentityCode
from mien.systems.express.training.corpus import drawn_displacements, extremeness, load_corpus


def test_the_nearest_subject_of_a_training_subject_is_itself(smoke: ExpressConfig) -> None:
    corpus = load_corpus(smoke)
    for i in (0, 3):
        every = np.arange(corpus.length[i])
        np.testing.assert_allclose(nearest_subject(corpus)(i), corpus.displacements(i, every), atol=1e-4)


def test_still_errs_by_the_displacement_and_the_truth_by_nothing(smoke: ExpressConfig) -> None:
    corpus = load_corpus(smoke)
    rows = np.flatnonzero(~corpus.train)
    truth = lambda i: corpus.displacements(i, np.arange(int(corpus.length[i])))  # noqa: E731
    table = error_table(
        corpus, {n: measure(corpus, p, rows) for n, p in (("still", still(corpus)), ("truth", truth))}, rows
    )
    assert table["truth"]["total"] == 0.0
    expected = np.mean([np.linalg.norm(truth(i), axis=2).mean() for i in rows])
    assert table["still"]["total"] == pytest.approx(expected)
    course = table["still"]["course"]
    assert course[0] == pytest.approx(0, abs=1e-6) and np.argmax(course) in range(10, 31)


def test_linear_units_find_their_gain_on_faces_that_are_linear(smoke: ExpressConfig, tmp_path: Path) -> None:
    write_expressions(tmp_path, subjects=4, per_expression=1, blends=0)
    corpus = load_corpus(replace(PRESETS["smoke"], data=str(tmp_path), train_subjects=3))
    rng = np.random.default_rng(0)
    shapes = rng.normal(size=(52, 30, 3)).astype(np.float32)
    prototype = linear_units(replace(corpus, displacements=lambda i, f: np.ones((len(f), 30, 3), np.float32)), shapes)
    patterns = [prototype(e)[corpus.apex(e, 30.0)] / max(corpus.extremeness[e], 1e-9) for e in range(6)]

    def linear(i: int, frames: np.ndarray) -> np.ndarray:
        e = int(corpus.expression[i])
        return 1.7 * corpus.signal[i, frames, e][:, None, None] * patterns[e]

    made = replace(corpus, displacements=linear)
    fitted = linear_units(made, shapes)
    for i in (0, 8, 20):  # the last is held out
        np.testing.assert_allclose(fitted(i), linear(i, np.arange(60)), rtol=2e-2, atol=1e-3)


def test_a_blend_has_both_signals_and_is_measured_apart(assets: Path, tmp_path: Path) -> None:
    write_expressions(tmp_path, subjects=4, per_expression=1, blends=2)
    corpus = load_corpus(replace(PRESETS["smoke"], data=str(tmp_path), train_subjects=3))
    assert len(corpus.second) == 32 and held_out_blends(corpus).tolist() == [30, 31]
    assert held_out(corpus).tolist() == list(range(24, 30))
    shown = corpus.signal.max(axis=1)
    for i in np.flatnonzero(corpus.second >= 0).tolist():
        assert set(np.flatnonzero(shown[i]).tolist()) == {corpus.expression[i], corpus.second[i]}
        assert shown[i, corpus.expression[i]] == pytest.approx(corpus.extremeness[i], rel=0.2)
    alone = np.flatnonzero(corpus.second < 0)
    assert ((shown[alone] > 0).sum(axis=1) == 1).all()


def test_extremeness_is_relative_to_the_training_mean_plus_two_deviations() -> None:
    apex = np.array([1.0, 3.0, 2.0, 8.0, 0.0])
    train = np.array([True, True, False, False, False])
    out = extremeness(apex, np.zeros(5, int), train)
    np.testing.assert_allclose(out, [0.25, 0.75, 0.5, 1.0, 0.0])


def test_the_basis_spans_the_displacements(smoke: ExpressConfig) -> None:
    corpus = load_corpus(smoke)
    basis = displacement_basis(drawn_displacements(corpus, seed=1), 8)
    assert basis.shape == (8, 3 * len(corpus.neutral(0)))
    x = corpus.displacements(0, np.array([7])).reshape(-1)
    solution, *_ = np.linalg.lstsq(basis.T, x, rcond=None)
    assert np.abs(basis.T @ solution - x).max() < 0.02 * np.abs(x).max()


def test_codes_of_training_neutrals_have_zero_mean_and_unit_variance() -> None:
    rng = np.random.default_rng(0)
    neutrals = rng.normal(size=(40, 1, 4)) @ rng.normal(size=(4, 60)) + rng.normal(size=60)
    neutrals = neutrals.reshape(40, 20, 3)
    code = IdentityCode.fit(neutrals, np.arange(20), 6)
    rows = (neutrals.reshape(40, -1) - code.mean) @ code.basis
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(rows[:, :4].std(axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(rows[:, 4:], 0, atol=1e-6)  # there were four ways to differ
    assert np.abs(code(neutrals[0] + 1e6)).max() <= 3.0


def test_scores_are_precision_recall_and_f1_by_class() -> None:
    truth, answers = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 1, 0, 0])
    found = scores(answers, truth, 4)
    assert found.precision == pytest.approx((1 / 3 + 2 / 3 + 0) / 3)
    assert found.recall == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert found.f1 == pytest.approx((0.4 + 0.8 + 0) / 3)


def test_the_classifier_tells_apart_what_is_apart_and_is_deterministic() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 10, 3))
    labels = np.arange(60) % 3
    apexes = centres[labels] + 0.3 * rng.normal(size=(60, 10, 3))
    one, other = (Classifier.fit(apexes, labels, 3, steps=150) for _ in range(2))
    fresh = centres[labels] + 0.3 * rng.normal(size=(60, 10, 3))
    assert (one(fresh) == labels).mean() > 0.95
    np.testing.assert_array_equal(one(fresh), other(fresh))
