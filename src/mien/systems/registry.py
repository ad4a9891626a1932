"""The systems there are. Adding one is a line in `SYSTEMS` and a folder with the same file names as the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, cast

from mien.core.errors import MienError
from mien.engine.figures import Result
from mien.runtime import Bundle, packaged_bundles

__all__ = ["SYSTEMS", "BenchOptions", "Evaluation", "System", "find"]


class BenchOptions(Protocol):
    """The options of every system's benchmark; a system's own frozen dataclass adds others."""

    @property
    def quick(self) -> bool:
        """Whether to measure less, within a minute."""
        ...

    @property
    def bundle(self) -> Path | None:
        """A folder with weights; None for those that ship."""
        ...


class Evaluation(Protocol):
    """A system's module `evaluate`."""

    BenchOptions: type[BenchOptions]

    def bench(self, options: Any) -> Result:
        """Measure; `options` is one of `BenchOptions`."""
        ...


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

    def bench_options(self) -> type[BenchOptions]:
        """What `bench` may be told: a frozen dataclass (`evaluate.BenchOptions`)."""
        return self._evaluation().BenchOptions

    def bench(self, options: BenchOptions) -> Result:
        """Figures beside their baselines, computed now (`evaluate.bench`), of `options.bundle` or the shipped weights.

        Raises MienError when there are neither, and when an option cannot be used.
        """
        if options.bundle is None and self.name not in packaged_bundles():
            raise MienError(f"{self.name} ships no weights; train it, export it, and name the folder with `bundle`")
        return self._evaluation().bench(options)

    def _evaluation(self) -> Evaluation:
        return cast("Evaluation", self.module("evaluate"))


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
