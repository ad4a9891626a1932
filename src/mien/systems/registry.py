"""The systems there are. Adding one is a line in `SYSTEMS` and a folder with the same file names as the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mien.core.errors import MienError
from mien.runtime import Bundle

__all__ = ["SYSTEMS", "System", "find"]


@dataclass(frozen=True)
class System:
    """One system, its modules imported only when asked for."""

    name: str
    summary: str
    """What it turns into what."""

    def module(self, part: str) -> Any:
        """One of its modules: "spec", "predict", "train", ..."""
        return import_module(f"mien.systems.{self.name}.{part}")

    def presets(self) -> Mapping[str, Any]:
        """Preset name -> training configuration (`config.PRESETS`)."""
        return self.module("config").PRESETS

    def train(self, config: Any) -> Path:
        """Train by `config` and return the checkpoint (`train.train`); ImportError without the extra mien[train]."""
        return self.module("train").train(config)

    def export_defaults(self) -> Any:
        """Default options of an export (`config.EXPORT`)."""
        return self.module("config").EXPORT

    def export(self, checkpoint: Path, out: Path, options: Any = None) -> Bundle:
        """Write a checkpoint's bundle (`export.export`); ImportError without the extra mien[train]."""
        return self.module("export").export(checkpoint, out, self.export_defaults() if options is None else options)

    def bench(self, *, quick: bool, **options: Any) -> dict[str, Any]:
        """Figures of the shipped weights beside their baselines, computed now (`evaluate.bench`, which says what other
        options it takes)."""
        return self.module("evaluate").bench(quick=quick, **options)


SYSTEMS: Mapping[str, System] = MappingProxyType(
    {
        system.name: system
        for system in (
            System("capture", "video of a face -> expression weights, head pose and gaze"),
            System("express", "a neutral mesh, an expression and its timing -> a 4D mesh sequence"),
        )
    }
)
"""Name -> system."""


def find(name: str) -> System:
    """A system by name; raises MienError naming those there are."""
    if name not in SYSTEMS:
        raise MienError(f"no system '{name}'; there are: {', '.join(SYSTEMS)}")
    return SYSTEMS[name]
