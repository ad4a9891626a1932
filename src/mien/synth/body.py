"""The data that all performers share: the drawn part of the ICT rig, its lids, lips and regions; built once per
process."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from mien.core import ARKIT, IBUG68, Rig
from mien.core.regions import region_points
from mien.rigs.ict import load_ict
from mien.rigs.ict_landmarks import edge_paths
from mien.rigs.ict_topology import GROUPS
from mien.synth.tongue import tongue_out

__all__ = ["Body", "Lids", "Lips", "body"]

_DRAWN = ("face", "head_neck", "mouth_socket", "gums_tongue", "teeth", "sclera_left", "sclera_right", "lashes")
"""Parts of the rig that are drawn. Left out are irises, which lie behind the opaque sclera (they are painted on it);
lacrimal, blend and occlusion meshes, which need a blended shader of their own engine; and eye sockets, which are
hidden.
"""
_UPPER_LIDS = {"right": (36, 37, 38, 39), "left": (45, 44, 43, 42)}
_LOWER_LIDS = {"right": (36, 41, 40, 39), "left": (45, 46, 47, 42)}
_UPPER_LIP, _LOWER_LIP = (60, 61, 62, 63, 64), (60, 67, 66, 65, 64)
LID_COLUMNS = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Lids:
    """One eye's lid margins and the skin around them. Indices count the body's vertices."""

    upper: Int[np.ndarray, "U"]
    """Margin of the upper lid from the outer to the inner corner."""
    lower: Int[np.ndarray, "L"]
    skin: Int[np.ndarray, "K"]
    """Face and lash vertices that the blink shape moves."""
    sclera: Int[np.ndarray, "E"]
    blink: int
    """Channel of eyeBlink."""
    side: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Lips:
    """The line where the lips meet, above and below, and the skin that follows each lip."""

    upper: Int[np.ndarray, "U"]
    lower: Int[np.ndarray, "L"]
    skin: Int[np.ndarray, "K"]
    follow: Float[np.ndarray, "K"]
    """How far the skin follows a lip that is moved by contact: + upper, - lower, fading with distance."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Body:
    """The subset of the rig that is drawn. Vertices [V, 3] mm; corners [C] are unique (vertex, uv) pairs."""

    rig: Rig
    vertex_ids: Int[np.ndarray, "V"]
    """Rig vertex of each body vertex."""
    neutral: Float[np.ndarray, "V 3"]
    basis: Float[np.ndarray, "52 V3"]
    """Displacement per ARKit channel, flattened; tongueOut, which the rig lacks, is `tongue.tongue_out`."""
    modes: Float[np.ndarray, "100 V3"]
    corners: Int[np.ndarray, "C"]
    """Body vertex of each corner (vertex, uv)."""
    uv: Float[np.ndarray, "C 2"]
    parts: dict[str, Int[np.ndarray, "F 3"]]
    """Triangles of each drawn part, into corners."""
    shaded: Int[np.ndarray, "G 3"]
    """Triangles whose normals follow the deformation, into vertices (face, head, mouth's lining)."""
    rest_normals: Float[np.ndarray, "V 3"]
    skin: Float[np.ndarray, "V"]
    """How far a vertex follows the head rather than the shoulders, in [0, 1]."""
    lids: tuple[Lids, Lids]
    """Left, right."""
    lips: Lips
    landmarks: Int[np.ndarray, "198 K"]
    """mien198's anchors; mien70 comes first."""
    landmark_weights: Float[np.ndarray, "198 K"]
    probes: dict[str, Int[np.ndarray, "_"]]
    """Vertices whose visibility is taken as that of eyes, brows and mouth."""

    def part_vertices(self, name: str) -> Int[np.ndarray, "_"]:
        """Body vertices of one of the rig's groups."""
        start, stop = GROUPS[name]
        return np.flatnonzero((self.vertex_ids >= start) & (self.vertex_ids < stop))


