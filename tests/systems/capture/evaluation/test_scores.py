"""Scores of trials whose right answers are known, and the figures that are made of them."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mien.core import ARKIT
from mien.engine.figures import Figure, Result
from mien.systems.capture import spec
from mien.systems.capture.evaluation import scores
from mien.systems.capture.evaluation.figures import figures_of
from mien.systems.capture.evaluation.rendered_takes import SHOWN, Trial
from mien.systems.capture.evaluation.ridge_baselines import Baselines

COLUMNS = [ARKIT.index(name) for name in spec.CHANNELS]


def perfect(seed: int, takes: int, each: int) -> Trial:
    """Everything answered as performed, at random; a tenth of the weights are 0."""
    rng = np.random.default_rng(seed)
    count = takes * each
    truth = rng.random((count, len(spec.CHANNELS)))
    truth[truth < 0.1] = 0.0
    landmarks = rng.normal(64, 20, (count, 1, spec.LAYOUT.count, 2)).repeat(2, axis=1)
    # the weights can be read off the landmarks: both ridges can be perfect
    landmarks[:, :, : len(COLUMNS), 0] = 128 * truth[:, None]
    take = np.repeat(np.arange(takes), each)
    return Trial(
        truth=truth,
        answers={"ours": truth.copy()},
        identity=take // 2,
        take=take,
        times=np.tile(np.arange(each) / 30, takes),
        angles=rng.normal(0, 0.1, (count, 1, 3)).repeat(2, axis=1),
        landmarks=landmarks,
        visible=rng.random((count, 1, len(spec.REGIONS))).repeat(2, axis=1),
    )


def test_figures_of_perfect_answers_are_perfect() -> None:
    trial = perfect(0, 60, 8)
    baselines = Baselines.fit(trial)
    rows = scores.still_scores(trial, baselines)
    assert rows["ours"]["pearson"] == pytest.approx(1) and rows["ours"]["vertex_mm"] == pytest.approx(0, abs=1e-6)
    assert rows["ours"]["nme"] == 0 and rows["all weights zero"]["pearson"] == 0
    assert rows["ridge regression on true landmarks"]["pearson"] > 0.999
    moving = scores.window_scores(trial, baselines)
    assert moving["ours"]["pearson"] == pytest.approx(1) and moving["ours"]["velocity_error"] == 0
    assert moving["all weights zero"]["velocity_error"] == 1
    for row in (
        "with the live filter",
        "with the filter that looks ahead",
    ):  # quick motion is left nearly alone, and not wholly
        assert 0 < moving[row]["velocity_error"] < 0.1 and moving[row]["pearson"] > 0.99
    channels = scores.window_channel_scores(trial)
    assert channels["jawOpen"] == {"pearson": 1.0, "concordance": 1.0}


def test_shapes_that_answer_for_themselves_are_selective() -> None:
    trial = perfect(1, 2 * len(SHOWN), 1)
    answers = np.zeros_like(trial.truth)
    shown = [spec.CHANNELS.index(name) for name in SHOWN]
    answers[np.arange(len(answers)), np.tile(shown, 2)] = 0.9
    own = scores.selectivity_scores(replace(trial, answers={"ours": answers, "beside": 0 * answers}))
    assert own["ours"]["accuracy"] == 1 and own["ours"]["mean_leakage"] == pytest.approx(0)
    assert own["ours"]["mean_answer"] == pytest.approx(0.9) and own["beside"]["accuracy"] < 0.1
    assert next(iter(own["ours"]["leakage"]["jawOpen"])) == "jawOpen"


def test_bias_of_neutral_faces_is_what_is_answered_from_in_front() -> None:
    trial = perfect(2, 12, 1)
    answers = np.full_like(trial.truth, 0.1)
    answers[np.arange(12) % 6 > 1] = 0.3
    neutral = scores.neutral_scores(replace(trial, answers={"ours": answers}, identity=np.arange(12) // 6))["ours"]
    assert neutral["bias_mean"] == pytest.approx(0.1) and neutral["bias_worst"] == pytest.approx(0.1)
    assert neutral["pose_leakage_mean"] == pytest.approx(0.2) and neutral["spread_mean"] == pytest.approx(0)


def details_of(trial: Trial, baselines: Baselines) -> dict[str, Any]:
    """What a benchmark computes, from one trial in all roles; six frames are one person at rest."""
    posed = {
        "selectivity": scores.selectivity_scores(trial),
        "neutral": scores.neutral_scores(replace(trial, identity=np.arange(len(trial.truth)) // 6)),
        "head_degrees": scores.head_scores(trial),
    }
    stills = scores.still_scores(trial, baselines)
    return {
        "held_out": stills,
        "windows": scores.window_scores(replace(trial, take=trial.take // 2, times=trial.take / 30), baselines),
        **posed,
        "sight": scores.sight_scores(trial),
        "unseen_rigs": {"mo": {"stills": stills, **posed, "channels": scores.channel_scores(trial, baselines)}},
        "channels": scores.channel_scores(trial, baselines),
        "window_channels": scores.window_channel_scores(trial),
    }


def written(details: dict[str, Any]) -> list[Figure]:
    """The figures as they come back from JSON, which has no NaN."""
    result = Result(name="capture", figures=tuple(figures_of(details)), details=details)
    return list(Result.from_json(json.loads(json.dumps(result.to_json(), allow_nan=False))).figures)


def test_the_table_has_every_figure_beside_its_baselines() -> None:
    trial = perfect(3, 86, 1)
    baselines = Baselines.fit(trial)
    trial = replace(trial, answers={**trial.answers, "MediaPipe": 0.5 * trial.truth})
    figures = written(details_of(trial, baselines))
    names = [figure.name for figure in figures]
    assert len(set(names)) == len(names) == 6 + 3 + 3 + 3 + 2 + 3 + (4 + 3 + 2 + 2)
    assert all(figure.ours is not None for figure in figures)
    no_weights = ("landmark", "head yaw", "head pitch", "head roll", "hidden")
    poseless = [figure for figure in figures if not any(word in figure.name for word in no_weights)]
    assert len(poseless) == len(figures) - 2 - 6 - 3
    assert all("MediaPipe" in figure.baselines for figure in poseless)


def test_brows_that_nothing_hides_are_a_figure_with_a_reason() -> None:
    """A quick run renders so few faces that no hat comes down to the brows of one."""
    trial = perfect(3, 86, 1)
    visible = trial.visible.copy()
    visible[:, :, spec.REGIONS.index("brows")] = 1.0
    figures = written(details_of(replace(trial, visible=visible), Baselines.fit(trial)))
    missing = [figure for figure in figures if figure.ours is None]
    assert [figure.reason for figure in missing] == ["the brows are hidden in no frame of this run, or visible in none"]
    assert all(figure.reached is None for figure in missing)


def test_faces_that_are_never_found_are_figures_with_reasons() -> None:
    trial = perfect(3, 86, 1)
    baselines = Baselines.fit(trial)
    lost = replace(trial, answers={"ours": np.full_like(trial.truth, np.nan)})
    figures = written(details_of(lost, baselines))
    assert len(figures) == 31 and all(figure.ours is None and figure.reason for figure in figures)


def test_rest_seen_from_one_side_alone_has_no_bias_or_no_leakage() -> None:
    trial = perfect(2, 12, 1)
    turned = np.arange(12) % 6 > 1
    one_side = {"front": trial.where(~turned), "turned": trial.where(turned)}
    assert scores.neutral_scores(one_side["turned"]) == {}
    ours = scores.neutral_scores(one_side["front"])["ours"]
    assert np.isnan(ours["pose_leakage_mean"]) and np.isfinite(ours["bias_mean"])


def test_head_and_sight_are_scored_against_guesses() -> None:
    trial = perfect(4, 200, 1)
    assert set(scores.sight_scores(trial).values()) == {1.0}
    blind = np.stack([trial.visible[:, 0], np.ones_like(trial.visible[:, 0])], axis=1)
    assert set(scores.sight_scores(replace(trial, visible=blind)).values()) == {0.5}
    off = trial.angles + np.array([[[0.0] * 3, [0.01, 0.02, -0.03]]])
    head = scores.head_scores(replace(trial, angles=off))
    assert np.allclose(list(head["ours"].values()), np.degrees([0.01, 0.02, 0.03]))
    assert head["a head that never turns"]["yaw"] == pytest.approx(np.degrees(np.median(np.abs(trial.angles[:, 0, 0]))))
