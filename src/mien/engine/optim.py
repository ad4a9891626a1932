"""Optimiser pieces every training loop uses."""

import math

import torch
from torch import nn

__all__ = ["WeightAverage", "adamw", "warmup_cosine"]


def adamw(module: nn.Module, rate: float, decay: float) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) with decay on matrices and filters only, not on biases and norms."""
    matrices = [p for p in module.parameters() if p.ndim > 1]
    others = [p for p in module.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))


def warmup_cosine(step: int, *, steps: int, warmup: int, peak: float, floor: float = 0.01) -> float:
    """Learning rate at `step`: linear warm-up to `peak`, then a cosine to `floor * peak` at `steps`."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))


class WeightAverage:
    """Exponential moving average of a module's parameters and buffers, debiased by a warm-up of its decay."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: value.detach().clone().float() for name, value in _floats(module).items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the module's present values."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in _floats(module).items():
            self.state[name].lerp_(value.detach().float(), 1 - decay)

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Put the averages into `module`."""
        for name, value in _floats(module).items():
            value.copy_(self.state[name])


def _floats(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value for name, value in module.state_dict().items() if value.is_floating_point()}
