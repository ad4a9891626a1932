"""Mo, mien's built-in head, which the code of this package models and a file in this package stores.

`load_mo()` reads the stored head; `build()` builds it from code (`mien rig build mo` stores the result).
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mien.core.rig import Rig

__all__ = ["STORED", "build", "load_mo"]

STORED = Path(__file__).with_name("mo.npz")
"""The packaged head."""


@cache
def load_mo() -> "Rig":
    """The packaged head, the same object in every call. Raises MienError when the installation lacks it."""
    from mien.rigs.mo.store import read

    return read(STORED)


def build() -> "Rig":
    """Build the head from scratch, which takes some ten seconds; the result is always the same head."""
    from mien.rigs.mo.build import build as model

    return model()
