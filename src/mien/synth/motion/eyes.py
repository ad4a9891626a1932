"""Motion of the eyes: blinks and winks, saccades and fixations, and lids that follow the gaze."""

import numpy as np

from mien.core.transforms import GAZE_LIMITS
from mien.synth.motion.groups import AT
from mien.synth.motion.ramps import band_limited, smootherstep

__all__ = ["NATURAL_BLINK_INTERVAL", "blink_onsets", "blink_track", "gaze_track", "lids_follow_gaze", "set_gaze"]

NATURAL_BLINK_INTERVAL = 3.0
"""Median seconds between spontaneous blinks: about 15-17 a minute at rest (Bentivoglio et al. 1997)."""

INTERVAL_SIGMA = 0.7
"""Sigma of the log-normal intervals: their distribution is strongly right-skewed."""

SHORTEST_INTERVAL = 0.30
CLOSING, CLOSING_SIGMA, CLOSING_SHORTEST = 0.075, 0.15, 0.055
OPENING, OPENING_SIGMA, OPENING_SHORTEST = 0.150, 0.20, 0.095
"""Seconds: spontaneous blinks close in about 75 ms and open in about 150 ms (Caffier, Erdmann & Ullsperger 2003)."""


def blink_onsets(rng: np.random.Generator, start: float, end: float, median: float) -> np.ndarray:
    """Onset times [s] in [start, end) of a renewal process with log-normal intervals of the given median [s]."""
    mean = median * np.exp(INTERVAL_SIGMA**2 / 2)
    # The process starts five intervals early, after which the start has no effect.
    lead = 5.0 * mean
    count = int(2.0 * (end - start + lead) / mean) + 20
    intervals = np.maximum(median * rng.lognormal(0.0, INTERVAL_SIGMA, count), SHORTEST_INTERVAL)
    onsets = start - lead + np.cumsum(intervals)
    return onsets[(onsets >= start) & (onsets < end)]


def blink_track(rng: np.random.Generator, times: np.ndarray, median: float) -> np.ndarray:
    """Lid closures [T, 2] (left, right) in [0, 1]: mostly full and symmetric; some are partial, long, or winks."""
    lids = np.zeros((len(times), 2))
    for onset in blink_onsets(rng, float(times[0]) - 2.0, float(times[-1]), median):
        closing = max(CLOSING * np.exp(CLOSING_SIGMA * rng.standard_normal()), CLOSING_SHORTEST)
        opening = max(OPENING * np.exp(OPENING_SIGMA * rng.standard_normal()), OPENING_SHORTEST)
        long = rng.random() < 0.12
        hold = rng.uniform(0.15, 1.6) if long else 0.012 * rng.lognormal(0.0, 0.6)
        depth = 1.0 if rng.random() < 0.85 else rng.uniform(0.4, 1.0)
        sides = np.array([depth, depth * (1.0 - 0.04 * rng.random())])
        if rng.random() < 0.12:  # A wink: the other lid closes only a little, and a wink takes longer than a blink.
            sides[1] = rng.uniform(0.0, 0.25)
            closing, opening, hold = closing * 1.5, opening * 1.5, hold + rng.uniform(0.05, 0.4)
        if rng.random() < 0.5:
            sides = sides[::-1]
        delay = rng.uniform(-0.006, 0.006) * np.array([1.0, -1.0])
        phase = times[:, None] - onset - delay
        rise = smootherstep(phase / closing)
        # Lids open fast at first and slowly at last, so time is warped; closing is even.
        fall = smootherstep(np.clip((phase - closing - hold) / opening, 0.0, 1.0) ** 0.8)
        lids = np.maximum(lids, sides * (rise - fall))
    return lids


