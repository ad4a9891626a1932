"""`sample_still`: one expression for a still picture, drawn so that every channel occurs often and over its full
range."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mien.synth.motion.brows import brow_pose
from mien.synth.motion.calisthenics import draw_units, unit_weights
from mien.synth.motion.expressions import expression_apex
from mien.synth.motion.eyes import lids_follow_gaze, set_gaze
from mien.synth.motion.groups import AT, COUNT, REGION_COLUMNS, UNITS
from mien.synth.motion.head import resting_angles
from mien.synth.motion.performance import sample_motion
from mien.synth.motion.plausible import plausible
from mien.synth.motion.recorded import Take, rom_track, take_track

__all__ = ["sample_still"]

_KINDS = ("neutral", "single", "pair", "sparse", "expression", "real", "moving", "brows")
_KIND_SHARES = (0.10, 0.09, 0.09, 0.39, 0.13, 0.08, 0.04, 0.08)
_OWN_BROWS = 0.3
"""Share of the faces that are not neutral whose brows are drawn independently."""

_BLINKING = 0.09
"""Share of the faces that are not neutral with closing or closed lids, a third of them on one side."""

_INSTANT = np.zeros(1)
_GAZE = [AT[name] for name in AT if name.startswith("eyeLook")]


def sample_still(
    rng: np.random.Generator, *, takes: Sequence[Take] = ()
) -> tuple[Float[np.ndarray, "52"], Float[np.ndarray, "3"]]:
    """(weights [52] float32, head angles [3] yaw/pitch/roll rad) of a random still; see `sample_motion` for `takes`.

    10 % are exactly neutral; the rest are single units, pairs, sparse sets of 3-9 units, expressions, frames of real
    (or realistic) range of motion and of whole performances, and brows alone.
    """
    kind = _KINDS[rng.choice(len(_KINDS), p=_KIND_SHARES)]
    angles = resting_angles(rng)
    if kind == "neutral":
        return np.zeros(COUNT, np.float32), angles
    if kind == "moving":
        return sample_motion(rng, 1, 30.0, takes=takes).weights[0], angles
    weights = brow_pose(rng) if kind == "brows" else _expression(rng, kind, takes)
    if kind in ("expression", "real", "sparse") and rng.random() < _OWN_BROWS:
        weights[REGION_COLUMNS["brows"]] = brow_pose(rng)[REGION_COLUMNS["brows"]]
    if kind in ("expression", "real", "sparse", "brows") and rng.random() < 0.75:
        _look(rng, weights)
    if rng.random() < _BLINKING:
        _blink(rng, weights)
    return plausible(weights), angles


def _expression(rng: np.random.Generator, kind: str, takes: Sequence[Take]) -> np.ndarray:
    if kind == "expression":
        return expression_apex(rng, emotions_only=rng.random() < 0.4)
    if kind == "real":
        weights = take_track(rng, _INSTANT, takes)[0] if takes and rng.random() < 0.7 else rom_track(rng, _INSTANT)[0]
        if rng.random() < 0.5:  # One region comes from another expression, so that brows occur with any mouth.
            region = REGION_COLUMNS[("brows", "eyes", "mouth")[rng.integers(3)]]
            weights[region] = expression_apex(rng)[region]
        return weights
    count = {"single": 1, "pair": 2}.get(kind) or int(rng.integers(3, 10))
    weights = np.zeros(COUNT)
    for unit in draw_units(rng, count):
        weights = np.maximum(weights, unit_weights(rng, int(unit), _amplitude(rng)))
        if "mouthClose" in UNITS[unit]:  # Behind closed lips the jaw is at least as open as mouthClose.
            weights[AT["jawOpen"]] = max(weights[AT["jawOpen"]], weights[AT["mouthClose"]])
    return weights


def _amplitude(rng: np.random.Generator) -> float:
    """An amplitude in (0.05, 1], a fifth of them exactly 1, so that the end of the range is learnt."""
    return 1.0 if rng.random() < 0.2 else float(rng.uniform(0.06, 1.0))


def _look(rng: np.random.Generator, weights: np.ndarray) -> None:
    """Set a random gaze in the whole range, in place; lids follow."""
    if weights[_GAZE].any() and rng.random() < 0.5:
        return
    set_gaze(weights, np.clip(rng.uniform(-1.1, 1.1, 2), -1, 1), vergence=rng.uniform(0.0, 0.2))
    lids_follow_gaze(rng, weights)


def _blink(rng: np.random.Generator, weights: np.ndarray) -> None:
    """Close one or both lids fully or partly, in place."""
    amount = 1.0 if rng.random() < 0.5 else rng.uniform(0.25, 1.0)
    sides = (amount, amount * rng.uniform(0.94, 1.0))
    if rng.random() < 0.33:
        sides = (amount, rng.uniform(0.0, 0.2)) if rng.random() < 0.5 else (rng.uniform(0.0, 0.2), amount)
    for name, value in zip(("eyeBlinkLeft", "eyeBlinkRight"), sides, strict=True):
        weights[AT[name]] = max(weights[AT[name]], value)
