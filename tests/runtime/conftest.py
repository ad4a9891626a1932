"""One small streaming network, in three forms: numpy (the definition), ONNX, and NCNN by way of torch and pnnx."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mien.runtime import Bundle, Manifest, StateSpec, TensorSpec, TrainingData

IMAGE, CHANNELS, TAPS, WIDTH = (1, 3, 7, 9), 4, 3, 5


class Net:
    """f = mean(relu(conv(image))); output = causal conv over f's last three steps; leak' = relu(leak) / 2 + f."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.conv = rng.standard_normal((CHANNELS, IMAGE[1], 3, 3)).astype(np.float32) / 5
        self.causal = rng.standard_normal((WIDTH, CHANNELS, TAPS)).astype(np.float32) / 5

    def __call__(self, image: np.ndarray, history: np.ndarray, leak: np.ndarray) -> tuple[np.ndarray, ...]:
        patches = np.lib.stride_tricks.sliding_window_view(image[0].astype(np.float64), (3, 3), axis=(1, 2))
        f = np.maximum(np.einsum("iyxuv,oiuv->oyx", patches, self.conv), 0).mean((1, 2))
        window = np.concatenate([history[0], f[:, None]], axis=1)
        output = np.einsum("ct,oct->o", window, self.causal)
        return output[None], window[None, :, 1:], np.maximum(leak, 0) / 2 + f[None]

    def onnx(self) -> bytes:
        def value(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        constants = {
            "W": self.conv,
            "C": self.causal,
            "two": np.array([2.0], np.float32),
            "axis2": np.array([2], np.int64),
            "one": np.array([1], np.int64),
            "end": np.array([TAPS], np.int64),
        }
        nodes = [
            helper.make_node("Conv", ["image", "W"], ["a"]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("GlobalAveragePool", ["b"], ["c"]),
            helper.make_node("Flatten", ["c"], ["f"]),
            helper.make_node("Unsqueeze", ["f", "axis2"], ["g"]),
            helper.make_node("Concat", ["history", "g"], ["window"], axis=2),
            helper.make_node("Conv", ["window", "C"], ["d"]),
            helper.make_node("Squeeze", ["d", "axis2"], ["output"]),
            helper.make_node("Slice", ["window", "one", "end", "axis2"], ["history_next"]),
            helper.make_node("Relu", ["leak"], ["e"]),
            helper.make_node("Div", ["e", "two"], ["h"]),
            helper.make_node("Add", ["h", "f"], ["leak_next"]),
        ]
        graph = helper.make_graph(
            nodes,
            "net",
            [value("image", IMAGE), value("history", (1, CHANNELS, TAPS - 1)), value("leak", (1, CHANNELS))],
            [
                value("output", (1, WIDTH)),
                value("history_next", (1, CHANNELS, TAPS - 1)),
                value("leak_next", (1, CHANNELS)),
            ],
            [numpy_helper.from_array(array, name) for name, array in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        return model.SerializeToString()


MANIFEST = Manifest(
    name="net",
    version="1.0",
    inputs=(TensorSpec(name="image", shape=IMAGE, meaning="anything"),),
    outputs=(TensorSpec(name="output", shape=(1, WIDTH)),),
    states=(
        StateSpec(input="history", output="history_next", shape=(1, CHANNELS, TAPS - 1)),
        StateSpec(input="leak", output="leak_next", shape=(1, CHANNELS)),
    ),
    preprocess={"size": [9, 7], "scale": 1 / 127.5},
    channels=("jawOpen", "eyeBlinkLeft"),
    landmarks="mien70",
    licence="Apache-2.0",
    training_data=(TrainingData(name="noise", licence="CC0-1.0", samples=10, source="a seed"),),
    command="none",
    seed=3,
    revision="0" * 40,
    metrics={"pearson": {"mean": 0.5}},
)

_PNNX = """
import sys, numpy, pnnx, torch

arrays = numpy.load(sys.argv[1])

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3, bias=False)
        self.causal = torch.nn.Conv1d(4, 5, 3, bias=False)
        self.conv.weight.data = torch.from_numpy(arrays["conv"])
        self.causal.weight.data = torch.from_numpy(arrays["causal"])

    def forward(self, image, history, leak):
        f = torch.relu(self.conv(image)).mean((2, 3))
        window = torch.cat([history, f[:, :, None]], 2)
        return self.causal(window)[:, :, 0], window[:, :, 1:], torch.relu(leak) / 2 + f

inputs = (torch.rand(1, 3, 7, 9), torch.rand(1, 4, 2), torch.rand(1, 4))
pnnx.export(Net().eval(), sys.argv[2], inputs=inputs, fp16=False)
"""


@pytest.fixture(scope="session")
def net() -> Net:
    return Net(seed=0)


@pytest.fixture(scope="session")
def ncnn_files(net: Net, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """(param, bin, text of pnnx's own example script) of `net`."""
    folder = tmp_path_factory.mktemp("pnnx")
    np.savez(folder / "arrays.npz", conv=net.conv, causal=net.causal)
    # In a process of its own: torch and ncnn each bring an OpenMP runtime, and pnnx writes to the working folder.
    done = subprocess.run(
        [sys.executable, "-c", _PNNX, str(folder / "arrays.npz"), str(folder / "net.pt")],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "net.ncnn.param", folder / "net.ncnn.bin", (folder / "net_ncnn.py").read_text()


@pytest.fixture
def bundle(net: Net, ncnn_files: tuple[Path, Path, str], tmp_path: Path) -> Bundle:
    """`net` with both models and an array."""
    return Bundle.write(
        tmp_path / "net",
        MANIFEST,
        model=net.onnx(),
        ncnn=ncnn_files[:2],
        arrays={"mean": np.arange(6, dtype=np.float32).reshape(2, 3)},
    )
