"""What is drawn of the training rig, and what is added to it."""

import numpy as np
from scipy.spatial import KDTree

from mien.core import ARKIT
from mien.synth.body import body
from mien.synth.motion.plausible import TONGUE_NEEDS


def test_the_tongue_comes_out_between_the_teeth_and_over_the_lip() -> None:
    b = body()
    basis = b.basis.reshape(len(ARKIT), -1, 3)
    moved = basis[ARKIT.index("tongueOut")]
    length = np.linalg.norm(moved, axis=1)
    tongue = np.flatnonzero(length > 0.01)
    assert np.isin(tongue, b.part_vertices("gums_tongue")).all()
    assert (b.neutral[tongue, 2] > 45).all(), "the root stays"
    left, right = tongue[b.neutral[tongue, 0] > 0.1], tongue[b.neutral[tongue, 0] < -0.1]
    near, partner = KDTree(b.neutral[right]).query(b.neutral[left] * (-1, 1, 1))
    assert near.max() < 0.05
    np.testing.assert_allclose(moved[right[partner]] * (-1, 1, 1), moved[left], atol=0.05)
    out = b.neutral + moved + TONGUE_NEEDS * basis[ARKIT.index("jawOpen")]
    lips = out[np.r_[b.lips.upper, b.lips.lower]]
    assert 12 < out[tongue, 2].max() - lips[:, 2].max() < 30
    assert 14 < np.ptp(out[tongue][out[tongue, 2] > lips[:, 2].max()][:, 0]) < 40
    # In the middle, where lower teeth and lip are in the way, it lies on them, and under the upper teeth.
    middle = np.abs(b.neutral[:, 0]) < 6
    ahead = middle & np.isin(np.arange(len(out)), tongue) & (out[:, 2] > 92) & (out[:, 2] < 106)
    teeth = middle & np.isin(np.arange(len(out)), b.part_vertices("teeth")) & (out[:, 2] > 88)
    lower = teeth & (np.linalg.norm(basis[ARKIT.index("jawOpen")], axis=1) > 5)
    assert out[ahead, 1].min() > out[lower, 1].max() - 2
    assert out[ahead, 1].max() < out[teeth & ~lower, 1].min() + 2