def _saccades(rng: np.random.Generator, times: np.ndarray, spread: np.ndarray, fixation: float) -> np.ndarray:
    """Fixations joined by saccades, [T, 2] in gaze weights; `spread` [2] is the targets' half range."""
    path = np.zeros((len(times), 2))
    clock = float(times[0]) - 2.0
    here = rng.uniform(-1, 1, 2) * spread
    path += here
    degrees = np.degrees([GAZE_LIMITS["Out"], GAZE_LIMITS["Up"]])
    while clock < times[-1]:
        clock += float(np.clip(fixation * rng.lognormal(0.0, 0.6), 0.12, 6.0))
        target = rng.uniform(-1, 1, 2) * spread
        # Main sequence: duration [ms] = 2.2 x amplitude [deg] + 21 (Carpenter 1988).
        duration = 1e-3 * (2.2 * float(np.hypot(*((target - here) * degrees))) + 21.0)
        path += smootherstep((times - clock) / duration)[:, None] * (target - here)
        here = target
        clock += duration
    return path


def gaze_track(rng: np.random.Generator, times: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Gaze [T, 2] as (turn to the subject's left, up) in eyeLook weights [-1, 1], given head `angles` [T, 3] rad.

    Kinds: eyes fixed on a target while the head turns (vestibulo-ocular reflex), wandering fixations, extreme looks,
    smooth pursuit, and eyes at rest. Positive yaw turns the nose to the subject's left, so the reflex turns the eyes
    right.
    """
    kind = rng.choice(5, p=(0.25, 0.30, 0.20, 0.13, 0.12))
    tremor = _saccades(rng, times, np.array([0.04, 0.04]), 0.4)
    if kind == 0:
        limits = np.array([GAZE_LIMITS["Out"], GAZE_LIMITS["Up"]])
        # The reflex fixes the gaze on a target: the camera in half of the cases, else a place as far to the other side,
        # where eyes lead a turning head. So gaze and head pose are uncorrelated.
        held = angles[:, :2].mean(axis=0)
        path = (held * rng.choice([-1.0, 1.0]) - (angles[:, :2] - held)) / limits + tremor
    elif kind == 1:
        path = _saccades(rng, times, np.array([0.5, 0.4]), 0.45) + tremor
    elif kind == 2:
        path = _saccades(rng, times, np.array([1.25, 1.25]), 0.35)
    elif kind == 3:
        path = np.stack([0.5 * band_limited(rng, times, 0.1, 0.8, 3) for _ in range(2)], axis=1) + tremor
    else:
        path = tremor + rng.uniform(-0.1, 0.1, 2)
    return np.clip(path, -1.0, 1.0)


def set_gaze(weights: np.ndarray, gaze: np.ndarray, vergence: float = 0.0) -> None:
    """Write gaze [..., 2] into the eight eyeLook channels of `weights` [..., 52] in place."""
    left_x, right_x = gaze[..., 0] - vergence / 2, gaze[..., 0] + vergence / 2
    for name, value in (
        ("eyeLookOutLeft", left_x),
        ("eyeLookInLeft", -left_x),
        ("eyeLookInRight", right_x),
        ("eyeLookOutRight", -right_x),
        ("eyeLookUpLeft", gaze[..., 1]),
        ("eyeLookUpRight", gaze[..., 1]),
        ("eyeLookDownLeft", -gaze[..., 1]),
        ("eyeLookDownRight", -gaze[..., 1]),
    ):
        weights[..., AT[name]] = np.clip(value, 0.0, 1.0)


def lids_follow_gaze(rng: np.random.Generator, weights: np.ndarray) -> None:
    """Move the upper lids with the eyes, in place on [..., 52]: looking down lowers them, looking up raises them.

    The training rig's eyeLookDown already closes 54 % of the gap, so only a part of the coupling in the recorded takes
    (eyeBlink = 0.7 eyeLookDown) is added. In upward gaze, the takes have eyeWide of 0.4-0.55 from a small angle on.
    """
    lower, lift = rng.uniform(0.0, 0.4), rng.uniform(0.0, 0.6)
    for side in ("Left", "Right"):
        blink, wide = AT["eyeBlink" + side], AT["eyeWide" + side]
        down, up = weights[..., AT["eyeLookDown" + side]], weights[..., AT["eyeLookUp" + side]]
        weights[..., blink] = np.maximum(weights[..., blink], lower * down)
        weights[..., wide] = np.maximum(weights[..., wide], lift * up)
