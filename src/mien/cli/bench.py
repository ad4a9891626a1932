"""`mien bench`: a system's figures beside its baselines, measured now."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from mien.core.errors import MienError

__all__ = ["main", "run"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measure a system and its baselines on held-out data, with the weights that ship."""

    name: tyro.conf.Positional[str]
    """The system."""
    quick: bool = False
    """At most a minute instead of at most ten."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Write the figures and the machine they were measured on."""
    rig: Annotated[tyro.conf.UseAppendAction[tuple[Path, ...]], tyro.conf.arg(metavar="FILE")] = ()
    """Capture only: rigs to film beside mo, of faces that training never saw; any file with ARKit shapes."""
    mediapipe: Annotated[Path | None, tyro.conf.arg(metavar="FILE.task")] = None
    """Capture only: a Face Landmarker model of MediaPipe's, run on the same frames (needs its package)."""
    bundle: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Capture only: other weights than those that ship."""


def main(arguments: list[str]) -> None:
    """Parse the command line and measure."""
    run(tyro.cli(Options, prog="mien bench", args=arguments))


def run(options: Options) -> None:
    """Measure, print a table, write the JSON file."""
    from mien.cli.machine import describe
    from mien.engine.provenance import git_revision
    from mien.io.atomic import check_writable, write_whole
    from mien.systems import registry

    system = registry.find(options.name)
    if options.json is not None:
        check_writable(options.json)
    result = {"system": options.name, "quick": options.quick}
    result |= system.bench(quick=options.quick, **_extra(options))
    result |= {"revision": git_revision(), "machine": describe()}
    show(result)
    if options.json is not None:
        with write_whole(options.json) as temporary:
            temporary.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        print(f"wrote {options.json}")


def _extra(options: Options) -> dict[str, Any]:
    """What only one system understands."""
    given = {"rigs": options.rig, "mediapipe": options.mediapipe, "bundle": options.bundle}
    given = {name: value for name, value in given.items() if value}
    if given and options.name != "capture":
        raise MienError(f"--rig, --mediapipe and --bundle are for capture; {options.name} knows none of them")
    return given


def show(result: dict[str, Any]) -> None:
    """Print the figures, one a row, with the best baseline beside each."""
    from mien.cli.display import console, table

    out = table(f"{result['system']}{' (quick)' if result['quick'] else ''}", "figure", "mien", "target", "baselines")
    for figure in result["figures"]:
        target = figure.get("target")
        sign = "≥" if figure.get("better", "higher") == "higher" else "≤"
        baselines = ", ".join(f"{name} {_number(value)}" for name, value in figure.get("baselines", {}).items())
        out.add_row(
            f"{figure['name']}{' [' + figure['unit'] + ']' if figure.get('unit') else ''}",
            _number(figure["ours"]),
            "" if target is None else f"{sign} {_number(target)}",
            baselines,
        )
    console().print(out, markup=False)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
