"""The whole face of a speaker: the mouth, and what goes with speech in brows, lids, gaze and head.

Emphasised syllables carry raised brows and dips of the head (Ekman 1979, "About brows"; Hadar et al. 1983, "Kinematics
of head movements accompanying speech"). Blinks are a renewal process that favours pauses; gaze holds the listener and
glances away.
"""

import numpy as np
from jaxtyping import Float

from mien.core import VisemeTrack
from mien.core.phones import VOWELS
from mien.synth.motion.articulation import articulate
from mien.synth.motion.eyes import blink_onsets, set_gaze
from mien.synth.motion.groups import AT, expand
from mien.synth.motion.performance import Motion
from mien.synth.motion.ramps import band_limited, pulse, smootherstep
from mien.synth.motion.speakers import Speaker

__all__ = ["emphasis", "speaking_motion"]

_APART = 0.45
"""Shortest time between two emphasised syllables [s]; some two in a second at most."""


def speaking_motion(
    track: VisemeTrack, times: Float[np.ndarray, "T"], speaker: Speaker, rng: np.random.Generator
) -> Motion:
    """`speaker` saying `track`, at increasing `times` [s]; the same generator state gives the same motion."""
    times = np.asarray(times, float)
    weights = articulate(track, times, speaker.articulation)
    stress = emphasis(track)
    _smile(weights, speaker.smile)
    _brows(weights, times, stress, speaker)
    angles = _head(rng, times, stress, speaker)
    _eyes(rng, weights, times, track, speaker)
    return Motion(
        times=times,
        weights=np.clip(weights, 0.0, 1.0).astype(np.float32),
        angles=angles,
        translation=np.zeros((len(times), 3)),
    )


def emphasis(track: VisemeTrack) -> Float[np.ndarray, "K 2"]:
    """(time of the nucleus [s], level in [0, 1]) of emphasised syllables: vowels that are long for the track.

    A vowel's prominence is its length times its strength, relative to the track's median vowel; of two vowels closer
    than half a second the more prominent one counts.
    """
    at = np.flatnonzero([name in VOWELS for name in track.visemes])
    if not len(at):
        return np.zeros((0, 2))
    strength = np.ones(len(track)) if track.strength is None else track.strength
    length = np.minimum(track.ends[at] - track.starts[at], 0.3) * strength[at]
    level = np.clip((length / max(float(np.median(length)), 1e-3) - 0.9) / 1.1, 0.0, 1.0)
    middle = track.starts[at] + 0.4 * (track.ends[at] - track.starts[at])
    kept: list[int] = []
    for k in np.argsort(-level, kind="stable"):
        if level[k] > 0 and all(abs(middle[k] - middle[j]) >= _APART for j in kept):
            kept.append(int(k))
    kept.sort()
    return np.stack([middle[kept], level[kept]], axis=1)


def _smile(weights: np.ndarray, smile: float) -> None:
    """Add a smile to speech: rounded lips hold it back, and closed lips stay closed."""
    held = smile * (1.0 - 0.6 * np.clip(weights[:, AT["mouthPucker"]] + weights[:, AT["mouthFunnel"]], 0, 1))
    for stem, share in (("mouthSmile", 1.0), ("cheekSquint", 0.5), ("mouthDimple", 0.15)):
        for name in expand(stem):
            column = weights[:, AT[name]]
            weights[:, AT[name]] = 1.0 - (1.0 - column) * (1.0 - share * held)


def _brows(weights: np.ndarray, times: np.ndarray, stress: np.ndarray, speaker: Speaker) -> None:
    raised = np.zeros(len(times))
    for middle, level in stress:
        raised = np.maximum(raised, level * pulse(times, middle - 0.20, 0.20, 0.12, 0.35))
    up = max(speaker.brow_rest, 0.0) + speaker.brow_emphasis * raised
    down = max(-speaker.brow_rest, 0.0) * (1.0 - raised)
    for stem, value in (("browInnerUp", up), ("browOuterUp", 0.8 * up), ("browDown", down)):
        for name in expand(stem):
            weights[:, AT[name]] = value


