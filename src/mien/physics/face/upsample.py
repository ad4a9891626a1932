"""From the simulated skin to every vertex of the rig.

Skin, mouth and eye sockets are one connected surface: displacements of the simulated vertices are carried over it by a
prefactored bilaplacian (Botsch and Sorkine 2008), and far from them the surface follows skull and jaw. Teeth, gums and
tongue move with the bones, lashes and the rims of the eyes with the nearest lid.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from mien.core import Rig
from mien.physics.energies.bending import bilaplacian
from mien.physics.model import factor

__all__ = ["Upsampling"]

_HOLD = 1e-4
"""Hold of the bones on skin that is not simulated, relative to the bilaplacian [1/mm^2 for each mm^2 of area scale]."""
_LOCK = 10.0
"""Weight of the simulated vertices: much larger than the entries of the bilaplacian (about 1), so that they are met."""
_RIGID = ("gums_tongue", "teeth")
_FOLLOW = ("lacrimal", "eye_blend", "eye_occlusion", "lashes")


class Upsampling:
    """Displacements of simulated vertices to those of the whole rig."""

    def __init__(self, rig: Rig, simulated: Int[np.ndarray, "N"], share: Float[np.ndarray, "V"]) -> None:
        """`share` is how far each vertex of the rig goes with the mandible (`jaw.jaw_share`)."""
        from scipy.sparse import diags
        from scipy.spatial import KDTree

        groups, x = rig.neutral.topology.groups, rig.neutral.vertices.astype(np.float64)
        soft = len(groups["face"]) + len(groups["head_neck"]) + len(groups["mouth_socket"]) + len(groups["eye_sockets"])
        triangles = np.asarray(rig.neutral.topology.triangles)
        triangles = triangles[(triangles < soft).all(axis=1)]
        self._soft, self._simulated, self._share = soft, simulated, share
        surface = x[:soft]
        plate = bilaplacian(surface, triangles)
        hold = np.full(soft, _HOLD)
        lock = np.zeros(soft)
        lock[simulated] = _LOCK
        self._hold, self._solve = hold, self._factored(plate + diags(hold + lock))
        self._nearest = np.concatenate([groups[name] for name in _FOLLOW])
        skin = len(groups["face"])
        self._source = KDTree(x[:skin]).query(x[self._nearest])[1]
        self._rigid = np.concatenate([groups[name] for name in _RIGID])
        self._vertices = len(x)

    @staticmethod
    def _factored(matrix: object) -> Callable[[np.ndarray], np.ndarray]:
        return factor(matrix)

    def __call__(self, moved: Float[np.ndarray, "N 3"], bone: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        """Displacements of all vertices [mm].

        Args:
            moved: displacements of the simulated vertices [mm].
            bone: displacement that every vertex would have on the mandible [mm].
        """
        follow = self._share[:, None] * bone
        right = self._hold[:, None] * follow[: self._soft]
        right[self._simulated] += _LOCK * moved
        out = np.zeros((self._vertices, 3))
        out[: self._soft] = self._solve(right)
        out[self._rigid] = follow[self._rigid]
        out[self._nearest] = out[self._source]
        return out
