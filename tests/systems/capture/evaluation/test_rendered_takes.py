"""Trials: what is performed is what is scored, frame by frame, whoever watches."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, MienError
from mien.systems.capture import spec
from mien.systems.capture.evaluation import rendered_takes as takes_of
from mien.systems.capture.evaluation.mediapipe import arkit, open_mediapipe
from mien.systems.capture.evaluation.rendered_takes import Shown, Take, Trial, watch
from mien.systems.capture.evaluation.unseen_rigs import open_unseen_rigs, pictures_of
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


def test_unseen_rigs_are_mo_and_the_files_given(assets: Path, capture: Capture) -> None:
    path = assets / "rigs" / "rocketbox_female_01.glb"
    unseen_rigs = open_unseen_rigs([path], looks=2)
    assert list(unseen_rigs) == ["mo", "rocketbox_female_01"] and [len(s) for s in unseen_rigs.values()] == [2, 2]
    painted = unseen_rigs["rocketbox_female_01"]
    assert painted[0].dress is not painted[1].dress and unseen_rigs["mo"][0] is unseen_rigs["mo"][1]
    for who in unseen_rigs.values():
        trial = watch(
            capture,
            takes_of.performed_by_rigs(1, who[:1], lambda rng: takes_of.neutral_views(rng)[:2]),
        )
        assert trial.found.all()
        assert np.isfinite(trial.landmarks[:, 0]).all() == ("mien70" in who[0].rig.landmarks)
    with pytest.raises(MienError, match="no rig"):
        open_unseen_rigs([assets / "README.md"])


def test_a_picture_inside_a_file_is_found_by_its_material(assets: Path, tmp_path: Path) -> None:
    """Rocketbox comes with one white pixel for its hair cards, and none for its skin."""
    pictures = pictures_of(assets / "rigs" / "rocketbox_female_01.glb")
    assert {name: p.shape for name, p in pictures.items()} == {"f001_opacity": (1, 1, 4)}
    assert pictures["f001_opacity"].min() == 255
    assert pictures_of(Path("mo")) == pictures_of(tmp_path / "x.usd") == {}


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
