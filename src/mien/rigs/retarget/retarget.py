"""A performance for another face: by names where they match, by motion where they do not.

By names a weight is copied: both faces do "jawOpen" in their own way, which is what animators mean by retargeting.
What the clip moves and the target has no name for goes through motion: the displacements that those channels make on a
source face are carried to the target's skin (`correspondence`), and the target's unnamed shapes are mixed to follow
them (`mien.rigs.bounded`). With `method="motion"` everything goes that way: for rigs whose names say nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from mien.core.channels import ARKIT, side_pairs
from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.core.rig import Rig
from mien.core.transforms import gaze_from_weights
from mien.rigs.bounded import SolveSettings, solve
from mien.rigs.load import load_rig
from mien.rigs.retarget.correspondence import Correspondence, correspond
from mien.rigs.retarget.eyes import eye_pairs, turned_eyes

__all__ = ["Motion", "Retargeted", "motion_between", "retarget", "symmetry_of"]

_MOVES = 0.02
"""A channel that stays below this weight need not be carried over."""
_LIKE, _MOST_GAIN = 0.4, 4.0
"""A channel's size is changed when its partner is this much alike (cosine), by at most this factor."""
_HOLD = 1.0
"""Weight of "as its partner does" against a shape's own strength."""
_SEEN = 1e-3
"""Share of the strongest shape's motion at the pairs below which a shape is not seen in them (tongue, hair)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Retargeted:
    """A clip for another rig, and how it came about."""

    clip: Clip
    """On the target's shapes."""
    named: tuple[str, ...]
    """Channels copied by name."""
    carried: tuple[str, ...]
    """Channels of the source that went through motion."""
    solved: tuple[str, ...]
    """Target shapes that follow it, those that move at all."""
    lost: tuple[str, ...]
    """Moving channels that the target cannot show at all."""
    share: float | None
    """Share of the carried motion that the target's shapes explain, in [0, 1]; None when nothing was carried."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """What both rigs' shapes do at corresponding points, as products."""

    channels: tuple[str, ...]
    shapes: tuple[str, ...]
    gram: Float[np.ndarray, "K K"]
    """Between the target's shapes [mm^2]."""
    cross: Float[np.ndarray, "C K"]
    """Between the source's channels and the target's shapes [mm^2]."""
    own: Float[np.ndarray, "C C"]
    """Between the source's channels [mm^2]."""
    gain: Float[np.ndarray, "C"]
    """What makes each channel's full motion the full motion of its partner; 1 where it has none."""
    partner: Float[np.ndarray, "C K"]
    """1 where a shape is a channel's partner: the motions that are most alike, one to one."""

    def weights(
        self,
        performance: Float[np.ndarray, "T C"],
        settings: SolveSettings | None = None,
        *,
        times: Float[np.ndarray, "T"] | None = None,
        own_range: bool = True,
    ) -> tuple[Float[np.ndarray, "T K"], float]:
        """(weights of the target's shapes, the share of the motion they explain) for weights of the channels."""
        symmetric = symmetry_of(performance, self.channels)
        rows = performance * self.gain if own_range else performance
        gram, products = self.gram, rows @ self.cross
        if own_range:  # what a channel does its partner tends to do
            hold = _HOLD * np.diag(gram) * self.partner.any(axis=0)
            gram, products = gram + np.diag(hold), products + hold * (performance @ self.partner)
        solved = solve(gram, products, settings, names=self.shapes, symmetric=symmetric, times=times)
        wanted = np.einsum("tc,cd,td->", rows, self.own, rows)
        left = wanted - 2 * np.einsum("tc,ck,tk->", rows, self.cross, solved)
        left += np.einsum("tk,kl,tl->", solved, self.gram, solved)
        return solved, float(np.clip(1 - left / wanted, 0, 1)) if wanted > 0 else 0.0


def symmetry_of(weights: Float[np.ndarray, "T C"], channels: Sequence[str] = ARKIT) -> Float[np.ndarray, "T"]:
    """How alike both sides of a performance are, 1 alike to 0 one-sided; 1 at rest."""
    pairs = side_pairs(channels)
    if not pairs:
        return np.ones(len(weights))
    left, right = (np.abs(weights[:, [pair[k] for pair in pairs]]) for k in (0, 1))
    total = (left + right).sum(axis=1)
    return 1 - np.abs(left - right).sum(axis=1) / np.where(total > 0.1, total, np.inf)


