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


def one(value: float) -> torch.Tensor:
    return torch.full((1, 1), value)


def rest() -> torch.Tensor:
    return torch.randn(1, spec.CODE, generator=torch.Generator().manual_seed(9))


def a_step(net: CaptureNet) -> None:
    crop = torch.zeros(1, 3, spec.CROP, spec.CROP)
    with torch.no_grad():
        CaptureStep(net)(crop, one(1), one(spec.USUAL_STEP), rest(), one(1), *zero_state())


def test_parameters_and_multiplications_stay_within_the_source_methods_budget(net: CaptureNet) -> None:
    assert sum(p.numel() for p in net.parameters()) <= spec.PARAMETER_BUDGET
    with FlopCounterMode(display=False) as counter:
        a_step(net)
    assert 10_000_000 < counter.get_total_flops() / 2 <= spec.MAC_BUDGET


def test_counted_multiplications_agree_with_a_count_by_hand(net: CaptureNet) -> None:
    macs = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal macs
        macs += output[0].numel() * (module.weight[0].numel())

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        encoded = net.encode(torch.zeros(1, 3, spec.CROP, spec.CROP), one(spec.USUAL_STEP))
        net.weigh(encoded.code_NE[:, None], rest(), one(1))
    for hook in hooks:
        hook.remove()
    with FlopCounterMode(display=False) as counter:
        a_step(net)
    means = 2 * net.landmarks.grid_G2.shape[0] * spec.KEYS  # of each landmark's map, a matrix product
    white = net.points_white.numel()
    assert counter.get_total_flops() / 2 == macs + means + white


def test_no_convolution_pads_and_channels_are_multiples_of_eight(net: CaptureNet) -> None:
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert all(m.padding == (0, 0) for m in convolutions)
    assert all(m.out_channels % 8 == 0 for m in convolutions if m is not net.landmarks.heat)


@pytest.mark.parametrize("known", [0.0, 1.0])
def test_streaming_with_explicit_state_equals_the_window(net: CaptureNet, known: float) -> None:
    generator = torch.Generator().manual_seed(1)
    crops = torch.rand(7, 3, spec.CROP, spec.CROP, generator=generator) * 255
    steps = torch.rand(7, 1, generator=generator) * 0.2 + 0.005
    step, state = CaptureStep(net), zero_state()
    with torch.no_grad():
        window = net.encode(crops, steps)
        expected = net.weigh(window.code_NE[None], rest(), one(known))[0]
        for t in range(7):
            inputs = crops[t : t + 1], one(float(t == 0)), steps[t : t + 1], rest(), one(known)
            landmarks, weights, seen, *state = step(*inputs, *state)
            np.testing.assert_allclose(weights[0], expected[t], atol=1e-5)
            np.testing.assert_allclose(state[0][0, -spec.CODE :], window.code_NE[t], atol=1e-5)
            np.testing.assert_allclose(seen[0], torch.sigmoid(window.seen_NR[t]), atol=1e-5)
            np.testing.assert_allclose(landmarks.reshape(-1, 2), window.landmarks_NL2[t], atol=1e-3)


def test_an_unknown_rest_has_no_say_and_a_known_one_has(net: CaptureNet) -> None:
    code = torch.randn(2, 5, spec.CODE, generator=torch.Generator().manual_seed(4))
    rests = torch.randn(2, 2, spec.CODE, generator=torch.Generator().manual_seed(5))
    unknown = [net.weigh(code, r, torch.zeros(2, 1)) for r in rests]
    known = [net.weigh(code, r, torch.ones(2, 1)) for r in rests]
    torch.testing.assert_close(*unknown)
    assert not torch.allclose(*known) and not torch.allclose(known[0], unknown[0])


def test_the_pace_is_octaves_of_the_usual_step_within_its_limits(net: CaptureNet) -> None:
    crops = torch.zeros(5, 3, spec.CROP, spec.CROP)
    steps = spec.USUAL_STEP * torch.tensor([[0.01], [0.5], [1.0], [2.0], [100.0]])
    with torch.no_grad():
        pace = net.encode(crops, steps).code_NE[:, -1]
    torch.testing.assert_close(pace, torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]), atol=1e-5, rtol=0)


def test_the_temporal_head_sees_the_past_and_never_the_future(net: CaptureNet) -> None:
    code = torch.randn(1, 9, spec.CODE, generator=torch.Generator().manual_seed(2), requires_grad=True)
    net.weigh(code, rest(), one(1))[0, 5].sum().backward()
    reach = code.grad[0].abs().sum(dim=1) > 0
    # two convolutions of kernel 3: this frame and the four before it
    assert reach.tolist() == [False, True, True, True, True, True, False, False, False]


def test_a_fresh_frame_forgets_the_past(net: CaptureNet) -> None:
    crop = torch.rand(1, 3, spec.CROP, spec.CROP, generator=torch.Generator().manual_seed(3)) * 255
    noise = [torch.randn_like(s) for s in zero_state()]
    with torch.no_grad():
        given = crop, one(1), one(spec.USUAL_STEP), rest(), one(1)
        a = CaptureStep(net)(*given, *zero_state())
        b = CaptureStep(net)(*given, *noise)
    for first, second in zip(a, b, strict=True):
        torch.testing.assert_close(first, second)
