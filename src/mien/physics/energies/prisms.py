"""Volume of prisms between two layers of triangles: tissue keeps its volume and never turns inside out.

E = V0 (1/2 stiffness (J - 1)^2 + barrier b(J)) with J = V / V0. V is the volume inside the two triangles and the three
sides; a side is the mean of its two triangulations, so that a mirrored face has mirrored forces. b(J) = -(J - J1)^2
ln(J / J1) below J1 and 0 above is the barrier of Li et al. ("Incremental potential contact", 2020, equation 6) on the
volume: it is twice differentiable and infinite at J = 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from mien.physics.energies.term import assemble, outer

__all__ = ["Prisms", "volumes"]


def _surface() -> tuple[np.ndarray, np.ndarray]:
    """Corners and weights of the 14 triangles, seen anticlockwise from outside, that bound a prism.

    Vertices 0 to 2 are the inner triangle, 3 to 5 the outer one.
    """
    triangles, weights = [(3, 4, 5), (0, 2, 1)], [1.0, 1.0]
    for a, b in ((0, 1), (1, 2), (2, 0)):
        triangles += [(a, b, b + 3), (a, b + 3, a + 3), (a, b, a + 3), (b, b + 3, a + 3)]
        weights += [0.5] * 4
    return np.array(triangles), np.array(weights)


_CORNERS, _WEIGHTS = _surface()


@dataclass(frozen=True, kw_only=True, eq=False)
class Prisms:
    """Prisms between an inner and an outer layer."""

    corners: Int[np.ndarray, "P 6"]
    """Vertices: the inner triangle, then the outer one in the same order, anticlockwise seen from outside."""
    rest: Float[np.ndarray, "P"]
    """Volumes at rest [mm^3]."""
    stiffness: float = 0.02
    """Resistance to a change of volume [N/mm^2, that is MPa]."""
    barrier: float = 0.02
    """Strength of the barrier [N/mm^2]."""
    threshold: float = 0.4
    """J1: share of the volume at rest below which the barrier acts."""

    def add(self, positions: Float[np.ndarray, "N 3"], gradient: Float[np.ndarray, "N 3"]) -> float:
        """See `Term.add`; the energy is infinite when a prism has no volume left."""
        return _add(
            positions,
            self.corners,
            self.rest,
            self.stiffness,
            self.barrier,
            self.threshold,
            _CORNERS,
            _WEIGHTS,
            gradient,
        )

    def hessian(self, positions: Float[np.ndarray, "N 3"]) -> Any:
        """See `Term.hessian`."""
        x = positions[self.corners]
        share = volumes(positions, self.corners) / self.rest
        slope = np.zeros((len(x), 6, 3))
        curve = np.zeros((len(x), 6, 6, 3, 3))
        for (a, b, c), weight in zip(_CORNERS.tolist(), _WEIGHTS.tolist(), strict=True):
            for i, j, k in ((a, b, c), (b, c, a), (c, a, b)):
                slope[:, i] += weight / 6 * np.cross(x[:, j], x[:, k])
                curve[:, i, j] -= weight / 6 * _cross_matrix(x[:, k])
                curve[:, i, k] += weight / 6 * _cross_matrix(x[:, j])
        first, second = np.zeros(len(x)), np.zeros(len(x))
        for p, j in enumerate(share.tolist()):
            _, first[p], second[p] = _law(j, self.stiffness, self.barrier, self.threshold)
        stretch = outer(slope[:, :, None, :], slope[:, None, :, :]) * (second / self.rest)[:, None, None, None, None]
        return assemble(self.corners, stretch + curve * first[:, None, None, None, None], len(positions))


def volumes(positions: Float[np.ndarray, "N 3"], corners: Int[np.ndarray, "P 6"]) -> Float[np.ndarray, "P"]:
    """Signed volume of every prism [mm^3]; negative when it is inside out."""
    x = positions[corners]
    a, b, c = (x[:, _CORNERS[:, k]] for k in range(3))
    return (np.einsum("ptk,ptk->pt", a, np.cross(b, c)) @ _WEIGHTS) / 6


def _cross_matrix(v: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3 3"]:
    """Matrices M with M w = v x w."""
    x, y, z = v.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)


@njit(cache=True)
def _law(share, stiffness, barrier, threshold):  # pyright: ignore
    """Energy density as a function of J, with its first and second derivative."""
    gap = share - 1.0
    value, first, second = 0.5 * stiffness * gap * gap, stiffness * gap, stiffness
    if share < threshold:
        if share <= 0.0:
            return np.inf, 0.0, 0.0
        d, log = share - threshold, np.log(share / threshold)
        value -= barrier * d * d * log
        first -= barrier * (2.0 * d * log + d * d / share)
        second -= barrier * (2.0 * log + 4.0 * d / share - d * d / (share * share))
    return value, first, second


@njit(cache=True)
def _add(x, corners, rest, stiffness, barrier, threshold, triangles, weights, gradient):  # pyright: ignore
    total = 0.0
    slope = np.empty((6, 3))
    local = np.empty((6, 3))
    for p in range(len(corners)):
        for k in range(6):
            for d in range(3):
                # relative to one corner, because far from the origin the products lose digits
                local[k, d] = x[corners[p, k], d] - x[corners[p, 0], d]
                slope[k, d] = 0.0
        volume = 0.0
        for t in range(len(triangles)):
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ax, ay, az = local[i, 0], local[i, 1], local[i, 2]
            bx, by, bz = local[j, 0], local[j, 1], local[j, 2]
            cx, cy, cz = local[k, 0], local[k, 1], local[k, 2]
            w = weights[t] / 6.0
            ux, uy, uz = w * (by * cz - bz * cy), w * (bz * cx - bx * cz), w * (bx * cy - by * cx)
            volume += ax * ux + ay * uy + az * uz
            slope[i, 0] += ux
            slope[i, 1] += uy
            slope[i, 2] += uz
            slope[j, 0] += w * (cy * az - cz * ay)
            slope[j, 1] += w * (cz * ax - cx * az)
            slope[j, 2] += w * (cx * ay - cy * ax)
            slope[k, 0] += w * (ay * bz - az * by)
            slope[k, 1] += w * (az * bx - ax * bz)
            slope[k, 2] += w * (ax * by - ay * bx)
        value, first, _ = _law(volume / rest[p], stiffness, barrier, threshold)
        if value == np.inf:
            return np.inf
        total += rest[p] * value
        for k in range(6):
            for d in range(3):
                gradient[corners[p, k], d] += first * slope[k, d]
    return total
