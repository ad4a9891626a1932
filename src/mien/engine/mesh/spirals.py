"""Spirals: an order of the vertices around each vertex, so that a convolution can have one weight per place.

As in Bouritsas et al. 2019 ("Neural 3D Morphable Models", section 3.2) and Lim et al. 2018: a spiral holds the centre,
then ring after ring of neighbours, each ring counter-clockwise, and the first ring starts at the neighbour on the
shortest geodesic to a fixed reference vertex. All spirals are cut or padded to one length. An order depends on
positions and triangles alone, never on how vertices are numbered.
"""

import numpy as np
from jaxtyping import Float, Int

__all__ = ["edges_of", "geodesics", "spirals"]

Fans = list[list[int]]
"""The neighbours of one vertex as runs in counter-clockwise order; a closed fan is one run with an arbitrary start."""


def edges_of(triangles: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "E 2"]:
    """Each edge once, lower index first."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    return np.unique(np.sort(edges, axis=1), axis=0)


def geodesics(
    vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"], reference: int
) -> Float[np.ndarray, "V"]:
    """Length of the shortest path along edges from `reference` [unit of the vertices]; infinite without a path."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    edges = edges_of(triangles)
    length = np.linalg.norm(np.asarray(vertices, np.float64)[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    # A sparse matrix drops zeros: an edge of length zero would disconnect its ends.
    length = np.maximum(length, np.finfo(np.float64).tiny)
    graph = csr_matrix((length, (edges[:, 0], edges[:, 1])), shape=(len(vertices), len(vertices)))
    return dijkstra(graph, directed=False, indices=reference)


def spirals(
    vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"], *, reference: int, length: int
) -> Int[np.ndarray, "V L"]:
    """Spiral of every vertex, which comes first; places beyond a component's last vertex hold the invalid index V.

    Raises ValueError when `reference` is no vertex or `length` is not positive.
    """
    count = len(vertices)
    if not 0 <= reference < count:
        raise ValueError(f"reference vertex {reference} is not in 0..{count - 1}")
    if length < 1:
        raise ValueError(f"a spiral has at least one place, not {length}")
    rank = _ranks(np.asarray(vertices, np.float64), geodesics(vertices, triangles, reference), reference)
    fans = _fans(triangles, count)
    for own in fans:  # one order for all spirals that pass: runs by their best vertex
        own.sort(key=lambda run: min(rank[u] for u in run))
    out = np.full((count, length), count, np.int64)
    for v in range(count):
        places = _spiral(v, fans, rank, length)
        out[v, : len(places)] = places
    return out


def _ranks(vertices: np.ndarray, distance: np.ndarray, reference: int) -> list[int]:
    """Rank of each vertex by geodesic distance; ties (mirror images, other components) are broken by position."""
    away = np.linalg.norm(vertices - vertices[reference], axis=1)
    order = np.lexsort((vertices[:, 2], vertices[:, 1], vertices[:, 0], away, distance))
    rank = np.empty(len(vertices), np.int64)
    rank[order] = np.arange(len(vertices))
    return rank.tolist()


def _fans(triangles: np.ndarray, count: int) -> list[Fans]:
    """Each vertex's neighbours in counter-clockwise runs; several where orientation or manifoldness breaks."""
    after: list[dict[int, int]] = [{} for _ in range(count)]
    loose: list[set[int]] = [set() for _ in range(count)]
    for triangle in np.asarray(triangles).tolist():
        for k in range(3):
            v, a, b = triangle[k], triangle[(k + 1) % 3], triangle[(k + 2) % 3]
            loose[v].update((a, b))
            after[v].setdefault(a, b)
    return [_runs(after[v], loose[v]) for v in range(count)]


def _runs(after: dict[int, int], members: set[int]) -> Fans:
    before: dict[int, int] = {}
    follows: dict[int, int] = {}
    for a in sorted(after):
        if after[a] not in before:  # two triangles that end on one neighbour: the second starts its own run
            before[after[a]] = a
            follows[a] = after[a]
    left = set(members)
    runs: Fans = []
    for start in [*(m for m in sorted(members) if m not in before), *sorted(members)]:
        if start not in left:
            continue
        run, at = [], start
        while at in left:
            left.remove(at)
            run.append(at)
            at = follows.get(at, -1)
        runs.append(run)
    return runs


def _walk(fans: Fans, start: int) -> list[int]:
    """All neighbours beginning with `start`: its run first, rotated to begin there, then the other runs."""
    out: list[int] = []
    rest: list[int] = []
    for run in fans:
        if start in run:
            at = run.index(start)
            out = run[at:] + run[:at]
        else:
            rest += run
    return out + rest


def _spiral(centre: int, fans: list[Fans], rank: list[int], length: int) -> list[int]:
    places, seen = [centre], {centre}
    if not fans[centre]:
        return places
    first = min((u for run in fans[centre] for u in run), key=lambda u: rank[u])
    ring = [(u, centre) for u in _walk(fans[centre], first)]
    while ring and len(places) < length:
        places += [u for u, _ in ring]
        seen.update(u for u, _ in ring)
        following: list[tuple[int, int]] = []
        for u, came_from in ring:
            for w in _walk(fans[u], came_from):
                if w not in seen:
                    seen.add(w)
                    following.append((w, u))
            if len(places) + len(following) >= length:
                break
        ring = following
    return places[:length]
