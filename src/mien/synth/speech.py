"""A data set of speakers: `mien synth speech` writes takes of random utterances by speakers with styles.

Each speaker's file is a function of (seed, number) alone. The last tenth of the speakers is held out, and so is the
last take of every other speaker.
"""

from pathlib import Path

import numpy as np

from mien.core import MienError
from mien.io.atomic import write_whole
from mien.synth.motion.speakers import draw_speaker
from mien.synth.motion.speaking import speaking_motion
from mien.synth.motion.utterances import draw_utterance

__all__ = ["FPS", "SECONDS", "SPEAKERS", "TAKES", "speaker_take", "write_speech"]

FPS = 60
"""Frames per second."""
SPEAKERS, TAKES, SECONDS = 240, 6, 8.0
"""Speakers of the standard data set, takes of each, and length of a take [s]: 3.2 hours."""


def speaker_take(seed: int, number: int, take: int, seconds: float = SECONDS) -> dict[str, np.ndarray]:
    """One take of a speaker: the track (`visemes` as text, `starts`, `ends`), `weights` [T, 52], `angles` [T, 3]."""
    speaker = draw_speaker(np.random.default_rng([seed, number]))
    rng = np.random.default_rng([seed, number, take + 1])
    track = draw_utterance(rng, seconds)
    motion = speaking_motion(track, np.arange(int(seconds * FPS)) / FPS, speaker, rng)
    return {
        "visemes": np.array(track.visemes, dtype="U4"),
        "starts": track.starts,
        "ends": track.ends,
        "weights": motion.weights.astype(np.float16),
        "angles": motion.angles.astype(np.float32),
    }


def write_speech(
    folder: Path, *, speakers: int = SPEAKERS, takes: int = TAKES, seconds: float = SECONDS, seed: int = 1
) -> None:
    """Write `speaker-NNNN.npz` for each speaker into a folder, made if need be; files that are there stay.

    Raises MienError for fewer than two speakers or takes, or takes under 4 s.
    """
    if speakers < 2 or takes < 2 or not seconds >= 4:
        raise MienError("a data set of speech needs at least two `speakers`, two `takes` and four `seconds`")
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(speakers):
        path = folder / f"speaker-{number:04d}.npz"
        if path.exists():
            continue
        arrays: dict[str, np.ndarray] = {}
        for take in range(takes):
            arrays |= {f"{name}_{take}": value for name, value in speaker_take(seed, number, take, seconds).items()}
        with write_whole(path) as temporary:
            np.savez(temporary, **arrays)  # pyright: ignore[reportArgumentType]
