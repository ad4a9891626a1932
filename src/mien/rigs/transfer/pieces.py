"""Motion of the pieces of a new mesh that are not connected to its skin: teeth, eyes, tongue, lashes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mien.core.rig import Rig
from mien.rigs.retarget.surface import components, skin
from mien.rigs.transfer.match import Match, on_skin

__all__ = ["Ball", "Pieces", "balls", "lifted"]

_STIFF = 0.35
"""Largest deviation from a rigid motion [mm] at which a piece moves rigidly in a shape."""
_NEAR = 4
"""Number of source vertices that a vertex off the skin follows."""
_ON_STIFF = 4.0
"""Largest distance [mm] (median of its vertices) of a piece from the source's rigid parts to count as one of them."""
_AROUND, _ROUND = 28.0, 0.06
"""Largest distance of an eyeball's vertices from its joint [mm], and largest relative deviation of its radius (cornea,
seam)."""
_CLEAR = 1.0
"""Least gap between lid and eyeball [mm]; the gap at rest when that is smaller."""


class Pieces:
    """The target's vertices off its skin, with the source or skin vertices that each of them follows."""

    def __init__(self, match: Match) -> None:
        target = match.target
        self.match = match
        self.members = np.flatnonzero(match.on_skin < 0)
        self.pieces: list[np.ndarray] = []
        self.follow_skin: list[bool] = []
        self.near: list[np.ndarray] = []
        self.leaders: list[np.ndarray] = []
        self.share: list[np.ndarray] = []
        if not len(self.members):
            return
        self._label = components(match.source)
        self._lips, self._below = _lip_line(match, self._label)
        inner = _inner(match.source)
        # The classes are tried in this order: rigid parts (teeth, gums, eyes), any inner part, the skin.
        classes = [(_stiff_pieces(match.source, inner, self._label), _ON_STIFF), (inner, np.inf)]
        label = components(target)
        for piece in np.unique(label[self.members]):
            self._follow(self.members[label[self.members] == piece], [c for c in classes if len(c[0])])

    def _follow(self, at: Int[np.ndarray, "P"], classes: list[tuple[np.ndarray, float]]) -> None:
        """Find the vertices that the piece `at` follows."""
        from scipy.spatial import KDTree

        match = self.match
        points = match.target.neutral.vertices[at].astype(float)
        nearest_skin: Any = KDTree(match.skin.vertices).query(points, k=_NEAR)
        gap, near = nearest_skin
        leader = np.zeros(0, int)
        follow_skin, least = True, float(np.median(gap[:, 0]))
        for every, reach in classes:
            members = every
            if reach < np.inf and self._lips is not None:
                members = every[self._below[every] == bool(points[:, 1].mean() < self._lips)]
            if not len(members):
                continue
            away, nearest = KDTree(match.fitted[members]).query(points)
            if np.median(away) < min(least, reach):
                # Only one piece of the source is followed: the edge of the upper teeth is nearest to the lower teeth.
                own = np.bincount(self._label[members[nearest]]).argmax()
                same = members[self._label[members] == own]
                gap, index = KDTree(match.fitted[same]).query(points, k=_NEAR)
                near, follow_skin = same[np.minimum(index, len(same) - 1)], False
                gap = np.where(np.isfinite(gap), gap, 1e6)
                leader = same if reach < np.inf else leader
                break
        share = 1 / (gap + 0.1) ** 2
        self.pieces.append(at)
        self.follow_skin.append(follow_skin)
        self.near.append(near)
        self.leaders.append(leader)
        self.share.append(share / share.sum(axis=1, keepdims=True))

    def move(self, shape: Float[np.ndarray, "S 3"], skin_moved: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "V 3"]:
        """Displacements of all the target's vertices [mm]: those of the skin, and of the pieces that follow."""
        match = self.match
        out = np.zeros(match.target.neutral.vertices.shape)
        out[match.on_skin >= 0] = skin_moved[match.on_skin[match.on_skin >= 0]]
        inner = match.similarity.vectors(shape.astype(float))
        rest = match.target.neutral.vertices.astype(float)
        for k, at in enumerate(self.pieces):
            leader = self.leaders[k]
            if len(leader):
                if inner[leader].any():
                    out[at] = _rigid(match.fitted[leader], inner[leader], rest[at])
                continue
            field = skin_moved if self.follow_skin[k] else inner
            moved = np.einsum("pk,pkd->pd", self.share[k], field[self.near[k]])
            if moved.any():
                out[at] = _stiffened(rest[at], moved)
        return out

    def joint_weights(self, weights: Float[np.ndarray, "S J"]) -> Float[np.ndarray, "V J"]:
        """Skinning weights of the target: the skin has those of its match, a piece the mean of those it follows."""
        match = self.match
        on = np.einsum("nk,nkj->nj", match.barycentric, weights[match.corners])
        out = np.zeros((len(match.target.neutral.vertices), weights.shape[1]))
        out[match.on_skin >= 0] = on[match.on_skin[match.on_skin >= 0]]
        for at, follow_skin, near in zip(self.pieces, self.follow_skin, self.near, strict=True):
            out[at] = (on if follow_skin else weights)[near].mean(axis=(0, 1))
        return (out / out.sum(axis=1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Ball:
    """An eyeball of the target."""

    centre: Float[np.ndarray, "3"]
    radius: float
    """[mm]"""
    members: Int[np.ndarray, "P"]


def balls(match: Match, joints: dict[str, tuple[float, float, float]]) -> dict[str, Ball]:
    """The round piece about each of the eye joints "eyeLeft" and "eyeRight"; a joint without one is absent."""
    vertices = match.target.neutral.vertices.astype(float)
    label = components(match.target)
    out: dict[str, Ball] = {}
    for name in ("eyeLeft", "eyeRight"):
        if name not in joints:
            continue
        near = np.linalg.norm(vertices - np.asarray(joints[name]), axis=1) < _AROUND * match.similarity.scale
        best = 0
        for piece in np.unique(label[near & (match.on_skin < 0)]):
            members = np.flatnonzero(label == piece)
            points = vertices[members]
            system = np.column_stack([2 * points, np.ones(len(points))])
            centre = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)[0][:3]
            away = np.linalg.norm(points - centre, axis=1)
            round_ = away.std() < _ROUND * away.mean() and away.mean() < _AROUND * match.similarity.scale
            if len(members) > max(best, 20) and round_:
                out[name] = Ball(centre, float(away.max()), members)
                best = len(members)
    return out


def lifted(
    rest: Float[np.ndarray, "N 3"], moved: Float[np.ndarray, "N 3"], over: dict[str, Ball]
) -> Float[np.ndarray, "N 3"]:
    """`moved`, with vertices that are outside of the eyeballs at rest kept outside, so that lids slide over the eye."""
    out = moved.copy()
    for ball in over.values():
        before = np.linalg.norm(rest - ball.centre, axis=1) - ball.radius
        away = rest + out - ball.centre
        length = np.linalg.norm(away, axis=1)
        lift = ball.radius + np.minimum(before, _CLEAR) - length
        under = (before > -_CLEAR) & (before < ball.radius) & (lift > 0) & (moved != 0).any(axis=1)
        out[under] += (away * (lift / np.maximum(length, 1e-6))[:, None])[under]
    return out


def _stiffened(rest: Float[np.ndarray, "P 3"], moved: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
    """`moved`, or the nearest rigid motion when the deviation from it is small enough."""
    if len(rest) < 4:
        return moved
    rigid = _rigid(rest, moved, rest)
    return rigid if np.sqrt(((rigid - moved) ** 2).sum(axis=1).mean()) < _STIFF else moved


def _rigid(
    rest: Float[np.ndarray, "P 3"], moved: Float[np.ndarray, "P 3"], points: Float[np.ndarray, "N 3"]
) -> Float[np.ndarray, "N 3"]:
    """Displacements of `points` by the rigid motion nearest to that of `rest` (Kabsch 1976)."""
    before, after = rest.mean(axis=0), (rest + moved).mean(axis=0)
    left, _, right = np.linalg.svd((rest + moved - after).T @ (rest - before))
    turn = (left * (1, 1, np.sign(np.linalg.det(left @ right)))) @ right
    return (points - before) @ turn.T + after - points


def _lip_line(match: Match, label: Int[np.ndarray, "S"]) -> tuple[float | None, Bool[np.ndarray, "S"]]:
    """(height of the target's lip line [mm], whether the centre of each source vertex's piece is below the source's).

    The two rows of teeth are so similar and so close that only this distinguishes them.
    """
    source = match.source
    anchors = source.landmarks.get("ibug68")
    if anchors is None:
        return None, np.zeros(len(label), bool)
    lips = anchors.layout.take(anchors.positions(source.neutral.vertices.astype(float)), "lips_inner")[:, 1].mean()
    here = anchors.layout.take(anchors.positions(match.fitted), "lips_inner")[:, 1].mean()
    height = np.bincount(label, source.neutral.vertices[:, 1]) / np.maximum(np.bincount(label), 1)
    return float(here), height[label] < lips


def _stiff_pieces(source: Rig, inner: Int[np.ndarray, "I"], label: Int[np.ndarray, "S"]) -> Int[np.ndarray, "_"]:
    """The inner vertices whose connected piece moves rigidly in every shape."""
    kept: list[np.ndarray] = []
    for piece in np.unique(label[inner]):
        at = np.flatnonzero(label == piece)
        rest = source.neutral.vertices[at].astype(float)
        moving = [shape for shape in source.shapes[:, at].astype(float) if np.abs(shape).max() > _STIFF]
        if len(at) >= 4 and all(_stiffened(rest, shape) is not shape for shape in moving):
            kept.append(at)
    return np.concatenate(kept) if kept else np.zeros(0, int)


def _inner(source: Rig) -> Int[np.ndarray, "_"]:
    """The source's vertices off its skin, without deforming linings and without sheets for blending."""
    groups, count = source.neutral.topology.groups, len(source.neutral.vertices)
    inner = np.ones(count, bool)
    inner[on_skin(source, skin(source)) >= 0] = False
    for name in ("mouth_socket", "eye_sockets", "lacrimal", "eye_blend", "eye_occlusion"):
        inner[groups.get(name, np.zeros(0, int))] = False
    return np.flatnonzero(inner)
