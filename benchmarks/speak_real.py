"""Lips that speak generates from real voices, against the lips of the people whose voices they are (GRID, 25 fps).

    python -m benchmarks.speak_real [--json benchmarks/results/speak_real.json]

Each clip's own sound and transcript are aligned; the face is generated from nothing else, in no speaker's style. The
opening and the width of the mouth are then read off the weights on ICT-FaceKit's mean face, and off MediaPipe's points
of the same frames with the head's pose turned back (`systems.capture.evaluation.face_curves` states how): Pearson's
correlation and gain over each clip, whether lips are closed within two frames of p, b, m, and the lag.

Beside it, from the same phones: viseme key poses joined by straight lines; the peer openfacefx (MIT); and the rules
that the network learnt from. What lips could be known to do from visemes alone is estimated by a linear regression on
the same dominance curves, fitted on the other speakers only. The rules' table of targets was written with these clips
in view, so their figures and the network's are not of unseen speakers; the regression's are.
"""

import argparse
import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from benchmarks.command import command_line, run

from mien.core import ARKIT, MienError, VisemeTrack
from mien.engine.figures import Figure, Result
from mien.engine.metrics import lag, pearson
from mien.io.sound import Sound, read_sound
from mien.runtime import Bundle
from mien.synth.motion.speakers import Speaker
from mien.synth.motion.speaking import speaking_motion
from mien.systems.capture.evaluation.face_measures import MEASURES, measures_of_weights
from mien.systems.capture.evaluation.teacher_labels import read_labels, spread_over
from mien.systems.capture.runtime.landmark_rig import LandmarkRig
from mien.systems.speak.evaluation.baselines import key_poses
from mien.systems.speak.evaluation.measures import shut
from mien.systems.speak.perform import speech
from mien.systems.speak.predict import Speak

FPS = 25.0
CLOSED = 0.02
"""Opening of the inner lips under which they are closed, in distances of the outer eye corners: MediaPipe's points of
GRID's closures lie under 0.01, those of its vowels at 0.1."""
CURVES = ("opening", "width")
OURS, RULES, KEYS, PEER, FITTED = "mien", "rules", "key poses", "openfacefx 0.24", "regression on other speakers"


@dataclass(frozen=True, eq=False)
class Spoken:
    """One clip: its sounds and the true curves."""

    name: str
    track: VisemeTrack
    phones: tuple[tuple[str, float, float], ...]
    times: np.ndarray
    truth: np.ndarray
    """[T, 2] opening and width; NaN where MediaPipe's label is not steady."""


def measured(chosen: argparse.Namespace) -> Result:
    """All methods on all clips."""
    network = Speak(chosen.bundle)
    clips = list(read_clips(chosen.assets))
    rig = LandmarkRig.from_arrays(Bundle.load("capture").arrays)
    methods: dict[str, Callable[[Spoken], np.ndarray]] = {
        OURS: lambda clip: network.generate(clip.track, clip.times).weights,
        RULES: lambda clip: speaking_motion(clip.track, clip.times, Speaker(), np.random.default_rng(0)).weights,
        KEYS: lambda clip: key_poses(clip.track, clip.times),
        PEER: peer,
    }
    curves = {name: {clip.name: lips(make(clip), rig) for clip in clips} for name, make in methods.items()}
    curves[FITTED] = regression(clips)
    table = {name: [scored(clip, own[clip.name]) for clip in clips] for name, own in curves.items()}
    table["true lips"] = [scored(clip, np.nan_to_num(clip.truth)) for clip in clips]
    details = {"clips": [clip.name for clip in clips], "methods": table, "real_time": real_time(chosen.assets, network)}
    show(details)
    return Result.measured("speak_real", figures(details), details)


def read_clips(assets: Path) -> Sequence[Spoken]:
    """The clips of the folder of speech that have labels."""
    folder, rows = assets / "speech", transcripts(assets)
    clips: list[Spoken] = []
    for row in rows:
        path = folder / f"{row['clip']}.mpg"
        labels = read_labels(assets / "real" / "labels" / f"grid__{row['clip']}.npz")
        length = int(labels.frames.max()) + 1 if labels.frames is not None else 0
        times = np.arange(length) / FPS
        track, _ = speech(row["text"], audio=path)
        columns = [MEASURES.index(name) for name in CURVES]
        truth = spread_over(labels.frames, labels.measures()[:, columns], length)
        clips.append(Spoken(row["clip"], track, phones_of(row["text"], path), times, truth))
    return clips


