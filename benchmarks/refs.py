"""Score captures of real videos against curves that two independent trackers measured on the same frames.

    python -m benchmarks.refs CLIP.npz... [--json FILE]

CLIP.npz is written by `mien capture VIDEO --out VIDEO.npz`; the test material has a reference of the same name for each
clip.

Every figure is a Pearson correlation over the frames in which clip and reference show a face (for blinks: precision and
recall), so it measures whether a curve moves when the face does, not by how much. A name with "/" is against one
tracker, and one without is the median of the trackers. The curves that are not frontalised decide: frontalising
(turning MediaPipe's own depth back) lowers the agreement with the other tracker (median of the four videos: brows 0.77
-> 0.63, mouth corners 0.90 -> 0.80, mouth unchanged). Part of the higher figure is the head's turn, which both trackers
see, so figures "/mediapipe_fr" are also given for brows and corners. Lids are compared with MediaPipe alone, because
OpenSeeFace's lids are rigid.
"""

import argparse
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.command import command_line, run

from mien.core import ARKIT, Clip, MienError
from mien.core.transforms import angles_from_quaternion, gaze_from_weights
from mien.engine.figures import Figure, Result
from mien.engine.metrics import events, match_events, pearson
from mien.rigs.load import load_rig

__all__ = ["SIDES", "TARGETS", "agreement", "figures_of", "load_refs", "measured", "medians", "score", "table"]

TRACKERS = ("mediapipe", "openseeface")
SIDES = {"L": "Left", "R": "Right"}
TARGETS = {
    "mouth_open": 0.90, "mouth_width": 0.65, "blink": 0.90, "corner_up": 0.82, "brow": 0.78, "gaze_x": 0.70,
    "gaze_y": 0.65, "yaw": 0.95, "pitch": 0.88, "roll": 0.95, "blink_precision": 0.90, "blink_recall": 0.90,
}  # fmt: skip
"""Least median over the four videos for a release."""

WHAT = {
    "mouth_open": "opening of the mouth",
    "mouth_width": "width of the mouth, from mouthPucker alone",
    "mouth_width_shown": "width of the mouth, from all weights on the built-in head",
    "blink": "closing of the eyes",
    "blink_precision": "share of reported blinks that are real",
    "blink_recall": "share of real blinks that are reported",
    "corner_up": "raising of the mouth's corners",
    "brow": "raising of the brows",
    "gaze_x": "gaze sideways",
    "gaze_y": "gaze up and down",
    "yaw": "head turned sideways",
    "pitch": "head nodding",
    "roll": "head tilted",
}
"""Names of the figures in the documents."""
_UNITS = {"blink_precision": "precision", "blink_recall": "recall"}
"""Units of the figures that are not correlations with the references."""
_README = {"mouth_open", "blink_precision", "blink_recall", "brow", "gaze_x", "gaze_y"}  # fmt: skip
"""Figures that the README shows."""

BLINK_TOLERANCE = 1
"""Frames by which blinks may miss each other, as the references' ends were set by eye."""


def load_refs(path: Path) -> dict[str, np.ndarray]:
    """The arrays of one reference file; raises MienError when the file is no reference."""
    try:
        with np.load(path, allow_pickle=False) as data:
            refs = {name: data[name] for name in data.files}
    except (OSError, ValueError) as error:
        raise MienError(f"cannot read the reference {path}: {error}") from error
    if "mediapipe_mouth_open" not in refs or "blinks" not in refs:
        raise MienError(f"{path} is no reference file: it has no mediapipe_mouth_open or no blinks")
    return refs


def measured(clip: Clip) -> dict[str, np.ndarray]:
    """The curve of a clip for each reference curve, with the reference's sign: name -> [T].

    Lids are negated (an eye aspect ratio falls in a blink), a pucker narrows the mouth, and gaze_y is positive down.
    """
    arkit = clip.with_channels(ARKIT)
    curve = arkit.curve
    curves = {"mouth_open": curve("jawOpen"), "mouth_width": -curve("mouthPucker")}
    rest, moved = _corners()
    curves["mouth_width_shown"] = np.linalg.norm(rest + arkit.weights @ moved, axis=1)
    for short, side in SIDES.items():
        curves[f"ear_{short}"] = -curve("eyeBlink" + side)
        curves[f"corner_up_{short}"] = curve("mouthSmile" + side) - curve("mouthFrown" + side)
        curves[f"brow_{short}"] = curve("browInnerUp") + curve("browOuterUp" + side) - curve("browDown" + side)
    gaze = gaze_from_weights(arkit.weights)
    for eye, short in enumerate(SIDES):
        # The subject's left is on the image's right for a face that looks at the camera, so yaw keeps its sign.
        curves[f"gaze_x_{short}"] = gaze[:, eye, 0]
        curves[f"gaze_y_{short}"] = -gaze[:, eye, 1]
    if clip.head_rotation is not None:
        angles = np.degrees(angles_from_quaternion(clip.head_rotation))
        curves |= {name: angles[:, i] for i, name in enumerate(("yaw", "pitch", "roll"))}
    return curves


