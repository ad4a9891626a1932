"""mien: video of a face into animation, and animation into any face.

    clip = mien.capture("me.mp4")
    clip.save("take.csv")

The verbs do what the commands of the same names do, with the same defaults. Importing mien loads nothing heavy: each
name is imported at its first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.core import (
        ARKIT,
        Camera,
        Clip,
        FaceTrack,
        Features,
        LandmarkLayout,
        Mesh,
        MeshSequence,
        MienError,
        Pose,
        Rig,
        Topology,
        VisemeTrack,
    )
    from mien.physics.face.perform import muscle
    from mien.rigs.load import load_rig
    from mien.rigs.retarget.retarget import retarget
    from mien.systems.capture.avatar import avatar
    from mien.systems.capture.fit import fit
    from mien.systems.capture.perform import capture
    from mien.systems.express.perform import express
    from mien.systems.speak.perform import speak

__version__ = "0.1.0"
__all__ = [
    "ARKIT",
    "Camera",
    "Clip",
    "FaceTrack",
    "Features",
    "LandmarkLayout",
    "Mesh",
    "MeshSequence",
    "MienError",
    "Pose",
    "Rig",
    "Topology",
    "VisemeTrack",
    "__version__",
    "avatar",
    "capture",
    "express",
    "fit",
    "load_rig",
    "muscle",
    "retarget",
    "speak",
]

_VERBS = {
    "avatar": "mien.systems.capture.avatar",
    "capture": "mien.systems.capture.perform",
    "express": "mien.systems.express.perform",
    "fit": "mien.systems.capture.fit",
    "load_rig": "mien.rigs.load",
    "muscle": "mien.physics.face.perform",
    "retarget": "mien.rigs.retarget.retarget",
    "speak": "mien.systems.speak.perform",
}
"""Verb -> the module that has it; all other names are mien.core's."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    value = getattr(import_module(_VERBS.get(name, "mien.core")), name)
    globals()[name] = value  # found directly from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
