"""`tongue_out`: the tongueOut shape, which ICT-FaceKit lacks, made from its tongue."""

import numpy as np
from jaxtyping import Float

__all__ = ["tongue_out"]

_TONGUE = (16611, 17039)
"""The rig's vertices of the tongue (and of the uvula, which lies far behind `_ROOT`)."""
_ROOT, _TIP = 45.0, 97.6
"""z of the root, which does not move, and of the tip [mm]."""
_ALONG = np.array([0.0, 0.3, 0.55, 0.75, 0.9, 1.0])
_REST = np.array([-40.2, -39.3, -38.3, -38.5, -39.2, -40.0])
"""y of the middle line at rest, from root to tip [mm]."""
_OUT = np.array([[45.0, -40.2], [68.0, -37.4], [93.0, -32.6], [112.0, -29.6], [125.5, -34.6], [132.5, -46.0]])
"""(z, y) of the middle line at tongueOut = 1 with the jaw at rest [mm]: over the lower teeth (at y -34), then down over
the lip."""
_THICK = np.array([1.0, 0.9, 0.66, 0.52, 0.6, 0.8])
_WIDE = np.array([1.0, 1.0, 0.97, 0.97, 1.15, 1.6])
"""Thickness and width relative to rest along the line: the stretched tongue is thinner, and its tip stays round."""


def tongue_out(neutral: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
    """Displacement [mm] of every vertex of ICT-FaceKit's neutral at tongueOut = 1, which is added to that of an open
    jaw.

    The tongue's middle line is mapped from its curve at rest to one that leaves the mouth; its cross sections stay
    perpendicular to the line.
    """
    inside = np.arange(*_TONGUE)
    x, y, z = neutral[inside].T.astype(np.float64)
    along = np.clip((z - _ROOT) / (_TIP - _ROOT), 0, 1)

    def at(values: np.ndarray) -> np.ndarray:
        return np.interp(along, _ALONG, values)

    slope_z, slope_y = (np.gradient(_OUT[:, k], _ALONG) for k in (0, 1))
    tangent = np.stack([at(slope_z), at(slope_y)])
    tangent /= np.linalg.norm(tangent, axis=0)
    above = (y - at(_REST)) * at(_THICK)
    beyond = z - _ROOT - along * (_TIP - _ROOT)
    out = np.stack(
        [
            x * at(_WIDE),
            at(_OUT[:, 1]) + above * tangent[0] + beyond * tangent[1],
            at(_OUT[:, 0]) - above * tangent[1] + beyond * tangent[0],
        ],
        axis=1,
    )
    moved = np.zeros_like(neutral, np.float64)
    fade = np.clip(along / 0.2, 0, 1)
    moved[inside] = (fade * fade * (3 - 2 * fade))[:, None] * (out - neutral[inside])
    return moved
