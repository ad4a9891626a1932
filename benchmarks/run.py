"""Every system measured: `python -m benchmarks.run [--quick]` writes benchmarks/results/NAME.json."""

import sys
from pathlib import Path

from mien.cli.main import main
from mien.systems import registry

RESULTS = Path(__file__).parent / "results"


def run(options: list[str]) -> int:
    """Run `mien bench` on every registered system; the first failure's exit code, or 0."""
    RESULTS.mkdir(exist_ok=True)
    for name in registry.SYSTEMS:
        if code := main(["bench", name, *options, "--json", str(RESULTS / f"{name}.json")]):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