@lru_cache(maxsize=1)
def body() -> Body:
    """The process's one `Body`. Raises MienError when ICT-FaceKit cannot be found."""
    rig = load_ict()
    drawn, triangles, uv_triangles, spans = _drawn(rig)
    ids = np.unique(triangles)
    new = np.full(len(rig.neutral.vertices), -1)
    new[ids] = np.arange(len(ids))
    triangles = new[triangles]
    pairs, flat = np.unique(
        np.stack([triangles.reshape(-1), uv_triangles.reshape(-1)], axis=1), axis=0, return_inverse=True
    )
    corner_triangles = flat.reshape(-1, 3).astype(np.int32)
    uv = rig.neutral.topology.uv
    assert uv is not None and rig.joint_weights is not None and rig.identity_modes is not None
    basis = rig.basis()[:, ids]
    basis[ARKIT.index("tongueOut")] = tongue_out(rig.neutral.vertices)[ids]
    anchors = rig.landmarks["mien198"]
    neutral = rig.neutral.vertices[ids].astype(np.float32)
    parts = {name: corner_triangles[a:b] for name, (a, b) in zip(drawn, spans, strict=True)}
    shaded = triangles[: spans[2][1]]
    return Body(
        rig=rig,
        vertex_ids=ids,
        neutral=neutral,
        basis=basis.reshape(len(ARKIT), -1),
        modes=np.ascontiguousarray(rig.identity_modes[:, ids]).reshape(100, -1),
        corners=pairs[:, 0].astype(np.int32),
        uv=uv[pairs[:, 1]],
        parts=parts,
        shaded=np.ascontiguousarray(shaded, np.int32),
        rest_normals=rig.neutral.normals[ids].astype(np.float32),
        skin=rig.joint_weights[ids, 1:].sum(axis=1),
        lids=(_lids(rig, new, basis, "left"), _lids(rig, new, basis, "right")),
        lips=_lips(rig, new, neutral),
        landmarks=new[anchors.indices],
        landmark_weights=anchors.weights,
        probes=_probes(rig, new),
    )


def _drawn(rig: Rig) -> tuple[list[str], np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Names, triangles and uv triangles of the drawn parts, and each part's span of triangles."""
    topology = rig.neutral.topology
    assert topology.uv_triangles is not None
    rows: list[np.ndarray] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for name in _DRAWN:
        part = next(p for p in topology.parts if p.name == name.replace("sclera", "eyeball"))
        inside = np.arange(part.start, part.stop)
        if name.startswith("sclera"):
            start, stop = GROUPS[name]
            t = topology.triangles[inside]
            inside = inside[((t >= start) & (t < stop)).all(axis=1)]
        rows.append(inside)
        spans.append((at, at + len(inside)))
        at += len(inside)
    order = np.concatenate(rows)
    return list(_DRAWN), topology.triangles[order], topology.uv_triangles[order], spans


def _walk(rig: Rig, points: tuple[int, ...]) -> np.ndarray:
    """Rig vertices along the shortest mesh paths through the given landmarks."""
    topology = rig.neutral.topology
    vertices = rig.landmarks["ibug68"].indices[list(points), 0]
    ends = np.stack([vertices[:-1], vertices[1:]], axis=1)
    paths = edge_paths(rig.neutral.vertices, topology.triangles[: topology.parts[0].stop], ends)
    return np.concatenate([vertices[:1], *(path[1:] for path in paths)])


def _lids(rig: Rig, new: np.ndarray, basis: np.ndarray, side: str) -> Lids:
    channel = ARKIT.index(f"eyeBlink{side.capitalize()}")
    moved = np.linalg.norm(basis[channel], axis=1) > 0.02
    sclera = np.arange(*GROUPS[f"sclera_{side}"])
    return Lids(
        upper=new[_walk(rig, _UPPER_LIDS[side])],
        lower=new[_walk(rig, _LOWER_LIDS[side])],
        skin=np.flatnonzero(moved),
        sclera=new[sclera],
        blink=channel,
        side=side,
    )


def _lips(rig: Rig, new: np.ndarray, neutral: np.ndarray) -> Lips:
    from scipy.spatial import KDTree

    upper, lower = new[_walk(rig, _UPPER_LIP)], new[_walk(rig, _LOWER_LIP)]
    face = new[np.r_[0 : GROUPS["face"][1], slice(*GROUPS["mouth_socket"])]]
    face = face[face >= 0]
    to_upper, _ = KDTree(neutral[upper]).query(neutral[face])
    to_lower, _ = KDTree(neutral[lower]).query(neutral[face])
    # 14 mm reach from the mouth line to the nose above and to the chin's fold below.
    reach = np.clip(1 - np.minimum(to_upper, to_lower) / 14.0, 0, 1)
    reach = reach * reach * (3 - 2 * reach)
    side = np.clip((to_lower - to_upper) / 0.8, -1, 1)
    follow = (reach * side).astype(np.float32)
    near = np.abs(follow) > 1e-3
    return Lips(upper=upper, lower=lower, skin=face[near], follow=follow[near])


def _probes(rig: Rig, new: np.ndarray) -> dict[str, np.ndarray]:
    points = rig.landmarks["ibug68"].indices[:, 0]
    return {region: new[points[own]] for region, own in region_points(IBUG68).items()}


def smoothstep(low: float, high: float, x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Cubic step from 0 at `low` to 1 at `high` (which may be smaller than `low`)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
