"""Capture the real videos that have reference curves, and the held-out portraits, and score the results.

    python -m benchmarks.capture_real [--mediapipe FILE.task | FOLDER]
        [--json benchmarks/results/capture_real.json]

Prints a table per figure and video with medians and targets; benchmarks/refs.py describes the comparisons. The scored
result is that of `mien capture`: each face is read with its mirror image, with a stored rest found in the take, and
calibrated on that rest. The medians without rest and calibration, and those without the mirror image, stand beside it.
Portraits (neutral faces) are single frames and so not calibrated; they give the landmark error in 2-D and the bias on a
neutral face.

`--mediapipe` adds MediaPipe's Face Landmarker as a baseline, for weights alone (its head pose is not scored): either a
model file, which needs the package mediapipe, or a folder of curves that it made before (NAME.csv or NAME.npz for each
video). Note that half of the reference curves come from MediaPipe's own landmarks.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.command import PORTRAITS, command_line, run

from benchmarks import refs
from mien.core import ARKIT, Clip, MienError
from mien.engine import metrics
from mien.engine.figures import Figure, Result
from mien.io.video import read_image
from mien.systems.capture import spec
from mien.systems.capture.evaluation.mediapipe import open_mediapipe
from mien.systems.capture.evaluation.scores import ONE_LOOK, OUTER_EYES
from mien.systems.capture.perform import finish
from mien.systems.capture.predict import Capture, CapturedFrame
from mien.systems.capture.training.portraits import landmarks_from_template, read_template, split
from mien.track.align import align_matrix


def portraits(capture: Capture, folder: Path) -> dict[str, Any]:
    """Landmark NME over points that both layouts define alike, and every channel's mean weight on a neutral face.

    The baseline of the landmarks is the mean of the training portraits, aligned to the same five points.
    """
    mean = np.mean(
        [_in_crop(frame, truth) for frame, truth, _ in _known_faces(capture, folder, held_out=False)], axis=0
    )
    errors, baseline, weights = [], [], []
    for frame, truth, known in _known_faces(capture, folder, held_out=True):
        matrix = align_matrix(frame.face.five_points, spec.CROP)
        laid = (mean - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        apart = np.linalg.norm(truth[OUTER_EYES[0]] - truth[OUTER_EYES[1]])
        for row, points in ((errors, frame.landmarks), (baseline, laid)):
            row.append(float(np.linalg.norm(points[known] - truth[known], axis=1).mean() / apart))
        weights.append(frame.weights)
    bias, spread = metrics.neutral_bias(np.stack(weights), np.arange(len(weights)))
    return {
        "portraits": len(errors),
        "nme": float(np.mean(errors)),
        "nme_of_mean_face": float(np.mean(baseline)),
        "neutral_bias_worst": float(bias.max()),
        "neutral_bias": {name: round(float(b), 4) for name, b in zip(ARKIT, bias, strict=True)},
        "neutral_spread_mean": float(spread.mean()),
    }


def _known_faces(
    capture: Capture, folder: Path, *, held_out: bool
) -> Iterator[tuple[CapturedFrame, np.ndarray, np.ndarray]]:
    """(capture, true landmarks [L, 2] px, indices [K] of points defined alike) of every portrait with a face found."""
    for path in split(folder, held_out=held_out):
        capture.reset()
        frame = capture.frame(read_image(path), 0.0)
        if frame is not None:
            truth, trust = landmarks_from_template(read_template(path.with_suffix(".tem")))
            yield frame, truth[: capture.layout.count], np.flatnonzero(trust[: capture.layout.count] == 1.0)


def _in_crop(frame: CapturedFrame, points: np.ndarray) -> np.ndarray:
    matrix = align_matrix(frame.face.five_points, spec.CROP)
    return points @ matrix[:, :2].T + matrix[:, 2]


def peer_clips(source: Path, videos: dict[str, Path]) -> dict[str, Clip]:
    """MediaPipe's weights for each video: computed by the model, or read from the folder of curves."""
    if not source.is_dir():
        peer = open_mediapipe(source)
        return {name: peer.clip(video) for name, video in videos.items()}
    clips: dict[str, Clip] = {}
    for name in videos:
        found = [path for path in (source / f"{name}.csv", source / f"{name}.npz") if path.is_file()]
        if not found:
            raise MienError(f"{source} has no {name}.csv and no {name}.npz to compare that video with; add one")
        clips[name] = replace(Clip.load(found[0]), head_rotation=None)
    return clips


