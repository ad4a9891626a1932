"""Metrics against scipy, closed forms and constructed cases."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import maximum_bipartite_matching

from mien.engine import metrics
from mien.engine.metrics import Ridge


def data(seed: int = 0, samples: int = 200, channels: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 1, (samples, channels)) * (rng.random((samples, channels)) < 0.4)
    return np.clip(0.7 * truth + 0.1 * rng.standard_normal(truth.shape) + 0.05, 0, 1), truth


def test_public_names() -> None:
    assert all(hasattr(metrics, name) for name in metrics.__all__)


@given(st.integers(0, 2**32 - 1))
def test_pearson_is_scipys(seed: int) -> None:
    p, t = data(seed)
    expected = [scipy.stats.pearsonr(p[:, c], t[:, c]).statistic for c in range(5)]
    np.testing.assert_allclose(metrics.pearson(p, t), expected, atol=1e-10)


def test_pearson_of_constants() -> None:
    p, t = data()
    t[:, 0] = 0.3
    p[:, 1] = 0.0
    r = metrics.pearson(p, t)
    assert np.isnan(r[0]) and r[1] == 0.0 and r[2] > 0.5
    assert np.isnan(metrics.concordance(p, t)[0])
    with pytest.raises(ValueError, match="differ in shape"):
        metrics.pearson(p[:10], t)


@given(st.floats(0.2, 2.0), st.floats(-1.0, 1.0))
def test_concordance_closed_form(gain: float, bias: float) -> None:
    """For p = gain t + bias: 2 gain v / ((1 + gain^2) v + (bias + (gain - 1) mean)^2)."""
    t = data(3)[1]
    v, mean = t.var(axis=0), t.mean(axis=0)
    expected = 2 * gain * v / ((1 + gain**2) * v + (bias + (gain - 1) * mean) ** 2)
    np.testing.assert_allclose(metrics.concordance(gain * t + bias, t), expected, rtol=1e-9)
    np.testing.assert_allclose(metrics.pearson(gain * t + bias, t), 1.0, atol=1e-9)


def test_active_error_splits_on_and_off() -> None:
    t = np.array([[0.0, 1.0], [0.5, 1.0], [0.04, 1.0], [0.0, 1.0]])
    p = np.array([[0.2, 1.0], [0.1, 0.8], [0.9, 1.0], [0.0, 1.0]])
    error = metrics.active_error(p, t)
    np.testing.assert_allclose(error.mae, [0.4, 0.05])
    np.testing.assert_allclose(error.false_activation, [0.1, np.nan])
    zeros = metrics.active_error(np.zeros_like(t), t)
    np.testing.assert_allclose(zeros.mae, [0.5, 1.0])


def test_vertex_error_is_the_rigs() -> None:
    rng = np.random.default_rng(0)
    p, t = rng.random((30, 4)), rng.random((30, 4))
    shapes = rng.standard_normal((4, 700, 3)) * 3
    slow = [np.linalg.norm(np.tensordot(a - b, shapes, 1), axis=1).mean() for a, b in zip(p, t, strict=True)]
    np.testing.assert_allclose(metrics.vertex_error(p, t, shapes), slow, rtol=1e-4)
    # One channel off by 0.1 on a shape that moves every vertex by 5 mm: 0.5 mm.
    shape = np.zeros((1, 10, 3))
    shape[..., 1] = 5.0
    np.testing.assert_allclose(metrics.vertex_error(np.array([[0.4]]), np.array([[0.3]]), shape), 0.5, rtol=1e-5)


def test_vertex_error_in_blocks_equals_whole() -> None:
    rng = np.random.default_rng(0)
    p, t = rng.random((9, 2)), rng.random((9, 2))
    shapes = rng.standard_normal((2, 300_000, 3))  # So large that a block holds four samples.
    together = metrics.vertex_error(p, t, shapes)
    alone = [metrics.vertex_error(p[i : i + 1], t[i : i + 1], shapes)[0] for i in range(9)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_selectivity() -> None:
    shown = np.array([0, 0, 1, 2])
    perfect = metrics.selectivity(np.eye(4)[shown], shown)
    assert perfect.accuracy == 1.0 and perfect.mean_leakage == 0.0 and perfect.mean_answer == 1.0
    assert np.isnan(perfect.leakage[3]).all()
    leaky = np.eye(4)[shown]
    leaky[3] = [0.9, 0, 0.5, 0.1]  # Shown 2, heard 0.
    result = metrics.selectivity(leaky, shown)
    assert result.accuracy == 0.75
    assert result.mean_leakage == pytest.approx(1.0 / 9)
    assert result.mean_answer == pytest.approx(2.5 / 3)
    np.testing.assert_allclose(result.leakage[2], [0.9, 0, 0.5, 0.1])


def test_neutral_bias_weighs_identities_equally() -> None:
    p = np.array([[0.1], [0.3], [0.6], [0.6], [0.6], [0.6]])
    mean, spread = metrics.neutral_bias(p, np.array([5, 5, 9, 9, 9, 9]))
    assert mean[0] == pytest.approx(0.4)
    assert spread[0] == pytest.approx(np.std([0.2, 0.6], ddof=1))
    assert np.isnan(metrics.neutral_bias(p, np.zeros(6, int))[1]).all()


def test_pose_leakage_is_the_change_with_pose() -> None:
    identity = np.array([3, 3, 3, 8, 8])
    frontal = np.array([True, False, False, True, False])
    p = np.array([[0.2, 0.0], [0.3, 0.0], [0.0, 0.0], [0.5, 0.1], [0.5, 0.4]])
    np.testing.assert_allclose(metrics.pose_leakage(p, identity, frontal), [0.1, 0.1])
    with pytest.raises(ValueError, match="1 identities have no frontal view"):
        metrics.pose_leakage(p, identity, np.array([True, False, False, False, False]))


def test_jitter_of_noise_and_of_motion() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((100_000, 2)) * [0.01, 0.1]
    np.testing.assert_allclose(metrics.jitter(noise), np.sqrt(6) * np.array([0.01, 0.1]), rtol=0.02)
    ramp = np.arange(100.0)[:, None, None] * np.ones((3, 2))
    np.testing.assert_allclose(metrics.jitter(ramp), 0.0, atol=1e-12)
    with pytest.raises(ValueError, match="three frames"):
        metrics.jitter(np.zeros((2, 4)))


@given(st.floats(-6.0, 6.0), st.integers(0, 100))
def test_lag_finds_sub_frame_delays(frames: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fps = 30.0
    frequency, phase = rng.uniform(0.2, 2.0, 8), rng.uniform(0, 7, 8)
    t = np.arange(400) / fps

    def curve(at: np.ndarray) -> np.ndarray:
        return np.sin(2 * np.pi * frequency * at[:, None] + phase).sum(axis=1)

    measured = metrics.lag(0.5 * curve(t - frames / fps) + 3, curve(t), fps)
    assert measured == pytest.approx(1e3 * frames / fps, abs=2.0)


def test_lag_of_constants_is_undefined() -> None:
    assert np.isnan(metrics.lag(np.zeros(50), np.sin(np.arange(50.0)), 30.0))


def test_nme_closed_form() -> None:
    truth = np.array([[[0.0, 0.0], [10.0, 0.0], [5.0, 8.0]]])
    moved = truth + np.array([3.0, 4.0])
    assert metrics.nme(moved, truth, (0, 1))[0] == pytest.approx(0.5)
    np.testing.assert_allclose(metrics.nme(7 * moved + 3, 7 * truth + 3, (0, 1)), 0.5)
    moved[0, 2] += 100
    assert metrics.nme(moved, truth, (0, 1), visible=np.array([[True, True, False]]))[0] == pytest.approx(0.5)
    assert np.isnan(metrics.nme(moved, truth, (0, 1), visible=np.zeros((1, 3), bool))[0])


def test_events_use_two_thresholds() -> None:
    curve = np.array([0, 0.4, 0.6, 0.45, 0.6, 0.2, 0.4, 0.45, 0.0, np.nan, 0.9, 0.9])
    np.testing.assert_array_equal(metrics.events(curve), [[1, 4], [10, 11]])
    assert metrics.events(np.zeros(5)).shape == (0, 2)
    assert metrics.events(np.zeros(0)).shape == (0, 2)


def test_event_matching() -> None:
    truth = np.array([[10, 14], [30, 34], [50, 54]])
    score = metrics.match_events(np.array([[12, 20], [31, 32], [70, 75]]), truth)
    assert score.precision == pytest.approx(2 / 3) and score.recall == pytest.approx(2 / 3)
    endless = metrics.match_events(np.array([[0, 100]]), truth)
    assert endless.precision == 1.0 and endless.recall == pytest.approx(1 / 3)
    assert metrics.match_events(np.array([[15, 16]]), truth).recall == 0.0
    assert metrics.match_events(np.array([[15, 16]]), truth, tolerance=1).recall == pytest.approx(1 / 3)
    nothing = metrics.match_events(np.zeros((0, 2), int), truth)
    assert np.isnan(nothing.precision) and nothing.recall == 0.0
    assert np.isnan(metrics.match_events(truth, np.zeros((0, 2), int)).recall)


@given(st.integers(0, 2**32 - 1))
def test_event_matching_is_a_maximum_matching(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found, truth = (np.sort(rng.choice(60, 2 * rng.integers(1, 8), replace=False)).reshape(-1, 2) for _ in range(2))
    overlap = (found[:, None, 0] <= truth[None, :, 1]) & (found[:, None, 1] >= truth[None, :, 0])
    most = (maximum_bipartite_matching(scipy.sparse.csr_matrix(overlap), perm_type="column") >= 0).sum()
    score = metrics.match_events(rng.permutation(found), truth)
    assert score.precision * len(found) == pytest.approx(most)
    assert score.recall * len(truth) == pytest.approx(most)


def test_ridge_solves_its_normal_equations() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 12)) * rng.uniform(0.01, 50, 12) + 7
    x[:, 3] = 4.0  # A constant input must do no harm.
    y = x[:, :3] / x[:, :3].std(axis=0) @ rng.standard_normal((3, 2)) + 0.5 * rng.standard_normal((300, 2)) + 1
    fit = Ridge.fit(x, y)
    z = (x - x.mean(axis=0)) / np.where(x.std(axis=0) < 1e-12, 1, x.std(axis=0))
    normal = z.T @ z / 300 + fit.penalty * np.eye(12)
    expected = scipy.linalg.solve(normal, z.T @ (y - y.mean(axis=0)) / 300)
    np.testing.assert_allclose(fit.coefficients, expected, atol=1e-8)
    np.testing.assert_allclose(fit.predict(x).mean(axis=0), y.mean(axis=0))
    assert fit.penalty in Ridge.PENALTIES


def test_ridge_penalty_follows_the_noise() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((60, 50))
    clean = x @ rng.standard_normal((50, 1)) * 0.3
    quiet, loud = Ridge.fit(x, clean), Ridge.fit(x, clean + 5 * rng.standard_normal((60, 1)))
    assert quiet.penalty < loud.penalty
    fresh = rng.standard_normal((500, 50))
    assert metrics.pearson(quiet.predict(fresh), fresh @ quiet.coefficients)[0] > 0.99


def test_ridge_holds_out_whole_groups() -> None:
    """An input that names the group is useless on new groups: only held-out groups make the penalty large."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 20)
    offsets = rng.standard_normal(30)[groups][:, None]
    x = np.eye(30)[groups]
    y = offsets + 0.1 * rng.standard_normal((600, 1))
    assert Ridge.fit(x, y, groups=groups).penalty > 10 * Ridge.fit(x, y).penalty
    with pytest.raises(ValueError, match="at least two"):
        Ridge.fit(x, y, groups=np.zeros(600, int))


def test_ridge_refuses_one_sample() -> None:
    with pytest.raises(ValueError, match="at least two"):
        Ridge.fit(np.zeros((1, 2)), np.zeros((1, 1)))


def test_summary_ranks_a_predictor_above_zeros() -> None:
    p, t = data()
    shapes = np.random.default_rng(0).standard_normal((5, 20, 3))
    ours, zeros = metrics.summary(p, t, shapes), metrics.summary(np.zeros_like(t), t, shapes)
    assert ours["pearson"] > 0.8 and zeros["pearson"] == 0.0
    assert ours["vertex_mm"] < zeros["vertex_mm"]
    assert ours["concordance"] > zeros["concordance"] == 0.0
    assert zeros["false_activation"] == 0.0 < ours["false_activation"]
    assert set(metrics.summary(p, t)) == {"pearson", "concordance", "active_mae", "false_activation"}
