"""`Session`: a network that is ready to run, on any backend."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from mien.core.errors import MienError
from mien.runtime.bundle import Bundle
from mien.runtime.manifest import Manifest

__all__ = ["BACKENDS", "Session", "open_session"]

BACKENDS = ("onnx", "ncnn")
"""Libraries that can run a bundle: ONNX Runtime (default), NCNN (needs the extra `mien[ncnn]` and an NCNN model)."""


@runtime_checkable
class Session(Protocol):
    """Runs the network of one bundle. A session must not be used by two threads at once."""

    manifest: Manifest

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs and next states by name, from all inputs and states by name.

        Shapes are those of the manifest, batch axis included. The returned arrays are copies, and the given arrays are
        not modified. Raises ValueError when an input is missing or its shape differs from the manifest's.
        """
        ...


def open_session(bundle: Bundle, backend: str = "onnx", threads: int = 1) -> Session:
    """Load a bundle's network; raises MienError when the backend is unknown, not installed, or rejects the model."""
    if backend not in BACKENDS:
        raise MienError(f"unknown backend '{backend}'; use one of: {', '.join(BACKENDS)}")
    if threads < 1:
        raise MienError(f"threads must be at least 1, not {threads}")
    if backend == "ncnn":
        from mien.runtime.backend_ncnn import NcnnSession

        return NcnnSession(bundle, threads=threads)
    from mien.runtime.backend_onnx import OnnxSession

    return OnnxSession(bundle, threads=threads)
