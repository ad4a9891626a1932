"""Milliseconds of a whole captured frame (track, network, pose) on one thread, with ONNX Runtime and NCNN.

Faces of a webcam are read without the mirror image and those of files with it; both are measured.

    python -m benchmarks.capture_speed [--json benchmarks/results/capture_speed.json]

Real video is scaled to each size first, and decoding is left out. The four variants each process the whole video in
turn, several times: alternating frame by frame would fill the caches with the other variants' weights. The best pass is
reported, as other programs on the machine only ever add time; the medians of all passes are written.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from benchmarks.command import command_line, run

from mien.engine.figures import Figure, Result
from mien.io.video import open_video
from mien.systems.capture.predict import Capture

SIZES = ((640, 480), (1280, 720))
BACKENDS = {"onnx": "ONNX Runtime", "ncnn": "NCNN"}
LOOKS = {"once": False, "with mirror": True}
WARM_UP = 20
PASSES = 5


def frames(path: Path, size: tuple[int, int], count: int) -> list[tuple[np.ndarray, float]]:
    """The first frames of a video, scaled to fill `size` and cropped centrally."""
    out: list[tuple[np.ndarray, float]] = []
    with open_video(path) as video:
        for frame in video:
            height, width = frame.image.shape[:2]
            scale = max(size[0] / width, size[1] / height)
            big = cv2.resize(frame.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            y, x = (big.shape[0] - size[1]) // 2, (big.shape[1] - size[0]) // 2
            out.append((np.ascontiguousarray(big[y : y + size[1], x : x + size[0]]), frame.time))
            if len(out) == count:
                break
    return out


def measure(pictures: list[tuple[np.ndarray, float]], bundle: Path | None) -> dict[str, dict[str, Any]]:
    """Median, mean and 99th percentile [ms] per backend, with and without the mirror image, over frames with a tracked
    face."""
    captures = {
        f"{backend} {look}": Capture(bundle, backend=backend, mirror=mirror)
        for backend in BACKENDS
        for look, mirror in LOOKS.items()
    }
    passes = [{name: _one_pass(capture, pictures) for name, capture in captures.items()} for _ in range(PASSES)]
    rows: dict[str, dict[str, Any]] = {}
    for name in captures:
        values = min((times[name] for times in passes), key=lambda v: float(np.median(v)))
        rows[name] = {
            "median_ms": float(np.median(values)),
            "mean_ms": float(np.mean(values)),
            "p99_ms": float(np.percentile(values, 99)),
            "frames": len(values),
            "medians_ms": [float(np.median(times[name])) for times in passes],
        }
    return rows


def _one_pass(capture: Capture, pictures: list[tuple[np.ndarray, float]]) -> list[float]:
    """Milliseconds of every frame with a tracked face."""
    times: list[float] = []
    capture.reset()
    for i, (image, time) in enumerate(pictures):
        start = perf_counter()
        seen = capture.frame(image, time) is not None
        if i >= WARM_UP and seen:
            times.append((perf_counter() - start) * 1e3)
    return times


def figures_of(details: Mapping[str, Any]) -> list[Figure]:
    """Milliseconds of a frame per size and backend without the mirror image (webcam), beside those with it (files)."""
    return [
        Figure(
            name=f"One frame of {size} from picture to weights, one thread, {label}",
            unit="ms, median",
            better="lower",
            ours=row[f"{backend} once"]["median_ms"],
            target=2 if size == "640x480" else 3,
            baselines={"with the mirror image, as files are read": row[f"{backend} with mirror"]["median_ms"]},
            short=size == "640x480" and backend == "onnx",
        )
        for size, row in details["whole_frame"].items()
        for backend, label in BACKENDS.items()
    ]


def measured(chosen: argparse.Namespace) -> Result:
    """Measure and print every size and backend."""
    cv2.setNumThreads(1)
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for width, height in SIZES:
        pictures = frames(chosen.assets / "video" / "WolfgangLanger_Pexels.mp4", (width, height), chosen.frames)
        rows[f"{width}x{height}"] = measure(pictures, chosen.bundle)
        for name, row in rows[f"{width}x{height}"].items():
            shown = ", ".join(f"{k} {v:.3g}" for k, v in row.items() if k != "medians_ms")
            print(f"{width}x{height} {name}: {shown}")
    details = {"threads": 1, "whole_frame": rows}
    return Result.measured("capture_speed", figures_of(details), details)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__, assets="video/")
    parser.add_argument("--bundle", type=Path, help="a folder of weights to measure; by default the shipped weights")
    parser.add_argument("--frames", type=int, default=300)
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