@cache
def _corners() -> tuple[np.ndarray, np.ndarray]:
    """Vector between mo's mouth corners at rest [3] and its change by each channel [52, 3], in mm."""
    mo = load_rig("mo")
    anchors = mo.landmarks["mien70"]
    rest, moved = (anchors.positions(x)[..., [48, 54], :] for x in (mo.neutral.vertices, mo.basis()))
    return rest[1] - rest[0], moved[:, 1] - moved[:, 0]


def _correlate(curve: np.ndarray, reference: np.ndarray, frames: np.ndarray) -> float:
    frames = frames & np.isfinite(curve) & np.isfinite(reference)
    if frames.sum() < 3:
        return float("nan")
    return float(pearson(curve[frames], reference[frames])[0])


def _closed(refs: Mapping[str, np.ndarray], frames: int) -> np.ndarray:
    closed = np.zeros(frames, bool)
    for first, last, *_ in refs["blinks"]:
        closed[first : last + 1] = True
    return closed


def _compared(name: str) -> tuple[str, ...]:
    """Reference prefixes and suffixes a curve is compared with; the first ones decide, and "_fr" is only shown."""
    if name.startswith(("ear", "gaze")):
        return ("mediapipe",)
    return (*TRACKERS, "mediapipe_fr") if name.startswith(("brow", "corner")) else TRACKERS


