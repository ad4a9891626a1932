"""The fibres of the table of muscles, attached to the layers of an identity."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from mien.physics.energies.fibres import Fibres
from mien.physics.face.anatomy import Muscle, Spot, spots
from mien.physics.face.mesh import FaceMesh
from mien.physics.face.tissue import Layers

__all__ = ["Origins", "attach"]

_ALONG = ((0.64, 0.18), (0.82, 0.27), (1.0, 0.55))
"""(place on the way from origin to insertion, share of the force): a fan of fibres that end on the way. A muscle that
pulls at its insertion alone pinches the skin there."""
_PUSH = ((1.0, -1.0),)
"""The same for fibres that push."""
_PATCH = 7.0
"""Radius (standard deviation) of the patch of tissue that an end of a fibre holds [mm]; 5.5 to 9 work."""
_RING_PATCH = 5.5
"""The same for the points of a sphincter, which is a narrower band [mm]."""
_SUPERFICIAL = 0.5
"""Share of a patch's hold that is in the skin; the rest is in the fascia, which the muscles of the face lie in."""


@dataclass(eq=False)
class _Builder:
    """Points and fibres while they are collected."""

    starts: list[int] = field(default_factory=lambda: [0])
    vertices: list[int] = field(default_factory=list[int])
    weights: list[float] = field(default_factory=list[float])
    offsets: list[np.ndarray] = field(default_factory=list[np.ndarray])
    ends: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    force: list[float] = field(default_factory=list[float])
    muscle: list[int] = field(default_factory=list[int])
    jaw: list[float] = field(default_factory=list[float])

    def point(self, vertices: np.ndarray, weights: np.ndarray, offset: np.ndarray, jaw: float = 0.0) -> int:
        self.vertices += vertices.tolist()
        self.weights += weights.tolist()
        self.starts.append(len(self.vertices))
        self.offsets.append(offset)
        self.jaw.append(jaw)
        return len(self.offsets) - 1

    def fibre(self, start: int, end: int, force: float, muscle: int) -> None:
        self.ends.append((start, end))
        self.force.append(force)
        self.muscle.append(muscle)


@dataclass(frozen=True, kw_only=True, eq=False)
class Origins:
    """The points of bone of the fibres."""

    rest: Float[np.ndarray, "P 3"]
    """Positions while the jaw is shut [mm]; 0 for patches."""
    jaw: Float[np.ndarray, "P"]
    """1 for points of the mandible, else 0."""


class _Patches:
    """Weights of the simulated vertices around a place, by distance along the skin."""

    def __init__(self, skin: np.ndarray, mesh: FaceMesh) -> None:
        from scipy.sparse import coo_matrix
        from scipy.spatial import KDTree

        edges = np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]], mesh.triangles[:, [2, 0]]])
        length = np.linalg.norm(skin[edges[:, 0]] - skin[edges[:, 1]], axis=1)
        both = np.concatenate([edges, edges[:, ::-1]])
        graph = coo_matrix((np.tile(length, 2), (both[:, 0], both[:, 1])), shape=(len(skin), len(skin))).tocsr()
        self._graph, self._skin, self._tree = graph, skin, KDTree(skin)

    def around(self, place: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
        """Vertices within 2.5 standard deviations of a place, and weights that sum to 1."""
        from scipy.sparse.csgraph import dijkstra

        apart, first = self._tree.query(place)
        along = dijkstra(self._graph, indices=int(first), limit=2.5 * sigma + 1e-6)
        near = np.flatnonzero(np.isfinite(along))
        distance = np.maximum(np.linalg.norm(self._skin[near] - place, axis=1), along[near] - float(apart))
        weight = np.exp(-0.5 * (distance / sigma) ** 2)
        return near, weight / weight.sum()


def attach(
    table: tuple[Muscle, ...],
    layer: Layers,
    mesh: FaceMesh,
    mean: Float[np.ndarray, "V 3"],
    own: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "F 3"],
) -> tuple[Fibres, Origins]:
    """The fibres of all muscles: those of the left side, then those of the right in the same order.

    Args:
        table: the muscles of one side.
        layer: the identity's layers.
        mesh: the simulated surface.
        mean: vertices of ICT-FaceKit's mean face [mm], on which the table's places are.
        own: vertices of the identity [mm].
        triangles: the skin's triangles of the rig.
    """
    build, patches = _Builder(), _Patches(layer.skin, mesh)
    count, total = len(layer.skin), len(table)
    from scipy.spatial import KDTree

    nearest = KDTree(layer.skin)

    def patch(place: np.ndarray, sigma: float, side: int) -> int:
        """A point of tissue on one side; the right side has the twins of the left side's vertices."""
        near, weight = patches.around(place, sigma)
        near = near if side == 0 else mesh.twin[near]
        both = np.concatenate([near, near + count])
        return build.point(both, np.concatenate([_SUPERFICIAL * weight, (1 - _SUPERFICIAL) * weight]), np.zeros(3))

    def find(places: list[tuple[float, float]]) -> list[Spot]:
        return spots(np.array(places), mean, triangles)

    flip = np.array([-1.0, 1.0, 1.0])
    for side in (0, 1):
        for m, muscle in enumerate(table):
            at = m + side * total
            inserted = sum(len(fibre.insertions) for fibre in muscle.fibres)
            for fibre in muscle.fibres:
                origin = find([fibre.at])[0].on(own)
                v = int(nearest.query(origin)[1])
                bone = origin - fibre.depth * layer.depth[v] * layer.normals[v]
                root = bone if side == 0 else bone * flip
                start = build.point(np.zeros(0, int), np.zeros(0), root, float(fibre.bone == "jaw"))
                for spot in find(list(fibre.insertions)):
                    end = spot.on(own)
                    for share, force in _PUSH if fibre.push else _ALONG:
                        place = layer.skin[nearest.query(origin + share * (end - origin))[1]] if share < 1 else end
                        build.fibre(start, patch(place, _PATCH, side), muscle.force * force / inserted, at)
            for ring in muscle.rings:
                points = [patch(spot.on(own), _RING_PATCH, side) for spot in find(list(ring))]
                for a, b in pairwise(points):
                    build.fibre(a, b, muscle.ring_force, at)
    return _finish(build, np.concatenate([layer.skin, layer.fascia]), 2 * total)


def _finish(build: _Builder, rest: np.ndarray, muscles: int) -> tuple[Fibres, Origins]:
    offsets = np.array(build.offsets)
    fibres = Fibres(
        starts=np.array(build.starts),
        vertices=np.array(build.vertices),
        weights=np.array(build.weights),
        offsets=offsets.copy(),
        ends=np.array(build.ends),
        rest=np.zeros(len(build.ends)),
        force=np.array(build.force),
        muscle=np.array(build.muscle),
        activations=np.zeros(muscles),
    )
    points = fibres.points(rest)
    fibres.rest[:] = np.linalg.norm(points[fibres.ends[:, 1]] - points[fibres.ends[:, 0]], axis=1)
    return fibres, Origins(rest=offsets, jaw=np.array(build.jaw))
