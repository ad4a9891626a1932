from functools import partial
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from mien.core import MienError
from mien.engine.processes import average_gradients, launch


def _one_step(fabric: Fabric, folder: Path) -> None:
    torch.manual_seed(0)
    net, idle = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last), nn.Linear(2, 2)  # pyright: ignore
    images = torch.rand(4, 3, 8, 8)[fabric.global_rank :: fabric.world_size]
    net(images).square().mean().backward()
    average_gradients(fabric, nn.ModuleList([net, idle]))
    assert idle.weight.grad is None
    torch.save([p.grad for p in net.parameters()], folder / f"{fabric.world_size}-{fabric.global_rank}.pt")


@pytest.mark.parametrize("processes", [1, 2])
def test_processes_hold_the_gradient_of_the_whole_batch(tmp_path: Path, processes: int) -> None:
    _one_step(Fabric(accelerator="cpu", devices=1), tmp_path)
    strategy = "auto" if processes == 1 else "ddp_spawn"
    launch(Fabric(accelerator="cpu", devices=processes, strategy=strategy), partial(_one_step, folder=tmp_path))
    whole = torch.load(tmp_path / "1-0.pt", weights_only=True)
    for rank in range(processes):
        part = torch.load(tmp_path / f"{processes}-{rank}.pt", weights_only=True)
        torch.testing.assert_close(part, whole)


def _fails(fabric: Fabric, error: Exception) -> None:
    raise error


@pytest.mark.parametrize("processes", [1, 2])
def test_what_the_user_did_wrong_is_one_line_from_any_process(processes: int) -> None:
    fabric = Fabric(accelerator="cpu", devices=processes, strategy="auto" if processes == 1 else "ddp_spawn")
    with pytest.raises(MienError, match=r"^no shards in x; render some$"):
        launch(fabric, partial(_fails, error=MienError("no shards in x; render some")))


def test_what_we_did_wrong_keeps_its_traceback() -> None:
    with pytest.raises(ValueError, match="ours"):
        launch(Fabric(accelerator="cpu", devices=1), partial(_fails, error=ValueError("ours")))
