"""mien: video of a face into animation, and animation into any face.

The package root imports nothing heavy: `mien.Clip`, `mien.Rig` and the other core types load on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.core import Clip, FaceTrack, LandmarkLayout, Mesh, MeshSequence, MienError, Rig, Topology

__version__ = "0.1.0"
__all__ = [
    "Clip",
    "FaceTrack",
    "LandmarkLayout",
    "Mesh",
    "MeshSequence",
    "MienError",
    "Rig",
    "Topology",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("mien.core"), name)
    raise AttributeError(f"module 'mien' has no attribute {name!r}")
