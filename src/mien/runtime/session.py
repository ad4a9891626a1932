"""`Session`: a network that is ready to run, whatever runs it."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from mien.core.errors import MienError
from mien.runtime.bundle import Bundle
from mien.runtime.manifest import Manifest

__all__ = ["BACKENDS", "Session", "open_session"]

BACKENDS = ("onnx", "ncnn")
"""What can run a bundle: ONNX Runtime (default), NCNN (needs the extra `mien[ncnn]` and a bundle that has it)."""


@runtime_checkable
class Session(Protocol):
    """Runs one bundle. Not for use by two threads at once."""

    manifest: Manifest

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs and next states by name, from all inputs and states by name.

        Shapes are those of the manifest, batch axis included. The arrays returned are the caller's own and the arrays
        given are left as they were. Raises ValueError when an input is missing or its shape is not the manifest's.
        """
        ...


def open_session(bundle: Bundle, backend: str = "onnx", threads: int = 1) -> Session:
    """Load a bundle's network; raises MienError when the backend is unknown, absent, or refuses the model."""
    if backend not in BACKENDS:
        raise MienError(f"unknown backend '{backend}'; use one of: {', '.join(BACKENDS)}")
    if threads < 1:
        raise MienError(f"threads must be at least 1, not {threads}")
    if backend == "ncnn":
        from mien.runtime.backend_ncnn import NcnnSession

        return NcnnSession(bundle, threads=threads)
    from mien.runtime.backend_onnx import OnnxSession

    return OnnxSession(bundle, threads=threads)
