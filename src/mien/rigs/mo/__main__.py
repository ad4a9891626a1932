"""`python -m mien.rigs.mo [FILE]`: model mo and store it (in the package unless a file is named)."""

import sys
from pathlib import Path

from mien.rigs.mo import STORED, build
from mien.rigs.mo.store import write


def main(arguments: list[str]) -> None:
    """Build and write."""
    path = Path(arguments[0]) if arguments else STORED
    rig = build()
    write(rig, path)
    print(f"{path}: {len(rig.neutral.vertices)} vertices, {len(rig.shape_names)} shapes, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
