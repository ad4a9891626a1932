"""Corresponding points of two faces, found by fitting the skin of one, the template, onto the skin of the other.

First the template is aligned by a similarity transform: from landmarks that both rigs have, else from the eyes and the
line where the lips part, else from the eyes and iterated closest points. Then the template is deformed: each step pulls
its vertices towards the nearest surface with a similar normal, regularised by a thin plate (squared graph Laplacian of
the displacement) that softens from step to step, as in non-rigid ICP (Amberg, Romdhani & Vetter 2007). That paper's
affine map per vertex is replaced by a displacement, which needs a quarter of the unknowns and one factorisation for all
three axes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mien.core.errors import MienError
from mien.core.rig import Rig
from mien.rigs.check import face_frame
from mien.rigs.retarget.lips import lip_points
from mien.rigs.retarget.surface import Surface, skin

__all__ = [
    "MISFIT",
    "Correspondence",
    "Similarity",
    "correspond",
    "factorised",
    "fit_similarity",
    "register",
    "same_topology",
    "shared_landmarks",
]

_STIFFNESS = (1e6, 1e5, 1e4, 1e3, 1e2, 2e1, 4.0, 1.0)
"""Weight of the thin plate in each step, relative to the pull on a vertex. A plate of weight a bends over 2 pi a^(1/4)
edges: from 200 edges (the whole face) to 6 (a lip)."""
_ANCHOR = 30.0
"""Weight of a landmark's pull; the landmarks of two rigs agree to a millimetre or two."""
_REACH = 0.45
"""Largest distance of a pull in the first step [eye distances]; the limit shrinks to a tenth of that."""
_TRIMMED = 0.8
"""Share of the closest pairs that the similarity is fitted to, because hair and collars have no counterpart."""
_ICP_STEPS, _ICP_POINTS = 25, 1500
_STARTS = 5
"""Number of starts that are refined to the end: those that are nearest after a few steps."""
MISFIT = 0.036
"""Mean distance of the fitted pairs [eye distances] above which a fit is refused. Measured from ICT: 0.013 to its
identities and a game character, 0.029 to mo; 0.040 to random triangles, 0.049 to a box, 0.080 to a sphere."""
_BODY, _HEADS = 700.0, (1 / 7, 1 / 5, 1 / 3.5)
"""A mesh higher than the first number [mm] is a body; the others are the tried ratios of head height to body height:
adult, child, cartoon."""
_HUMAN = 62.0
"""Eye distance [mm] that is assumed for a rig without eyes: the adult mean."""


