"""The systems there are. Adding one is a line here and a folder of the same file names.

config.PRESETS                         name -> training configuration
train.train(config) -> Path            torch
evaluate.bench(*, quick) -> Bench      figures and baselines of the shipped weights, computed in that run
predict                                the torch-free entry for users
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType

from mien.core.errors import MienError

__all__ = ["SYSTEMS", "module"]

SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "capture": "video of a face -> expression weights, head pose and gaze",
    }
)
"""Name -> what it turns into what."""


def module(system: str, part: str) -> ModuleType:
    """One module of a system ("train", "evaluate", ...), imported now; raises MienError for an unknown system."""
    if system not in SYSTEMS:
        raise MienError(f"no system '{system}'; there are: {', '.join(SYSTEMS)}")
    return import_module(f"mien.systems.{system}.{part}")
