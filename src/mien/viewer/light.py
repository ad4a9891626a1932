"""The studio light of every picture: three lamps and a sky, computed at points with normals."""

import numpy as np
from jaxtyping import Bool, Float

__all__ = ["GAMMA", "WET", "lamps", "shade", "spot"]

GAMMA = 2.2
"""Gamma of the pictures; albedos are linear."""
_KEY = np.array([-0.45, 0.55, 0.70])
_FILL = np.array([0.75, 0.10, 0.55])
_RIM = np.array([0.55, 0.45, -0.75])
_SKY, _GROUND = np.array([0.40, 0.43, 0.50], np.float32), np.array([0.26, 0.21, 0.19], np.float32)
_KEY_COLOR, _FILL_COLOR, _RIM_COLOR = (
    np.array([0.92, 0.85, 0.76], np.float32),
    np.array([0.22, 0.22, 0.25], np.float32),
    np.array([0.35, 0.38, 0.45], np.float32),
)
WET = 400.0
"""Blinn-Phong exponent from which a surface is wet: it reflects the lamp itself as a sharp spot."""
_SPOT = (np.cos(np.radians(6.0)), np.cos(np.radians(9.0)))
"""Cosines of the angles from the mirror direction within which a wet surface shows the lamp fully, and at all."""
_WRAP = 0.25
"""Cosine by which light reaches past the terminator, a cheap approximation of skin's subsurface scattering."""


def _unit(v: np.ndarray) -> np.ndarray:
    return (v / np.linalg.norm(v)).astype(np.float32)


_TOWARDS = np.stack([_unit(_KEY), _unit(_FILL), _unit(_RIM), _unit(_unit(_KEY) + np.array([0, 0, 1]))], axis=1)


def lamps(
    normals: Float[np.ndarray, "N 3"], open_share: Float[np.ndarray, "N"] | None = None
) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N"]]:
    """(linear light that falls on surfaces, cosine of each normal with the half-way vector of the key lamp).

    Args:
        normals: unit normals in the viewer's frame.
        open_share: share of the directions from which light reaches each point, in [0, 1]; None for all.
    """
    n = np.asarray(normals, np.float32)
    key, fill, rim, half = (n @ _TOWARDS).T
    wrapped = np.maximum((key + _WRAP) / (1 + _WRAP), 0)
    up = 0.5 + 0.5 * n[:, 1]
    edge = (1 - np.clip(n[:, 2], 0, 1)) ** 3 * np.maximum(rim + 0.6, 0)
    terms = np.stack([wrapped, np.maximum(fill, 0), up, 1 - up, edge], axis=1)
    light = terms @ np.stack([_KEY_COLOR, _FILL_COLOR, _SKY, _GROUND, _RIM_COLOR])
    return light if open_share is None else light * open_share[:, None], np.maximum(half, 0)


def spot(facing: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """Strength of the lamp's mirror image on a wet surface, from the cosine that `lamps` returns."""
    return 0.9 * np.clip((facing - _SPOT[1]) / (_SPOT[0] - _SPOT[1]), 0, 1)


def shade(
    normals: Float[np.ndarray, "N 3"],
    albedo: Float[np.ndarray, "N 3"],
    gloss: Float[np.ndarray, "N"],
    shine: Float[np.ndarray, "N"],
    open_share: Float[np.ndarray, "N"] | None = None,
    wet: Bool[np.ndarray, "N"] | None = None,
) -> Float[np.ndarray, "N 3"]:
    """Colours in [0, 255] of surfaces under the studio light.

    Args:
        normals: normals in the viewer's frame, of any length.
        albedo: linear albedo.
        gloss: strength of the highlight.
        shine: Blinn-Phong exponent of the highlight.
        open_share: share of the directions from which light reaches each point, in [0, 1]; None for all.
        wet: surfaces that get no highlight here, because their spot is drawn pixel by pixel; None for none.
    """
    normals = np.asarray(normals, np.float32)
    n = normals / np.maximum(np.sqrt(np.einsum("ij,ij->i", normals, normals)), 1e-9)[:, None]
    light, facing = lamps(n, open_share)
    glint = gloss * np.power(facing, np.minimum(shine, WET))
    mirror = shine >= WET
    if mirror.any():
        glint[mirror] = spot(facing[mirror])
    if open_share is not None:
        glint = glint * open_share
    if wet is not None:
        glint = np.where(wet, 0, glint)
    return 255 * np.clip(albedo * light + glint[:, None], 0, 1) ** np.float32(1 / GAMMA)
