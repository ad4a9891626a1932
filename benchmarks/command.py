"""The options that all benchmarks share, the checks before a run, and the writing of its result.

def main(arguments=None):
    parser = command_line(__doc__, assets="video/")
    parser.add_argument("--frames", type=int, default=300)
    run(parser, lambda chosen: measured(chosen.assets, chosen.frames), arguments)
"""

import argparse
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from mien.core import MienError
from mien.engine.figures import Result
from mien.engine.provenance import check_clean
from mien.io.atomic import check_writable

__all__ = ["IMAGES", "PORTRAITS", "RESULTS", "ROOT", "assets_option", "command_line", "refuse", "run"]

ROOT = Path(__file__).resolve().parents[1]
RESULTS, IMAGES = ROOT / "benchmarks" / "results", ROOT / "docs" / "images"
PORTRAITS = Path("faces") / "webmorph_canada"
"""The folder of annotated portraits inside the folder of test material."""
_ASSETS = "MIEN_TEST_ASSETS"


def command_line(description: str | None, *, assets: str = "") -> argparse.ArgumentParser:
    """A parser with --json and --dirty, and with --assets when `assets` lists what that folder must hold."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and the measurements here")
    parser.add_argument(
        "--dirty", action="store_true", help="write the file of --json even if code differs from the checkout's commit"
    )
    if assets:
        assets_option(parser, assets)
    return parser


def assets_option(parser: argparse.ArgumentParser, assets: str) -> None:
    """Add --assets, the folder of test material, whose contents `assets` lists."""
    folder = os.environ.get(_ASSETS)
    parser.add_argument(
        "--assets",
        type=Path,
        metavar="FOLDER",
        default=Path(folder) if folder else None,
        help=f"the folder of test material, with {assets}; by default the folder that {_ASSETS} names",
    )


def run(
    parser: argparse.ArgumentParser,
    measured: Callable[[argparse.Namespace], Result],
    arguments: Sequence[str] | None = None,
) -> None:
    """Parse, refuse impossible options in one line, measure, and write the result to the file of --json."""
    chosen = parser.parse_args(arguments)
    try:
        _check(chosen)
        result = measured(chosen)
        if chosen.json is not None:
            result.write(chosen.json)
            print(f"wrote {chosen.json}")
    except MienError as error:
        refuse(parser, error)


def refuse(parser: argparse.ArgumentParser, error: MienError) -> NoReturn:
    """Exit with status 2 and one line, in which parameter names in backticks become options."""
    words = re.sub(r"`(\w+)`", lambda name: "--" + name[1].replace("_", "-"), str(error))
    parser.exit(2, f"{parser.prog}: error: {words}\n")


def _check(chosen: argparse.Namespace) -> None:
    """Raise MienError before any work when the test material is missing or the result may not be written."""
    if "assets" in chosen:
        if chosen.assets is None:
            raise MienError(f"no test material; name its folder with `assets` or the variable {_ASSETS}")
        if not chosen.assets.is_dir():
            raise MienError(f"there is no folder {chosen.assets} of test material; name it with `assets` or {_ASSETS}")
    if chosen.json is not None:
        check_writable(chosen.json)
        check_clean(chosen.json, dirty=chosen.dirty)
