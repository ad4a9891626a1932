"""The mandible: its hinge and slide, found from how a rig's lower teeth move, and which tissue is fixed to it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.core import Rig

__all__ = ["Jaw", "find_jaw", "jaw_share"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Jaw:
    """A rigid mandible: it turns about a hinge and slides with it."""

    hinge: Float[np.ndarray, "3"]
    """A point of the axis [mm]."""
    axis: Float[np.ndarray, "3"]
    """Unit vector of the axis, to the subject's left; a positive turn opens the jaw."""
    angle: float
    """Turn at full opening [rad]; ICT-FaceKit: 25.3 degrees."""
    forward: Float[np.ndarray, "3"]
    """Slide at full protrusion [mm]; ICT-FaceKit: 9 mm."""
    sideways: float
    """Slide to one side at full lateral excursion [mm]; ICT-FaceKit: 6.4 mm."""

    def moved(
        self, points: Float[np.ndarray, "N 3"], opening: float, forward: float, left: float
    ) -> Float[np.ndarray, "N 3"]:
        """Displacement [mm] of points of the jaw; `opening` and `forward` in [0, 1], `left` in [-1, 1].

        An axis that opens a jaw slides forward with it in life; here the hinge is the fixed centre of the whole
        movement (the instantaneous centre of the two), as ICT-FaceKit has it.
        """
        angle = opening * self.angle
        arm = points - self.hinge
        along = (arm @ self.axis)[:, None] * self.axis
        turned = along + np.cos(angle) * (arm - along) + np.sin(angle) * np.cross(self.axis, arm)
        return turned - arm + forward * self.forward + left * self.sideways * np.array([1.0, 0.0, 0.0])


def find_jaw(rig: Rig) -> Jaw:
    """The mandible of a rig with lower teeth: the rigid motion that fits their displacement in jawOpen best."""
    from scipy.spatial.transform import Rotation

    teeth = rig.neutral.topology.groups["teeth"]
    moved = rig.shape("jawOpen")[teeth].astype(np.float64)
    size = np.linalg.norm(moved, axis=1)
    lower = teeth[size > 0.1 * size.max()]
    x = rig.neutral.vertices[lower].astype(np.float64)
    y = x + rig.shape("jawOpen")[lower]
    rotation = Rotation.align_vectors(y - y.mean(axis=0), x - x.mean(axis=0))[0]
    turn = rotation.as_rotvec()
    angle = float(np.linalg.norm(turn))
    matrix = rotation.as_matrix()
    hinge = np.linalg.lstsq(np.eye(3) - matrix, y.mean(axis=0) - matrix @ x.mean(axis=0), rcond=None)[0]
    return Jaw(
        hinge=hinge,
        axis=turn / angle,
        angle=angle,
        forward=rig.shape("jawForward")[lower].mean(axis=0).astype(np.float64),
        sideways=float(rig.shape("jawLeft")[lower, 0].mean()),
    )


def jaw_share(rig: Rig, jaw: Jaw) -> Float[np.ndarray, "V"]:
    """How far every vertex of the rig goes with the mandible when the jaw opens, 0 to 1."""
    x = rig.neutral.vertices.astype(np.float64)
    rigid = jaw.moved(x, 1.0, 0.0, 0.0)
    share = (rig.shape("jawOpen") * rigid).sum(axis=1) / np.maximum((rigid**2).sum(axis=1), 1e-9)
    return np.clip(share, 0.0, 1.0)
