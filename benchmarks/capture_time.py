"""Tremble and delay of a capture together, filter off, live and looking ahead, in one run.

    python -m benchmarks.capture_time ../shared/assets [--bundle DIR] [--json benchmarks/results/capture_time.json]

Rest: a held-out portrait as a video of one face that keeps still, each frame with sensor noise (sigma 3 grey levels);
tremble is the standard deviation over time of the second difference, of the weights and of the five points over the
distance of the eyes. Motion: real takes, where delay (shift of largest correlation) and the loss of a blink's height
are against the unfiltered curves; and a rendered take of an identity never trained on, where delay is against what was
performed and so includes the network's own. A filter that lowers the one and not the other is none.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import refs
from mien.cli.machine import describe
from mien.core import ARKIT, Clip, MienError
from mien.core.smoothing import smooth, smooth_ahead
from mien.engine import metrics
from mien.engine.provenance import git_revision
from mien.io.atomic import write_whole
from mien.io.video import read_image
from mien.systems.capture.portraits import split
from mien.systems.capture.predict import Capture

__all__ = ["FILTERS", "delays", "moving", "resting"]

FILTERS: dict[str, Callable[[Clip], Clip]] = {"off": lambda clip: clip, "live": smooth, "ahead": smooth_ahead}
NOISE = 3.0
STILL_FRAMES, WARM_UP = 60, 15
"""Frames of a still face, and how many of them a filter may settle in."""
PERFORMER = 1_000_000
"""First identity of evaluation (systems/capture/evaluate.py)."""
MOVED = 0.15
"""Least range of a channel whose delay is measured: below, noise decides the shift."""
_LIDS = [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]


def still(capture: Capture, path: Path) -> tuple[Clip, np.ndarray]:
    """A portrait, at most 640 px, seen again and again by a noisy sensor: (clip, five points over the eye distance)."""
    import cv2

    image = read_image(path)
    scale = min(1.0, 640 / max(image.shape))
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    rng = np.random.default_rng(0)
    capture.reset()
    weights, points, rotations = [], [], []
    for t in range(STILL_FRAMES):
        noisy = np.clip(image + NOISE * rng.standard_normal(image.shape, np.float32), 0, 255).astype(np.uint8)
        frame = capture.frame(noisy, t / 30)
        if frame is None:
            raise MienError(f"{path}: the face was lost")
        weights.append(frame.weights)
        points.append(frame.face.five_points)
        rotations.append(frame.rotation)
    five = np.array(points)
    times = np.arange(STILL_FRAMES) / 30
    apart = np.linalg.norm(five[:, 0] - five[:, 1], axis=1).mean()
    return Clip(times=times, weights=np.array(weights), head_rotation=np.array(rotations)), five / apart


def resting(capture: Capture, portraits: list[Path]) -> dict[str, Any]:
    """Tremble per filter: mean and worst channel, head degrees; and of the five points, which no filter touches."""
    takes = [still(capture, path) for path in portraits]
    rows: dict[str, Any] = {}
    for name, work in FILTERS.items():
        clips = [work(clip) for clip, _ in takes]
        trembles = np.array([metrics.jitter(clip.weights[WARM_UP:-WARM_UP]) for clip in clips])
        turns = [metrics.jitter(_degrees(clip)[WARM_UP:-WARM_UP]) for clip in clips]
        rows[name] = {
            "jitter_mean": float(trembles.mean()),
            "jitter_worst_channel": float(trembles.mean(axis=0).max()),
            "head_degrees": float(np.mean(turns)),
        }
    five = float(np.mean([metrics.jitter(points[WARM_UP:]).mean() for _, points in takes]))
    return {"portraits": len(takes), "filters": rows, "five_points_eye_distances": five}


def _degrees(clip: Clip) -> np.ndarray:
    from mien.core.transforms import angles_from_quaternion

    assert clip.head_rotation is not None
    return np.degrees(angles_from_quaternion(clip.head_rotation))


def delays(clip: Clip, truth: Clip) -> np.ndarray:
    """Delay [ms] of each channel that moves in both."""
    fps = 1.0 / float(np.median(np.diff(truth.times)))
    both = truth.seen & clip.seen
    used = np.flatnonzero((np.ptp(truth.weights[both], axis=0) > MOVED) & (np.ptp(clip.weights[both], axis=0) > MOVED))
    return np.array([metrics.lag(clip.weights[both, c], truth.weights[both, c], fps) for c in used])


def moving(raw: Clip, truth: Clip, blinks: np.ndarray | None) -> dict[str, dict[str, float]]:
    """Per filter: median and largest delay [ms] against `truth`, mean and largest loss of a blink's height."""
    rows: dict[str, dict[str, float]] = {}
    for name, work in FILTERS.items():
        clip = work(raw)
        late = delays(clip, truth)
        rows[name] = {"lag_ms_median": float(np.median(late)), "lag_ms_worst": float(np.max(late))}
        if blinks is not None and len(blinks):
            heights = [[np.nanmax(c.weights[a : b + 1, _LIDS]) for a, b, *_ in blinks] for c in (clip, raw)]
            loss = 1 - np.array(heights[0]) / np.array(heights[1])
            rows[name] |= {"blink_loss_mean": float(loss.mean()), "blink_loss_worst": float(loss.max())}
    return rows


