"""`sample_motion`: one window of a performance, mixed from all sources of motion and made plausible."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.core import MienError
from mien.synth.motion.brows import brow_track
from mien.synth.motion.calisthenics import calisthenics_track
from mien.synth.motion.expressions import expression_track
from mien.synth.motion.eyes import NATURAL_BLINK_INTERVAL, blink_track, gaze_track, lids_follow_gaze, set_gaze
from mien.synth.motion.groups import AT, COUNT, REGION_COLUMNS
from mien.synth.motion.head import head_track
from mien.synth.motion.plausible import plausible
from mien.synth.motion.recorded import Take, rom_track, take_track
from mien.synth.motion.speech import close_lips, speech_track

__all__ = ["Motion", "motion_at", "sample_motion"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """A performance of any identity: weights and head pose over time."""

    times: Float[np.ndarray, "T"]
    """Seconds from the window's start, float64."""
    weights: Float[np.ndarray, "T 52"]
    """ARKit weights in `core.channels.ARKIT` order, float32 in [0, 1], plausible."""
    angles: Float[np.ndarray, "T 3"]
    """Head (yaw, pitch, roll) [rad] in the sense of `core.transforms.quaternion_from_angles`."""
    translation: Float[np.ndarray, "T 3"]
    """Offset of the head from its place in the scene, in the camera frame [mm]."""


_SOURCES = ("expression", "speech", "calisthenics", "rom", "take")
_SHARES = {False: (0.30, 0.20, 0.32, 0.18, 0.0), True: (0.24, 0.18, 0.24, 0.08, 0.26)}
"""Shares of the sources of motion, without and with recorded takes."""
_OWN_BROWS = 0.3
"""Share of windows whose brows move independently."""
_ALONE, _ALONE_SHARES = ("brows", "eyes", "mouth"), (0.09, 0.03, 0.05)
"""Regions and the shares of windows in which nothing else moves; with "eyes", a face at rest looks around and
blinks."""

_LID_KINDS = ((NATURAL_BLINK_INTERVAL, 0.45), (0.8, 0.40), (np.inf, 0.15))
"""(median blink interval [s], share of windows). Training windows last 0.3 s, of which one in twelve would show a blink
at the natural rate, so frequent blinks are over-represented on purpose; some windows have none."""


def sample_motion(rng: np.random.Generator, frames: int, fps: float, *, takes: Sequence[Take] = ()) -> Motion:
    """A random window of `frames` frames at `fps` Hz; the same generator state gives the same motion.

    `takes` are recordings made ready by `prepare_takes`; without them the packaged statistics stand in.
    Raises MienError when frames < 1 or fps is not positive.
    """
    if frames < 1 or not (fps > 0 and np.isfinite(fps)):
        raise MienError(f"a motion needs at least one frame and a positive rate, not {frames} frames at {fps} fps")
    return motion_at(rng, np.arange(frames) / fps, takes=takes)


def motion_at(rng: np.random.Generator, times: Float[np.ndarray, "T"], *, takes: Sequence[Take] = ()) -> Motion:
    """A random performance at given increasing times [s], even or uneven; see `sample_motion`."""
    sources = _choose_sources(rng, bool(takes))
    angles, translation = head_track(rng, times, speaking=sources["mouth"] == "speech")
    weights, closure = _face(rng, times, sources, takes)
    alone = rng.choice(3, p=np.array(_ALONE_SHARES) / sum(_ALONE_SHARES)) if rng.random() < sum(_ALONE_SHARES) else None
    if alone is not None:
        weights, closure = _one_region(rng, times, weights, closure, _ALONE[alone])
    elif rng.random() < 0.6:
        # Other channels move as well: any unit may join any expression, or a network would learn only habitual pairs.
        extra = calisthenics_track(rng, times) * rng.uniform(0.5, 1.0)
        weights = np.maximum(weights, extra)
    _eyes(rng, times, weights, angles, recorded=sources["eyes"] == "take")
    weights += _resting_tone(rng)
    weights = close_lips(np.clip(weights, 0.0, 1.0), closure)
    return Motion(times=times, weights=plausible(weights), angles=angles, translation=translation)