def retarget(
    clip: Clip,
    target: Rig | str | Path,
    source: Rig | str | Path = "mo",
    *,
    method: Literal["auto", "names", "motion"] = "auto",
    own_range: bool = True,
    settings: SolveSettings | None = None,
) -> Retargeted:
    """`clip` for `target`; `source` is the face that its channels move, loaded only when motion must be carried.

    Both are rigs, or what `load_rig` loads: a name or a path. The shapes of a target that is loaded here may have any
    names.

    With `own_range` a full motion of the source becomes a full motion of the target, however far that goes: what
    copying a weight by name does. Without, motion keeps its size against the face, and shapes that cannot go that far
    stay at their limit.

    Raises MienError when not one channel can be shown, or the faces cannot be laid on each other.
    """
    target = target if isinstance(target, Rig) else load_rig(target, any_names=True)
    moving = tuple(name for name in clip.channels if np.nanmax(clip.curve(name), initial=0.0) > _MOVES)
    named = () if method == "motion" else tuple(n for n in target.shape_names if n in clip.channels)
    rest = tuple(name for name in moving if name not in named)
    free = tuple(name for name in target.shape_names if name not in named)
    weights = {name: clip.curve(name) for name in named}
    carried: tuple[str, ...] = ()
    share: float | None = None
    if method != "names" and rest and free:
        face = source if isinstance(source, Rig) else load_rig(source)
        motion = motion_between(face, target, rest, free)
        carried = motion.channels
        if carried:
            solved, share = _follow(clip, motion, settings, own_range)
            weights |= dict(zip(motion.shapes, solved.T, strict=True))
    if not weights:
        raise MienError(f"rig '{target.name}' has no shape for any channel of the clip; give a mapping file")
    shown = {*named, *(carried if share else ())}
    return Retargeted(
        clip=_clip(clip, weights, named),
        named=named,
        carried=carried,
        solved=tuple(n for n, w in weights.items() if n not in named and np.nanmax(w, initial=0.0) > _MOVES),
        lost=tuple(name for name in rest if name not in shown),
        share=share,
    )


def motion_between(
    source: Rig, target: Rig, channels: Sequence[str], shapes: Sequence[str], pairs: Correspondence | None = None
) -> Motion:
    """Products of the source's `channels` and the target's `shapes` at corresponding points.

    Channels that the source lacks and shapes that the pairs do not see are left out. Give `pairs` to use them again.
    """
    pairs = correspond(source, target) if pairs is None else pairs
    kept = tuple(name for name in channels if name in source.shape_names)
    ours = np.stack([source.shape(name) for name in kept]) if kept else np.zeros((0, *source.shapes.shape[1:]))
    theirs = np.stack([target.shape(name) for name in shapes])
    a, b = pairs.similarity.vectors(pairs.at_first(ours)), pairs.at_second(theirs)
    eyes = eye_pairs(source, target)
    if eyes is not None:
        turned = turned_eyes(source, kept, eyes.first, ours[:, eyes.first].astype(float))
        turned = turned @ pairs.similarity.rotation.T * eyes.scale[:, None]
        a, b = np.concatenate([a, turned], axis=1), np.concatenate([b, theirs[:, eyes.second]], axis=1)
    a, b = (rows.reshape(len(rows), 3 * rows.shape[1]).astype(float) for rows in (a, b))
    strength = (b**2).sum(axis=1)
    seen = strength > _SEEN**2 * strength.max(initial=0.0)
    b = b[seen]
    names = tuple(name for name, keep in zip(shapes, seen, strict=True) if keep)
    gram, cross, own = b @ b.T, a @ b.T, a @ a.T
    gain, partner = _partners(gram, cross, own, kept)
    return Motion(channels=kept, shapes=names, gram=gram, cross=cross, own=own, gain=gain, partner=partner)


def _partners(
    gram: Float[np.ndarray, "K K"],
    cross: Float[np.ndarray, "C K"],
    own: Float[np.ndarray, "C C"],
    channels: Sequence[str],
) -> tuple[Float[np.ndarray, "C"], Float[np.ndarray, "C K"]]:
    """Per channel the size at which its full motion is the full motion of the shape that is its partner; the partners.

    Partners are the one-to-one assignment with the most alike motions in all (Kuhn 1955); sides share their size.
    """
    from scipy.optimize import linear_sum_assignment

    gain, partner = np.ones(len(cross)), np.zeros_like(cross)
    if not cross.size:
        return gain, partner
    strength = np.diag(gram)
    alike = cross / np.sqrt(np.outer(np.maximum(np.diag(own), 1e-30), strength))
    rows, columns = linear_sum_assignment(-np.maximum(alike, 0))
    sure = alike[rows, columns] > _LIKE
    rows, columns = rows[sure], columns[sure]
    gain[rows] = np.clip(strength[columns] / cross[rows, columns], 1 / _MOST_GAIN, _MOST_GAIN)
    partner[rows, columns] = 1
    for left, right in side_pairs(channels):
        gain[[left, right]] = np.sqrt(gain[left] * gain[right])
    return gain, partner


def _follow(
    clip: Clip, motion: Motion, settings: SolveSettings | None, own_range: bool
) -> tuple[Float[np.ndarray, "T K"], float]:
    """(weights of the target's shapes, NaN where the face is lost; the share of the motion they explain)."""
    seen = clip.seen
    rows = clip.with_channels(motion.channels).weights.astype(float)[seen]
    solved, share = motion.weights(rows, settings, times=clip.times[seen], own_range=own_range)
    out = np.full((len(clip), len(motion.shapes)), np.nan, np.float32)
    out[seen] = solved
    return out, share


def _clip(clip: Clip, weights: dict[str, np.ndarray], named: tuple[str, ...]) -> Clip:
    """On the target's shapes; the gaze is kept for eye joints, also where no look channel has a name any more."""
    gaze = clip.gaze
    looks = [name for name in ARKIT if name.startswith("eyeLook") and name in clip.channels]
    if gaze is None and looks and not set(looks) <= set(named):
        gaze = gaze_from_weights(clip.with_channels(ARKIT).weights)
    values = np.stack([np.asarray(w, np.float32) for w in weights.values()], axis=1)
    return replace(clip, channels=tuple(weights), weights=values, gaze=gaze)
