"""Figures: what JSON and tables get is finite, and comes back as it was."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core import MienError
from mien.engine.figures import Figure, Result

NUMBERS = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-9, 9))
FIGURES = st.builds(
    Figure,
    name=st.text(),
    ours=NUMBERS,
    unit=st.sampled_from(("", "mm")),
    better=st.sampled_from(("higher", "lower")),
    target=NUMBERS,
    baselines=st.dictionaries(st.text(max_size=3), NUMBERS, max_size=3),
    headline=st.booleans(),
    short=st.booleans(),
    reason=st.sampled_from(("", "nobody was there")),
)


@given(st.lists(FIGURES, max_size=3), st.dictionaries(st.text(max_size=3), st.lists(NUMBERS, max_size=3), max_size=3))
def test_whatever_was_measured_is_json_and_comes_back(figures: list[Figure], details: dict) -> None:
    result = Result(name="x", figures=tuple(figures), details=details, quick=True, revision="abc")
    text = json.dumps(result.to_json(), allow_nan=False)
    again = Result.from_json(json.loads(text))
    assert again.figures == result.figures and again.to_json() == result.to_json()


@given(FIGURES)
def test_a_figure_is_a_number_or_a_reason(figure: Figure) -> None:
    assert (figure.ours is None) == bool(figure.reason)
    assert figure.ours is None or np.isfinite(figure.ours)
    if figure.reached is not None:
        turned = replace(figure, better="lower" if figure.better == "higher" else "higher")
        assert turned.reached != figure.reached or figure.ours == figure.target


def test_numbers_of_numpy_are_numbers_of_python() -> None:
    figure = Figure(name="x", ours=np.float32(0.5), baselines={"a": np.float32("nan")})
    assert type(figure.ours) is float and figure.baselines == {"a": None}
    details = {"a": [np.float32(1.5), np.int64(3), float("nan"), (np.float64("inf"),)], 1: {"b": True}}
    shown = Result(name="x", figures=(), details=details).to_json()["details"]
    assert shown == {"a": [1.5, 3, None, [None]], "1": {"b": True}}


@pytest.mark.parametrize(
    ("figure", "cells"),
    [
        (Figure(name="a", ours=0.7123, target=0.6, baselines={"b": 0.5, "c": None}),
         ("a", "0.712", "≥ 0.6 reached", "b 0.5, c -")),
        (Figure(name="a", unit="ms", better="lower", ours=3.5, target=3), ("a [ms]", "3.5", "≤ 3 missed", "")),
        (Figure(name="a", better="lower", ours=0, target=0), ("a", "0", "≤ 0 reached", "")),
        (Figure(name="a", ours=float("nan"), target=1, reason="no face"), ("a", "not computed: no face", "≥ 1", "")),
        (Figure(name="a", ours=12345), ("a", "12,345", "", "")),
    ],
)  # fmt: skip
def test_a_row_is_what_a_table_shows(figure: Figure, cells: tuple[str, ...]) -> None:
    assert figure.row() == cells


def test_a_result_names_its_revision_and_machine_and_survives_its_file(tmp_path: Path) -> None:
    result = Result.measured("x", [Figure(name="a", ours=float("nan"))], {"b": [1.0, float("nan")]}, quick=True)
    assert result.revision and result.machine["cores"] >= 1
    result.write(tmp_path / "x.json")
    assert Result.read(tmp_path / "x.json").to_json() == result.to_json()


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"figures": [{"nam": 1}]}', '{"figures": 3}'])
def test_another_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(MienError, match=r"x\.json.*measure again"):
        Result.read(tmp_path / "x.json")
