"""Sequences for training and evaluation: label signals, neutrals, and vertices that are computed (or kept) on demand.

Does not import torch.
"""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from mien.core.errors import MienError
from mien.engine.fingerprint import fingerprint
from mien.synth.expressions import EMOTIONS, ExpressiveFace, Takes, read_subject
from mien.systems.express.config import ExpressConfig
from mien.systems.express.runtime.timeline import ramp
from mien.systems.express.training.scan_folders import Recording, estimate_timing, read_folder

__all__ = ["Corpus", "drawn_displacements", "extremeness", "load_corpus"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    """N sequences of at most T frames on one topology."""

    expressions: tuple[str, ...]
    """Names of the columns of the signal."""
    triangles: Int[np.ndarray, "F 3"]
    subject: Int[np.ndarray, "N"]
    expression: Int[np.ndarray, "N"]
    signal: Float[np.ndarray, "N T K"]
    """Ramps times the extremeness of each sequence; zeros after its end."""
    length: Int[np.ndarray, "N"]
    """Frames."""
    timing: Float[np.ndarray, "N 4"]
    """Onset, apex, end of the apex, end [s]."""
    extremeness: Float[np.ndarray, "N"]
    """How strongly each sequence shows its expression, in [0, 1]; see `extremeness`."""
    second: Int[np.ndarray, "N"]
    """The expression that joins the first in a blend, -1 for none."""
    train: Bool[np.ndarray, "N"]
    """Whether the sequence's subject is trained on."""
    fingerprint: str
    """Hash of all data that was read, so that a run is not resumed with other data."""
    neutral: Callable[[int], Float[np.ndarray, "V 3"]]
    """From a subject's number to the subject's neutral [mm]."""
    displacements: Callable[[int, Int[np.ndarray, "F"]], Float[np.ndarray, "F V 3"]]
    """From a sequence and some of its frames to their displacements from the subject's neutral [mm]."""

    def train_neutrals(self) -> Float[np.ndarray, "S V 3"]:
        """Neutrals of the training subjects [mm]."""
        return np.stack([self.neutral(int(s)) for s in np.unique(self.subject[self.train])])

    def apex(self, i: int, fps: float) -> int:
        """Middle frame of a sequence's apex."""
        return int(np.clip(round(float(self.timing[i, 1:3].mean()) * fps), 0, self.length[i] - 1))


def load_corpus(config: ExpressConfig) -> Corpus:
    """Load `config.data`: synthetic subjects, or PLY or OBJ sequences. Raises MienError when it holds neither, or no
    subject is left to train on."""
    folder = Path(config.data)
    files = sorted(folder.glob("subject-*.npz"))
    if files:
        corpus = _from_takes([read_subject(path) for path in files], config.train_subjects)
    elif folder.is_dir():
        corpus = _from_recordings(*read_folder(folder, unit_mm=config.unit_mm, fps=config.fps), config.train_subjects)
    else:
        make = f"make one with 'mien synth expressions --out {shlex.quote(str(folder))}'"
        raise MienError(f"{folder}: no such folder; {make}, or name a folder of scans by `data`")
    if not corpus.train.any():
        raise MienError(f"{folder}: no subject is left to train on; raise `train_subjects`")
    return corpus


def extremeness(
    apex_mm: Float[np.ndarray, "N"], expression: Int[np.ndarray, "N"], train: Bool[np.ndarray, "N"]
) -> Float[np.ndarray, "N"]:
    """How strongly each sequence shows its expression: the mean displacement at the apex divided by the mean plus two
    deviations of the `train` sequences of that expression, at most 1.

    Potamias et al. 2020, eq. 6, also normalise the mean displacement by the expression's mean and deviation; this form
    is 0 for no movement, so that it can also serve as the user's intensity.
    """
    out = np.empty(len(apex_mm))
    for e in np.unique(expression):
        known = apex_mm[(expression == e) & train]
        known = known if len(known) else apex_mm[expression == e]
        out[expression == e] = apex_mm[expression == e] / max(known.mean() + 2 * known.std(), 1e-6)
    return np.clip(out, 0.0, 1.0)


def _signals(
    times: list[np.ndarray], timing: np.ndarray, expression: np.ndarray, strength: np.ndarray, rows: int
) -> np.ndarray:
    """[N, T, K]; zeros for the expression -1."""
    out = np.zeros((len(times), max(len(t) for t in times), rows), np.float32)
    for i in np.flatnonzero(expression >= 0).tolist():
        out[i, : len(times[i]), expression[i]] = strength[i] * ramp(times[i], timing[i])
    return out


def _contents(read: Takes | Recording) -> Iterator[str | np.ndarray]:
    """Name and value of every field; numbers and text as text."""
    for name, value in vars(read).items():
        yield name
        yield value if isinstance(value, np.ndarray) else str(value)


def _from_takes(everybody: list[Takes], train_subjects: int) -> Corpus:
    def joined(field: str) -> np.ndarray:
        return np.concatenate([getattr(t, field) for t in everybody])

    owner = np.concatenate([np.full(len(t.expression), k) for k, t in enumerate(everybody)])
    row = np.concatenate([np.arange(len(t.expression)) for t in everybody])
    expression, timing, second = joined("expression"), joined("timing"), joined("second")
    train = np.array([t.subject < train_subjects for t in everybody])[owner]
    # Each expression of a blend is compared with the same expression shown alone.
    alone = np.concatenate([train & (second < 0), np.zeros(len(second), bool)])
    apexes = np.concatenate([joined("apex_mm"), joined("second_apex_mm")])
    strength, joins = np.split(extremeness(apexes, np.concatenate([expression, second]), alone), 2)
    faces: dict[int, ExpressiveFace] = {}

    def face(k: int) -> ExpressiveFace:
        if k not in faces:  # half a megabyte each, computed in a tenth of a second
            faces[k] = ExpressiveFace(everybody[k].coefficients)
        return faces[k]

    def displacements(i: int, frames: np.ndarray) -> np.ndarray:
        return face(int(owner[i])).displacements(everybody[owner[i]].weights[row[i]][frames])

    times = [everybody[k].times for k in owner]
    signal = _signals(times, timing, expression, strength, len(EMOTIONS))
    return Corpus(
        expressions=EMOTIONS,
        triangles=face(0).triangles,
        subject=owner,
        expression=expression,
        signal=signal + _signals(times, joined("second_timing"), second, joins, len(EMOTIONS)),
        length=np.array([len(t) for t in times]),
        timing=timing,
        extremeness=strength,
        second=second,
        train=train,
        fingerprint=fingerprint(part for takes in everybody for part in _contents(takes)),
        neutral=lambda k: face(k).neutral,
        displacements=displacements,
    )


def _from_recordings(recordings: list[Recording], triangles: np.ndarray, train_subjects: int) -> Corpus:
    names = sorted({r.subject for r in recordings})
    expressions = tuple(sorted({r.expression for r in recordings}))
    subject = np.array([names.index(r.subject) for r in recordings])
    expression = np.array([expressions.index(r.expression) for r in recordings])
    timing = np.stack([estimate_timing(r.vertices, r.times) for r in recordings])
    train = subject < train_subjects
    largest = np.array([np.linalg.norm(r.vertices - r.vertices[0], axis=2).mean(axis=1).max() for r in recordings])
    strength = extremeness(largest, expression, train)
    times = [r.times for r in recordings]
    first = {int(s): recordings[int(np.flatnonzero(subject == s)[0])].vertices[0] for s in np.unique(subject)}

    def displacements(i: int, frames: np.ndarray) -> np.ndarray:
        return recordings[i].vertices[frames] - recordings[i].vertices[0]

    return Corpus(
        expressions=expressions,
        triangles=triangles,
        subject=subject,
        expression=expression,
        signal=_signals(times, timing, expression, strength, len(expressions)),
        length=np.array([len(t) for t in times]),
        timing=timing,
        extremeness=strength,
        second=np.full(len(subject), -1),
        train=train,
        fingerprint=fingerprint([triangles, *(part for recording in recordings for part in _contents(recording))]),
        neutral=lambda k: first[k],
        displacements=displacements,
    )


def drawn_displacements(corpus: Corpus, *, seed: int, frames: int = 600) -> Float[np.ndarray, "N V 3"]:
    """Displacements [mm] of random frames of the training sequences: `frames`, or ten per sequence if that is less."""
    rng = np.random.default_rng([0xBA, seed])
    known = np.flatnonzero(corpus.train)
    picks = rng.choice(known, min(frames, 10 * len(known)))
    return np.stack([corpus.displacements(int(i), rng.integers(corpus.length[i], size=1))[0] for i in picks])
