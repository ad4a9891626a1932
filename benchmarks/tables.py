"""Fill the tables of figures in the README and docs from benchmarks/results/*.json.

A document has figures between two marker lines that name result files; the lines between them are generated:

    <!-- figures: capture track -->              every figure
    <!-- figures: capture track, headline -->    the most important ones
    <!-- figures: capture track, short -->       the few by which a user decides
    <!-- end of figures -->

Blocks of file formats (`benchmarks.format_tables`) are filled as well. `python -m benchmarks.tables` writes all of
them, `--check` exits with 1 when a document differs from the files.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.command import RESULTS, ROOT

from benchmarks import format_tables
from mien.engine.figures import Figure, Result
from mien.engine.provenance import UNKNOWN
from mien.systems import registry

__all__ = ["fill", "main", "markdown"]

BLOCK = re.compile(r"(<!-- figures: ([\w ]+)(?:, (\w+))? -->\n).*?(<!-- end of figures -->)", re.DOTALL)
FORMS: Mapping[str | None, Callable[[Figure], bool]] = {
    None: lambda figure: True,
    "headline": lambda figure: figure.headline,
    "short": lambda figure: figure.short,
}
"""The word after the names in a marker -> which figures are shown."""
ARGUMENTS = {"ablation": " runs/ablation ...", "realism": " --before OLD.npz"}
"""Arguments that a benchmark needs."""


def fill(text: str, results: Path = RESULTS) -> str:
    """`text` with the table of each block regenerated; for a missing result file the text gives the command that makes
    it."""

    def replace(match: re.Match[str]) -> str:
        begin, names, form, end = match.groups()
        return f"{begin}\n{markdown(names.split(), results, form)}\n\n{end}"

    return format_tables.fill(BLOCK.sub(replace, text))


def markdown(names: Sequence[str], results: Path = RESULTS, form: str | None = None) -> str:
    """One table of the figures in several result files, followed by the revision and machine of each run.

    `form` is one of `FORMS`. Raises ValueError for another, and MienError for a file that is no result.
    """
    if form not in FORMS:
        raise ValueError(f"no form '{form}' of a table of figures; there are: headline, short")
    there = [name for name in names if (results / f"{name}.json").is_file()]
    found = {name: Result.read(results / f"{name}.json") for name in there}
    rows = [line(figure) for result in found.values() for figure in result.figures if FORMS[form](figure)]
    lines = ["| figure | mien | target | baselines, same run |", "|---|---|---|---|", *rows] if rows else []
    lines += captions(found)
    if absent := [f"`{command(name)} --json benchmarks/results/{name}.json`" for name in names if name not in found]:
        lines += ["", f"Not measured yet: {', '.join(absent)}."]
    return "\n".join(lines).strip()


def line(figure: Figure) -> str:
    """One line of the table."""
    cells = " | ".join(figure.row())
    return f"| {cells.replace(' missed |', ' **missed** |') if figure.reached is False else cells} |"


def command(name: str) -> str:
    """The command that makes a result file."""
    return f"mien bench {name}" if name in registry.SYSTEMS else f"python -m benchmarks.{name}{ARGUMENTS.get(name, '')}"


def captions(found: Mapping[str, Result]) -> list[str]:
    """Which results come from which revision: a paragraph for each machine."""
    places: dict[str, list[str]] = {}
    for name, result in found.items():
        how = ", quick run" if result.quick else ""
        places.setdefault(place(result.machine), []).append(f"`{command(name)}`{how}, {revision(result)}")
    return [text for where, runs in places.items() for text in ("", f"{'; '.join(runs)}: {where}.")]


def revision(result: Result) -> str:
    """The commit that was measured, as far as it is recorded in the file."""
    if result.revision == UNKNOWN:
        return "revision not recorded"
    commit = result.revision.removesuffix("-dirty")
    return f"revision {commit}" + (" with uncommitted changes" if commit != result.revision else "")


def place(machine: Mapping[str, Any]) -> str:
    """Processor, Python version and library versions."""
    libraries = [f"{name} {version}" for name, version in machine["libraries"].items() if name != "mien"]
    return ", ".join([machine["cpu"], f"{machine['cores']} cores", f"Python {machine['python']}", *libraries])


def documents() -> list[Path]:
    """The documents that may show figures."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "src").rglob("README.md"))]


def main(arguments: Sequence[str]) -> int:
    """Write the documents, or with --check compare them with the results."""
    code = 0
    for path in documents():
        text = path.read_text(encoding="utf-8")
        new = fill(text)
        if new == text:
            continue
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} differs from benchmarks/results; run: python -m benchmarks.tables")
            code = 1
        else:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
