"""Who is kept from training: whole people, and the same people for everybody who asks."""

from pathlib import Path

import pytest

from mien.systems.capture.evaluation.held_out_people import FOLDERS, is_held_out, person_of
from mien.systems.capture.training.portraits import split


def names(assets: Path, folder: str) -> list[str]:
    return sorted(path.name for path in (assets / "real" / folder).iterdir())


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_person_is_held_out_with_all_pictures(assets: Path, folder: str) -> None:
    sides: dict[str, set[bool]] = {}
    for name in names(assets, folder):
        sides.setdefault(person_of(folder, name), set()).add(is_held_out(folder, name))
        assert is_held_out(folder, Path(name).stem) is is_held_out(folder, name)
    assert all(len(side) == 1 for side in sides.values())


def test_who_worked_for_both_offices_is_on_one_side() -> None:
    for here, there in (
        ("julia-winn", "julia-winn-headshot"), ("aaron", "aaron-snow-headshot"), ("pia", "pia-zaragoza-headshot"),
        ("jacobharris", "jacob-barss-bailey"), ("raphy", "raphael-majma"), ("dmayercantu", "diego-mayer-cantu"),
    ):  # fmt: skip
        assert person_of("us_18f", here) == person_of("us_pif", there)
        assert is_held_out("us_18f", here) is is_held_out("us_pif", there)


@pytest.mark.parametrize(
    ("folder", "least", "most"),
    [("london", 0.2, 0.3), ("canada", 0.5, 0.5), ("caltech_faces", 0.15, 0.25), ("us_18f", 0.05, 0.15),
     ("us_pif", 0.05, 0.15), ("us_congress", 0.08, 0.13), ("debruine_cc0", 0, 0), ("grid", 1 / 3, 1 / 3)],
)  # fmt: skip
def test_so_many_are_held_out(assets: Path, folder: str, least: float, most: float) -> None:
    held = [is_held_out(folder, name) for name in names(assets, folder)]
    assert least <= sum(held) / len(held) <= most


def test_the_portraits_are_split_as_before(assets: Path) -> None:
    held = {path.name for path in split(assets / "faces" / "webmorph_canada", held_out=True)}
    assert held == {name for name in names(assets, "canada") if is_held_out("canada", name)}


def test_clips_of_one_person_stay_together() -> None:
    held = {clip for clip in ("again", "bird", "brother", "eat", "help", "hungry", "milk", "night", "no", "please",
                              "sister", "sorry") if is_held_out("intel_asl", clip)}  # fmt: skip
    assert held == {"bird", "milk", "please", "sorry"}
    assert [is_held_out("grid", f"{clip}.mpg") for clip in ("sbia1a", "swiz3n", "bbaf2n")] == [True, True, False]


def test_pictures_of_neighbouring_numbers_are_told_apart() -> None:
    people = [person_of("caltech_faces", f"image_{n:04d}.jpg") for n in (46, 47, 68, 69, 362)]
    assert people == [f"caltech_faces/{k}" for k in (3, 4, 4, 5, 22)]
    assert is_held_out("london", "004_03.jpg") and not is_held_out("london", "005_08.jpg")


@pytest.mark.parametrize("wrong", [("lfw", "a.jpg"), ("london", "x_03.jpg"), ("grid", "nobody.mpg")])
def test_who_is_not_known_is_refused(wrong: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=wrong[0]):
        is_held_out(*wrong)
