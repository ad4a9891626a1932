import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mien.systems.capture import spec
from mien.systems.capture.model import CaptureNet, CaptureStep


@pytest.fixture(scope="module")
def net() -> CaptureNet:
    torch.manual_seed(0)
    net = CaptureNet()
    for module in net.modules():  # statistics of a trained net: neither zero means nor unit variances
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2.0)
    return net.eval()


def zero_state() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(1, spec.PAST * spec.CODE), torch.zeros(1, spec.PAST * spec.HIDDEN)


def test_parameters_and_multiplications_stay_within_the_source_methods_budget(net: CaptureNet) -> None:
    assert sum(p.numel() for p in net.parameters()) <= spec.PARAMETER_BUDGET
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        CaptureStep(net)(torch.zeros(1, 3, spec.CROP, spec.CROP), torch.ones(1, 1), *zero_state())
    assert 10_000_000 < counter.get_total_flops() / 2 <= spec.MAC_BUDGET


def test_counted_multiplications_agree_with_a_count_by_hand(net: CaptureNet) -> None:
    macs = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal macs
        macs += output[0].numel() * (module.weight[0].numel())

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        net(torch.zeros(1, 1, 3, spec.CROP, spec.CROP))
    for hook in hooks:
        hook.remove()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        CaptureStep(net)(torch.zeros(1, 3, spec.CROP, spec.CROP), torch.ones(1, 1), *zero_state())
    means = 2 * net.landmarks.grid_P2.shape[0] * spec.LAYOUT.count  # of each landmark's map, a matrix product
    white = net.points_white.numel()
    assert counter.get_total_flops() / 2 == macs + means + white


def test_no_convolution_pads_and_channels_are_multiples_of_eight(net: CaptureNet) -> None:
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert all(m.padding == (0, 0) for m in convolutions)
    assert all(m.out_channels % 8 == 0 for m in convolutions if m is not net.landmarks.heat)


def test_streaming_with_explicit_state_equals_the_window(net: CaptureNet) -> None:
    crops = torch.rand(1, 7, 3, spec.CROP, spec.CROP, generator=torch.Generator().manual_seed(1)) * 255
    step, state = CaptureStep(net), zero_state()
    with torch.no_grad():
        window = net(crops)
        for t in range(7):
            fresh = torch.full((1, 1), float(t == 0))
            landmarks, weights, seen, *state = step(crops[:, t], fresh, *state)
            np.testing.assert_allclose(weights, window.weights_BTA[:, t], atol=1e-5)
            np.testing.assert_allclose(seen, torch.sigmoid(window.seen_BTR[:, t]), atol=1e-5)
            np.testing.assert_allclose(
                landmarks.reshape(1, spec.LAYOUT.count, 2), window.landmarks_BTL2[:, t], atol=1e-3
            )


def test_the_temporal_head_sees_the_past_and_never_the_future(net: CaptureNet) -> None:
    code = torch.randn(1, 9, spec.CODE, generator=torch.Generator().manual_seed(2), requires_grad=True)
    net.weigh(code)[0, 5].sum().backward()
    reach = code.grad[0].abs().sum(dim=1) > 0
    # two convolutions of kernel 3: this frame and the four before it
    assert reach.tolist() == [False, True, True, True, True, True, False, False, False]


def test_a_fresh_frame_forgets_the_past(net: CaptureNet) -> None:
    crop = torch.rand(1, 3, spec.CROP, spec.CROP, generator=torch.Generator().manual_seed(3)) * 255
    noise = [torch.randn_like(s) for s in zero_state()]
    with torch.no_grad():
        a = CaptureStep(net)(crop, torch.ones(1, 1), *zero_state())
        b = CaptureStep(net)(crop, torch.ones(1, 1), *noise)
    for one, other in zip(a, b, strict=True):
        torch.testing.assert_close(one, other)
