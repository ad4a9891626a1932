"""Losses of the speak network: values and their changes in time, closures more than the rest, and the codes.

Shapes: B takes, S signals, T frames, K chunks.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from mien.systems.speak import spec

__all__ = ["code_loss", "signal_loss"]


def signal_loss(made_BST: Tensor, true_BST: Tensor, weight_BT: Tensor | None, velocity: float) -> Tensor:
    """Mean absolute and squared error of signals, weighted by frame, plus `velocity` times that of their changes."""
    error = made_BST - true_BST
    value = error.abs() + 5.0 * error**2  # the square alone hardly sees the last tenth of a closure
    if weight_BT is not None:
        value = value * weight_BT[:, None]
    change = error.diff(dim=2).abs()
    return value.mean() + velocity * change.mean()


def code_loss(logits_BKN: Tensor, codes: Mapping[str, Tensor]) -> Tensor:
    """Cross entropy of each prior's codes [B, K], mean over chunks, summed over the priors."""
    parts = logits_BKN.split(list(spec.CODES.values()), dim=2)
    return torch.stack(
        [
            functional.cross_entropy(part.flatten(0, 1), codes[name].flatten())
            for name, part in zip(codes, parts, strict=True)
        ]
    ).sum()
