"""Start, resume and save a training run: functions that a system's `train.py` calls from its own loop.

A run lives in the folder `config.out`. Its checkpoint holds the state of every part, the step, the settings, and a
fingerprint of the data, so that a resumed run gives the same result as an uninterrupted one, or is refused.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric

from mien.core.errors import MienError
from mien.engine.checkpoint import load_checkpoint, save_checkpoint, seed_everything
from mien.engine.config import RunConfig, changed_settings
from mien.engine.memory import keep_freed_memory

__all__ = [
    "Part",
    "check_data",
    "checkpoint_of",
    "is_due",
    "keep",
    "open_fabric",
    "open_process",
    "reached",
    "resume",
]

_AGAIN = "choose another `out`, or delete the file to start again"


class Part(Protocol):
    """An object whose state a checkpoint holds: a module, an optimiser, an average of weights."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and text in plain containers."""
        ...

    def load_state_dict(self, state_dict: Any, /) -> Any:
        """Restore a state that `state_dict` returned."""
        ...


def open_fabric(config: RunConfig, processes: int = 1) -> Fabric:
    """Lightning Fabric for `processes` training processes on the accelerator and in the precision of `config`."""
    return Fabric(
        accelerator=config.accelerator,
        devices=processes,
        strategy="auto" if processes == 1 else "ddp_spawn",
        precision=config.precision,  # pyright: ignore[reportArgumentType]
    )


def open_process(config: RunConfig) -> None:
    """Set threads, seeds and memory of a training process; call it in each before any random number is drawn."""
    keep_freed_memory()  # measured on capture, on one of two busy cores: 85 images a second without, 225 with it
    torch.set_num_threads(config.threads)
    seed_everything(config.seed)


def checkpoint_of(config: RunConfig) -> Path:
    """Path of the run's checkpoint."""
    return Path(config.out) / "checkpoint.pt"


def reached(config: RunConfig) -> int:
    """The step that the run in `config.out` has reached, 0 when there is none.

    Raises MienError when the run was started with other settings (all but `config.MAY_CHANGE`), and names them.
    """
    state = load_checkpoint(checkpoint_of(config))
    if state is None:
        return 0
    changed = changed_settings(config, state["config"])
    if changed:
        raise MienError(f"{checkpoint_of(config)} was trained with another {', '.join(changed)}; {_AGAIN}")
    return int(state["step"])


def check_data(config: RunConfig, data: Mapping[str, str]) -> None:
    """Raises MienError when the run in `config.out` was trained on other data.

    `data` maps the field that names a folder to the fingerprint of what it holds (`fingerprint.fingerprint`).
    """
    state = load_checkpoint(checkpoint_of(config))
    before = {} if state is None else state.get("data", {})
    changed = [f"`{name}`" for name, mark in data.items() if before.get(name, mark) != mark]
    if changed:
        what = f"the data in {' and '.join(changed)} are not those it was trained on"
        raise MienError(f"{checkpoint_of(config)}: {what}; bring those back, or {_AGAIN}")


def resume(config: RunConfig, parts: Mapping[str, Part], device: torch.device) -> dict[str, Any] | None:
    """Load the parts from the run's checkpoint and return its other entries ("step" is one); None without a checkpoint.

    Raises MienError when the settings changed (`reached`) or the checkpoint lacks a part.
    """
    reached(config)
    state = load_checkpoint(checkpoint_of(config), device)
    if state is None:
        return None
    try:
        for name, part in parts.items():
            part.load_state_dict(state.pop(name))
    except (KeyError, ValueError, RuntimeError) as error:
        raise MienError(f"{checkpoint_of(config)} is of another version of mien; {_AGAIN}") from error
    return state


def keep(config: RunConfig, step: int, parts: Mapping[str, Part], data: Mapping[str, str], **others: Any) -> None:
    """Write the checkpoint after `step` steps, whole or not at all: every part's state, the settings, the data's
    fingerprints, and `others` (tensors, numbers and text in plain containers)."""
    states = {name: part.state_dict() for name, part in parts.items()}
    settings = {"step": step, "config": asdict(config), "data": dict(data)}
    save_checkpoint(checkpoint_of(config), {**states, **settings, **others})


def is_due(config: RunConfig, step: int, end: int) -> bool:
    """Whether a checkpoint is due after `step` steps of a run that ends at `end`."""
    return step % config.save_every == 0 or step == end