def _head(rng: np.random.Generator, times: np.ndarray, stress: np.ndarray, speaker: Speaker) -> np.ndarray:
    """Yaw, pitch, roll [T, 3] rad: slow sway, and a dip with each emphasised syllable."""
    shares = (1.0, 0.7, 0.5)
    low, high = 0.1 * speaker.tempo, 0.9 * speaker.tempo
    angles = np.stack([share * speaker.sway * band_limited(rng, times, low, high, 5) for share in shares], axis=1)
    for middle, level in stress:
        dip = pulse(times, middle - 0.16, 0.18, 0.02, 0.34)
        angles[:, 1] -= level * speaker.nod * dip * rng.uniform(0.7, 1.3)
    return np.radians(35.0) * np.tanh(angles / np.radians(35.0))


def _eyes(
    rng: np.random.Generator, weights: np.ndarray, times: np.ndarray, track: VisemeTrack, speaker: Speaker
) -> None:
    gaze = _glances(rng, times, speaker)
    set_gaze(weights, gaze)
    lids = np.full(len(times), 0.0)
    for onset in _blinks(rng, times, track, speaker):
        time = speaker.blink_time * np.exp(0.12 * rng.standard_normal())
        closing = max(time / 3, 0.05)
        rise = smootherstep((times - onset) / closing)
        # Lids open fast at first and slowly at last, so time is warped.
        fall = smootherstep(np.clip((times - onset - closing - 0.015) / (time - closing), 0.0, 1.0) ** 0.8)
        lids = np.maximum(lids, rise - fall)
    down = np.clip(-gaze[:, 1], 0, 1)
    for name in expand("eyeBlink"):
        weights[:, AT[name]] = np.maximum(lids, 0.25 * down)
    for name in expand("eyeSquint"):
        weights[:, AT[name]] = np.maximum(speaker.squint, 0.2 * lids)
    for name in expand("browDown"):
        weights[:, AT[name]] += 0.06 * lids


def _blinks(rng: np.random.Generator, times: np.ndarray, track: VisemeTrack, speaker: Speaker) -> np.ndarray:
    """Onsets [s]; a third of the blinks wait for the next pause if one begins within 0.6 s."""
    onsets = blink_onsets(rng, float(times[0]) - 0.5, float(times[-1]), speaker.blink_interval)
    gaps = track.starts[1:] - track.ends[:-1] if len(track) else np.zeros(0)
    pauses = np.r_[track.ends[:-1][gaps > 0.12], track.ends[-1:]] if len(track) else np.zeros(0)
    moved = []
    for onset, waits in zip(onsets, rng.random(len(onsets)) < 0.33, strict=True):
        soon = pauses[(pauses > onset) & (pauses < onset + 0.6)]
        moved.append(float(soon[0]) if waits and len(soon) else float(onset))
    return np.array(moved)


def _glances(rng: np.random.Generator, times: np.ndarray, speaker: Speaker) -> Float[np.ndarray, "T 2"]:
    """Gaze (to the subject's left, up) in eyeLook weights: fixations joined by saccades of 40 to 60 ms."""
    path = np.zeros((len(times), 2))
    clock, here = float(times[0]) - rng.uniform(0, speaker.fixation), np.zeros(2)
    while clock < times[-1]:
        clock += float(np.clip(speaker.fixation * rng.lognormal(0, 0.5), 0.25, 6.0))
        away = rng.random() < 0.45
        target = rng.standard_normal(2) * (speaker.gaze * np.array([1.0, 0.7]) if away else 0.03)
        target = np.clip(target, -0.8, 0.8)
        step = smootherstep((times - clock) / (0.04 + 0.03 * np.abs(target - here).max()))
        path += step[:, None] * (target - here)
        here = target
    return path
