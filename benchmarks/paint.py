"""Milliseconds of a painted frame of a moving rig, and of a whole preview frame, on one thread.

    python -m benchmarks.paint [--rig mo] [--frames 120] [--json benchmarks/results/paint.json]

CPU time of the thread is measured, so that other programs on the machine matter less. The performance is artificial:
every channel and the head follow sines of different periods.
"""

import argparse
import os
from collections.abc import Sequence
from time import thread_time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from benchmarks.command import command_line, run

from mien.core import ARKIT, Clip, Rig
from mien.core.transforms import quaternion_from_angles
from mien.engine.figures import Figure, Result
from mien.rigs.load import load_rig
from mien.viewer.paint import Painter
from mien.viewer.preview import Preview

SIZES = ((240, 240), (480, 480), (640, 480))
WARM_UP = 5


def performance(frames: int) -> Clip:
    """All channels and the head in motion at 30 Hz."""
    times = np.arange(frames) / 30.0
    speeds = 0.3 + 1.7 * np.modf(np.arange(len(ARKIT)) * 0.618034)[0]
    weights = 0.25 * (1 + np.sin(2 * np.pi * speeds * times[:, None] + np.arange(len(ARKIT)))).astype(np.float32)
    angles = np.stack([0.4 * np.sin(times), 0.2 * np.sin(1.7 * times), 0.1 * np.sin(2.3 * times)], axis=1)
    return Clip(times=times, weights=weights, head_rotation=quaternion_from_angles(angles))


def summary(values: list[float]) -> dict[str, float]:
    return {"median_ms": float(np.median(values)), "p99_ms": float(np.percentile(values, 99)), "frames": len(values)}


def measure(rig: Rig, frames: int) -> dict[str, dict[str, float]]:
    """Posing, painting at each size, and composing a preview frame of 640x480 footage."""
    clip = performance(frames + WARM_UP)
    painters = {f"paint {w}x{h}": Painter(rig, w, h) for w, h in SIZES}
    preview = Preview(rig, 640, 480)
    footage = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    marks = np.random.default_rng(1).uniform(100, 400, (70, 2))
    times: dict[str, list[float]] = {name: [] for name in ("pose", *painters, "preview 640x480")}
    for f in range(len(clip)):
        start = thread_time()
        vertices = rig.perform(clip, f)
        spent = {"pose": thread_time() - start}
        for name, painter in painters.items():
            start = thread_time()
            painter.draw(vertices)
            spent[name] = thread_time() - start
        start = thread_time()
        preview.compose(footage, marks, vertices, clip.weights[f])
        spent["preview 640x480"] = thread_time() - start
        if f >= WARM_UP:
            for name, value in spent.items():
                times[name].append(value * 1e3)
    return {name: summary(values) for name, values in times.items()}


def measured(chosen: argparse.Namespace) -> Result:
    """Measure and print."""
    cv2.setNumThreads(1)
    rig = load_rig(chosen.rig)
    found = measure(rig, chosen.frames)
    print(f"{rig.name}: {len(rig.neutral.vertices)} vertices, {len(rig.neutral.topology.triangles)} triangles")
    for name, row in found.items():
        print(f"{name:16} median {row['median_ms']:6.2f} ms   p99 {row['p99_ms']:6.2f} ms")
    figures = [
        Figure(
            name=f"{rig.name}, one frame, one thread: {name}", ours=row["median_ms"], unit="ms, median", better="lower"
        )
        for name, row in found.items()
    ]
    details = {"rig": rig.name, "vertices": len(rig.neutral.vertices), "frames": found}
    return Result.measured("paint", figures, details)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__)
    parser.add_argument("--rig", default="mo", help="mo, ict, or a file of a rig")
    parser.add_argument("--frames", type=int, default=120)
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
