"""Trials: what is performed is what is scored, frame by frame, whoever watches."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, MienError
from mien.systems.capture import evaluate, spec
from mien.systems.capture.evaluation import figures
from mien.systems.capture.evaluation import rendered_takes as takes_of
from mien.systems.capture.evaluation.mediapipe import arkit, open_mediapipe
from mien.systems.capture.evaluation.rendered_takes import SHOWN, Shown, Take, Trial, watch
from mien.systems.capture.evaluation.unseen_rigs import open_strangers, pictures_of
from mien.systems.capture.predict import Capture

COLUMNS = [ARKIT.index(name) for name in spec.CHANNELS]


class Oracle:
    """Answers what it was told, and sees nothing in frames that are marked."""

    def __init__(self) -> None:
        self.resets = 0
        self.frame = 0
        self.told: list[np.ndarray | None] = []

    def reset(self) -> None:
        self.resets += 1

    def weights(self, image: np.ndarray, time: float) -> np.ndarray | None:
        self.frame += 1
        return self.told[self.frame - 1]


@pytest.fixture(scope="module")
def capture() -> Capture:
    return Capture()


def calm(script: takes_of.Script) -> takes_of.Script:
    """The same, facing the camera: found for certain."""
    return lambda rng: [replace(action, angles=0 * action.angles) for action in script(rng)]


@pytest.fixture(scope="module")
def seen(capture: Capture) -> Trial:
    """Two people, a window of six frames each."""
    return watch(
        capture,
        takes_of.performed(5, range(*takes_of.HELD_OUT), 2, calm(takes_of.windows(1, 6)), bare=True),
    )


def test_a_trial_has_every_frame_in_order(seen: Trial) -> None:
    assert seen.truth.shape == (12, len(spec.CHANNELS)) and seen.take.tolist() == [0] * 6 + [1] * 6
    assert len(set(seen.identity)) == 2 and (np.diff(seen.times.reshape(2, 6), axis=1) > 0).all()
    assert seen.found.all()
    # in the aligned crop the eyes lie level, side by side, where alignment puts them
    eyes = np.stack([seen.landmarks[:, :, 36:42].mean(axis=2), seen.landmarks[:, :, 42:48].mean(axis=2)])
    assert (eyes[1, ..., 0] - eyes[0, ..., 0] > 20).all() and np.abs(eyes[1, ..., 1] - eyes[0, ..., 1]).max() < 12
    assert np.linalg.norm(seen.landmarks[:, 0] - seen.landmarks[:, 1], axis=-1).mean() < 5


def test_the_same_trial_again_is_the_same(capture: Capture, seen: Trial) -> None:
    again = watch(
        capture,
        takes_of.performed(5, range(*takes_of.HELD_OUT), 2, calm(takes_of.windows(1, 6)), bare=True),
    )
    assert np.array_equal(again.truth, seen.truth) and np.array_equal(again.answers["ours"], seen.answers["ours"])


def test_who_watches_beside_is_asked_for_the_same_frames(capture: Capture) -> None:
    rng = np.random.default_rng(0)
    told = [rng.random(52).astype(np.float32) for _ in range(4)]
    oracle = Oracle()
    oracle.told = [told[0], None, told[2], told[3]]
    takes = list(takes_of.performed(6, range(*takes_of.HELD_OUT), 1, calm(takes_of.stills(4)), bare=True))
    trial = watch(capture, iter(takes), {"oracle": oracle})
    assert oracle.resets == oracle.frame == 4
    assert np.allclose(trial.answers["oracle"][[0, 2, 3]], np.array(told)[[0, 2, 3]][:, COLUMNS])
    assert trial.found.tolist() == [True, False, True, True]
    assert len(trial.where(trial.found).truth) == 3


def test_frames_without_a_face_are_marked_not_scored(capture: Capture) -> None:
    def empty() -> Iterator[Shown]:
        image = np.full((120, 120, 3), 90, np.uint8)
        yield Shown(image=image, time=0.0, weights=np.zeros(52), angles=np.zeros(3), landmarks=None)

    trial = watch(capture, [Take(identity=1, frames=empty())])
    assert not trial.found.any() and np.isnan(trial.answers["ours"]).all()


def test_strangers_are_mo_and_the_files_given(assets: Path, capture: Capture) -> None:
    path = assets / "rigs" / "rocketbox_female_01.glb"
    strangers = open_strangers([path], looks=2)
    assert list(strangers) == ["mo", "rocketbox_female_01"] and [len(s) for s in strangers.values()] == [2, 2]
    painted = strangers["rocketbox_female_01"]
    assert painted[0].dress is not painted[1].dress and strangers["mo"][0] is strangers["mo"][1]
    for who in strangers.values():
        trial = watch(
            capture,
            takes_of.performed_by_strangers(1, who[:1], lambda rng: takes_of.neutral_views(rng)[:2]),
        )
        assert trial.found.all()
        assert np.isfinite(trial.landmarks[:, 0]).all() == ("mien70" in who[0].rig.landmarks)
    with pytest.raises(MienError, match="no rig"):
        open_strangers([assets / "README.md"])


def test_a_picture_inside_a_file_is_found_by_its_material(assets: Path, tmp_path: Path) -> None:
    """Rocketbox comes with one white pixel for its hair cards, and none for its skin."""
    pictures = pictures_of(assets / "rigs" / "rocketbox_female_01.glb")
    assert {name: p.shape for name, p in pictures.items()} == {"f001_opacity": (1, 1, 4)}
    assert pictures["f001_opacity"].min() == 255
    assert pictures_of(Path("mo")) == pictures_of(tmp_path / "x.usd") == {}


def perfect(seed: int, takes: int, each: int) -> Trial:
    """Everything answered as performed, at random."""
    rng = np.random.default_rng(seed)
    count = takes * each
    truth = rng.random((count, len(spec.CHANNELS)))
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
    baselines = evaluate.Baselines.fit(trial)
    rows = evaluate.still_figures(trial, baselines)
    assert rows["ours"]["pearson"] == pytest.approx(1) and rows["ours"]["vertex_mm"] == pytest.approx(0, abs=1e-6)
    assert rows["ours"]["nme"] == 0 and rows["zeros"]["pearson"] == 0
    assert rows["ridge on true landmarks"]["pearson"] > 0.999
    moving = evaluate.window_figures(trial, baselines)
    assert moving["ours"]["pearson"] == pytest.approx(1) and moving["ours"]["velocity_error"] == 0
    assert moving["zeros"]["velocity_error"] == 1
    for row in ("ours, live filter", "ours, looking ahead"):  # quick motion is left nearly alone, and not wholly
        assert 0 < moving[row]["velocity_error"] < 0.1 and moving[row]["pearson"] > 0.99
    channels = evaluate.window_channels(trial)
    assert channels["jawOpen"] == {"pearson": 1.0, "concordance": 1.0}


def test_shapes_that_answer_for_themselves_are_selective() -> None:
    trial = perfect(1, 2 * len(SHOWN), 1)
    answers = np.zeros_like(trial.truth)
    shown = [spec.CHANNELS.index(name) for name in SHOWN]
    answers[np.arange(len(answers)), np.tile(shown, 2)] = 0.9
    own = evaluate.selectivity_figures(Trial(**{**vars(trial), "answers": {"ours": answers, "beside": 0 * answers}}))
    assert own["ours"]["accuracy"] == 1 and own["ours"]["mean_leakage"] == pytest.approx(0)
    assert own["ours"]["mean_answer"] == pytest.approx(0.9) and own["beside"]["accuracy"] < 0.1
    assert next(iter(own["ours"]["leakage"]["jawOpen"])) == "jawOpen"


def test_bias_of_neutral_faces_is_what_is_answered_from_in_front() -> None:
    trial = perfect(2, 12, 1)
    answers = np.full_like(trial.truth, 0.1)
    answers[np.arange(12) % 6 > 1] = 0.3
    neutral = evaluate.neutral_figures(
        Trial(**{**vars(trial), "answers": {"ours": answers}, "identity": np.arange(12) // 6})
    )["ours"]
    assert neutral["bias_mean"] == pytest.approx(0.1) and neutral["bias_worst"] == pytest.approx(0.1)
    assert neutral["pose_leakage_mean"] == pytest.approx(0.2) and neutral["spread_mean"] == pytest.approx(0)


def test_the_table_has_every_figure_beside_its_baselines() -> None:
    trial = perfect(3, 86, 1)
    baselines = evaluate.Baselines.fit(trial)
    trial = Trial(**{**vars(trial), "answers": {**trial.answers, "MediaPipe": 0.5 * trial.truth}})
    posed = {"selectivity": evaluate.selectivity_figures(trial), "neutral": _neutral(trial)}
    stills = evaluate.still_figures(trial, baselines)
    result = {"held_out": stills, "windows": stills | {k: v | {"velocity_error": 1.0} for k, v in stills.items()}}
    posed["head_degrees"] = evaluate.head_figures(trial)
    result |= {**posed, "sight": evaluate.sight_figures(trial), "strangers": {"mo": {"stills": stills, **posed}}}
    rows = figures.rows_of(result)
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names) == 6 + 3 + (3 + 3) + 5 + (4 + 3 + 4)
    poseless = [row for row in rows if not any(word in row["name"] for word in ("NME", "Head", "Hidden"))]
    assert all("MediaPipe" in row["baselines"] for row in poseless)


def _neutral(trial: Trial) -> dict[str, dict[str, float]]:
    return evaluate.neutral_figures(Trial(**{**vars(trial), "identity": np.arange(86) // 6}))


def test_head_and_sight_are_scored_against_guesses() -> None:
    trial = perfect(4, 200, 1)
    assert set(evaluate.sight_figures(trial).values()) == {1.0}
    blind = np.stack([trial.visible[:, 0], np.ones_like(trial.visible[:, 0])], axis=1)
    assert set(evaluate.sight_figures(Trial(**{**vars(trial), "visible": blind})).values()) == {0.5}
    off = trial.angles + np.array([[[0.0] * 3, [0.01, 0.02, -0.03]]])
    head = evaluate.head_figures(Trial(**{**vars(trial), "angles": off}))
    assert np.allclose(list(head["ours"].values()), np.degrees([0.01, 0.02, 0.03]))
    assert head["always straight"]["yaw"] == pytest.approx(np.degrees(np.median(np.abs(trial.angles[:, 0, 0]))))


class Category:
    def __init__(self, name: str, score: float) -> None:
        self.category_name, self.score = name, score


def test_mediapipes_names_become_arkits() -> None:
    scores = {name: k / 60 for k, name in enumerate(ARKIT) if name != "tongueOut"}
    weights = arkit([Category("_neutral", 0.9), *(Category(n, s) for n, s in reversed(scores.items()))])
    assert {n: w for n, w in zip(ARKIT, weights, strict=True) if n != "tongueOut"} == pytest.approx(scores)
    assert weights[ARKIT.index("tongueOut")] == 0
    with pytest.raises(MienError, match="no ARKit shapes"):
        arkit([Category("smile", 1.0)])


def test_mediapipe_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MienError, match="no model"):
        open_mediapipe(tmp_path / "none.task")
    (tmp_path / "junk.task").write_bytes(b"junk")
    with pytest.raises(MienError, match=r"pip install mediapipe|cannot use this model"):
        open_mediapipe(tmp_path / "junk.task")
