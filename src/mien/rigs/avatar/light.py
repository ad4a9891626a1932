"""Takes the light of a photo off a face: the smooth shading that its normals explain, and none of the skin's colour.

Light from far away falls on a convex surface as spherical harmonics of second order (Ramamoorthi & Hanrahan 2001, "An
efficient representation for irradiance environment maps"). Its coefficients are fitted to the colours of the skin,
robustly, because brows, lips and beards have colours of their own.
"""

import numpy as np
from jaxtyping import Float

__all__ = ["evened", "harmonics", "shading"]

_STIFF = 0.02
"""Ridge on the coefficients beyond the constant one, as a share of the vertices: normals that a photo does not show
would otherwise decide."""
_ROUNDS = 8
_FAR = 0.15
"""Residual of the logarithm at which a vertex counts half."""
_RANGE = (0.45, 2.2)
"""Range of the correction; a face whose one side is black keeps a shadow."""


def evened(
    colors: Float[np.ndarray, "N 3"], normals: Float[np.ndarray, "N 3"], weight: Float[np.ndarray, "N"]
) -> Float[np.ndarray, "9"]:
    """Coefficients of the logarithm of the light, for `shading`, relative to the mean of the weighted vertices.

    `colors` are linear, `weight` says how well each vertex is seen and how surely it is bare skin.
    """
    bright = np.log(np.maximum(colors @ [0.2126, 0.7152, 0.0722], 1e-3))
    basis, trust = harmonics(normals), weight.astype(np.float64)
    ridge = _STIFF * trust.sum() * np.diag([0.0, *[1.0] * 3, *[3.0] * 5]) + 1e-9 * np.eye(9)
    found = np.zeros(9)
    for _ in range(_ROUNDS):
        found = np.linalg.solve(basis.T @ (trust[:, None] * basis) + ridge, basis.T @ (trust * bright))
        error = bright - basis @ found
        trust = weight / (1 + (error / _FAR) ** 2)
    found[0] = 0.0
    found[0] = -float((trust * (basis @ found)).sum() / max(trust.sum(), 1e-9))
    return found


def shading(coefficients: Float[np.ndarray, "9"], normals: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n"]:
    """The light on surfaces, 1 on the average."""
    return np.clip(np.exp(harmonics(normals) @ coefficients), *_RANGE)


def harmonics(normals: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 9"]:
    """Real spherical harmonics to the second order, without their factors."""
    x, y, z = np.moveaxis(np.asarray(normals, np.float64), -1, 0)
    one = np.ones_like(x)
    return np.stack([one, x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1], axis=-1)
