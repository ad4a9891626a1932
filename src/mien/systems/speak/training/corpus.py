"""The takes that speak is trained and measured on: what `mien synth speech` wrote, as visemes and signals."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core import Clip, MienError, VisemeTrack
from mien.core.transforms import quaternion_from_angles
from mien.engine.fingerprint import fingerprint
from mien.synth.motion.articulation import closures
from mien.synth.speech import speaker_take
from mien.systems.speak import spec

__all__ = ["Corpus", "Take", "drawn_take", "load_corpus"]

_HELD_OUT = 0.1
"""Share of the speakers, the last ones, that are held out."""


@dataclass(frozen=True, eq=False)
class Take:
    """One take of one speaker."""

    track: VisemeTrack
    levels: Float[np.ndarray, "T 15"]
    """Visemes at `spec.FPS`."""
    signals: Float[np.ndarray, "T S"]
    """`spec.SIGNALS`."""
    weight: Float[np.ndarray, "T"]
    """Closure of p, b, m or f, v in [0, 1]."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """All speakers, those to train on first."""

    takes: tuple[tuple[Take, ...], ...]
    """Takes of each speaker."""
    train: int
    """Number of speakers to train on; the others are held out."""
    fingerprint: str


def load_corpus(folder: Path) -> Corpus:
    """Read a folder of speakers; raises MienError when it holds fewer than two, or a file that is damaged."""
    paths = sorted(folder.glob("speaker-*.npz"))
    if len(paths) < 2:
        raise MienError(f"{folder} holds no data of speech; write them with 'mien synth speech --out {folder}'")
    people: list[tuple[Take, ...]] = []
    marks: list[str] = []
    for path in paths:
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
                arrays = {name: data[name] for name in data.files}
            people.append(tuple(_take(arrays, k) for k in range(sum(n.startswith("weights_") for n in arrays))))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise MienError(f"{path} is damaged ({error}); delete it and run 'mien synth speech' again") from error
        marks.append(fingerprint([arrays[name] for name in sorted(arrays)]))
        if len(people[-1]) < 2:
            raise MienError(f"{path} holds no two takes; a style is read from another take of the same speaker")
    train = max(1, len(people) - max(1, round(_HELD_OUT * len(people))))
    return Corpus(tuple(people), train, fingerprint(marks))


def drawn_take(seed: int, number: int, take: int) -> Take:
    """A take of the standard data set, generated anew; see `synth.speech.speaker_take`."""
    return _take({f"{name}_0": value for name, value in speaker_take(seed, number, take).items()}, 0)


def _take(arrays: dict[str, np.ndarray], number: int) -> Take:
    track = VisemeTrack(
        visemes=tuple(arrays[f"visemes_{number}"].tolist()),
        starts=arrays[f"starts_{number}"],
        ends=arrays[f"ends_{number}"],
    )
    weights = arrays[f"weights_{number}"].astype(np.float32)
    times = np.arange(len(weights)) / spec.FPS
    clip = Clip(times=times, weights=weights, head_rotation=quaternion_from_angles(arrays[f"angles_{number}"]))
    labial, teeth = closures(track, times)
    return Take(
        track=track,
        levels=spec.levels_of_track(track, len(times)),
        signals=spec.signals_of_clip(clip),
        weight=np.maximum(labial, teeth).astype(np.float32),
    )
