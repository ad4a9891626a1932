"""Capture the real videos that have reference curves and the portraits never trained on, and score what comes out.

    python -m benchmarks.capture_real ../shared/assets [--mediapipe FILE.task | FOLDER]
        [--json benchmarks/results/capture_real.json]

Prints a table per figure and video with medians and targets; see benchmarks/refs.py for what is compared with what.
What is scored is what `mien capture` writes: each face read with its mirror image, beside a rest found in the take, and
calibrated on that. The medians without rest and calibration, and those of one look at each face, stand beside.
Portraits (neutral faces), which are single frames and so not calibrated, give the landmark error in 2-D and the bias of
a neutral face.

`--mediapipe` puts MediaPipe's Face Landmarker beside, on weights alone (its head pose is not scored): a model file, for
which its package must be installed, or a folder of curves that it made before (NAME.csv or NAME.npz for each video).
Mind that half of the reference curves come from MediaPipe's own landmarks.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from mien.cli.machine import describe

from benchmarks import refs
from mien.core import ARKIT, Clip, MienError
from mien.engine import metrics
from mien.engine.provenance import git_revision
from mien.io.atomic import write_whole
from mien.io.video import read_image
from mien.systems.capture import spec
from mien.systems.capture.evaluation.mediapipe import open_mediapipe
from mien.systems.capture.perform import finish
from mien.systems.capture.predict import Capture, CapturedFrame
from mien.systems.capture.training.portraits import landmarks_from_template, read_template, split
from mien.track.align import align_matrix

_OUTER_EYES = (36, 45)


def portraits(capture: Capture, folder: Path) -> dict[str, Any]:
    """Landmark NME over points that both layouts define alike, and every channel's mean answer on a neutral face.

    The baseline of the landmarks is the mean of the portraits that were trained on, laid over the same five points.
    """
    mean = np.mean(
        [_in_crop(frame, truth) for frame, truth, _ in _known_faces(capture, folder, held_out=False)], axis=0
    )
    errors, baseline, weights = [], [], []
    for frame, truth, known in _known_faces(capture, folder, held_out=True):
        matrix = align_matrix(frame.face.five_points, spec.CROP)
        laid = (mean - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        apart = np.linalg.norm(truth[_OUTER_EYES[0]] - truth[_OUTER_EYES[1]])
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
    """(capture, true landmarks [L, 2] px, which are defined alike [K]) of every portrait in which a face is found."""
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
    """MediaPipe's answer to each video: computed by the model, or read from the folder of curves."""
    if not source.is_dir():
        peer = open_mediapipe(source)
        return {name: peer.clip(video) for name, video in videos.items()}
    clips: dict[str, Clip] = {}
    for name in videos:
        found = [path for path in (source / f"{name}.csv", source / f"{name}.npz") if path.is_file()]
        if not found:
            raise MienError(f"{source} has no {name}.csv and no {name}.npz: nothing to compare that video with")
        clips[name] = replace(Clip.load(found[0]), head_rotation=None)
    return clips


def main() -> None:
    """Capture, score, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets", type=Path, help="folder with video/ and refs/")
    parser.add_argument("--json", type=Path, help="write every figure here")
    parser.add_argument("--bundle", type=Path, help="a bundle in place of the shipped one")
    parser.add_argument("--mediapipe", type=Path, help="a .task model, or a folder of curves it made")
    parser.add_argument("--backend", default="onnx", choices=("onnx", "ncnn"))
    chosen = parser.parse_args()
    try:
        measure(chosen)
    except MienError as error:
        parser.error(str(error))


def measure(chosen: argparse.Namespace) -> None:
    """What `main` does once the command line is read."""
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
    agreements = {name: refs.agreement(reference) for name, reference in references.items()}
    print(refs.table(scores, agreements, {"MediaPipe": refs.medians(beside)} if beside else None))
    before, after, fewer = refs.medians(plain), refs.medians(scores), refs.medians(once)
    looks = [f"{k} {fewer[k]:.2f} -> {after[k]:.2f}" for k in refs.TARGETS if abs(after[k] - fewer[k]) >= 0.005]
    print(f"\nMedians that the mirror image changed: {', '.join(looks) or 'none'}.")
    changes = [f"{k} {before[k]:.2f} -> {after[k]:.2f}" for k in refs.TARGETS if abs(after[k] - before[k]) >= 0.005]
    print(f"\nMedians that calibration changed: {', '.join(changes) or 'none'}.")
    faces = portraits(capture, chosen.assets / "faces" / "webmorph_canada")
    print("\nPearson against the references; in brackets, how far the two trackers agree with each other.")
    worst = sorted(faces["neutral_bias"].items(), key=lambda item: -item[1])[:5]
    print(f"\n{faces['portraits']} portraits: NME {faces['nme']:.4f}, a mean face {faces['nme_of_mean_face']:.4f}")
    print(f"Strongest neutral biases: {worst}")
    if chosen.json:
        report = {
            "revision": git_revision(),
            "machine": describe(),
            "scores": {video: _known(row) for video, row in scores.items()},
            "medians": _known(after),
            "medians_uncalibrated": _known(before),
            "medians_beside": {"one look": _known(fewer)}
            | ({"MediaPipe": _known(refs.medians(beside))} if beside else {}),
            "targets": refs.TARGETS,
            "portraits": faces,
        }
        with write_whole(chosen.json) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n")


def _known(row: dict[str, float]) -> dict[str, float | None]:
    """JSON knows no NaN."""
    return {name: value if np.isfinite(value) else None for name, value in row.items()}


if __name__ == "__main__":
    main()
