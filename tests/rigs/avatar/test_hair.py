"""The cap of hair."""

import numpy as np

from mien.core import ARKIT
from mien.rigs.avatar.hair import HAIR, strands, with_cap
from mien.rigs.avatar.hairline import FRONT, directions, scalp_margin
from mien.rigs.ict import load_ict
from mien.rigs.ict_topology import SKIN, VERTICES


def test_the_cap_lies_over_the_scalp_and_nowhere_else() -> None:
    rig = load_ict()
    capped = with_cap(rig, np.array([0.3, 0.2, 0.1]), FRONT)
    own = capped.neutral.vertices[VERTICES:]
    assert np.array_equal(capped.neutral.vertices[:VERTICES], rig.neutral.vertices)
    assert scalp_margin(own).min() > -0.15
    azimuth, elevation = directions(own)
    assert elevation[np.abs(azimuth) < 0.3].min() > 0.5, "the forehead is free"
    # along each direction the cap lies outside of the head
    skin = rig.neutral.vertices[:SKIN]
    from scipy.spatial import KDTree

    nearest = np.asarray(KDTree(skin).query(own)[1])
    out = np.linalg.norm(own - [0, 40, 0], axis=1) - np.linalg.norm(skin[nearest] - [0, 40, 0], axis=1)
    assert (out > -1.5).mean() > 0.98 and np.median(out) > 4
    assert capped.neutral.topology.parts[-1].name == HAIR
    capped.neutral.topology.check_vertices(len(capped.neutral.vertices))


def test_the_cap_moves_with_the_scalp() -> None:
    rig = load_ict()
    capped = with_cap(rig, np.array([0.3, 0.2, 0.1]), FRONT)
    weights = np.zeros(len(ARKIT), np.float32)
    weights[[ARKIT.index("browInnerUp"), ARKIT.index("jawOpen")]] = 1
    bare, haired = rig.evaluate(weights), capped.evaluate(weights)
    np.testing.assert_array_equal(haired[:VERTICES], bare)
    moved = np.linalg.norm(haired[VERTICES:] - capped.neutral.vertices[VERTICES:], axis=1)
    below = scalp_margin(rig.neutral.vertices[:SKIN]) > -0.08
    scalp = np.linalg.norm(bare[:SKIN] - rig.neutral.vertices[:SKIN], axis=1)[below]
    assert 0 < moved.max() <= scalp.max() + 1e-4
    assert capped.joint_weights is not None
    np.testing.assert_allclose(capped.joint_weights.sum(axis=1), 1, atol=1e-6)


def test_a_higher_hairline_bares_more_of_the_forehead() -> None:
    rig = load_ict()
    low, high = (with_cap(rig, np.ones(3), FRONT + shift) for shift in (-0.1, 0.2))
    assert len(low.neutral.vertices) > len(high.neutral.vertices)


def test_strands_repeat_around_the_head_and_thin_out_at_the_hairline() -> None:
    picture = strands(np.array([0.4, 0.25, 0.15])).astype(int)
    step = np.abs(np.diff(picture[..., :3], axis=1)).mean()
    assert np.abs(picture[:, 0, :3] - picture[:, -1, :3]).mean() < 2 * step
    assert (picture[:200, :, 3] == 255).all() and picture[-1, :, 3].mean() < 30
    np.testing.assert_allclose(np.median(picture[..., :3], axis=(0, 1)) / 255, [0.4, 0.25, 0.15], atol=0.03)
