"""Muscle fibres: tension a F0 between two points, each a point of bone or a weighted patch of tissue.

E = a F0 R(l) for the length l. R' is 1 for a fibre longer than `slack` times its rest length and falls smoothly to 0 at
half of that, where a real fibre has no force left (the ascending limb of the force-length relation, Gordon, Huxley and
Julian 1966), so that a fibre never pulls its ends through each other. One primitive serves linear muscles (bone to
skin), sheets (several fibres) and sphincters (a chain from patch to patch). A negative F0 pushes: the belly of a muscle
that shortens at constant volume thickens.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from mien.physics.energies.term import assemble, outer

__all__ = ["Fibres"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fibres:
    """Fibres between points; a point is its `offset` plus the weighted sum of its vertices."""

    starts: Int[np.ndarray, "Q"]
    """Start of each point's run in `vertices`, and one past the last (Q = number of points + 1)."""
    vertices: Int[np.ndarray, "Z"]
    """Vertices of the points; a point of bone has none."""
    weights: Float[np.ndarray, "Z"]
    """Weights of these vertices; those of a patch sum to 1."""
    offsets: Float[np.ndarray, "P 3"]
    """Positions of points of bone [mm], 0 for patches; overwritten when bones move."""
    ends: Int[np.ndarray, "S 2"]
    """The two points of each fibre."""
    rest: Float[np.ndarray, "S"]
    """Lengths at rest [mm]."""
    force: Float[np.ndarray, "S"]
    """Force at full activation F0 [N]."""
    muscle: Int[np.ndarray, "S"]
    """The muscle of each fibre."""
    activations: Float[np.ndarray, "M"]
    """Activation a of each muscle, 0 to 1; overwritten."""
    slack: float = 0.5
    """Share of the rest length below which the force falls."""

    def points(self, positions: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "P 3"]:
        """Where the points are [mm]."""
        out = self.offsets.copy()
        owner = np.repeat(np.arange(len(out)), np.diff(self.starts))
        np.add.at(out, owner, self.weights[:, None] * positions[self.vertices])
        return out

    def add(self, positions: Float[np.ndarray, "N 3"], gradient: Float[np.ndarray, "N 3"]) -> float:
        """See `Term.add`."""
        return _add(
            positions,
            self.starts,
            self.vertices,
            self.weights,
            self.offsets,
            self.ends,
            self.rest,
            self.force,
            self.muscle,
            self.activations,
            self.slack,
            gradient,
        )

    def hessian(self, positions: Float[np.ndarray, "N 3"]) -> Any:
        """See `Term.hessian`."""
        from scipy.sparse import csr_matrix, identity, kron

        points = self.points(positions)
        along = points[self.ends[:, 1]] - points[self.ends[:, 0]]
        length = np.linalg.norm(along, axis=1)
        along /= np.maximum(length, 1e-9)[:, None]
        laws = np.array([_ramp(*row) for row in zip(length, self.slack * self.rest, strict=True)]).reshape(-1, 3)
        tension = self.activations[self.muscle] * self.force
        across = (tension * laws[:, 1] / np.maximum(length, 1e-9))[:, None, None]
        block = ((tension * laws[:, 2])[:, None, None] - across) * outer(along, along) + across * np.eye(3)
        blocks = np.stack([np.stack([block, -block], axis=1), np.stack([-block, block], axis=1)], axis=1)
        between = assemble(self.ends, blocks, len(points))
        patches = csr_matrix((self.weights, self.vertices, self.starts), shape=(len(points), len(positions)))
        spread = kron(patches, identity(3)).tocsr()
        return (spread.T @ between @ spread).tocsr()


@njit(cache=True)
def _ramp(length, slack):  # pyright: ignore
    """R, R' and R'' of a length; R' rises from 0 at half of `slack` to 1 at `slack` as 3 t^2 - 2 t^3."""
    low = 0.5 * slack
    t = (length - low) / max(slack - low, 1e-9)
    if t <= 0.0:
        return 0.0, 0.0, 0.0
    if t >= 1.0:
        return 0.5 * (slack - low) + (length - slack), 1.0, 0.0
    return (slack - low) * t * t * t * (1.0 - 0.5 * t), t * t * (3.0 - 2.0 * t), 6.0 * t * (1.0 - t) / (slack - low)


@njit(cache=True)
def _add(x, starts, vertices, weights, offsets, ends, rest, force, muscle, activations, slack, gradient):  # pyright: ignore
    count = len(offsets)
    points = offsets.copy()
    for p in range(count):
        for z in range(starts[p], starts[p + 1]):
            for d in range(3):
                points[p, d] += weights[z] * x[vertices[z], d]
    pull = np.zeros((count, 3))
    total = 0.0
    for s in range(len(ends)):
        tension = activations[muscle[s]] * force[s]
        if tension == 0.0:
            continue
        i, j = ends[s, 0], ends[s, 1]
        dx, dy, dz = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1], points[j, 2] - points[i, 2]
        length = np.sqrt(dx * dx + dy * dy + dz * dz)
        value, slope, _ = _ramp(length, slack * rest[s])
        total += tension * value
        if slope == 0.0:
            continue
        f = tension * slope / length
        pull[i, 0] -= f * dx
        pull[i, 1] -= f * dy
        pull[i, 2] -= f * dz
        pull[j, 0] += f * dx
        pull[j, 1] += f * dy
        pull[j, 2] += f * dz
    for p in range(count):
        if pull[p, 0] == 0.0 and pull[p, 1] == 0.0 and pull[p, 2] == 0.0:
            continue
        for z in range(starts[p], starts[p + 1]):
            for d in range(3):
                gradient[vertices[z], d] += weights[z] * pull[p, d]
    return total
