"""Starting a run from weights that were trained before: a checkpoint, or a bundle, whose network is built again.

A bundle's graph has each batch normalisation folded into the convolution before it. The convolution is loaded as it
stands, and the normalisation is given the mean and variance that its inputs have on training data, with the scale and
shift that undo them: the network computes what the bundle does, and can be trained on.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mien.core.errors import MienError
from mien.runtime import Bundle, TrainingData, open_session
from mien.systems.capture import spec
from mien.systems.capture.data import BatchSource
from mien.systems.capture.export import TOLERANCE, bundle_parity, load_net, training_data
from mien.systems.capture.model import CaptureNet, CaptureStep

__all__ = ["load_bundle", "normalise_by", "start_from"]

_BATCHES = 6
"""Batches whose statistics the normalisations are given; training moves them on."""
_FIRST = 20_000_000
"""Number of the first of them: views that no training sees."""
_FRAMES = 20
"""Frames over which the network built again is compared with the bundle."""


def start_from(net: CaptureNet, start: str, source: BatchSource) -> tuple[TrainingData, ...]:
    """Give the net the weights of a checkpoint (.pt) or of a bundle, by its folder or, of one that ships, its name, and
    return the data that they were trained on.

    Raises MienError when there is none, when it is of another network, or when the net built again differs from the
    bundle by more than `export.TOLERANCE`.
    """
    if start.endswith(".pt"):
        trained, state = load_net(Path(start))
        net.load_state_dict(trained.state_dict())
        net.train()
        return training_data(state)
    bundle = Bundle.load(start if not Path(start).is_dir() else Path(start))
    folded = load_bundle(net, bundle)
    normalise_by(net, folded, source)
    worst = bundle_parity(net, open_session(bundle, "onnx"), frames=_FRAMES)
    if not worst <= TOLERANCE:
        raise MienError(
            f"{start}: the network built again differs from the bundle by {worst:.1e}; `start` from another"
        )
    net.train()
    return bundle.manifest.training_data


def load_bundle(net: CaptureNet, bundle: Bundle) -> list[nn.BatchNorm2d]:
    """Give the net the weights of a bundle's graph, and return its normalisations that the graph has folded into
    convolutions: they add the shift alone until `normalise_by`. Raises MienError for the graph of another network."""
    import onnx
    from onnx import numpy_helper

    graph: Any = onnx.load(str(bundle.onnx)).graph
    values = {value.name: torch.from_numpy(numpy_helper.to_array(value).copy()) for value in graph.initializer}
    inputs = [node.input[1:] for node in graph.node if node.op_type == "Conv"]
    step, convolutions = CaptureStep(net.eval()), _convolutions(net)
    named = {**dict(step.named_parameters()), **dict(step.named_buffers())}
    try:
        left = {name for name, value in named.items() if value.is_floating_point()}
        with torch.no_grad():
            for name in left & values.keys():
                named[name].copy_(values[name])
            net.temporal.direct.weight.copy_(_only(values, (spec.CODE, len(spec.CHANNELS))).T)
            for (convolution, norm), (kernel, *shift) in zip(convolutions, inputs, strict=True):
                convolution.weight.copy_(values[kernel])
                into = convolution.bias if norm is None else _identity(norm)
                if into is not None:
                    into.copy_(values[shift[0]])
    except (RuntimeError, ValueError, KeyError, IndexError) as error:
        raise MienError(f"{bundle.path}: its network is not one that this version of mien trains") from error
    return [norm for _, norm in convolutions if norm is not None]


def _only(values: dict[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    """The one value of a shape; ValueError when there are none or several."""
    (found,) = (value for value in values.values() if value.shape == shape)
    return found


def _identity(norm: nn.BatchNorm2d) -> Tensor:
    """The shift of a normalisation that is made to do nothing else."""
    norm.weight.fill_(1.0)
    norm.running_mean.zero_()  # pyright: ignore[reportOptionalMemberAccess]
    norm.running_var.fill_(1.0 - norm.eps)  # pyright: ignore[reportOptionalMemberAccess]
    return norm.bias


def _convolutions(net: CaptureNet) -> list[tuple[nn.Conv2d, nn.BatchNorm2d | None]]:
    """Every convolution in the order that it runs in, as the graph's are, with the normalisation that follows it."""
    after: dict[nn.Module, nn.BatchNorm2d] = {}
    for part in net.modules():
        if isinstance(part, nn.Sequential):
            after |= {one: two for one, two in pairwise(part) if isinstance(two, nn.BatchNorm2d)}
    order: list[Any] = []

    def note(layer: nn.Module, _inputs: Any, _output: Any) -> None:
        order.append(layer)

    hooks = [layer.register_forward_hook(note) for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    with torch.no_grad():
        net.encode(torch.zeros(1, 3, spec.CROP, spec.CROP), torch.full((1, 1), spec.USUAL_STEP))
    for hook in hooks:
        hook.remove()
    return [(layer, after.get(layer)) for layer in order]


@torch.no_grad()
def normalise_by(net: CaptureNet, norms: list[nn.BatchNorm2d], source: BatchSource) -> None:
    """Set normalisations that only add a shift to the statistics of their inputs on batches of `source`, and their
    scale and shift so that the net computes what it did."""
    sums: dict[nn.BatchNorm2d, list[Tensor]] = {norm: [] for norm in norms}

    def note(norm: Any, inputs: tuple[Tensor, ...]) -> None:
        x_NCHW = inputs[0].double()
        sums[norm].append(torch.stack([x_NCHW.mean((0, 2, 3)), x_NCHW.square().mean((0, 2, 3))]))

    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    for step in range(_FIRST, _FIRST + _BATCHES):
        batch = source[step]
        net.encode(batch.crops.permute(0, 3, 1, 2).float(), batch.steps)
    for hook in hooks:
        hook.remove()
    for norm, moments in sums.items():
        mean, square = torch.stack(moments).mean(0)
        variance = (square - mean.square()).clamp_min(1e-6)
        norm.running_mean.copy_(mean)  # pyright: ignore[reportOptionalMemberAccess]
        norm.running_var.copy_(variance)  # pyright: ignore[reportOptionalMemberAccess]
        norm.weight.copy_((norm.running_var + norm.eps).sqrt())  # pyright: ignore
        norm.bias.add_(norm.running_mean)  # pyright: ignore[reportArgumentType]
