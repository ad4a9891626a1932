import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.core import ARKIT, VISEMES
from mien.core.channels import (
    AU_TO_ARKIT,
    arkit_from_aus,
    aus_from_arkit,
    index,
    mirrored,
    side_pairs,
)
from mien.core.visemes import VISEME_TO_ARKIT, arkit_from_visemes

NAMES = tuple(AU_TO_ARKIT)


def test_the_vocabularies_are_complete_and_distinct():
    assert len(ARKIT) == len(set(ARKIT)) == 52 and len(VISEMES) == len(set(VISEMES)) == 15
    assert index(ARKIT)["jawOpen"] == ARKIT.index("jawOpen")


@pytest.mark.parametrize("name", ARKIT)
def test_mirroring_is_an_involution_inside_the_vocabulary(name: str):
    assert mirrored(name) in ARKIT and mirrored(mirrored(name)) == name
    assert (mirrored(name) == name) == (not name.endswith(("Left", "Right")))


def test_units_drive_known_channels_and_no_channel_twice():
    driven = [channel for channels in AU_TO_ARKIT.values() for channel in channels]
    assert set(driven) <= set(ARKIT) and len(driven) == len(set(driven))
    assert set(ARKIT) - set(driven) == {"mouthClose", "mouthLeft", "mouthRight", "mouthShrugUpper"}


def test_units_have_a_mirror_image():
    swap = {"AU61": "AU62", "AU62": "AU61", "AU30L": "AU30R", "AU30R": "AU30L"}
    for unit, channels in AU_TO_ARKIT.items():
        assert {mirrored(channel) for channel in channels} == set(AU_TO_ARKIT[swap.get(unit, unit)])


@given(arrays(np.float64, (2, len(NAMES)), elements=st.floats(0, 5)))
def test_units_survive_the_way_through_arkit(intensities: np.ndarray):
    weights = arkit_from_aus(intensities, NAMES)
    assert weights.shape == (2, 52) and weights.min() >= 0 and weights.max() <= 1
    np.testing.assert_allclose(aus_from_arkit(weights, NAMES), intensities, atol=2e-6)


def test_sides():
    left, right = (arkit_from_aus(np.array([5.0]), ["AU12"], side=side) for side in ("Left", "Right"))
    at = index(ARKIT)
    assert left[at["mouthSmileLeft"]] == 1 and left.sum() == 1
    assert right[at["mouthSmileRight"]] == 1 and right.sum() == 1
    assert arkit_from_aus(np.array([5.0]), ["AU26"], side="Left")[at["jawOpen"]] == 1
    assert arkit_from_aus(np.array([5.0]), ["AU30L"], side="Right")[at["jawLeft"]] == 1


def test_intensities_are_clipped_and_unknown_units_refused():
    assert arkit_from_aus(np.array([9.0]), ["AU26"]).max() == 1
    assert arkit_from_aus(np.array([-1.0]), ["AU26"]).max() == 0
    with pytest.raises(KeyError):
        arkit_from_aus(np.array([1.0]), ["AU99"])


def test_visemes_are_mouths_that_hold_together():
    assert tuple(VISEME_TO_ARKIT) == VISEMES
    weights = arkit_from_visemes(np.eye(len(VISEMES)))
    at = index(ARKIT)
    assert not weights[VISEMES.index("sil")].any()
    assert weights[1:].any(axis=1).all()
    assert (weights <= 1).all()
    assert (weights >= 0).all()
    for name in ARKIT:
        if not name.startswith(("jaw", "mouth", "tongue")):
            assert not weights[:, at[name]].any(), "visemes leave eyes, brows, cheeks and nose alone"
        np.testing.assert_array_equal(weights[:, at[name]], weights[:, at[mirrored(name)]])
    assert (weights[:, at["mouthClose"]] <= weights[:, at["jawOpen"]]).all()


def test_visemes_mix_linearly_under_both_names():
    level = np.array([[0.25, 0.5], [1.0, 0.0]])
    mixed = arkit_from_visemes(level, ["PP", "viseme_aa"])
    one = arkit_from_visemes(np.eye(2), ["PP", "aa"])
    np.testing.assert_allclose(mixed, level @ one, atol=1e-6)
    with pytest.raises(KeyError):
        arkit_from_visemes(np.ones(1), ["zz"])


def test_partners_are_the_two_sides_and_no_directions():
    pairs = {(ARKIT[a], ARKIT[b]) for a, b in side_pairs(ARKIT)}
    assert len(pairs) == 18
    assert all(mirrored(left) == right for left, right in pairs)
    assert not any("jaw" in left for left, _ in pairs)
