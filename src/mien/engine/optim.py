"""Optimisers, learning rate schedule and weight averaging of the training loops."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

__all__ = ["KernelMuon", "WeightAverage", "adamw", "muon_and_adamw", "set_rate", "warmup_cosine"]


class KernelMuon(torch.optim.Muon):
    """torch's Muon (Jordan et al. 2024) on kernels of any rank, each treated as the matrix [out, in * area].

    The storage of the kernels must not change afterwards: move the module to its device first.
    """

    def __init__(self, kernels: Iterable[Tensor], rate: float, decay: float) -> None:
        """Raises RuntimeError for a kernel whose memory is not such a matrix (wider than 1x1 in channels_last)."""
        self._kernels = list(kernels)
        matrices = [kernel.detach().view(len(kernel), -1) for kernel in self._kernels]
        super().__init__(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="original")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step by the kernels' gradients; kernels without a gradient do not change."""
        matrices = self.param_groups[0]["params"]
        for matrix, kernel in zip(matrices, self._kernels, strict=True):
            matrix.grad = None if kernel.grad is None else kernel.grad.reshape(matrix.shape)
        return super().step(closure)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        super().zero_grad(set_to_none)
        for kernel in self._kernels:
            kernel.grad = None


def muon_and_adamw(
    matrices: Iterable[Tensor], module: nn.Module, *, muon_rate: float, muon_decay: float, rate: float, decay: float
) -> tuple[KernelMuon, torch.optim.AdamW]:
    """Muon for `matrices`, AdamW for every other parameter of `module`."""
    kernels = list(matrices)
    return KernelMuon(kernels, muon_rate, muon_decay), adamw(module, rate, decay, without=kernels)


def adamw(module: nn.Module, rate: float, decay: float, without: Iterable[Tensor] = ()) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) with decay on matrices and filters only, not on biases and norms."""
    left_out = {id(p) for p in without}
    own = [p for p in module.parameters() if id(p) not in left_out]
    matrices = [p for p in own if p.ndim > 1]
    others = [p for p in own if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))


def warmup_cosine(step: int, *, steps: int, warmup: int, peak: float, floor: float = 0.01) -> float:
    """Learning rate at `step`: linear warm-up to `peak`, then a cosine to `floor * peak` at `steps`."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group of parameters."""
    for group in optimiser.param_groups:
        group["lr"] = rate


class WeightAverage:
    """Exponential moving average of a module's parameters and buffers; its decay rises at the start, against bias."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: value.detach().clone().float() for name, value in _floats(module).items()}

    def state_dict(self) -> dict[str, Tensor]:
        """The averages by the names of the module's parameters and buffers."""
        return self.state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take averages back."""
        self.state = state

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move the averages towards the module's current values."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in _floats(module).items():
            self.state[name].lerp_(value.detach().float(), 1 - decay)


def _floats(module: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in module.state_dict().items() if value.is_floating_point()}