def rendered(capture: Capture, motion: Path) -> dict[str, dict[str, float]]:
    """`moving` on a rendered take of a recorded performance, against what was performed."""
    from mien.synth.clip import render_take

    recorded = Clip.load(motion)
    start = recorded.times[0] + 20.0
    part = recorded.select((recorded.times >= start) & (recorded.times < start + 5.0))
    with TemporaryDirectory() as folder:
        video = Path(folder) / "take.mp4"
        truth = render_take(part, video, seed=PERFORMER, width=320, height=240, fps=30.0)
        return moving(capture.video(video).clip, truth, None)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets", type=Path, help="folder with video/, refs/, faces/ and motion/")
    parser.add_argument("--json", type=Path, help="write every figure here")
    parser.add_argument("--bundle", type=Path, help="a bundle in place of the shipped one")
    parser.add_argument("--backend", default="onnx", choices=("onnx", "ncnn"))
    chosen = parser.parse_args()
    capture = Capture(chosen.bundle, backend=chosen.backend)
    report: dict[str, Any] = {"revision": git_revision(), "machine": describe()}
    report["rest"] = resting(capture, split(chosen.assets / "faces" / "webmorph_canada", held_out=True)[:4])
    report["rendered"] = rendered(capture, chosen.assets / "motion" / "alex_rom_3.csv")
    report["real"] = {}
    for path in sorted((chosen.assets / "refs").glob("*.npz")):
        clip = capture.video(chosen.assets / "video" / f"{path.stem}.mp4").clip
        report["real"][path.stem] = moving(clip, clip, refs.load_refs(path)["blinks"])
    print(table(report))
    if chosen.json:
        with write_whole(chosen.json) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n")


def table(report: dict[str, Any]) -> str:
    """Markdown: a row per filter."""
    lines = [
        "| filter | tremble, mean | worst channel | head [deg] | lag, rendered [ms] | lag, real [ms] | blink loss |",
        "|" + "---|" * 7,
    ]
    for name in FILTERS:
        rest = report["rest"]["filters"][name]
        real = [video[name] for video in report["real"].values()]
        lag = max(row["lag_ms_worst"] for row in real)
        loss = max(row["blink_loss_worst"] for row in real)
        lines.append(
            f"| {name} | {rest['jitter_mean']:.1e} | {rest['jitter_worst_channel']:.1e} | {rest['head_degrees']:.3f} |"
            f" {report['rendered'][name]['lag_ms_median']:.1f} | at most {lag:.1f} | at most {100 * loss:.1f} % |"
        )
    five = report["rest"]["five_points_eye_distances"]
    return "\n".join([*lines, "", f"Five points at rest: {1e3 * five:.2f}e-3 of the eye distance."])


if __name__ == "__main__":
    main()
