from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mien.core import ARKIT, Clip, Mesh, MienError, Rig
from mien.rigs.bounded import SolveSettings
from mien.rigs.check import face_frame
from mien.rigs.load import load_rig
from mien.rigs.retarget.correspondence import correspond, fit_similarity
from mien.rigs.retarget.lips import lip_points
from mien.rigs.retarget.retarget import motion_between, retarget, symmetry_of
from mien.rigs.retarget.surface import components, eyeballs, skin


@pytest.fixture(scope="module")
def mo() -> Rig:
    return load_rig("mo")


def take(frames: int = 30, seed: int = 0) -> Clip:
    rng = np.random.default_rng(seed)
    weights = np.clip(rng.normal(0, 0.4, (frames, 52)), 0, 1).astype(np.float32)
    at = {name: i for i, name in enumerate(ARKIT)}
    weights[:, at["mouthClose"]] = np.minimum(weights[:, at["mouthClose"]], weights[:, at["jawOpen"]])
    return Clip(times=np.arange(frames) / 30, weights=weights)


def shuffled(count: int) -> np.ndarray:
    return np.random.default_rng(1).permutation(count)


def renamed(rig: Rig) -> Rig:
    """The same shapes in another order and under names that say nothing."""
    order = shuffled(len(rig.shape_names))
    names = tuple(f"s{i}" for i in range(len(order)))
    return replace(rig, shape_names=names, shapes=rig.shapes[order])


def test_symmetry_of_a_performance() -> None:
    wink = np.zeros((3, 52))
    wink[1, ARKIT.index("eyeBlinkLeft")] = 1
    wink[2, [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]] = 1
    np.testing.assert_allclose(symmetry_of(wink), [1, 0, 1])


