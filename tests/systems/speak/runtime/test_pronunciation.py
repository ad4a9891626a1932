"""Text becomes phones: by the dictionary, by spelling, by the user; numbers are read out; pauses follow punctuation."""

import numpy as np
import pytest

from mien.core import MienError
from mien.core.phones import ARPABET
from mien.systems.speak.runtime.pronunciation import spell, words_of
from mien.systems.speak.runtime.timing_by_rule import LEAD, track_of_words


def test_words_of_the_dictionary_numbers_and_pauses() -> None:
    words = words_of("Hello, it's 21 (or 305).")
    assert [word.text for word in words] == ["hello", "it's", "twenty", "one", "or", "three", "hundred", "five"]
    assert words[0].phones == ("HH", "AH", "L", "OW") and words[1].phones == ("IH", "T", "S")
    assert words[0].pause > 0 and words[-1].pause > words[0].pause and words[1].pause == 0
    assert all(word.known for word in words)


def test_a_word_outside_the_dictionary_is_spelled_or_given() -> None:
    made, given = words_of("blorpish mien{M IY1 N}")
    assert not made.known and made.phones == ("B", "L", "AO", "R", "P", "IH", "SH")
    assert given.known and given.phones == ("M", "IY", "N")
    with pytest.raises(MienError, match="'XX' is no ARPAbet phone"):
        words_of("mien{M XX}")


@pytest.mark.parametrize(
    ("word", "phones"),
    [("zake", "Z EY K"), ("phosh", "F AO SH"), ("thrun", "TH R AH N"), ("quib", "K W IH B"), ("moop", "M UW P")],
)
def test_spelling_rules(word: str, phones: str) -> None:
    assert spell(word) == tuple(phones.split())


def test_spelling_names_only_phones_there_are() -> None:
    for word in ("xyzzy", "eighth", "a", "bdgk", "queue", "eieio"):
        assert spell(word) and set(spell(word)) <= set(ARPABET)


@pytest.mark.parametrize("text", ["", "  ", "...!", "你好"])
def test_a_text_without_words_is_one_line(text: str) -> None:
    with pytest.raises(MienError, match="no word that can be spoken"):
        words_of(text)


def test_timing_by_rule_leaves_pauses_lengthens_ends_and_follows_the_pace() -> None:
    track = track_of_words(words_of("Baby, baby."))
    fast = track_of_words(words_of("Baby, baby."), pace=2.0)
    assert track.starts[0] == LEAD
    half = len(track) // 2
    assert track.visemes[:half] == track.visemes[half:]
    assert track.starts[half] - track.ends[half - 1] > 0.2
    spoken = [float((t.ends - t.starts).sum()) for t in (track, fast)]
    np.testing.assert_allclose(spoken[0], 2 * spoken[1])
    assert 0.5 < spoken[0] < 1.2
    middle = track_of_words(words_of("baby baby"))
    last = middle.ends[-1] - middle.starts[-1]
    assert last > 1.3 * (middle.ends[half - 1] - middle.starts[half - 1])
