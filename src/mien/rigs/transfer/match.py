"""The match of a source rig to a new mesh, which `mien.rigs.transfer.transfer` uses."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mien.core.errors import MienError
from mien.core.rig import Rig
from mien.rigs.retarget.correspondence import Similarity, fit_similarity, register, same_topology
from mien.rigs.retarget.surface import Surface, skin, weld

__all__ = ["Match", "matched", "on_skin"]

_FAR = 4.0
"""Distance [mm] between target and fitted source at which a match has half the trust."""
_ALIKE = 0.020
"""Mean distance of closest points [eye distances] above which a match by shape alone is refused. Measured with ICT's
mean face, with the error of its 51 inner landmarks at ICT's size: 0.014 and 2.1 mm for a usual identity; 0.024 and
5.1 mm, 0.033 and 3.2 mm, 0.045 and 17 mm for caricatures (1.5, 2 and 3 times an identity), 0.029 and 6.6 mm for mo.
Retargeting tolerates more (`correspondence.MISFIT`), because it only compares motions of shapes, while here the motion
of every vertex depends on its match."""
_SPOTS = np.array([[1, 1, 1], [4, 1, 1], [1, 4, 1], [1, 1, 4]]) / np.array([[3.0], [6], [6], [6]])
"""Points of a target triangle that are matched to source triangles: its centre, and half way to its corners."""


@dataclass(frozen=True, eq=False)
class Match:
    """The correspondence between a source rig and a target mesh."""

    source: Rig
    target: Rig
    similarity: Similarity
    fitted: Float[np.ndarray, "S 3"]
    """All of the source's vertices, deformed onto the target [mm]."""
    skin: Surface
    """The target's welded skin."""
    on_skin: Int[np.ndarray, "V"]
    """Skin vertex of every target vertex; -1 for vertices off the skin."""
    corners: Int[np.ndarray, "N 3"]
    """Source vertices of the triangle that is matched to each skin vertex."""
    barycentric: Float[np.ndarray, "N 3"]
    trust: Float[np.ndarray, "N"]
    """Trust in each skin vertex's match, in [0, 1]."""
    beyond: Bool[np.ndarray, "N"]
    """True for skin vertices beyond the end of the source: a body below the neck."""
    samples: Int[np.ndarray, "F M"]
    """Source triangles that are matched to each skin triangle."""
    sample_trust: Float[np.ndarray, "F M"]


def matched(source: Rig, target: Rig, landmarks: dict[int, int] | None) -> Match:
    """Match `source` to `target`: by vertex when the topology is the same, else by fitting.

    Raises MienError when there is no good fit.
    """
    if same_topology(source, target) and landmarks is None:
        return _matched_by_vertex(source, target)
    template, own = skin(source), skin(target)
    bent, similarity = register(source, target, template, own, _marks(source, target, landmarks), misfit=_ALIKE)
    at_vertex = bent.nearest(own.vertices, own.normals)
    corners = own.vertices[own.triangles]
    spots = np.einsum("mk,fkd->fmd", _SPOTS, corners)
    normals = np.repeat(own.face_normals, len(_SPOTS), axis=0)
    at_spot = bent.nearest(spots.reshape(-1, 3), normals)
    return Match(
        source=source,
        target=target,
        similarity=similarity,
        fitted=_carried(source, template, bent, similarity),
        skin=own,
        on_skin=on_skin(target, own),
        corners=template.origin[template.triangles[at_vertex.triangle]],
        barycentric=at_vertex.barycentric,
        trust=1 / (1 + (at_vertex.distance / _FAR) ** 2),
        beyond=bent.rim[bent.triangles[at_vertex.triangle]].any(axis=1) & (at_vertex.distance > _FAR),
        samples=template.origin[template.triangles[at_spot.triangle]].reshape(-1, len(_SPOTS), 3),
        sample_trust=(1 / (1 + (at_spot.distance / _FAR) ** 2)).reshape(-1, len(_SPOTS)),
    )


def _matched_by_vertex(source: Rig, target: Rig) -> Match:
    """The match of equal topologies, also off the skin: one surface of all vertices, welded where the source's are."""
    first, of = weld(source.neutral.vertices, source.neutral.topology.triangles)
    triangles = of[source.neutral.topology.triangles]
    whole = (np.diff(np.sort(triangles, axis=1), axis=1) > 0).all(axis=1)
    triangles = triangles[whole]
    vertices = target.neutral.vertices.astype(float)
    count = len(first)
    return Match(
        source=source,
        target=target,
        similarity=fit_similarity(source.neutral.vertices.astype(float), vertices),
        fitted=vertices,
        skin=Surface(vertices[first], triangles, first),
        on_skin=of,
        corners=np.repeat(first[:, None], 3, axis=1),
        barycentric=np.tile([1.0, 0, 0], (count, 1)),
        trust=np.ones(count),
        beyond=np.zeros(count, bool),
        samples=first[triangles][:, None],
        sample_trust=np.ones((len(triangles), 1)),
    )


def _marks(source: Rig, target: Rig, landmarks: dict[int, int] | None) -> tuple[np.ndarray, np.ndarray] | None:
    if landmarks is None:
        return None
    anchors = source.landmarks.get("ibug68")
    if anchors is None:
        raise MienError(f"rig '{source.name}' has no ibug68 landmarks; transfer from mo or ict")
    count = len(target.neutral.vertices)
    beyond = [vertex for vertex in landmarks.values() if not 0 <= vertex < count]
    if beyond:
        raise MienError(f"landmark vertex {beyond[0]} is not among the mesh's {count}; count from 0")
    at = anchors.indices[np.arange(anchors.layout.count), anchors.weights.argmax(axis=1)]
    return at[list(landmarks)], target.neutral.vertices[list(landmarks.values())].astype(float)


def _carried(source: Rig, template: Surface, bent: Surface, similarity: Similarity) -> Float[np.ndarray, "S 3"]:
    """All of the source's vertices: the skin deformed, the others shifted like the skin nearby."""
    from scipy.spatial import KDTree

    vertices = source.neutral.vertices.astype(float)
    shift = bent.vertices - similarity(template.vertices)
    distance, near = KDTree(template.vertices).query(vertices, k=8)
    share = 1 / (distance + 1e-3) ** 2
    share /= share.sum(axis=1, keepdims=True)
    return similarity(vertices) + np.einsum("vk,vkd->vd", share, shift[near])


def on_skin(target: Rig, own: Surface) -> Int[np.ndarray, "V"]:
    """The vertex of `own` that stands for each vertex of the rig; -1 for vertices off the skin."""
    first, of = weld(target.neutral.vertices, target.neutral.topology.triangles)
    place = np.full(len(first), -1)
    place[of[own.origin]] = np.arange(len(own.origin))
    return place[of]
