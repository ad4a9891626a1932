"""Runs trained networks: bundles and sessions. It needs numpy, and ONNX Runtime or NCNN when a session is opened."""

from mien.runtime.bundle import Bundle, packaged_bundles
from mien.runtime.manifest import FORMAT, Manifest, StateSpec, TensorSpec, TrainingData
from mien.runtime.session import BACKENDS, Session, open_session
from mien.runtime.stream import Stream

__all__ = [
    "BACKENDS",
    "FORMAT",
    "Bundle",
    "Manifest",
    "Session",
    "StateSpec",
    "Stream",
    "TensorSpec",
    "TrainingData",
    "open_session",
    "packaged_bundles",
]
