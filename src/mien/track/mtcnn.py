"""The three networks of MTCNN, converted once from the `mtcnn` package's weights to ONNX in the user's cache.

Zhang, Zhang, Li, Qiao 2016, "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks".
Each model takes RGB images in NHWC order with values 0..255: the networks' scaling (x - 127.5) / 128 is folded into the
first convolution, which is exact because no convolution pads. PReLU is written as a x + (1 - a) relu(x), because ONNX
Runtime's PReLU took more than half of the time of each network (O-Net 0.33 -> 0.16 ms).
"""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.core.errors import MienError
from mien.io.atomic import write_whole
from mien.io.cache import cache_folder

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["NETS", "net_model", "net_session"]

NETS = ("pnet", "rnet", "onet")
"""Names of the proposal, refinement and output network, which see windows of 12, 24 and 48 px."""

_FORMAT = 2
"""Version of the conversion below; it must be increased with every change, so that no old cached file is used."""

# The max-pooling after each convolution as (kernel, ceil_mode), or None. Its stride is always 2. Keras "same" pooling
# pads only at the end at these input sizes, which is ceil_mode; the second pooling of R-Net and O-Net is "valid".
_POOLS: dict[str, tuple[tuple[int, int] | None, ...]] = {
    "pnet": ((2, 1), None, None),
    "rnet": ((3, 1), (3, 0), None),
    "onet": ((3, 1), (3, 0), (2, 1), None),
}
_HEADS = {"pnet": 2, "rnet": 2, "onet": 3}
_SIZES = {"pnet": 12, "rnet": 24, "onet": 48}


def net_session(net: str) -> "InferenceSession":
    """An ONNX Runtime session with one thread for one of `NETS`, which is converted first if the cache lacks it.

    Input: `image` float32 [N,S,S,3] (P-Net: [1,H,W,3], H and W >= 12), RGB 0..255.
    Output: `heads` [N,C] (P-Net: a map [1,h,w,C]). Its columns are the box offsets x0, y0, x1, y1, for O-Net the points
    x1..x5, y1..y5, all relative to the window's size, and last the log odds of a face.

    Raises:
        MienError: the `mtcnn` package or its weights are missing or not the expected ones.
    """
    path = _cache_path(net)
    try:
        return _session(path.read_bytes())
    except Exception:  # the cached file is missing or damaged: convert again
        pass
    model = net_model(net)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(path) as temporary:
            temporary.write_bytes(model)
    except (MienError, OSError):
        pass  # without a writable cache (a read-only home) only the next start takes longer
    return _session(model)


def net_model(net: str) -> bytes:
    """One of `NETS` as a serialised ONNX model; raises MienError when the weights are missing."""
    return _convert(net, _weights(net))


def _cache_path(net: str) -> Path:
    try:
        package = version("mtcnn")
    except PackageNotFoundError:
        package = "none"
    return cache_folder() / "mtcnn" / f"{net}-{package}-v{_FORMAT}.onnx"


def _session(model: bytes) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _weights(net: str) -> list[np.ndarray]:
    # find_spec does not execute the package, whose import needs TensorFlow.
    spec = find_spec("mtcnn")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else None
    path = folder / "assets" / "weights" / f"{net}.lz4" if folder else None
    if path is None or not path.is_file():
        raise MienError("the face detector's weights are missing; install them with: pip install 'mtcnn>=1.0'")
    import joblib  # installed with mtcnn

    # joblib unpickles. The file belongs to the installed package and is trusted as much as the package's code.
    weights = joblib.load(path)
    expected = {"pnet": 13, "rnet": 16, "onet": 21}[net]
    if len(weights) != expected or not all(isinstance(w, np.ndarray) for w in weights):
        raise MienError(f"{path} does not hold the expected weights; install them with: pip install 'mtcnn==1.0.0'")
    return [np.asarray(w, np.float32) for w in weights]


def _convert(net: str, weights: list[np.ndarray]) -> bytes:
    """Build the ONNX graph from weights in Keras order: kernels HWIO, dense [in, out], and for each block kernel, bias,
    PReLU slope."""
    import onnx
    from onnx import TensorProto, helper

    build = _Builder()
    rest = iter(weights)
    x = build.node("Transpose", ["image"], perm=[0, 3, 1, 2])
    for layer, pool in enumerate(_POOLS[net]):
        kernel, bias, slope = next(rest).transpose(3, 2, 0, 1), next(rest), next(rest)
        if layer == 0:
            bias = bias - kernel.sum(axis=(1, 2, 3), dtype=np.float64).astype(np.float32) * (127.5 / 128)
            kernel = kernel / 128
        x = build.node("Conv", [x, build.array(kernel), build.array(bias)])
        x = build.prelu(x, slope.reshape(-1, 1, 1))
        if pool is not None:
            x = build.node("MaxPool", [x], kernel_shape=[pool[0]] * 2, strides=[2, 2], ceil_mode=pool[1])
    if net != "pnet":
        x = build.node("Flatten", [build.node("Transpose", [x], perm=[0, 3, 2, 1])])  # (W, H, C), as trained
        x = build.node("Gemm", [x, build.array(next(rest)), build.array(next(rest))])
        x = build.prelu(x, next(rest))
    kernel, bias = _merged([(next(rest), next(rest)) for _ in range(_HEADS[net])])
    if net == "pnet":
        x = build.node("Conv", [x, build.array(kernel.transpose(3, 2, 0, 1)), build.array(bias)])
        build.node("Transpose", [x], output="heads", perm=[0, 2, 3, 1])
    else:
        build.node("Gemm", [x, build.array(kernel), build.array(bias)], output="heads")
    size = _SIZES[net]
    image: list[int | str] = [1, "height", "width", 3] if net == "pnet" else ["count", size, size, 3]
    heads: list[int | str] = [1, "rows", "columns", len(bias)] if net == "pnet" else ["count", len(bias)]
    graph = helper.make_graph(
        build.nodes,
        net,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, image)],
        [helper.make_tensor_value_info("heads", TensorProto.FLOAT, heads)],
        build.arrays,
    )
    # Opset 13 and IR 8 are read by every ONNX Runtime since 1.10.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="mien")
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _merged(heads: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """All heads as one layer; the last, a softmax over (no face, face), becomes the difference of its logits, which is
    the log odds."""
    *others, (kernel, bias) = heads
    others.append((kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]))
    return np.concatenate([k for k, _ in others], axis=-1), np.concatenate([b for _, b in others])


class _Builder:
    """Collects the nodes and constants of a graph and gives them names."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []

    def array(self, value: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"w{len(self.arrays)}"
        self.arrays.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def node(self, kind: str, inputs: list[str], *, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = output or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def prelu(self, x: str, slope: np.ndarray) -> str:
        straight = self.node("Mul", [x, self.array(slope)])
        bent = self.node("Mul", [self.node("Relu", [x]), self.array(1 - slope)])
        return self.node("Add", [straight, bent])
