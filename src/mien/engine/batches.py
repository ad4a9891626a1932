"""Load the batches of a training run in the order of its steps, and move them to the training device."""

from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

__all__ = ["batches", "to_device"]

T = TypeVar("T")


def batches(source: Dataset[T], start: int, end: int, workers: int) -> DataLoader[T]:
    """Batches of steps `start` to `end - 1` in order, drawn by `workers` processes, or by this one when 0.

    Item k of `source` is the whole batch of step k, a function of the seed and k alone.
    """
    return DataLoader(
        source,
        batch_size=None,
        sampler=range(start, end),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=torch.cuda.is_available(),
    )


def to_device(batch: Any, device: torch.device) -> Any:
    """The same batch, a dataclass of tensors, on `device`."""
    return replace(
        batch, **{field.name: getattr(batch, field.name).to(device, non_blocking=True) for field in fields(batch)}
    )
