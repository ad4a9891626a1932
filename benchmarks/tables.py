"""Figures into documents: fills the README and docs/systems/NAME.md from benchmarks/results/NAME.json.

A document shows figures between two marker lines, and nobody types what stands there:

    <!-- figures: capture, headline -->     or     <!-- figures: capture -->
    <!-- end of figures -->

`python -m benchmarks.tables` writes them, `--check` exits with 1 when a document differs from its file.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

__all__ = ["fill", "main", "markdown"]

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- figures: (\w+)(, headline)? -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fill(text: str, results: Path = RESULTS) -> str:
    """`text` with the table of each block made anew; a system without results says how to get them."""

    def replace(match: re.Match[str]) -> str:
        begin, name, headline, end = match.groups()
        file = results / f"{name}.json"
        if not file.is_file():
            return f"{begin}\nNot measured yet: `mien bench {name} --json benchmarks/results/{name}.json`\n\n{end}"
        result = json.loads(file.read_text(encoding="utf-8"))
        return f"{begin}\n{markdown(result, headline=bool(headline))}\n\n{end}"

    return BLOCK.sub(replace, text)


def markdown(result: dict[str, Any], *, headline: bool = False) -> str:
    """A table of one system's figures with the machine under it; `headline` leaves out those not marked so."""
    figures = [figure for figure in result["figures"] if figure.get("headline", True) or not headline]
    rows = ["| figure | mien | target | baselines, same run |", "|---|---|---|---|"]
    for figure in figures:
        unit = f" [{figure['unit']}]" if figure.get("unit") else ""
        baselines = ", ".join(f"{name} {number(value)}" for name, value in figure.get("baselines", {}).items())
        rows.append(f"| {figure['name']}{unit} | {number(figure['ours'])} | {target(figure)} | {baselines} |")
    machine = result["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items() if name != "mien")
    how = "quick run" if result["quick"] else "full run"
    rows += [
        "",
        f"`mien bench {result['system']}`, {how}, revision {result.get('revision', 'unknown')}, on {machine['cpu']},"
        f" {machine['cores']} cores, Python {machine['python']} ({libraries}).",
    ]
    return "\n".join(rows)


def target(figure: dict[str, Any]) -> str:
    """The target with its direction and whether it was reached; empty when there is none."""
    if figure.get("target") is None:
        return ""
    higher = figure.get("better", "higher") == "higher"
    ours, wanted = figure["ours"], figure["target"]
    reached = ours is not None and (ours >= wanted if higher else ours <= wanted)
    return f"{'≥' if higher else '≤'} {number(wanted)} {'reached' if reached else '**missed**'}"


def number(value: float | None) -> str:
    """Three significant digits; "-" for what could not be measured."""
    if value is None:
        return "-"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def main(arguments: list[str]) -> int:
    """Write the documents, or with --check compare them."""
    code = 0
    for path in documents():
        text = path.read_text(encoding="utf-8")
        new = fill(text)
        if new == text:
            continue
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is not what benchmarks/results says; run: python -m benchmarks.tables")
            code = 1
        else:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