def _choose_sources(rng: np.random.Generator, with_takes: bool) -> dict[str, str]:
    """Region -> source: often one for the whole face, else one for each region, which gives many combinations."""
    shares = _SHARES[with_takes]
    if rng.random() < 0.55:
        chosen = dict.fromkeys(REGION_COLUMNS, _SOURCES[rng.choice(len(_SOURCES), p=shares)])
    else:
        chosen = {region: _SOURCES[rng.choice(len(_SOURCES), p=shares)] for region in REGION_COLUMNS}
    return chosen | ({"brows": "brows"} if rng.random() < _OWN_BROWS else {})


def _one_region(
    rng: np.random.Generator, times: np.ndarray, weights: np.ndarray, closure: np.ndarray, region: str
) -> tuple[np.ndarray, np.ndarray]:
    """A window in which one region moves; brows get their own patterns."""
    kept = np.zeros_like(weights)
    source = brow_track(rng, times) if region == "brows" else weights
    kept[:, REGION_COLUMNS[region]] = source[:, REGION_COLUMNS[region]]
    return kept, closure if region == "mouth" else np.zeros_like(closure)


def _face(
    rng: np.random.Generator, times: np.ndarray, sources: dict[str, str], takes: Sequence[Take]
) -> tuple[np.ndarray, np.ndarray]:
    """(weights [T, 52], lip closure [T]) of the chosen sources; speech is combined with emotion half the time."""
    weights = np.zeros((len(times), COUNT))
    closure = np.zeros(len(times))
    drawn: dict[str, np.ndarray] = {}
    for region, source in sources.items():
        # Speech moves only the mouth, so brows and eyes of a speaker get an expression.
        name = "expression" if source == "speech" and region != "mouth" else source
        if name not in drawn:
            if name == "speech":
                drawn[name], closure = speech_track(rng, times)
            elif name == "take":
                drawn[name] = take_track(rng, times, takes)
            else:
                drawn[name] = _TRACKS[name](rng, times)
        weights[:, REGION_COLUMNS[region]] = drawn[name][:, REGION_COLUMNS[region]]
    if sources["mouth"] == "speech" and rng.random() < 0.5:
        mouth = REGION_COLUMNS["mouth"]
        emotion = drawn.get("expression", expression_track(rng, times))[:, mouth] * rng.uniform(0.2, 0.7)
        weights[:, mouth] = 1.0 - (1.0 - weights[:, mouth]) * (1.0 - emotion)
    return weights, closure


_TRACKS = {"expression": expression_track, "calisthenics": calisthenics_track, "rom": rom_track, "brows": brow_track}


def _eyes(
    rng: np.random.Generator, times: np.ndarray, weights: np.ndarray, angles: np.ndarray, *, recorded: bool
) -> None:
    """Add gaze and blinks to the weights, in place; a recorded eye region keeps its own gaze."""
    gaze_columns = [AT[name] for name in AT if name.startswith("eyeLook")]
    if not recorded and (rng.random() < 0.8 or not weights[:, gaze_columns].any()):
        set_gaze(weights, gaze_track(rng, times, angles), vergence=rng.uniform(0.0, 0.15))
        lids_follow_gaze(rng, weights)
    medians, shares = zip(*_LID_KINDS, strict=True)
    median = float(medians[rng.choice(len(medians), p=shares)])
    if np.isfinite(median) and (not recorded or rng.random() < 0.4):
        lids = blink_track(rng, times, median)
        columns = [AT["eyeBlinkLeft"], AT["eyeBlinkRight"]]
        weights[:, columns] = np.maximum(weights[:, columns], lids)
        # A blink lowers the brow a little and squints, as the orbicularis is one ring of muscle.
        both = lids.min(axis=1)
        weights[:, [AT["eyeSquintLeft"], AT["eyeSquintRight"]]] += (rng.uniform(0.0, 0.3) * both)[:, None]
        weights[:, [AT["browDownLeft"], AT["browDownRight"]]] += (rng.uniform(0.0, 0.12) * both)[:, None]


def _resting_tone(rng: np.random.Generator) -> np.ndarray:
    """Small constant weights [52] in some windows: real faces are never exactly neutral."""
    tone = np.zeros(COUNT)
    if rng.random() < 0.4:
        columns = np.concatenate([REGION_COLUMNS["brows"], REGION_COLUMNS["mouth"]])
        chosen = rng.choice(columns, size=int(rng.integers(2, 9)), replace=False)
        tone[chosen] = rng.uniform(0.0, 0.12, len(chosen))
    return tone
