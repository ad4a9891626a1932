"""Jitter and delay of a capture in one run: without filter, with the live filter, and with the one that looks ahead.

    python -m benchmarks.capture_time [--bundle DIR] [--json benchmarks/results/capture_time.json]

Rest: a held-out portrait is filmed as a still video, each frame with sensor noise (sigma 3 grey levels); jitter is the
standard deviation over time of the second difference, of the weights and of the five points divided by the eye
distance. Motion: in rendered takes of people who were never trained on, eyes blink and jaws open at times between
frames, at 30 and at 60 frames per second; delay is the shift of largest correlation with the performed curve, to a
fraction of a frame, and so includes the network's own delay. In real takes, delay and the loss of a blink's height are
measured against the unfiltered curves. A filter that lowers jitter must be judged together with the delay that it
adds.

As in `mien capture`, files are read with each face's mirror image, unfiltered or with the filter that looks ahead, and
a webcam's frames without the mirror image, with the live filter.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from benchmarks.command import PORTRAITS, command_line, run

from benchmarks import refs
from mien.core import ARKIT, Clip, MienError
from mien.core.smoothing import smooth, smooth_ahead
from mien.engine import metrics
from mien.engine.figures import Figure, Result
from mien.io.video import read_image
from mien.systems.capture.evaluation.rendered_takes import HELD_OUT
from mien.systems.capture.predict import Capture
from mien.systems.capture.training.portraits import split

__all__ = ["FILTERS", "delays", "figures_of", "moving", "performance", "rendered", "resting", "table"]

FILTERS: dict[str, Callable[[Clip], Clip]] = {"off": lambda clip: clip, "live": smooth, "ahead": smooth_ahead}
LABELS = {"off": "no filter", "live": "the live filter", "ahead": "the filter that looks ahead"}
_ONCE = "live"
"""The filter of a webcam, whose frames are read without the mirror image."""
NOISE = 3.0
STILL_FRAMES, WARM_UP = 60, 15
"""Frames of a still face, and the number of first frames that are left out while a filter settles."""
PERFORMERS = 2
RATES = (30.0, 60.0)
SECONDS, DENSE = 4.0, 960.0
"""Length of a rendered take [s], and samples per second of its performance."""
MOVED = 0.15
"""Least range of a channel whose delay is measured: below it, the shift would be that of the noise."""
_JAW = ARKIT.index("jawOpen")
_LIDS = [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]


def still(capture: Capture, path: Path) -> tuple[Clip, np.ndarray]:
    """A portrait, at most 640 px, filmed many times with sensor noise: (clip, five points over the eye distance)."""
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
    """Jitter per filter: mean and worst channel, head in degrees, and the five points, which are not filtered."""
    takes = [still(capture, path) for path in portraits]
    rows: dict[str, Any] = {}
    for name, work in FILTERS.items():
        clips = [work(clip) for clip, _ in takes]
        jitters = np.array([metrics.jitter(clip.weights[WARM_UP:-WARM_UP]) for clip in clips])
        turns = [metrics.jitter(_degrees(clip)[WARM_UP:-WARM_UP]) for clip in clips]
        rows[name] = {
            "jitter_mean": float(jitters.mean()),
            "jitter_worst_channel": float(jitters.mean(axis=0).max()),
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


def performance(seed: int, seconds: float = SECONDS) -> Clip:
    """Blinks and jaw openings at random times, sampled densely enough for any frame rate.

    A blink closes in 75 to 110 ms and opens in 150 to 220 (Evinger et al. 1991); a jaw opens in 120 to 250 ms.
    """
    rng = np.random.default_rng(seed)
    times = np.arange(round(DENSE * seconds)) / DENSE
    weights = np.zeros((len(times), len(ARKIT)))
    for columns, every, rise, hold, fall in (
        (_LIDS, (0.3, 0.6), (0.075, 0.11), (0.01, 0.06), (0.15, 0.22)),
        ([_JAW], (0.25, 0.6), (0.12, 0.25), (0.02, 0.2), (0.15, 0.3)),
    ):
        start = rng.uniform(0.3, 0.6)
        while start < seconds - 0.6:
            up, still, down = (rng.uniform(*span) for span in (rise, hold, fall))
            level = np.interp(times - start, [0, up, up + still, up + still + down], [0, 1, 1, 0])
            weights[:, columns] = np.maximum(weights[:, columns], (0.5 - 0.5 * np.cos(np.pi * level))[:, None])
            start += up + still + down + rng.uniform(*every)
    return Clip(times=times, weights=weights)


def _bare_people() -> Iterator[int]:
    """Held-out people whose lids and lips are visible: no glasses, no hat, no beard."""
    from mien.synth.scene import cast

    for identity in range(*HELD_OUT):
        costume = cast(identity, identity).costume
        if not (len(costume.with_head.triangles) or len(costume.lenses.triangles) or len(costume.beard)):
            yield identity


def rendered(capture: Capture, fps: float) -> dict[str, dict[str, float]]:
    """Per filter: delay [ms] of blinks and of the jaw against the performed curves, mean over the performers."""
    from mien.synth.clip import render_take

    late: dict[str, list[list[float]]] = {name: [] for name in FILTERS}
    for performer in islice(_bare_people(), PERFORMERS):
        with TemporaryDirectory() as folder:
            video = Path(folder) / "take.mp4"
            truth = render_take(performance(performer), video, seed=performer, width=320, height=240, fps=fps)
            raw = capture.video(video).clip
        both = raw.seen & truth.seen
        for name, work in FILTERS.items():
            clip = work(raw)
            curves = [(c.weights[both][:, _LIDS].mean(axis=1), c.weights[both, _JAW]) for c in (clip, truth)]
            late[name].append([metrics.lag(ours, true, fps) for ours, true in zip(*curves, strict=True)])
    means = {name: np.mean(values, axis=0) for name, values in late.items()}
    return {name: {"blink_lag_ms": float(blink), "jaw_lag_ms": float(jaw)} for name, (blink, jaw) in means.items()}


def figures_of(details: Mapping[str, Any]) -> list[Figure]:
    """Jitter, delay and lost height per filter."""
    rest, rendered_rows = details["rest"]["filters"], details["rendered"]
    figures: list[Figure] = []
    for name, label in LABELS.items():
        loss = max(video[name].get("blink_loss_worst", float("nan")) for video in details["real"].values())
        late = [
            (f"delay of {what} against a rendered performance at {rate} fps", "ms", by_filter[name][key], 40.0)
            for rate, by_filter in rendered_rows.items()
            for what, key in (("blinks", "blink_lag_ms"), ("the jaw", "jaw_lag_ms"))
        ]
        rows = (
            ("jitter of the weights of a still face under noise", "1e-3", 1e3 * rest[name]["jitter_mean"], 1.0),
            *late,
            ("largest loss of a blink's height on real video", "%", 100 * loss, None),
        )
        figures += [
            Figure(name=f"With {label}: {what}", unit=unit, better="lower", ours=value, target=target, headline=False)
            for what, unit, value, target in rows
        ]
    return figures


def measured(chosen: argparse.Namespace) -> Result:
    """Measure and print."""
    once, both = (
        under_filters(Capture(chosen.bundle, backend=chosen.backend, mirror=mirror), chosen.assets)
        for mirror in (False, True)
    )
    details = _as_used(once, both)
    print(table(details))
    return Result.measured("capture_time", figures_of(details), details)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__, assets=f"video/, refs/ and {PORTRAITS}/")
    parser.add_argument("--bundle", type=Path, help="a folder of weights to measure; by default the shipped weights")
    parser.add_argument("--backend", default="onnx", choices=("onnx", "ncnn"))
    run(parser, measured, arguments)


def under_filters(capture: Capture, assets: Path) -> dict[str, Any]:
    """Rest, rendered motion and real motion under every filter."""
    real = {}
    for path in sorted((assets / "refs").glob("*.npz")):
        clip = capture.video(assets / "video" / f"{path.stem}.mp4").clip
        real[path.stem] = moving(clip, clip, refs.load_refs(path)["blinks"])
    return {
        "rest": resting(capture, split(assets / PORTRAITS, held_out=True)[:4]),
        "rendered": {f"{fps:g}": rendered(capture, fps) for fps in RATES},
        "real": real,
    }


def _as_used(once: dict[str, Any], both: dict[str, Any]) -> dict[str, Any]:
    """The live filter's rows of `once`, read without the mirror image, and the other filters' rows of `both`, read with
    it."""

    def pick(live: dict[str, Any], files: dict[str, Any]) -> dict[str, Any]:
        return {name: (live if name == _ONCE else files)[name] for name in FILTERS}

    return {
        "rest": both["rest"] | {"filters": pick(once["rest"]["filters"], both["rest"]["filters"])},
        **{
            kind: {of: pick(once[kind][of], files) for of, files in both[kind].items()} for kind in ("rendered", "real")
        },
    }


def table(report: dict[str, Any]) -> str:
    """Markdown: a row per filter, with jitter and delay."""
    rates = list(report["rendered"])
    heads = [
        "filter", "jitter, mean", "worst channel", "head [deg]",
        *(f"{what} late at {rate} fps [ms]" for rate in rates for what in ("blinks", "jaw")),
        "lag, real [ms]", "blink loss",
    ]  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name in FILTERS:
        rest = report["rest"]["filters"][name]
        late = [report["rendered"][rate][name] for rate in rates]
        real = [video[name] for video in report["real"].values()]
        lag = max(row["lag_ms_worst"] for row in real)
        loss = max(row["blink_loss_worst"] for row in real)
        cells = [name, f"{rest['jitter_mean']:.1e}", f"{rest['jitter_worst_channel']:.1e}"]
        cells += [f"{rest['head_degrees']:.3f}"]
        cells += [f"{row[key]:.1f}" for row in late for key in ("blink_lag_ms", "jaw_lag_ms")]
        lines.append("| " + " | ".join([*cells, f"at most {lag:.1f}", f"at most {100 * loss:.1f} %"]) + " |")
    five = report["rest"]["five_points_eye_distances"]
    return "\n".join([*lines, "", f"Five points at rest: {1e3 * five:.2f}e-3 of the eye distance."])


if __name__ == "__main__":
    main()
