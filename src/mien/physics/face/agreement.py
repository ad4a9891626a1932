"""How well the simulated face agrees with the shapes that a rig has for the same action units."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.core.channels import AU_TO_ARKIT
from mien.physics.face.actions import ACTIONS
from mien.physics.face.face import Face

__all__ = ["CALIBRATED", "HELD_OUT", "LEVEL", "Agreement", "agreement", "shape"]

LEVEL = 0.7
"""Activation at which shapes are compared."""
CALIBRATED = ("AU4", "AU6", "AU9", "AU14", "AU15", "AU18", "AU22", "AU24", "AU28", "AU45")
"""Action units whose shapes the calibration sees."""
HELD_OUT = ("AU1", "AU2", "AU5", "AU7", "AU10", "AU12", "AU16", "AU17", "AU20")
"""Action units whose shapes it never sees. The jaw's (AU26, 29, 30) are in neither list: its hinge and slide are read
from the rig's own shapes."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """One action unit: the displacement of the simulated skin beside that of the rig's shapes."""

    cosine: float
    """Between the two fields of displacements, each vertex weighted by its area; 1 is the same movement."""
    gain: float
    """Size of the simulated movement for full activation over that of the shape, both root mean squares."""


def shape(face: Face, action: str) -> Float[np.ndarray, "N 3"]:
    """Displacement of the simulated skin by the rig's shapes of an action unit, both sides together [mm]."""
    chosen = face.mesh.vertices
    return np.sum(
        [face.rig.shape(name)[chosen] for name in AU_TO_ARKIT[action] if name in face.rig.shape_names], axis=0
    )


def agreement(
    face: Face, actions: Iterable[str] = (*CALIBRATED, *HELD_OUT), recipes: Mapping[str, Mapping[str, float]] = ACTIONS
) -> dict[str, Agreement]:
    """The agreement of action units, each performed alone by its muscles (`ACTIONS`) at `LEVEL`."""
    area = face.layers.area[:, None]
    out = {}
    for action in actions:
        controls = face.control({name: LEVEL * value for name, value in recipes[action].items()})
        ours, theirs = face.skin(face.pose(controls, rounds=2)), shape(face, action).astype(np.float64)
        product, a, b = (float((area * u * v).sum()) for u, v in ((ours, theirs), (ours, ours), (theirs, theirs)))
        out[action] = Agreement(cosine=product / np.sqrt(a * b) if a else 0.0, gain=np.sqrt(a / b) / LEVEL)
    return out
