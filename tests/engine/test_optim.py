import itertools
import math

import pytest
import torch
from torch import nn

from mien.engine.optim import WeightAverage, adamw, warmup_cosine


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
    average.copy_to(net)
    torch.testing.assert_close(net.weight, average.state["weight"])
