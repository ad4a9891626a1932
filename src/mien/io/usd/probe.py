"""`python -m mien.io.usd.probe FILE`: reads a USD file from end to end, and ends with 0 if it lives.

Over damaged bytes OpenUSD may abort the process it is in, so `stage.open_stage` has this one read files first.
What USD says of the file does not matter here: it says it again to who reads the file next.
"""

import sys
from pathlib import Path

from mien.core.errors import MienError
from mien.io.usd.stage import compose, pxr, reading

__all__ = ["main"]


def main(path: str) -> None:
    """Read every layer and every value, and let what is wrong pass."""
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
