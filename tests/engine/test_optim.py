import itertools
import math

import pytest
import torch
from torch import nn

from mien.engine.optim import KernelMuon, WeightAverage, adamw, muon_and_adamw, warmup_cosine


def test_the_rate_rises_to_its_peak_and_falls_to_its_floor() -> None:
    rates = [warmup_cosine(step, steps=100, warmup=10, peak=2.0) for step in range(101)]
    assert rates[0] == pytest.approx(0.2) and max(rates) == rates[10] == 2.0
    assert rates[55] == pytest.approx(2.0 * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi / 2))))
    assert rates[100] == pytest.approx(0.02)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_only_matrices_decay() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    for group in adamw(net, 1e-3, 0.5).param_groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_muon_moves_a_kernel_as_it_moves_the_matrix_that_the_kernel_is() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 8, 1, bias=False).to(memory_format=torch.channels_last)
    matrix = conv.weight.detach().flatten(1).clone().requires_grad_()
    ours = KernelMuon([conv.weight], 0.1, 0.2)
    theirs = torch.optim.Muon([matrix], lr=0.1, weight_decay=0.2, adjust_lr_fn="original")
    for _ in range(3):
        images = torch.randn(5, 6, 4, 4)
        conv(images).square().sum().backward()
        torch.einsum("oi,nihw->nohw", matrix, images).square().sum().backward()
        for optimiser in (ours, theirs):
            optimiser.step()
            optimiser.zero_grad()
        torch.testing.assert_close(conv.weight.flatten(1), matrix, atol=2e-3, rtol=0)  # their gradients round apart
        assert conv.weight.grad is None
    with pytest.raises(RuntimeError, match="view"):
        KernelMuon([nn.Conv2d(6, 8, 3).to(memory_format=torch.channels_last).weight], 0.1, 0.0)


def test_every_parameter_has_one_optimiser() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    muon, adam = muon_and_adamw([net[0].weight], net, muon_rate=0.1, muon_decay=0, rate=0.1, decay=0)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net(torch.randn(4, 3)).square().sum().backward()
    left = [p for group in adam.param_groups for p in group["params"]]
    assert {id(p) for p in left} == {id(p) for p in net.parameters()} - {id(net[0].weight)}
    muon.step()
    moved = {name for name, value in net.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {"0.weight"}


def test_the_average_of_constant_weights_is_the_weights_and_of_a_ramp_lags() -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.constant_(net.weight, 3.0)
    average = WeightAverage(net, 0.99)
    for step in range(50):
        average.update(net, step)
    assert average.state["weight"].item() == pytest.approx(3.0)
    for step in range(50, 2000):
        nn.init.constant_(net.weight, step * 0.01)
        average.update(net, step)
    # an exponential average of a ramp trails it by decay / (1 - decay) steps
    assert average.state["weight"].item() == pytest.approx((1999 - 99) * 0.01, abs=1e-2)
    net.load_state_dict(average.state)  # as an export reads it
    torch.testing.assert_close(net.weight, average.state["weight"])