@given(st.floats(0.2, 5), st.integers(0, 10_000))
def test_a_similarity_is_recovered(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, shift = rng.normal(size=(10, 3)) * 50, rng.normal(size=3) * 100
    turn = Rotation.random(rng=rng).as_matrix()
    fit = fit_similarity(points, scale * points @ turn.T + shift)
    assert fit.scale == pytest.approx(scale)
    np.testing.assert_allclose(fit.rotation, turn, atol=1e-8)
    np.testing.assert_allclose(fit.shift, shift, atol=1e-6)


def test_nearest_points_are_nearest(mo: Rig) -> None:
    surface = skin(mo)
    rng = np.random.default_rng(0)
    at = rng.integers(0, len(surface.triangles), 200)
    weights = rng.dirichlet([1, 1, 1], 200)
    on = np.einsum("nk,nkd->nd", weights, surface.vertices[surface.triangles[at]])
    hits = surface.nearest(on)
    assert np.quantile(hits.distance, 0.99) < 1e-6
    assert hits.distance.max() < 0.5  # where small triangles crowd about a long one, inside the mouth
    points = on + surface.face_normals[at]
    hits = surface.nearest(points)
    corners = surface.vertices[surface.triangles[hits.triangle]]
    np.testing.assert_allclose(np.einsum("nk,nkd->nd", hits.barycentric, corners), hits.points, atol=1e-9)
    assert (hits.barycentric > -1e-9).all()
    assert np.quantile(hits.distance, 0.99) < 1 + 1e-9  # no farther than the point it was lifted from


def test_pieces(mo: Rig) -> None:
    """Closed lips lie on each other and stay apart; eyeballs are round pieces."""
    pieces = components(mo)
    groups = mo.neutral.topology.groups
    assert len(np.unique(pieces[groups["teeth_upper"]])) == 1
    assert not set(pieces[groups["teeth_upper"]]) & set(pieces[groups["teeth_lower"]])
    assert set(eyeballs(mo)) == {"Left", "Right"}


def test_by_names_weights_are_copied(mo: Rig) -> None:
    clip = take()
    done = retarget(clip, mo)
    assert set(done.named) == set(ARKIT)
    assert (done.carried, done.solved, done.lost, done.share) == ((), (), (), None)
    np.testing.assert_array_equal(done.clip.with_channels(ARKIT).weights, clip.weights)


def test_what_a_rig_cannot_show_is_named(mo: Rig) -> None:
    kept = [i for i, name in enumerate(mo.shape_names) if name != "tongueOut"]
    less = replace(mo, shape_names=tuple(mo.shape_names[i] for i in kept), shapes=mo.shapes[kept])
    assert retarget(take(), less).lost == ("tongueOut",)
    assert retarget(take(), less, method="names").lost == ("tongueOut",)
    none = replace(mo, shape_names=("smirk",), shapes=mo.shapes[:1])
    with pytest.raises(MienError, match="mapping file"):
        retarget(take(), none, method="names")


def test_one_missing_name_is_carried_by_motion_alone(mo: Rig) -> None:
    names = tuple("grin" if name == "mouthSmileLeft" else name for name in mo.shape_names)
    done = retarget(take(), replace(mo, shape_names=names))
    assert done.carried == ("mouthSmileLeft",)
    assert done.solved == ("grin",)
    assert done.lost == ()
    assert done.share is not None and done.share > 0.95
    np.testing.assert_allclose(done.clip.curve("grin"), take().curve("mouthSmileLeft"), atol=0.12)


def test_motion_alone_recovers_a_performance_under_other_names(mo: Rig) -> None:
    clip, other = take(), renamed(mo)
    weights = clip.weights.copy()
    weights[4] = np.nan
    lost = replace(clip, weights=weights)
    done = retarget(lost, other, mo, method="motion", settings=SolveSettings(sparsity=0.003, smoothness=0))
    assert np.isnan(done.clip.weights[4]).all()
    face = skin(mo).origin
    seen = np.flatnonzero(clip.weights.any(axis=1) & (np.arange(len(clip)) != 4))
    ours = np.stack([other.evaluate(done.clip.weights[i], done.clip.channels)[face] for i in seen])
    theirs = mo.evaluate(clip.weights[seen])[:, face]
    rest = mo.neutral.vertices[face]
    assert np.linalg.norm(ours - theirs, axis=-1).mean() < 0.15 * np.linalg.norm(theirs - rest, axis=-1).mean()


def test_a_moved_and_scaled_face_keeps_its_partners(mo: Rig) -> None:
    """The same face, another size and place, its vertices shuffled so that the topology differs."""
    order = np.random.default_rng(2).permutation(len(mo.neutral.vertices))
    back = np.argsort(order)
    topology = replace(
        mo.neutral.topology, triangles=back[mo.neutral.topology.triangles], groups={}, uv=None, uv_triangles=None
    )
    other = replace(
        mo,
        neutral=Mesh(vertices=mo.neutral.vertices[order] * 0.5 + np.float32(100), topology=topology),
        shapes=mo.shapes[:, order] * 0.5,
        joints=tuple(replace(j, position=tuple((np.array(j.position) * 0.5 + 100).tolist())) for j in mo.joints),
        joint_weights=None,
        landmarks={},
        colors=None,
    )
    pairs = correspond(mo, other)
    assert pairs.similarity.scale == pytest.approx(0.5, rel=1e-2)
    there = pairs.at_second(other.neutral.vertices.astype(float))
    np.testing.assert_allclose(
        np.median(np.linalg.norm(there - (pairs.at_first(mo.neutral.vertices) * 0.5 + 100), axis=1)), 0, atol=0.05
    )
    motion = motion_between(mo, other, mo.shape_names, other.shape_names, pairs)
    same = [motion.shapes[int(row.argmax())] == name for name, row in zip(motion.channels, motion.partner, strict=True)]
    assert np.mean(same) > 0.8
    np.testing.assert_allclose(np.median(motion.gain), 1, atol=0.05)


def test_lips_are_found_by_what_parts_them(mo: Rig, assets: Path) -> None:
    for rig in (mo, load_rig("ict")):
        surface, frame = skin(rig), face_frame(rig)
        assert frame is not None
        found = lip_points(replace(rig, landmarks={}), surface, frame)
        truth = rig.landmarks["ibug68"].positions(rig.neutral.vertices)[[60, 64, 62, 66]]
        assert found is not None and np.linalg.norm(found - truth, axis=1).max() < 4
        still = replace(rig, shapes=np.zeros_like(rig.shapes))
        marked = lip_points(still, surface, frame)
        assert marked is not None
        np.testing.assert_allclose(marked, truth, atol=1e-4)
        assert lip_points(replace(still, landmarks={}), surface, frame) is None


def test_a_stylised_mouth_lies_on_a_human_one(mo: Rig, assets: Path) -> None:
    """Without landmarks on the other, and whatever its shapes are called; by shape alone lips came to lie on chins."""
    box = load_rig(assets / "rigs" / "rocketbox_female_01.glb")
    arkit = [name for name in box.shape_names if name in ARKIT]
    box = renamed(replace(box, shape_names=tuple(arkit), shapes=np.stack([box.shape(name) for name in arkit])))
    truth = {name: arkit[i] for name, i in zip(box.shape_names, shuffled(len(arkit)), strict=True)}
    motion = motion_between(mo, box, mo.shape_names, box.shape_names)
    alike = motion.cross / np.sqrt(np.outer(np.diag(motion.own), np.diag(motion.gram)))
    for name in ("jawOpen", "mouthClose", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "browInnerUp"):
        nearest = motion.shapes[int(alike[motion.channels.index(name)].argmax())]
        assert truth[nearest] == name
    assert alike[motion.channels.index("jawOpen")].max() > 0.75


def test_a_real_take_on_a_real_character(assets: Path) -> None:
    rig = load_rig(assets / "rigs" / "rocketbox_female_01.glb")
    clip = Clip.load(assets / "motion" / "alex_rom_3.csv").select(np.arange(4030) % 40 == 0)
    done = retarget(clip, rig)
    assert set(done.named) == set(ARKIT)
    np.testing.assert_array_equal(done.clip.times, clip.times)
