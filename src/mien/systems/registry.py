"""The list of systems. To add one, add a folder with the same file names as the others and a line in `SYSTEMS`."""

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
        """Whether to run a shortened benchmark of about a minute."""
        ...

    @property
    def bundle(self) -> Path | None:
        """A folder with the weights to measure; None for the weights that ship with mien."""
        ...


class Evaluation(Protocol):
    """A system's module `evaluate`."""

    BenchOptions: type[BenchOptions]

    def bench(self, options: Any) -> Result:
        """Measure; `options` is an instance of the module's own `BenchOptions`."""
        ...


@dataclass(frozen=True)
class System:
    """One system; its modules are imported only when they are used."""

    name: str
    summary: str
    """Its input and its output."""

    def module(self, part: str) -> Any:
        """One of the system's modules: "spec", "predict", "train", ..."""
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
        """The type of the options of `bench`: a frozen dataclass (`evaluate.BenchOptions`)."""
        return self._evaluation().BenchOptions

    def bench(self, options: BenchOptions) -> Result:
        """Figures beside their baselines, measured with `options.bundle` or the shipped weights (`evaluate.bench`).

        Raises MienError when there are no weights, and when an option cannot be used.
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
            System("speak", "visemes and a style -> the weights of a whole face, head pose and gaze"),
        )
    }
)
"""Name -> system."""


def find(name: str) -> System:
    """A system by name; for an unknown name raises MienError, which lists the names."""
    if name not in SYSTEMS:
        raise MienError(f"no system '{name}'; there are: {', '.join(SYSTEMS)}")
    return SYSTEMS[name]
