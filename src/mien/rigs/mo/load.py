"""Mo, the head that comes with mien: modelled by this package's code, stored with it.

`load_mo()` reads the stored head; `build()` models it again (`mien rig build mo` stores it).
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mien.core.rig import Rig

__all__ = ["STORED", "build", "load_mo"]

STORED = Path(__file__).with_name("mo.npz")
"""The head as packaged."""


@cache
def load_mo() -> "Rig":
    """The packaged head; the same object every time. Raises MienError when the installation lacks it."""
    from mien.rigs.mo.store import read

    return read(STORED)


def build() -> "Rig":
    """Model the head from scratch, which takes some ten seconds; always the same head."""
    from mien.rigs.mo.build import build as model

    return model()
