"""Phones become the visemes that the tables state, and tracks keep their times."""

# ruff: noqa: RUF001

import numpy as np
import pytest

from mien.core.phones import ARPABET, IPA, ipa_visemes, label_visemes, phone_visemes, track_of_phones
from mien.core.visemes import VISEMES


def test_the_tables_name_visemes_alone_and_every_viseme_is_reached() -> None:
    assert {viseme for visemes in ARPABET.values() for viseme in visemes} == set(VISEMES)
    assert set(IPA.values()) == set(VISEMES) - {"sil"}


@pytest.mark.parametrize(
    ("arpabet", "ipa"),
    [("P", "p"), ("M", "m"), ("F", "f"), ("TH", "θ"), ("SH", "ʃ"), ("S", "s"), ("IY0", "iː"), ("UW1", "uː"),
     ("AY", "aɪ"), ("AW", "aʊ"), ("OY", "ɔɪ"), ("CH", "tʃ"), ("JH", "dʒ"), ("EY2", "eɪ"), ("ER", "ɝ"), ("W", "w")],
)  # fmt: skip
def test_a_phone_has_the_same_visemes_in_both_alphabets(arpabet: str, ipa: str) -> None:
    assert phone_visemes(arpabet) == ipa_visemes(ipa)


def test_what_is_no_phone_is_refused_and_silence_is_silence() -> None:
    assert label_visemes("", ipa=True) == label_visemes("sp", ipa=False) == ("sil",)
    for ipa in (False, True):
        with pytest.raises(KeyError):
            label_visemes("12", ipa=ipa)


def test_a_diphthong_is_two_visemes_that_fill_its_time() -> None:
    track = track_of_phones([("sil",), ("PP",), ("aa", "ih")], [0, 0.2, 0.3], [0.2, 0.3, 0.5], strength=[1, 0.5, 0.75])
    assert track.visemes == ("PP", "aa", "ih")
    np.testing.assert_allclose(track.ends[:-1], track.starts[1:])
    assert track.starts[0] == 0.2 and track.duration == 0.5 and 0.3 < track.starts[2] < 0.5
    assert track.strength is not None
    np.testing.assert_array_equal(track.strength, [0.5, 0.75, 0.75])
