"""Sessions on ONNX Runtime, on the CPU."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from mien.core.errors import MienError
from mien.runtime.bundle import Bundle
from mien.runtime.feeds import take_feeds

__all__ = ["OnnxSession"]

_FATAL_ONLY = 4
"""Least severity that ONNX Runtime logs: other errors arrive as exceptions and are reported in one line."""


class OnnxSession:
    """A `Session` on ONNX Runtime."""

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        runtime: Any = import_module("onnxruntime")
        runtime.set_default_logger_severity(_FATAL_ONLY)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL_ONLY
        # A spinning thread pool keeps a core busy between two frames of a 30 Hz video, without gain for small networks.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        try:
            self._session = runtime.InferenceSession(str(bundle.onnx), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no common base class
            reason = (str(error).splitlines() or ["unknown error"])[0]
            raise MienError(
                f"{bundle.onnx}: ONNX Runtime cannot open the model: {reason}; get the bundle again"
            ) from None
        self.manifest = bundle.manifest
        self._names = [spec.name for spec in self.manifest.fetches]
        _check(bundle, "input", {s.name for s in self.manifest.feeds}, {i.name for i in self._session.get_inputs()})
        _check(bundle, "output", set(self._names), {o.name for o in self._session.get_outputs()})

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Session.run`."""
        return dict(zip(self._names, self._session.run(self._names, take_feeds(self.manifest, inputs)), strict=True))


def _check(bundle: Bundle, side: str, declared: set[str], actual: set[str]) -> None:
    # The model may have undeclared outputs (heads for training only), but no undeclared inputs.
    missing = sorted(declared - actual if side == "output" else declared ^ actual)
    if missing:
        raise MienError(f"{bundle.path}: manifest and model.onnx disagree about the {side} '{missing[0]}'")
