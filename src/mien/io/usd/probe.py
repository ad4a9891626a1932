"""`python -m mien.io.usd.probe FILE`: reads a whole USD file, and exits with 0 if the process does not crash.

OpenUSD may abort its process on damaged bytes, so `stage.open_stage` first lets this separate process read the file.
Errors that USD reports without aborting are ignored here, because USD reports them again when the file is opened.
"""

import sys
from pathlib import Path

from mien.core.errors import MienError
from mien.io.usd.stage import compose, pxr, reading

__all__ = ["main"]


def main(path: str) -> None:
    """Read every layer and every value, ignoring reported errors."""
    (Usd,) = pxr("Usd")
    try:
        with reading(path):
            stage = compose(Path(path))
            for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()):
                for attribute in prim.GetAttributes():
                    for time in [Usd.TimeCode.Default(), *attribute.GetTimeSamples()]:
                        attribute.Get(time)
    except MienError:
        pass


if __name__ == "__main__":
    main(sys.argv[1])