def transcripts(assets: Path) -> list[dict[str, str]]:
    """The rows of the table of clips and their texts."""
    folder = assets / "speech"
    try:
        with (folder / "transcripts.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise MienError(f"{folder} holds no transcripts.csv of speech clips; complete the test material") from error


def real_time(assets: Path, network: Speak) -> float:
    """Seconds of speech aligned and animated in a second of processor time: all clips joined, loading included."""
    from mien.systems.speak.runtime.alignment import align
    from mien.systems.speak.runtime.pronunciation import words_of

    rows = transcripts(assets)
    sounds = [read_sound(assets / "speech" / f"{row['clip']}.mpg") for row in rows]
    joined = Sound(samples=np.concatenate([sound.samples for sound in sounds]), source="all clips")
    start = process_time()
    track = align(joined, words_of(". ".join(row["text"] for row in rows)))
    network.generate(track, np.arange(0, joined.duration, 1 / 60))
    return joined.duration / (process_time() - start)


def phones_of(text: str, path: Path) -> tuple[tuple[str, float, float], ...]:
    """ARPAbet phones with their times [s], for the peer."""
    from mien.systems.speak.runtime.alignment import aligned_phones
    from mien.systems.speak.runtime.pronunciation import words_of

    return tuple(aligned_phones(read_sound(path), words_of(text)))


def peer(clip: Spoken) -> np.ndarray:
    """Weights by openfacefx from the same phones, by its own table of ARKit shapes."""
    import openfacefx

    segments, last = [], 0.0
    for phone, start, end in (*clip.phones, ("SIL", clip.phones[-1][2], float(clip.times[-1]) + 0.1)):
        if start - last > 1e-6:
            segments.append(openfacefx.PhonemeSegment("SIL", last, start))
        segments.append(openfacefx.PhonemeSegment(phone, start, end))
        last = end
    track = openfacefx.retarget(openfacefx.generate_from_alignment(segments, fps=60.0), openfacefx.PRESETS["arkit"])
    weights = np.zeros((len(clip.times), len(ARKIT)), np.float32)
    for channel in track.channels:
        keys = np.array([(key.time, key.value) for key in channel.keys]).reshape(-1, 2)
        if channel.name in ARKIT and len(keys):
            weights[:, ARKIT.index(channel.name)] = np.interp(clip.times, keys[:, 0], keys[:, 1])
    return weights


def lips(weights: np.ndarray, rig: LandmarkRig) -> np.ndarray:
    """Opening and width of the mean face [T, 2]."""
    found = measures_of_weights(weights.astype(np.float64), rig)
    return found[:, [MEASURES.index(name) for name in CURVES]]


def regression(clips: Sequence[Spoken]) -> dict[str, np.ndarray]:
    """Opening and width of each clip by ridge regression on viseme levels around each frame, fitted on the others.

    The levels are blurred over 60 ms and taken at seven moments over 160 ms on either side.
    """
    windows = {clip.name: _windows(clip) for clip in clips}
    found: dict[str, np.ndarray] = {}
    for clip in clips:
        others = [c for c in clips if c is not clip]
        x = np.concatenate([windows[c.name] - windows[c.name].mean(axis=0) for c in others])
        y = np.concatenate([c.truth - np.nanmean(c.truth, axis=0) for c in others])
        known = np.isfinite(y).all(axis=1)
        x, y = x[known], y[known]
        fitted = np.linalg.solve(x.T @ x + 5.0 * np.eye(x.shape[1]), x.T @ y)
        found[clip.name] = (windows[clip.name] - windows[clip.name].mean(axis=0)) @ fitted
    return found


def _windows(clip: Spoken) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d

    clock = np.arange(-1.0, clip.times[-1] + 1.0, 0.005)
    levels = gaussian_filter1d(clip.track.levels(clock), 0.03 / 0.005, axis=0)
    shifts = np.linspace(-0.16, 0.16, 7)
    return np.concatenate(
        [np.stack([np.interp(clip.times + s, clock, c) for c in levels.T], axis=1) for s in shifts], axis=1
    )


def scored(clip: Spoken, made: np.ndarray) -> dict[str, float]:
    """Correlation, gain, lag [ms] of each curve, and how often lips close for p, b, m."""
    row: dict[str, float] = {}
    for k, name in enumerate(CURVES):
        true, own = clip.truth[:, k], made[:, k]
        known = np.isfinite(true)
        row[f"{name}_r"] = float(pearson(own[known], true[known])[0])
        row[f"{name}_gain"] = float(np.polyfit(true[known], own[known], 1)[0])
        row[f"{name}_lag"] = lag(own[known], true[known], FPS, longest=0.2)
    events = shut(made[:, 0], clip.times, clip.track, CLOSED, 2 / FPS)
    row["closed"], row["events"] = float(events.sum()), float(len(events))
    return row


def median(rows: Sequence[Mapping[str, float]], key: str) -> float:
    return float(np.median([row[key] for row in rows]))


def closure(rows: Sequence[Mapping[str, float]]) -> float:
    return sum(row["closed"] for row in rows) / max(sum(row["events"] for row in rows), 1.0)


def figures(details: Mapping[str, Any]) -> tuple[Figure, ...]:
    table = details["methods"]
    who = f"Lips from the voices of {len(details['clips'])} real speakers"
    beside = (RULES, KEYS, PEER, FITTED)
    out: list[Figure] = []
    for name, target in (("opening", 0.75), ("width", 0.6)):
        for key, unit, least in (("r", "correlation, median", target), ("gain", "1 is right, median", None)):
            out.append(
                Figure(
                    name=f"{who}: {name} of the mouth, {'gain' if key == 'gain' else 'against the real one'}",
                    ours=median(table[OURS], f"{name}_{key}"),
                    unit=unit,
                    target=least,
                    baselines={other: median(table[other], f"{name}_{key}") for other in beside},
                    short=key == "r",
                )
            )
    out.append(
        Figure(
            name=f"{who}: share of p, b, m with closed lips within two frames",
            ours=closure(table[OURS]),
            target=0.98,
            baselines={other: closure(table[other]) for other in (RULES, KEYS, PEER, "true lips")},
        )
    )
    out.append(
        Figure(
            name=f"{who}: how much later the mouth opens than the real one",
            ours=median(table[OURS], "opening_lag"),
            unit="ms, median",
            better="lower",
            baselines={other: median(table[other], "opening_lag") for other in beside},
            headline=False,
        )
    )
    out.append(
        Figure(
            name="Seconds of sound with text, aligned and animated in a second of one processor",
            ours=details["real_time"],
            target=25.0,
        )
    )
    return tuple(out)


def show(details: Mapping[str, Any]) -> None:
    for name, rows in details["methods"].items():
        cells = "  ".join(f"{row['opening_r']:5.2f}/{row['width_r']:5.2f}" for row in rows)
        print(f"{name:30s} {cells}   closed {closure(rows):.2f}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, assets="speech/ and real/labels/")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="weights to measure instead of those that ship")
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
