"""The documents: figures come from files, links lead somewhere, commands exist."""

import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from benchmarks import tables
from mien.cli.main import COMMANDS
from mien.engine.figures import Figure, Result
from mien.systems import registry

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")])


MACHINE = {"cpu": "Some CPU", "cores": 2, "python": "3.11.7", "libraries": {"mien": "0.1.0", "numpy": "2.4"}}
FIGURES = (
    Figure(name="Pearson", ours=0.7123, target=0.6, baselines={"ridge": 0.5, "zeros": None}, short=True),
    Figure(name="frame", unit="ms", better="lower", ours=3.5, target=3, headline=False),
    Figure(name="lost", ours=float("nan"), target=1, reason="nobody came", headline=False),
)


def written(folder: Path, name: str, **changed: Any) -> Result:
    result = Result(name=name, figures=FIGURES, details={}, revision="abc", machine=MACHINE)
    result = replace(result, **changed)
    result.write(folder / f"{name}.json")
    return result


def test_a_table_states_targets_baselines_and_machine(tmp_path: Path) -> None:
    written(tmp_path, "capture")
    full = tables.markdown(["capture", "track"], tmp_path)
    assert "| Pearson | 0.712 | ≥ 0.6 reached | ridge 0.5, zeros - |" in full
    assert "| frame [ms] | 3.5 | ≤ 3 **missed** |  |" in full
    assert "| lost | not computed: nobody came | ≥ 1 |  |" in full
    assert "`mien bench capture`, revision abc: Some CPU, 2 cores, Python 3.11.7, numpy 2.4." in full
    assert "Not measured yet: `python -m benchmarks.track --json benchmarks/results/track.json`." in full


def test_a_marker_chooses_how_many_figures_are_shown(tmp_path: Path) -> None:
    written(tmp_path, "capture", figures=(*FIGURES, Figure(name="headline", ours=1.0)))
    shown = {form: tables.markdown(["capture"], tmp_path, form) for form in tables.FORMS}
    names = {form: [figure for figure in ("Pearson", "frame", "lost", "headline") if f"| {figure}" in text]
             for form, text in shown.items()}  # fmt: skip
    assert names == {
        None: ["Pearson", "frame", "lost", "headline"],
        "headline": ["Pearson", "headline"],
        "short": ["Pearson"],
    }
    for form, text in shown.items():
        marker = f"<!-- figures: capture{'' if form is None else f', {form}'} -->\n"
        assert tables.fill(f"{marker}<!-- end of figures -->", tmp_path).startswith(f"{marker}\n{text}\n")
    with pytest.raises(ValueError, match="short"):
        tables.fill("<!-- figures: capture, shrot -->\n<!-- end of figures -->", tmp_path)


@pytest.mark.parametrize(
    ("revision", "said"),
    [("abc", "revision abc:"), ("abc-dirty", "revision abc with uncommitted changes:"), ("unknown", "not recorded:")],
)
def test_a_caption_says_what_is_known_of_the_revision(tmp_path: Path, revision: str, said: str) -> None:
    written(tmp_path, "track", revision=revision)
    text = tables.markdown(["track"], tmp_path)
    assert said in text and "-dirty" not in text


def test_captions_name_each_machine_once(tmp_path: Path) -> None:
    written(tmp_path, "capture")
    written(tmp_path, "track", revision="def", quick=True)
    written(tmp_path, "fit", machine={**MACHINE, "cpu": "Another CPU"})
    text = tables.markdown(["capture", "track", "fit"], tmp_path)
    assert "`mien bench capture`, revision abc; `python -m benchmarks.track`, quick run, revision def: Some" in text
    assert text.count("Some CPU") == text.count("Another CPU") == 1


@pytest.mark.parametrize("path", sorted(tables.RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_result_file_is_well_formed(path: Path) -> None:
    result = Result.read(path)
    assert result.name == path.stem and result.figures
    names = [figure.name for figure in result.figures]
    assert len(set(names)) == len(names)
    assert result.name in registry.SYSTEMS or (ROOT / "benchmarks" / f"{result.name}.py").is_file()


@pytest.mark.parametrize("name", sorted(registry.SYSTEMS))
def test_stored_figures_are_what_is_made_of_the_stored_numbers_today(name: str) -> None:
    """Targets, directions and baselines of a document are those of the code; words may be better ones by now."""
    result = Result.read(tables.RESULTS / f"{name}.json")
    made = import_module(f"mien.systems.{name}.evaluation.figures").figures_of(result.details)
    again = Result.from_json(replace(result, figures=tuple(made)).to_json()).figures
    worded = [replace(ours, name=old.name, reason=old.reason) for ours, old in zip(again, result.figures, strict=True)]
    assert worded == list(result.figures)


def test_the_readme_shows_a_dozen_figures_or_so() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.split("<!-- figures: ")[1].split("<!-- end of figures -->")[0]
    assert 10 <= sum(line.startswith("| ") for line in shown.splitlines()) - 1 <= 15


def test_every_document_with_a_block_is_filled() -> None:
    marked = {path for path in DOCUMENTS if "<!-- end of " in path.read_text(encoding="utf-8")}
    assert ROOT / "README.md" in marked and marked <= set(tables.documents())


def test_filling_touches_only_the_blocks_and_settles(tmp_path: Path) -> None:
    text = "before\n<!-- figures: capture track, headline -->\ntyped 0.99\n<!-- end of figures -->\nafter\n"
    once = tables.fill(text, tmp_path)
    assert "typed" not in once
    assert "Not measured yet" in once
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert tables.fill(once, tmp_path) == once


def test_the_documents_show_what_was_measured() -> None:
    assert tables.main(["--check"]) == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_documents_show_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    commands = set(re.findall(r"(?:^|`)mien ([a-z]+)\b", text, re.MULTILINE))
    assert commands <= set(COMMANDS)
    targets = set(re.findall(r"(?:^|`)make ([a-z]+)\b", text, re.MULTILINE))
    assert targets <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_format_stands_in_the_table_that_is_filled_in() -> None:
    from mien.io.formats import FORMATS

    text = (
        "before\n<!-- formats -->\ntyped\n<!-- end of formats -->\n<!-- formats: output -->\n<!-- end of formats -->\n"
    )
    made = tables.fill(text)
    whole, output = made.split("<!-- end of formats -->")[:2]
    assert whole.startswith("before\n") and "typed" not in whole
    for row in FORMATS:
        told = [row.name, row.notes, row.extra.command if row.extra else "", *(f"`{s}`" for s in row.suffixes if s)]
        assert any(all(word in line for word in told) for line in whole.splitlines()), told
    assert all(row.content in output for row in FORMATS if row.needs_rig)
    assert tables.fill(made) == made
    for name in ("README.md", "docs/rigs.md"):
        assert "<!-- formats" in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_benchmarks_that_documents_show_exist(document: Path) -> None:
    named = set(re.findall(r"python -m benchmarks\.(\w+)", document.read_text(encoding="utf-8")))
    assert [name for name in named if not (ROOT / "benchmarks" / f"{name}.py").is_file()] == []


def test_nothing_names_a_folder_beside_the_checkout() -> None:
    files = [path for folder in ("src", "docs", "benchmarks") for path in (ROOT / folder).rglob("*")]
    texts = [path for path in (*files, *ROOT.glob("*.md")) if path.suffix in (".py", ".md", ".json")]
    assert [str(path) for path in texts if "../shared" in path.read_text(encoding="utf-8")] == []