@dataclass(frozen=True)
class Similarity:
    """A similarity transform: x -> scale R x + shift."""

    scale: float
    rotation: Float[np.ndarray, "3 3"]
    shift: Float[np.ndarray, "3"]
    """[mm]"""

    def __call__(self, points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """The points transformed."""
        return self.vectors(points) + self.shift

    def vectors(self, vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """Displacements scaled and rotated, without the shift."""
        return self.scale * (vectors @ self.rotation.T)


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Pairs of points: vertices of one rig, and points on triangles of another."""

    vertices: Int[np.ndarray, "N"]
    """Vertices of the first rig."""
    corners: Int[np.ndarray, "N 3"]
    """Vertices of the second rig's triangles."""
    barycentric: Float[np.ndarray, "N 3"]
    distance: Float[np.ndarray, "N"]
    """Distance of each pair after the fit [mm of the second rig]."""
    similarity: Similarity
    """Transform from the first rig's frame to the second's."""

    def at_second(self, field: Float[np.ndarray, "*batch V 3"]) -> Float[np.ndarray, "*batch N 3"]:
        """Values of the second rig's vertices at the pairs."""
        return np.einsum("...nkd,nk->...nd", field[..., self.corners, :], self.barycentric)

    def at_first(self, field: Float[np.ndarray, "*batch V 3"]) -> Float[np.ndarray, "*batch N 3"]:
        """Values of the first rig's vertices at the pairs."""
        return field[..., self.vertices, :]


def same_topology(first: Rig, second: Rig) -> bool:
    """Whether both rigs have the same number of vertices and the same triangles."""
    return len(first.neutral.vertices) == len(second.neutral.vertices) and np.array_equal(
        first.neutral.topology.triangles, second.neutral.topology.triangles
    )


def correspond(first: Rig, second: Rig) -> Correspondence:
    """Pair the skin of two rigs; raises MienError when they cannot be aligned."""
    if same_topology(first, second):
        at = skin(first).origin
        pairs = np.repeat(at[:, None], 3, axis=1)
        fit = fit_similarity(first.neutral.vertices[at].astype(float), second.neutral.vertices[at].astype(float))
        return Correspondence(at, pairs, np.tile([1.0, 0, 0], (len(at), 1)), np.zeros(len(at)), fit)
    template, target = skin(first), skin(second)
    bent, fit = register(first, second, template, target)
    hits = target.nearest(bent.vertices, bent.normals)
    frame = face_frame(first)
    unit = (_HUMAN if frame is None else frame.unit) * fit.scale
    kept = (hits.distance < _REACH / 10 * unit) & ~target.border[target.triangles[hits.triangle]].any(axis=1)
    if kept.sum() < 50:
        raise MienError(
            f"the faces of '{first.name}' and '{second.name}' do not lie on each other; give them landmarks"
        )
    corners = target.origin[target.triangles[hits.triangle[kept]]]
    return Correspondence(template.origin[kept], corners, hits.barycentric[kept], hits.distance[kept], fit)


def register(
    first: Rig,
    second: Rig,
    template: Surface,
    target: Surface,
    landmarks: tuple[Int[np.ndarray, "L"], Float[np.ndarray, "L 3"]] | None = None,
    misfit: float = MISFIT,
) -> tuple[Surface, Similarity]:
    """(the template deformed onto the target, the similarity that it started from).

    `landmarks` are vertices of the first rig and their positions on the second [mm]; by default those that both rigs
    share. Without landmarks, faces whose closest points are more than `misfit` [eye distances] apart on average do not
    fit. Raises MienError when the faces cannot be aligned or do not fit.
    """
    places, marks = shared_landmarks(first, second) if landmarks is None else landmarks
    mouth = None if len(places) else _by_mouth(first, second, template, target, misfit)
    if mouth is not None:
        places, marks, fit = mouth
    else:
        fit = _first_fit(first, second, template, target, places, marks, misfit)
    index = {int(vertex): i for i, vertex in enumerate(template.origin)}
    known = np.array([k for k, vertex in enumerate(places) if int(vertex) in index], int)
    anchors = np.array([index[int(places[k])] for k in known], int)
    frame = face_frame(first)
    unit = _HUMAN if frame is None else frame.unit
    return _bend(template, fit(template.vertices), target, anchors, marks[known], unit * fit.scale), fit


def shared_landmarks(first: Rig, second: Rig) -> tuple[Int[np.ndarray, "L"], Float[np.ndarray, "L 3"]]:
    """(vertices of the first rig, positions on the second [mm]) of the points of a layout that both rigs have.

    The jaw line is left out, because its points lie on no feature, and the pupils, because they do not lie on the skin.
    """
    for name, own in first.landmarks.items():
        other = second.landmarks.get(name)
        if other is None:
            continue
        layout = own.layout
        loose = {i for group in ("jaw", "iris_left", "iris_right") for i in layout.groups.get(group, ())}
        kept = [i for i in range(layout.count) if i not in loose]
        vertices = own.indices[np.arange(layout.count), own.weights.argmax(axis=1)]
        return vertices[kept], other.positions(second.neutral.vertices.astype(float))[kept]
    return np.zeros(0, int), np.zeros((0, 3))


def fit_similarity(
    source: Float[np.ndarray, "N 3"], target: Float[np.ndarray, "N 3"], weights: Float[np.ndarray, "N"] | None = None
) -> Similarity:
    """The least-squares similarity from source to target (Umeyama 1991, without reflection)."""
    weights = np.ones(len(source)) if weights is None else weights
    share = weights[:, None] / weights.sum()
    a, b = (source * share).sum(axis=0), (target * share).sum(axis=0)
    left, singular, right = np.linalg.svd(((target - b) * share).T @ (source - a))
    sign = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    rotation = (left * sign) @ right
    scale = float((singular * sign).sum() / (((source - a) ** 2) * share).sum())
    return Similarity(scale, rotation, b - scale * rotation @ a)


def _by_mouth(
    first: Rig, second: Rig, template: Surface, target: Surface, misfit: float
) -> tuple[Int[np.ndarray, "L"], Float[np.ndarray, "L 3"], Similarity] | None:
    """(vertices of the first rig at its lips, their positions on the second [mm], the similarity from eyes and lips).

    None when eyes or lips are not known, or the faces do not fit with this similarity.
    """
    from scipy.spatial import KDTree

    a, b = face_frame(first), face_frame(second)
    if a is None or b is None:
        return None
    own, marks = lip_points(first, template, a), lip_points(second, target, b)
    if own is None or marks is None:
        return None
    eyes = np.array([[-0.5, 0, 0], [0.5, 0, 0]])
    fit = fit_similarity(
        np.concatenate([a.centre + a.unit * eyes, own]), np.concatenate([b.centre + b.unit * eyes, marks])
    )
    # The limit is twice the misfit, which was measured after the closest points had been iterated.
    if not _icp(template, target, fit, a.centre, a.unit, steps=1)[1] < 2 * misfit * a.unit * fit.scale:
        return None
    return template.origin[KDTree(template.vertices).query(own)[1]], marks, fit


def _first_fit(
    first: Rig,
    second: Rig,
    template: Surface,
    target: Surface,
    places: np.ndarray,
    marks: np.ndarray,
    misfit: float,
) -> Similarity:
    if len(places) >= 3:
        return fit_similarity(first.neutral.vertices[places].astype(float), marks)
    a, b = face_frame(first), face_frame(second)
    if a is None:
        raise MienError(f"rig '{first.name}' has no eye joints, landmarks or blinks to align it by; add landmarks")
    if b is None:
        starts = _guesses(template, target)
    else:
        scale = b.unit / a.unit
        starts = [Similarity(scale, np.eye(3), b.centre - scale * a.centre)]
    if len(starts) > _STARTS:
        begun = [_icp(template, target, start, a.centre, a.unit, steps=4) for start in starts]
        starts = [fit for fit, _ in sorted(begun, key=lambda found: found[1] / found[0].scale)[:_STARTS]]
    tried = [_icp(template, target, start, a.centre, a.unit) for start in starts]
    fit, apart = min(tried, key=lambda found: found[1] / found[0].scale)
    if not apart < misfit * a.unit * fit.scale:
        raise MienError(f"the face of '{second.name}' is not found by shape alone; give landmarks (at least three)")
    return fit


def _guesses(template: Surface, target: Surface) -> list[Similarity]:
    """Starts for a head without landmarks or eyes: nose tips and head widths agree, with some variations of the size.

    The head of a whole body is assumed to be one of the upper shares of the body's height (`_HEADS`).
    """
    tip, width = _tip_and_width(template.vertices)
    height = target.vertices[:, 1].max() - target.vertices[:, 1]
    shares = (1.0,) if height.max() < _BODY else (1.0, *_HEADS)
    out: list[Similarity] = []
    for share in shares:
        other, usual = _tip_and_width(target.vertices[height <= share * height.max()])
        for k in (0.8, 0.9, 1.0, 1.12, 1.25):
            scale = k * usual / max(width, 1e-6)
            out.append(Similarity(scale, np.eye(3), other - scale * tip))
    return out


def _tip_and_width(vertices: Float[np.ndarray, "N 3"]) -> tuple[Float[np.ndarray, "3"], float]:
    """(the foremost point of a head, the width of the head above that point) [mm]."""
    tip = np.median(vertices[np.argsort(vertices[:, 2])[-10:]], axis=0)
    extent = np.ptp(vertices, axis=0)
    above = vertices[vertices[:, 1] > tip[1] + 0.05 * extent[1]]  # excludes the shoulders
    return tip, float(np.ptp(above[:, 0])) if len(above) else float(extent[0])


def _icp(
    template: Surface, target: Surface, fit: Similarity, eyes: np.ndarray, unit: float, steps: int = _ICP_STEPS
) -> tuple[Similarity, float]:
    """Refine a similarity by iterated closest points between brows and chin, where faces are similar.

    Returns the similarity and the mean distance of the closest pairs [mm], which is infinite when there are no pairs.
    """
    offset = (template.vertices - eyes) / unit
    mask = (np.abs(offset[:, 0]) < 1.1) & (offset[:, 1] > -1.9) & (offset[:, 1] < 0.7) & (offset[:, 2] > -0.4)
    mask = np.flatnonzero(mask & (template.normals[:, 2] > 0.2) & ~template.border)
    mask = mask[:: max(1, len(mask) // _ICP_POINTS)]
    points, normals = template.vertices[mask], template.normals[mask]
    apart = np.inf
    for _ in range(steps):
        hits = target.nearest(fit(points), normals @ fit.rotation.T)
        found = np.isfinite(hits.distance)
        if found.mean() < 0.5:
            return fit, np.inf
        kept = found & (hits.distance <= np.quantile(hits.distance[found], _TRIMMED))
        apart = float(hits.distance[kept].mean())
        fit = fit_similarity(points[kept], hits.points[kept])
    return fit, apart


def _bend(
    template: Surface, start: np.ndarray, target: Surface, anchors: np.ndarray, marks: np.ndarray, unit: float
) -> Surface:
    from scipy.sparse import diags_array

    plate = _plate(template)
    bent = template.moved(start)
    pull = np.zeros(len(start))
    pull[anchors] = _ANCHOR
    for step, stiffness in enumerate(_STIFFNESS):
        reach = _REACH * unit * 0.1 ** (step / (len(_STIFFNESS) - 1))
        hits = target.nearest(bent.vertices, bent.normals, 0.5)
        on_border = target.border[target.triangles[hits.triangle]].any(axis=1)
        weights = ((hits.distance < reach) & ~on_border & ~template.border).astype(float)
        wanted = np.where(weights[:, None] > 0, hits.points - start, 0.0)
        right = weights[:, None] * wanted
        right[anchors] += _ANCHOR * (marks - start[anchors])
        matrix = stiffness * plate + diags_array(weights + pull + 1e-6)
        bent = template.moved(start + factorised(matrix).solve(right))
    return bent


def _plate(surface: Surface) -> Any:
    """Squared graph Laplacian of the surface, which measures how much a field bends."""
    from scipy.sparse import coo_array, diags_array, eye_array

    count, triangles = len(surface.vertices), surface.triangles
    rows, columns = triangles.reshape(-1), np.roll(triangles, 1, axis=1).reshape(-1)
    both = coo_array((np.ones(2 * len(rows)), (np.r_[rows, columns], np.r_[columns, rows])), (count, count)).tocsr()
    both.data[:] = 1.0
    degree = np.asarray(both.sum(axis=1)).reshape(-1)
    laplacian = eye_array(count) - diags_array(1 / np.maximum(degree, 1)) @ both
    return (laplacian.T @ laplacian).tocsc()


def factorised(matrix: Any) -> Any:
    """The factorisation of a sparse symmetric positive definite matrix, with the method `solve(right)`."""
    from scipy.sparse.linalg import splu

    options = {"SymmetricMode": True}
    return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
