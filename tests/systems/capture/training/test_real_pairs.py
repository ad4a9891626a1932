from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.smoke import tiny_faces

from mien.core.transforms import gaze_from_weights
from mien.systems.capture import spec
from mien.systems.capture.evaluation.face_measures import MEASURES
from mien.systems.capture.runtime.landmark_rig import LandmarkRig, landmark_rig
from mien.systems.capture.training.moved_faces import FaceMover
from mien.systems.capture.training.real_faces import RealFaces, open_faces
from mien.systems.capture.training.real_pairs import FacePair, PairDrawer, PairKind
from mien.systems.capture.training.trust import BROWS, LANDMARK_TRUST


@pytest.fixture(scope="module")
def mover(assets: Path) -> FaceMover:
    return FaceMover.of(LandmarkRig.from_arrays(landmark_rig()))


@pytest.fixture(scope="module")
def faces(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> RealFaces:
    folder = tmp_path_factory.mktemp("real") / "faces"
    tiny_faces(assets / "real", folder)
    return open_faces(folder, held_out=False)


@pytest.fixture(scope="module")
def everybody(assets: Path) -> RealFaces:
    return open_faces(assets / "real", held_out=False)


@pytest.fixture(scope="module")
def drawn(everybody: RealFaces, mover: FaceMover) -> list[FacePair]:
    rng, drawer = np.random.default_rng(0), PairDrawer(everybody, mover, 0.3)
    return [drawer.draw(rng, mirrored=False) for _ in range(250)]


def test_never_two_people_in_a_pair_and_never_one_held_out(assets: Path, drawn: list[FacePair]) -> None:
    held_out = set(open_faces(assets / "real", held_out=True).person)
    assert all(one == other for one, other in (pair.people for pair in drawn))
    shown = {pair.people[0] for pair in drawn}
    assert not shown & held_out and len({person.split("/")[0] for person in shown}) >= 7


def test_every_kind_of_pair_is_drawn_with_what_is_known_of_it(drawn: list[FacePair]) -> None:
    kinds = {kind: [pair for pair in drawn if pair.kind == kind] for kind in PairKind}
    assert 0.2 < len(kinds[PairKind.MOVED]) / len(drawn) < 0.4
    assert all(pair.change.any() and not pair.at_rest[0] for pair in kinds[PairKind.MOVED])
    for kind in (PairKind.VIEWS, PairKind.PICTURES):
        assert kinds[kind] and not any(pair.change.any() for pair in kinds[kind])
    assert not any(pair.measures.any() for pair in kinds[PairKind.VIEWS])
    assert all(pair.measures.any() for pair in kinds[PairKind.PICTURES])
    beside = [pair for pair in kinds[PairKind.PICTURES] if pair.beside]
    smiles = [pair for pair in beside if pair.people[0].startswith("london")]
    assert smiles and all(pair.at_rest == (False, True) for pair in smiles)
    assert np.mean([pair.measures[MEASURES.index("width")] for pair in smiles]) > 0.05
    assert any(pair.people[0].startswith("grid") for pair in beside)


def test_a_moved_face_is_no_longer_at_rest_and_has_its_own_rest_beside_it(faces: RealFaces, mover: FaceMover) -> None:
    drawer, rng = PairDrawer(faces, mover, 1.0), np.random.default_rng(2)
    pairs = [drawer.draw(rng, mirrored=None) for _ in range(40)]
    assert all(pair.kind == PairKind.MOVED and not pair.at_rest[0] for pair in pairs)
    assert all(pair.beside == pair.at_rest[1] for pair in pairs)
    assert 5 < sum(pair.beside for pair in pairs) < 35


def test_eyes_that_were_turned_look_elsewhere_than_the_teacher_saw(faces: RealFaces, mover: FaceMover) -> None:
    looking = replace(faces, gaze=np.tile([0.1, -0.05], (len(faces), 1)), into_camera=np.ones(len(faces), bool))
    drawer, rng = PairDrawer(looking, mover, 1.0), np.random.default_rng(6)
    turned = 0
    for mirrored in (False, True) * 30:
        pair = drawer.draw(rng, mirrored=mirrored)
        turn = gaze_from_weights(pair.change)
        for gaze, off in zip(pair.gaze, (turn.mean(axis=0), np.zeros(2)), strict=True):
            if np.isfinite(gaze).all():
                np.testing.assert_allclose(gaze, off + np.array([-0.1 if mirrored else 0.1, -0.05]), atol=1e-9)
        assert not (turn.any() and pair.into_camera[0])
        turned += bool(turn.any())
    assert 15 < turned < 45


def test_a_pair_of_views_moves_its_landmarks_by_the_map_between_them(drawn: list[FacePair]) -> None:
    for pair in drawn:
        if pair.kind == PairKind.VIEWS:
            moved = pair.one.landmarks @ pair.other_from_one[:, :2].T + pair.other_from_one[:, 2]
            np.testing.assert_allclose(moved, pair.other.landmarks, atol=1e-9)


def test_landmarks_count_by_how_sure_the_teacher_is(faces: RealFaces, mover: FaceMover) -> None:
    spread = np.full(spec.LAYOUT.count, 0.002)
    spread[50], spread[51], spread[52] = 0.006, 0.03, 0.013
    sure = replace(faces, spread=np.tile(spread, (len(faces), 1)))
    for moved_share in (0.0, 1.0):
        drawer = PairDrawer(sure, mover, moved_share)
        # Without a patch; most are.
        trust = next(
            pair.one.trust
            for pair in (drawer.draw(np.random.default_rng(k), mirrored=False) for k in range(50))
            if (pair.one.seen == 1).all() and pair.one.trust[0] == LANDMARK_TRUST[0]
        )
        expected = LANDMARK_TRUST.copy()
        expected[50] *= 0.25
        expected[[51, 52]] = 0
        if not moved_share:
            expected[BROWS] *= 0.4
        np.testing.assert_allclose(trust, expected, rtol=1e-6)


def test_nothing_is_said_of_eyes_that_a_patch_covers_or_of_faces_behind_hands(
    everybody: RealFaces, mover: FaceMover, drawn: list[FacePair]
) -> None:
    eyes = spec.REGIONS.index("eyes")
    for pair in drawn:
        for seen, looks, gaze in zip((pair.one.seen, pair.other.seen), pair.into_camera, pair.gaze, strict=True):
            assert not looks or seen[eyes] > 0.5
            assert np.isnan(gaze).all() or seen[eyes] > 0.5
        if pair.people[0].startswith("intel_asl"):
            assert pair.in_sight == (False, False)
    assert any(all(pair.in_sight) and (pair.one.seen < 0.5).any() for pair in drawn)


def test_unsteady_faces_are_never_drawn(faces: RealFaces, mover: FaceMover) -> None:
    drawer = PairDrawer(replace(faces, steady=faces.clip == ""), mover, 0.3)
    rng = np.random.default_rng(1)
    assert not any(drawer.draw(rng, mirrored=None).people[0].startswith("grid") for _ in range(60))
    with pytest.raises(ValueError, match="steady"):
        PairDrawer(replace(faces, steady=np.zeros(len(faces), bool)), mover, 0.3)


def test_a_pair_is_a_function_of_the_random_numbers(faces: RealFaces, mover: FaceMover) -> None:
    drawer = PairDrawer(faces, mover, 0.5)
    for seed in range(5):
        one, other = (drawer.draw(np.random.default_rng(seed), mirrored=None) for _ in range(2))
        np.testing.assert_array_equal(one.one.crop, other.one.crop)
        np.testing.assert_array_equal(one.other.landmarks, other.other.landmarks)
        np.testing.assert_array_equal(one.change, other.change)


def test_the_shares_of_sets_are_those_of_pictures_drawn(
    everybody: RealFaces, mover: FaceMover, drawn: list[FacePair]
) -> None:
    shares = PairDrawer(everybody, mover, 0.3).shares()
    assert sum(share for _, share in shares.values()) == pytest.approx(1.0)
    assert sum(pictures for pictures, _ in shares.values()) == everybody.steady.sum()
    for name, (_, share) in shares.items():
        there = np.mean([pair.people[0].startswith(f"{name}/") for pair in drawn])
        assert abs(there - share) < 4 * (share * (1 - share) / len(drawn)) ** 0.5 + 0.01
