"""Training checkpoints: written whole, read without unpickling code."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mien.core.errors import MienError
from mien.io.atomic import write_whole

__all__ = ["load_checkpoint", "save_checkpoint", "seed_everything"]

_FOREIGN = "not a checkpoint of mien; delete it to start again"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and strings to `path`; an interrupted write leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """Read a checkpoint, or None without a file; raises MienError when it is damaged or no checkpoint of mien.

    `weights_only` admits tensors and plain containers alone, so reading a file from elsewhere cannot run code.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise MienError(f"{path}: {_FOREIGN}") from error
    if not isinstance(state, dict) or not state.keys() >= {"net", "step", "config"}:
        raise MienError(f"{path}: {_FOREIGN}")
    return state


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - libraries that draw from the global state
    torch.manual_seed(seed)