def score(clip: Clip, refs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Every figure of one video; frames correspond by index.

    Names: mouth_open (jawOpen), mouth_width (mouthPucker negated), mouth_width_shown (mo's mouth under all weights:
    smiles widen a mouth as well), blink (mean eyeBlink against the mean eye aspect ratio negated; blink_L, blink_R by
    side), corner_up (smile - frown), brow (inner + outer - down), gaze_x, gaze_y, yaw, pitch, roll, blink_precision,
    blink_recall. Sides are the subject's; without a side, the mean over sides. Gaze is compared outside closures, where
    the iris is visible. NaN where a curve never moved in the reference. Raises MienError when the numbers of frames
    differ.
    """
    frames = len(refs["mediapipe_mouth_open"])
    if len(clip) != frames:
        raise MienError(f"the clip has {len(clip)} frames and its reference {frames}: not the same video")
    seen = clip.seen & refs["valid"].astype(bool)
    looking = seen & ~_closed(refs, frames)
    figures: dict[str, float] = {}
    for name, curve in measured(clip).items():
        label = name.replace("ear", "blink")
        used = looking if name.startswith("gaze") else seen
        for tracker in _compared(name):
            source, _, kind = tracker.partition("_")
            reference = refs[f"{source}_{name.removesuffix('_shown')}" + (f"_{kind}" if kind else "")]
            figures[f"{label}/{tracker}"] = _correlate(curve, reference, used)
        figures[label] = float(np.median([figures[f"{label}/{t}"] for t in _compared(name) if not t.endswith("_fr")]))
    for label in ("corner_up", "brow", "gaze_x", "gaze_y"):
        figures[label] = float(np.mean([figures[f"{label}_{side}"] for side in SIDES]))
    blink = np.mean([clip.curve("eyeBlink" + side) for side in SIDES.values()], axis=0)
    opening = np.mean([refs[f"mediapipe_ear_{side}"] for side in SIDES], axis=0)
    figures["blink"] = _correlate(-blink, opening, seen)
    found = match_events(events(np.where(seen, blink, np.nan)), refs["blinks"][:, :2], tolerance=BLINK_TOLERANCE)
    figures |= {"blink_precision": found.precision, "blink_recall": found.recall}
    return figures


def agreement(refs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Pearson between the two trackers per curve: where they disagree, a low score is weak evidence against a capture.

    Gaze is measured by one tracker only; its agreement is between the two eyes, outside closures.
    """
    valid = refs["valid"].astype(bool)

    def between(name: str) -> float:
        return _correlate(refs["mediapipe_" + name], refs["openseeface_" + name], valid)

    figures = {name: between(name) for name in ("mouth_open", "mouth_width", "yaw", "pitch", "roll")}
    for name, label in (("corner_up", "corner_up"), ("brow", "brow"), ("ear", "blink")):
        figures[label] = float(np.mean([between(f"{name}_{side}") for side in SIDES]))
    looking = valid & ~_closed(refs, len(valid))
    for name in ("gaze_x", "gaze_y"):
        figures[name] = _correlate(refs[f"mediapipe_{name}_L"], refs[f"mediapipe_{name}_R"], looking)
    return figures


def medians(scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Median over videos of every figure, without NaN."""
    names = dict.fromkeys(name for figures in scores.values() for name in figures)
    result: dict[str, float] = {}
    for name in names:
        values = np.array([figures.get(name, np.nan) for figures in scores.values()])
        finite = values[np.isfinite(values)]
        result[name] = float(np.median(finite)) if len(finite) else float("nan")
    return result


def table(
    scores: Mapping[str, Mapping[str, float]],
    agreements: Mapping[str, Mapping[str, float]] | None = None,
    beside: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """Markdown: a row per figure, a column per video, the median and the target; agreements in brackets if given.

    `beside` holds the medians of other captures by name, a column each.
    """
    others = beside or {}

    def cell(video: str, name: str) -> str:
        value = f"{scores[video].get(name, float('nan')):.2f}"
        between = (agreements or {}).get(video, {}).get(name)
        return value if between is None else f"{value} ({between:.2f})"

    middle = medians(scores)
    heads = ["figure", *scores, "median", *(f"median, {name}" for name in others), "target"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name in WHAT:
        target = f">= {TARGETS[name]:.2f}" if name in TARGETS else ""
        middles = [f"{row.get(name, float('nan')):.2f}" for row in (middle, *others.values())]
        cells = [name, *(cell(video, name) for video in scores), *middles, target]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def figures_of(
    scores: Mapping[str, Mapping[str, float | None]],
    middle: Mapping[str, float | None],
    beside: Mapping[str, Mapping[str, float | None]] | None = None,
) -> list[Figure]:
    """The medians over the videos beside those of other captures, then the figures of every single video."""

    def figure(where: str, key: str, value: float | None, how: str = "", **more: Any) -> Figure:
        unit = _UNITS.get(key, "correlation") + how
        reason = "nothing was reported, or nothing happened" if key in _UNITS else "the reference never moves"
        return Figure(name=f"{where}: {WHAT[key]}", ours=value, unit=unit, reason=reason, **more)

    whole = [
        figure(
            "Real video",
            key,
            middle.get(key),
            f", median of {len(scores)} videos",
            target=TARGETS.get(key),
            baselines={name: row.get(key) for name, row in (beside or {}).items()},
            short=key in _README,
        )
        for key in WHAT
    ]
    single = [
        figure(f"Real video {video}", key, row.get(key), headline=False)
        for key in WHAT
        for video, row in scores.items()
    ]
    return whole + single


def scored(chosen: argparse.Namespace) -> Result:
    """Score the given clips and print the table."""
    references = {clip.stem: load_refs(chosen.assets / "refs" / f"{clip.stem}.npz") for clip in chosen.clips}
    scores = {clip.stem: score(Clip.load(clip), references[clip.stem]) for clip in chosen.clips}
    agreements = {name: agreement(refs) for name, refs in references.items()}
    print(table(scores, agreements))
    print("\nPearson against the references; in brackets, how far the two trackers agree with each other.")
    details = {"scores": scores, "medians": medians(scores), "agreement": agreements, "targets": TARGETS}
    return Result.measured("refs", figures_of(scores, medians(scores)), details)


def main(arguments: Sequence[str] | None = None) -> None:
    """Score clips that were captured before, as a command."""
    parser = command_line("Score captures against reference curves of the same videos.", assets="refs/")
    parser.add_argument("clips", nargs="+", type=Path, help="captured clips, with the names of their references")
    run(parser, scored, arguments)


if __name__ == "__main__":
    main()