def figures_of(details: Mapping[str, Any]) -> list[Figure]:
    """Figures of the real videos (`refs.figures_of`) and of the portraits."""
    faces = details["portraits"]
    strongest = max(faces["neutral_bias"], key=faces["neutral_bias"].get)
    where = f"{faces['portraits']} real portraits never trained on"
    of_videos = refs.figures_of(details["scores"], details["medians"], details["medians_beside"])
    at = len(refs.WHAT)
    return [
        *of_videos[:at],
        Figure(
            name=f"{where}: landmark error, share of the distance of the outer eye corners",
            better="lower",
            ours=faces["nme"],
            baselines={"mean portrait on the same five points": faces["nme_of_mean_face"]},
            short=True,
        ),
        Figure(
            name=f"{where}: weight answered to a face at rest, worst channel ({strongest})",
            better="lower",
            ours=faces["neutral_bias_worst"],
            target=0.05,
        ),
        *of_videos[at:],
    ]


def measured(chosen: argparse.Namespace) -> Result:
    """Capture, score, print."""
    references = {path.stem: refs.load_refs(path) for path in sorted((chosen.assets / "refs").glob("*.npz"))}
    capture = Capture(chosen.bundle, backend=chosen.backend, mirror=True)
    fast = Capture(chosen.bundle, backend=chosen.backend)
    videos = {name: chosen.assets / "video" / f"{name}.mp4" for name in references}
    peer = {} if chosen.mediapipe is None else peer_clips(chosen.mediapipe, videos)
    beside = {name: refs.score(clip, references[name]) for name, clip in peer.items()}
    scores: dict[str, dict[str, float]] = {}
    plain: dict[str, dict[str, float]] = {}
    once: dict[str, dict[str, float]] = {}
    for name, reference in references.items():
        plain[name] = refs.score(capture.video(videos[name]).clip, reference)
        once[name] = refs.score(finish(fast.video(videos[name], neutral="auto")), reference)
        result = capture.video(videos[name], neutral="auto")
        scores[name] = refs.score(finish(result), reference)
        scores[name]["missed_frames"] = float((reference["valid"].astype(bool) & ~result.clip.seen).sum())
        scores[name]["ms_median"] = float(np.median(result.milliseconds))
    medians = {"ours": refs.medians(scores), "uncalibrated": refs.medians(plain), ONE_LOOK: refs.medians(once)}
    others = {ONE_LOOK: medians[ONE_LOOK]} | ({"MediaPipe": refs.medians(beside)} if beside else {})
    agreements = {name: refs.agreement(reference) for name, reference in references.items()}
    print(refs.table(scores, agreements, others))
    print("\nPearson against the references; in brackets, how far the two trackers agree with each other.")
    print(f"\nMedians that the mirror image changed: {_changes(medians[ONE_LOOK], medians['ours'])}.")
    print(f"Medians that calibration changed: {_changes(medians['uncalibrated'], medians['ours'])}.")
    faces = portraits(capture, chosen.assets / PORTRAITS)
    worst = sorted(faces["neutral_bias"].items(), key=lambda item: -item[1])[:5]
    print(f"\n{faces['portraits']} portraits: NME {faces['nme']:.4f}, a mean face {faces['nme_of_mean_face']:.4f}")
    print(f"Strongest neutral biases: {worst}")
    details = {
        "scores": scores,
        "medians": medians["ours"],
        "medians_uncalibrated": medians["uncalibrated"],
        "medians_beside": others,
        "targets": refs.TARGETS,
        "portraits": faces,
    }
    return Result.measured("capture_real", figures_of(details), details)


def _changes(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    changed = [name for name in refs.TARGETS if abs(after[name] - before[name]) >= 0.005]
    return ", ".join(f"{name} {before[name]:.2f} -> {after[name]:.2f}" for name in changed) or "none"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__, assets=f"video/, refs/ and {PORTRAITS}/")
    parser.add_argument("--bundle", type=Path, help="a folder of weights to measure; by default the shipped weights")
    parser.add_argument("--mediapipe", type=Path, help="a .task model, or a folder of curves that MediaPipe made")
    parser.add_argument("--backend", default="onnx", choices=("onnx", "ncnn"))
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
