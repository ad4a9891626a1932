"""`mien bench`: measures a system and shows its figures beside its baselines."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import tyro

from mien.engine.figures import Result
from mien.systems import registry

__all__ = ["main", "show"]

Own = TypeVar("Own")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measure a system and its baselines on data held out from training, with the weights that ship.

    Every system has options of its own: `mien bench capture --help` shows them.
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """The system to measure."""


@dataclass(frozen=True, kw_only=True)
class Command(Generic[Own]):
    """Measure a system and its baselines on data held out from training."""

    system: tyro.conf.OmitArgPrefixes[Own]
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A file to write the figures to, with the measurements behind them, mien's git revision, and the machine."""
    dirty: bool = False
    """Write the file of `--json` even when mien's git checkout has uncommitted changes."""


def main(arguments: list[str]) -> None:
    """Parse the command line, measure, print a table, write the JSON file."""
    from mien.engine.provenance import check_clean
    from mien.io.atomic import check_writable

    name = next((word for word in arguments if word in registry.SYSTEMS), None)
    if name is None:
        words = [word for word in arguments if not word.startswith("-")]
        registry.find(words[0] if words else tyro.cli(Options, prog="mien bench", args=arguments).name)
        return
    system = registry.find(name)
    at = arguments.index(name)
    command = tyro.cli(
        Command[system.bench_options()],
        prog=f"mien bench {name}",
        args=[*arguments[:at], *arguments[at + 1 :]],
        config=(tyro.conf.UseAppendAction,),
    )
    if command.json is not None:
        check_writable(command.json)
        check_clean(command.json, dirty=command.dirty)
    result = system.bench(command.system)
    show(result)
    if command.json is not None:
        result.write(command.json)
        print(f"wrote {command.json}")


def show(result: Result) -> None:
    """Print the figures, one per row."""
    from mien.cli.display import console, table

    out = table(f"{result.name}{' (quick)' if result.quick else ''}", "figure", "mien", "target", "baselines")
    for figure in result.figures:
        out.add_row(*figure.row())
    console().print(out, markup=False)
