"""Files of speech sounds: what other tools write is read, and what is wrong is one line with the place."""

# ruff: noqa: RUF001

from pathlib import Path

import numpy as np
import pytest

from mien.core import MienError, VisemeTrack

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "anna - words"
        xmin = 0
        xmax = 1.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = "say ""aye"" 12 [3]"
    item [2]:
        class = "TextTier"
        name = "notes"
        xmin = 0
        xmax = 1.5
        points: size = 1
        points [1]:
            number = 0.3
            mark = "click"
    item [3]:
        class = "IntervalTier"
        name = "anna - phones"
        xmin = 0
        xmax = 1.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "{first}"
        intervals [2]:
            xmin = 0.5
            xmax = 1.0
            text = ""
        intervals [3]:
            xmin = 1.0
            xmax = 1.5
            text = "{last}"
"""


@pytest.mark.parametrize(("first", "last"), [("S", "EY1"), ("s", "eɪ")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_phones_of_a_textgrid_are_found_among_other_tiers(
    tmp_path: Path, first: str, last: str, encoding: str
) -> None:
    path = tmp_path / "x.TextGrid"
    path.write_text(LONG.format(first=first, last=last), encoding=encoding)
    track = VisemeTrack.load(path)
    assert track.visemes == ("SS", "E", "ih")
    np.testing.assert_allclose([track.starts[0], track.ends[0], track.starts[1], track.ends[2]], [0, 0.5, 1.0, 1.5])


def test_a_textgrid_without_phones_names_its_tiers(tmp_path: Path) -> None:
    path = tmp_path / "x.TextGrid"
    path.write_text(LONG.format(first="S", last="EY1").replace("anna - phones", "syllables"), encoding="utf-8")
    with pytest.raises(MienError, match="anna - words, syllables"):
        VisemeTrack.load(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("start,end,viseme\n0,0.1,PP\n0.1,0.05,aa\n", "line 3"),
        ("start,end,viseme\n0,0.1,PP\n0.05,0.2,aa\n", "line 3.*before the last one ends"),
        ("start,end,viseme\n0,0.1,QQ\n", "line 2.*there is no viseme 'QQ'"),
        ("start,end,phone\n0,0.1,!7\n0.1,0.2,B\n0.2,0.3,ZZZ\n", "line"),
        ("start,end,viseme,strength\n0,0.1,PP,1.5\n", "line 2.*between 0 and 1"),
        ("from,to,sound\n0,0.1,PP\n", "line 1.*start, end and viseme"),
        ("start,end,viseme\n0,nan,PP\n", "line 2"),
    ],
)
def test_a_wrong_table_is_one_line_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(MienError, match=said) as error:
        VisemeTrack.load(path)
    assert "\n" not in str(error.value)


def test_rhubarb_cues_are_mouths_of_the_same_kind(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("0.0\tX\n0.1\tA\n0.2\tF\n0.3\tG\n0.4\tD\n0.5\tX\n")
    track = VisemeTrack.load(path)
    assert track.visemes == ("PP", "ou", "FF", "aa")
    path.write_text("0.0\tX\n0.1\tQ\n")
    with pytest.raises(MienError, match=r"line 2.*'Q'"):
        VisemeTrack.load(path)
