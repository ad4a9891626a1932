"""Training in several processes that all hold the same weights; each computes a share of every batch."""

import re
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.multiprocessing.spawn import ProcessRaisedException

from mien.core.errors import MienError

__all__ = ["average_gradients", "launch"]

T = TypeVar("T")


def launch(fabric: Fabric, function: Callable[[Fabric], T]) -> T:
    """`fabric.launch`, but a MienError of a process or data worker is raised here without its traceback."""
    try:
        return fabric.launch(partial(_together, function=function))
    except (ProcessRaisedException, MienError) as error:
        said = re.findall(r"MienError: (.+)", str(error))
        if not said:
            raise
        raise MienError(said[-1]) from None


def _together(fabric: Fabric, function: Callable[[Fabric], T]) -> T:
    """Call `function`, then leave only when every process has finished and the connections between them are closed.

    A process that ends while another one still holds a connection to it makes the other one abort.
    """
    result = function(fabric)
    if fabric.world_size > 1:
        fabric.barrier()
        torch.distributed.destroy_process_group()
    return result


@torch.no_grad()
def average_gradients(fabric: Fabric, module: nn.Module) -> None:
    """Replace each gradient by its mean over the processes; all must have gradients of the same parameters."""
    if fabric.world_size == 1:
        return
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    together = torch.cat([g.flatten() for g in gradients])
    torch.distributed.all_reduce(together)
    together /= fabric.world_size
    for gradient, part in zip(gradients, together.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view(gradient.shape))
