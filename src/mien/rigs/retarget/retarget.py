"""Retargets a clip to another rig: by names where they match, by motion where they do not.

By name a weight is copied: each face performs "jawOpen" with its own shape, which is what animators mean by
retargeting. Channels of the clip that the target has no shape for are retargeted by motion: the displacements that they
cause on a source face are transferred to the target's skin (`correspondence`), and weights of the target's other shapes
are solved to reproduce them (`mien.rigs.bounded`). With `method="motion"` all channels are retargeted by motion, for
rigs whose names have no meaning.
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
"""A channel that stays below this weight is not retargeted."""
_LIKE, _MOST_GAIN = 0.4, 4.0
"""Least cosine between the motions of a channel and its partner for the channel's size to be adjusted, and the largest
factor of the adjustment."""
_HOLD = 1.0
"""Weight of the term that gives a channel's weight to its partner, relative to the shape's own magnitude."""
_SEEN = 1e-3
"""Share of the strongest shape's motion at the pairs below which a shape does not move them (tongue, hair)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Retargeted:
    """A retargeted clip, and which channels were retargeted in which way."""

    clip: Clip
    """The clip, with the target's shapes as channels."""
    named: tuple[str, ...]
    """Channels copied by name."""
    carried: tuple[str, ...]
    """Channels of the source that were retargeted by motion."""
    solved: tuple[str, ...]
    """Target shapes whose weights were solved from that motion and are not all zero."""
    lost: tuple[str, ...]
    """Moving channels that the target cannot show at all."""
    share: float | None
    """Share of the retargeted motion that the target's shapes reproduce, in [0, 1]; None without such motion."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """Inner products of both rigs' displacements at corresponding points."""

    channels: tuple[str, ...]
    shapes: tuple[str, ...]
    gram: Float[np.ndarray, "K K"]
    """Products between the target's shapes [mm^2]."""
    cross: Float[np.ndarray, "C K"]
    """Products between the source's channels and the target's shapes [mm^2]."""
    own: Float[np.ndarray, "C C"]
    """Products between the source's channels [mm^2]."""
    gain: Float[np.ndarray, "C"]
    """Factor from each channel's full motion to the full motion of its partner; 1 for a channel without a partner."""
    partner: Float[np.ndarray, "C K"]
    """1 where a shape is a channel's partner, 0 elsewhere; partners have the most similar motions, one to one."""

    def weights(
        self,
        performance: Float[np.ndarray, "T C"],
        settings: SolveSettings | None = None,
        *,
        times: Float[np.ndarray, "T"] | None = None,
        own_range: bool = True,
    ) -> tuple[Float[np.ndarray, "T K"], float]:
        """(weights of the target's shapes, the share of the motion that they reproduce) for weights of the channels."""
        symmetric = symmetry_of(performance, self.channels)
        rows = performance * self.gain if own_range else performance
        gram, products = self.gram, rows @ self.cross
        if own_range:  # a partner's weight is pulled towards its channel's weight
            hold = _HOLD * np.diag(gram) * self.partner.any(axis=0)
            gram, products = gram + np.diag(hold), products + hold * (performance @ self.partner)
        solved = solve(gram, products, settings, names=self.shapes, symmetric=symmetric, times=times)
        wanted = np.einsum("tc,cd,td->", rows, self.own, rows)
        left = wanted - 2 * np.einsum("tc,ck,tk->", rows, self.cross, solved)
        left += np.einsum("tk,kl,tl->", solved, self.gram, solved)
        return solved, float(np.clip(1 - left / wanted, 0, 1)) if wanted > 0 else 0.0


def symmetry_of(weights: Float[np.ndarray, "T C"], channels: Sequence[str] = ARKIT) -> Float[np.ndarray, "T"]:
    """Symmetry of a performance in each frame: 1 when both sides are equal, 0 when one side moves alone; 1 at rest."""
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
    """Retarget `clip` to the rig `target`; `source` is the rig whose shapes the clip's channels move.

    Each is a rig, or a name or path for `load_rig`; `source` is loaded only when channels are retargeted by motion. The
    shapes of a target that is loaded here may have any names.

    With `own_range` a full motion of the source becomes a full motion of the target, whatever its size, as when a
    weight is copied by name. Without it motion keeps its size relative to the face, and the weights of shapes that
    cannot reach that size stay at their limit.

    Raises MienError when no channel can be shown, or the faces cannot be aligned.
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

    Channels that the source lacks and shapes that do not move the pairs are left out. `pairs` are computed when they
    are not given.
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
    """(gain, partner) as in `Motion`.

    Partners are the one-to-one assignment with the largest total similarity of motions (Kuhn 1955); left and right
    channels have the same gain.
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
    """(weights of the target's shapes, NaN in lost frames; the share of the motion that they reproduce)."""
    seen = clip.seen
    rows = clip.with_channels(motion.channels).weights.astype(float)[seen]
    solved, share = motion.weights(rows, settings, times=clip.times[seen], own_range=own_range)
    out = np.full((len(clip), len(motion.shapes)), np.nan, np.float32)
    out[seen] = solved
    return out, share


def _clip(clip: Clip, weights: dict[str, np.ndarray], named: tuple[str, ...]) -> Clip:
    """The clip with the target's shapes as channels; its gaze is kept for the eye joints of a target without eyeLook
    shapes."""
    gaze = clip.gaze
    looks = [name for name in ARKIT if name.startswith("eyeLook") and name in clip.channels]
    if gaze is None and looks and not set(looks) <= set(named):
        gaze = gaze_from_weights(clip.with_channels(ARKIT).weights)
    values = np.stack([np.asarray(w, np.float32) for w in weights.values()], axis=1)
    return replace(clip, channels=tuple(weights), weights=values, gaze=gaze)
