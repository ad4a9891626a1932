"""Time of the encoder's layers with and without padding, and with channels in multiples of eight or not.

Every variant is an encoder with untrained weights; the variants run in turn on one thread, in ONNX Runtime and NCNN. A
padded map stays larger, so padding adds multiplications: time is given per crop and per million of multiplications.

`python -m benchmarks.layers --json benchmarks/results/layers.json`
"""

import argparse
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import torch
from benchmarks.command import command_line, run
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mien.engine.export import to_ncnn, to_onnx
from mien.engine.figures import Figure, Result
from mien.systems.capture import spec
from mien.systems.capture.model import BLOCKS, STEM

Runner = Callable[[np.ndarray], None]


class Block(nn.Module):
    """`model.InvertedResidual`, padded or not; batch norms are folded into the filters at run time and left out."""

    def __init__(self, inputs: int, expansion: int, outputs: int, stride: int, *, pad: bool) -> None:
        super().__init__()
        wide = inputs * expansion
        layers: list[nn.Module] = [nn.Conv2d(inputs, wide, 1), nn.ReLU()] if expansion > 1 else []
        layers += [nn.Conv2d(wide, wide, 3, stride=stride, groups=wide, padding=int(pad)), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(wide, outputs, 1))
        self.residual, self.border = stride == 1 and inputs == outputs, 0 if pad else 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [N, C, H, W] to maps."""
        y = self.body(x)
        if not self.residual:
            return y
        kept = x[:, :, self.border : -self.border, self.border : -self.border] if self.border else x
        return y + kept


def encoder(*, pad: bool, off: int) -> nn.Module:
    """The encoder's convolutions; every width differs by `off` channels from a multiple of eight."""
    layers: list[nn.Module] = [nn.Conv2d(3, STEM + off, 3, stride=2, padding=int(pad)), nn.ReLU()]
    channels = STEM + off
    for expansion, outputs, stride in BLOCKS:
        layers.append(Block(channels, expansion, outputs + off, stride, pad=pad))
        channels = outputs + off
    # Modules have names because pnnx writes Python in which a module called "0" is no attribute.
    return nn.Sequential(OrderedDict((f"layer{k}", layer) for k, layer in enumerate(layers))).eval()


VARIANTS = {
    "as it ships: no padding, channels in eights": {"pad": False, "off": 0},
    "padded": {"pad": True, "off": 0},
    "channels in eights and two more": {"pad": False, "off": 2},
    "channels in eights and two fewer": {"pad": False, "off": -2},
}


def macs(net: nn.Module) -> float:
    """Millions of multiply-accumulates of one crop."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 3, spec.CROP, spec.CROP))
    return counter.get_total_flops() / 2e6


def runners(net: nn.Module, folder: Path) -> dict[str, Runner]:
    """The network in each runtime, on one thread."""
    import onnxruntime

    ncnn: Any = import_module("ncnn")  # the package has no types

    example = [torch.zeros(1, 3, spec.CROP, spec.CROP)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(to_onnx(net, example, ("crop",), ("map",)), options)
    files = to_ncnn(net, example)
    (folder / "net.param").write_bytes(files.param)
    (folder / "net.bin").write_bytes(files.bin)
    other = ncnn.Net()
    other.opt.num_threads, other.opt.use_vulkan_compute = 1, False
    other.opt.use_fp16_packed = other.opt.use_fp16_storage = other.opt.use_fp16_arithmetic = False
    other.load_param(str(folder / "net.param"))
    other.load_model(str(folder / "net.bin"))

    def by_onnx(crop: np.ndarray) -> None:
        session.run(None, {"crop": crop})

    def by_ncnn(crop: np.ndarray) -> None:
        extractor = other.create_extractor()
        extractor.input("in0", ncnn.Mat(crop[0]))
        extractor.extract("out0")

    return {"onnx": by_onnx, "ncnn": by_ncnn}


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of every variant in every runtime."""
    crop = np.random.default_rng(0).uniform(0, 255, (1, 3, spec.CROP, spec.CROP)).astype(np.float32)
    with TemporaryDirectory() as folder:
        nets = {name: encoder(**fields) for name, fields in VARIANTS.items()}
        ready: dict[tuple[str, str], Runner] = {}
        for k, (name, net) in enumerate(nets.items()):
            own = Path(folder) / str(k)
            own.mkdir()
            ready |= {(name, runtime): run for runtime, run in runners(net, own).items()}
        times: dict[tuple[str, str], list[float]] = {key: [] for key in ready}
        for _ in range(rounds):
            for key, run in ready.items():
                start = perf_counter()
                run(crop)
                times[key].append((perf_counter() - start) * 1e3)
    rows: dict[str, dict[str, float]] = {}
    for name, net in nets.items():
        rows[name] = {"million_macs": macs(net)}
        for runtime in ("onnx", "ncnn"):
            rows[name][f"{runtime}_ms"] = float(np.median(times[name, runtime]))
    return rows


def figures_of(details: Mapping[str, Any]) -> list[Figure]:
    """The encoder that ships beside the variants."""
    ours, *others = details["encoders"]
    rows = (
        ("million_macs", "multiply-accumulates", "million"),
        ("onnx_ms", "one crop, one thread, ONNX Runtime", "ms"),
        ("ncnn_ms", "one crop, one thread, NCNN", "ms"),
    )
    return [
        Figure(
            name=f"The encoder {ours.partition(': ')[0]}: {what}",
            unit=unit,
            better="lower",
            ours=details["encoders"][ours][key],
            baselines={name: details["encoders"][name][key] for name in others},
        )
        for key, what, unit in rows
    ]


def measured(chosen: argparse.Namespace) -> Result:
    """Measure and print."""
    torch.set_num_threads(1)
    rows = measure(chosen.rounds)
    for name, row in rows.items():
        per = {k: row[f"{k}_ms"] / row["million_macs"] * 1e3 for k in ("onnx", "ncnn")}
        print(f"{name}: " + ", ".join(f"{k} {v:.3g}" for k, v in row.items()) + f"; us per million {per}")
    details = {"threads": 1, "encoders": rows}
    return Result.measured("layers", figures_of(details), details)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__)
    parser.add_argument("--rounds", type=int, default=500, help="number of crops that each variant is run on")
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
