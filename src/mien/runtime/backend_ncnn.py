"""Sessions on NCNN, on the CPU in fp32."""

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from mien.core.errors import MienError
from mien.runtime.bundle import Bundle
from mien.runtime.feeds import take_feeds

__all__ = ["NcnnSession", "batch_axes"]


class NcnnSession:
    """A `Session` on NCNN. Blobs are `in0..` and `out0..` in the order of `Manifest.feeds` and `Manifest.fetches`."""

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        files = bundle.ncnn
        if files is None:
            raise MienError(f"{bundle.path}: the bundle has no NCNN model; use the onnx backend")
        for spec in (*bundle.manifest.feeds, *bundle.manifest.fetches):
            if spec.dtype != "float32":
                raise MienError(f"{bundle.path}: NCNN takes float32 only and '{spec.name}' is {spec.dtype}")
        try:
            self._ncnn: Any = import_module("ncnn")
        except ImportError:
            raise MienError("the ncnn backend is not installed; run: pip install 'mien[ncnn]'") from None
        self._net = self._ncnn.Net()
        option = self._net.opt
        option.num_threads = threads
        option.use_vulkan_compute = False
        # All computation is in fp32, so that results differ from ONNX's only by rounding.
        for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(option, name, False)
        if self._net.load_param(str(files[0])) != 0 or self._net.load_model(str(files[1])) != 0:
            raise MienError(f"{files[0]}: NCNN cannot open the model; get the bundle again")
        self.manifest = bundle.manifest
        for side, count, names in (
            ("in", len(self.manifest.feeds), self._net.input_names()),
            ("out", len(self.manifest.fetches), self._net.output_names()),
        ):
            missing = [name for name in (f"{side}{i}" for i in range(count)) if name not in names]
            if missing:
                raise MienError(f"{bundle.path}: manifest and model.ncnn.param disagree about '{missing[0]}'")

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Session.run`."""
        feeds = take_feeds(self.manifest, inputs)
        extractor = self._net.create_extractor()
        for i, spec in enumerate(self.manifest.feeds):
            array = feeds[spec.name].reshape(spec.mat_shape)
            # Mat(array) refers to numpy's memory: it would dangle when the array is freed first, and an in-place layer
            # would write into the caller's data. clone() copies the data.
            if extractor.input(f"in{i}", self._ncnn.Mat(array).clone()) != 0:
                raise RuntimeError(f"NCNN refused the input '{spec.name}' of shape {spec.mat_shape}")
        outputs: dict[str, np.ndarray] = {}
        for i, spec in enumerate(self.manifest.fetches):
            code, mat = extractor.extract(f"out{i}")
            if code != 0:
                raise RuntimeError(f"NCNN cannot compute '{spec.name}' (code {code})")
            # The result is copied, because the Mat's memory belongs to the extractor.
            outputs[spec.name] = np.array(mat, dtype=np.float32).reshape(spec.shape)
        return outputs


def batch_axes(script: str) -> dict[str, int | None]:
    """Input -> the axis that NCNN drops, or None when it keeps all axes, from the text of pnnx's `*_ncnn.py`.

    An exporter sets `ncnn_shape` accordingly: pnnx drops the batch axis of a tensor only when a layer identifies it.
    """
    axes: dict[str, int | None] = {}
    for name, mat in re.findall(r'ex\.input\("(\w+)", (.*)\)$', script, re.MULTILINE):
        # Newer releases write `Mat(x.numpy(), batch_index=0)`, older ones `Mat(x.squeeze(0).numpy())`.
        axis = re.search(r"(?:batch_index=|squeeze\()(\d+)", mat)
        axes[name] = int(axis[1]) if axis else None
    return axes
