"""A face's movement in terms of a rig: the 52 weights that explain it best. Knows no torch.

With them what was generated goes onto any rig (`mien retarget`), and the parts of a head that the network does not move
(teeth, tongue, the inside of the mouth) follow the face.
"""

import numpy as np
from jaxtyping import Float

__all__ = ["UnitSolver"]

_RIDGE = 1e-3
"""Pull towards zero, as a share of a shape's own squared length: of two shapes that do the same neither runs away."""
_ROUNDS = 300
"""Steps of projected gradient; the residual of ICT's shapes has settled to 0.1 % by then."""


class UnitSolver:
    """Bounded least squares onto blendshapes: weights in [0, 1] with min |S w - d|^2 + ridge (Nesterov 1983, FISTA)."""

    def __init__(self, shapes: Float[np.ndarray, "C V 3"]) -> None:
        """Shapes that are zero keep the weight 0."""
        self._flat = np.asarray(shapes, np.float32).reshape(len(shapes), -1)
        gram = (self._flat @ self._flat.T).astype(np.float64)
        own = np.diag(gram).copy()
        self._scale = np.where(own > 0, 1.0 / np.sqrt(np.maximum(own, 1e-30)), 0.0)
        # In units of each shape's length: the steps then suit a wink and a yawn alike.
        self._gram = gram * self._scale[:, None] * self._scale + _RIDGE * np.eye(len(own))
        self._step = 1.0 / float(np.linalg.eigvalsh(self._gram)[-1])

    def __call__(self, displacements: Float[np.ndarray, "T V 3"]) -> Float[np.ndarray, "T C"]:
        """Weights of each frame."""
        pull = (displacements.reshape(len(displacements), -1) @ self._flat.T).astype(np.float64) * self._scale
        top = np.where(self._scale > 0, 1.0 / np.maximum(self._scale, 1e-30), 0.0)  # weight 1 in those units
        x = ahead = np.zeros_like(pull)
        momentum = 1.0
        for _ in range(_ROUNDS):
            new = np.clip(ahead - self._step * (ahead @ self._gram - pull), 0.0, top)
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
            ahead = new + (momentum - 1.0) / following * (new - x)
            x, momentum = new, following
        return (x * self._scale).astype(np.float32)
