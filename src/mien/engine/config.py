"""The settings that every training run and every export has, whatever the system; does not import torch.

The docstring of a field is its help text on the command line (`mien train NAME --help`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["ExportOptions", "RunConfig", "changed_settings", "training_command"]


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Settings of one training run. A system's configuration adds its own fields and sets its own defaults."""

    MAY_CHANGE: ClassVar[frozenset[str]] = frozenset({"accelerator", "out", "save_every", "threads", "workers"})
    """Fields that may differ when a run goes on from its checkpoint: they do not decide what is learnt."""

    out: str = "runs"
    """Folder that the checkpoint and the log are written to."""
    seed: int = 1
    """Seed of the initial weights and of every batch."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    weight_decay: float = 0.0
    """Weight decay."""
    precision: str = "32-true"
    """Precision of the training arithmetic, by its name in Lightning Fabric."""
    accelerator: str = "cpu"
    """Kind of processor to train on, by its name in Lightning Fabric: cpu or cuda."""
    threads: int = 1
    """CPU threads of each training process."""
    workers: int = 0
    """Processes that prepare batches for each training process; with 0 it prepares them itself."""
    save_every: int = 200
    """Steps between two checkpoints. A killed run goes on from the last one."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of an export. A system's own options add to these."""

    figures: Path | None = None
    """File that `mien bench NAME --json FILE` wrote for these weights, whose figures go into the manifest and the model
    card."""
    command: str = ""
    """Training command to state in the manifest; by default it is put together from the checkpoint's settings."""


def changed_settings(config: RunConfig, before: dict[str, Any]) -> list[str]:
    """Each field that differs from the settings `before` and is not in `config.MAY_CHANGE`, with both values."""
    missing = object()
    return [
        f"`{field.name}` (was {before.get(field.name, 'not there')}, now {getattr(config, field.name)})"
        for field in fields(config)
        if field.name not in config.MAY_CHANGE and before.get(field.name, missing) != getattr(config, field.name)
    ]


def training_command(
    name: str, config: RunConfig, presets: Mapping[str, Any], without: frozenset[str] | None = None
) -> str:
    """The `mien train` command of a configuration: the nearest preset, then every setting that differs from it.

    Fields in `without`, by default `config.MAY_CHANGE`, are left out: they name places and speed.
    """
    left_out = config.MAY_CHANGE if without is None else without
    names = [field.name for field in fields(config) if field.name not in left_out]

    def different(preset: str) -> list[str]:
        return [name for name in names if getattr(presets[preset], name) != getattr(config, name)]

    nearest = min(presets, key=lambda preset: len(different(preset)))
    words = [f"--{field.replace('_', '-')} {getattr(config, field)}" for field in different(nearest)]
    return " ".join([f"mien train {name} --preset {nearest}", *words])
