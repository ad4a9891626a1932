import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core import ARKIT
from mien.rigs.names import merged, normalise, words

SPELLINGS = [
    lambda name: name,
    lambda name: name[0].upper() + name[1:],
    lambda name: name.lower(),
    lambda name: name.removesuffix("Left") + "_L" if name.endswith("Left") else name,
    lambda name: name.removesuffix("Right") + ".R" if name.endswith("Right") else name,
    lambda name: "Left_" + name.removesuffix("Left") if name.endswith("Left") else name,
    lambda name: f"AK_07_{name[0].upper()}{name[1:]}",
    lambda name: f"ARKit_{name}",
    lambda name: f"Head|blendShape1.{name}",
    lambda name: f"12_{name}",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_arkit_name_is_found_in_every_documented_spelling(spelling):
    raw = [spelling(name) for name in ARKIT]
    report = normalise(raw)
    assert [report.names[name] for name in raw] == list(ARKIT)
    assert report.arkit == ARKIT and not report.missing and not report.ambiguous and not report.other


def test_arkit_names_have_different_words():
    assert len({words(name) for name in ARKIT}) == 52


@given(st.lists(st.text(min_size=1, max_size=12), max_size=6))
def test_any_text_is_named_once_and_reported(raw: list[str]):
    report = normalise(raw)
    assert list(report.names) == list(dict.fromkeys(raw))
    assert set(report.arkit) | set(report.missing) == set(ARKIT) and not set(report.arkit) & set(report.missing)
    assert set(report.other) == set(report.names.values()) - set(ARKIT)


def test_three_vocabularies_in_one_mesh():
    raw = ["AK_25_JawOpen", "AU_26_JawDrop", "AA_VI_01_PP", "AA_VI_12_I", "AU_02_L_OuterBrowRaiser", "SR_21_Jaw_Open"]
    names = normalise(raw).names
    assert list(names.values()) == [
        "jawOpen",
        "AU26_JawDrop",
        "viseme_PP",
        "viseme_ih",
        "AU2_OuterBrowRaiserLeft",
        "SR21_JawOpen",
    ]


@pytest.mark.parametrize(
    "name", ["JawWideOpen", "mouth", "SR_21_Jaw_Open", "Fcl_MTH_A", "Eye_Left_Right", "open", "_", "é"]
)
def test_what_is_not_certain_is_not_mapped(name: str):
    assert normalise([name]).arkit == ()


def test_two_claims_of_equal_right_are_reported_and_unused():
    report = normalise(["jaw_open", "JAW OPEN", "tongueOut"])
    assert report.ambiguous == {"jawOpen": ("jaw_open", "JAW OPEN")}
    assert "jawOpen" in report.missing and report.names["jaw_open"] == "jaw_open"


def test_the_better_claim_wins():
    report = normalise(["jaw_open", "AK_25_JawOpen", "jawOpen"])
    assert report.names == {"jaw_open": "jaw_open", "AK_25_JawOpen": "AK_25_JawOpen", "jawOpen": "jawOpen"}
    assert not report.ambiguous


def test_halves_of_central_shapes():
    assert normalise(["browInnerUp_L", "browInnerUp_R"]).arkit == ("browInnerUp",)
    assert normalise(["browInnerUp_L"]).arkit == ()
    whole = normalise(["browInnerUp_L", "browInnerUp_R", "browInnerUp"])
    assert whole.names["browInnerUp_L"] == "browInnerUp_L" and whole.arkit == ("browInnerUp",)


def test_names_that_come_out_alike_stay_apart():
    report = normalise(["AU_02_L_Raiser", "AU_2_Raiser_L"])
    assert len(set(report.names.values())) == 2


def test_what_is_ambiguous_in_one_mesh_may_be_found_in_another():
    report = merged([normalise(["jaw_open", "JAW OPEN"]), normalise(["JawOpen", "AU_26_JawDrop"])])
    assert report.arkit == ("jawOpen",) and not report.ambiguous and len(report.names) == 4
    assert report.other == ("jaw_open", "JAW OPEN", "AU26_JawDrop")
