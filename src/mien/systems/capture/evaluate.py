"""Figures of capture beside their baselines, all computed in one run on faces that were never trained on.

Needs the renderer (mien[synth]) and the ICT rig, but not torch: `Capture` is measured as users run it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8

from mien.engine.figures import Result
from mien.systems.capture.evaluation import rendered_takes, scores
from mien.systems.capture.evaluation.figures import figures_of
from mien.systems.capture.evaluation.rendered_takes import HELD_OUT, Watcher, performed, watch
from mien.systems.capture.evaluation.ridge_baselines import Baselines
from mien.systems.capture.predict import Capture

if TYPE_CHECKING:
    from mien.synth.filmed_rig import FilmedRig

__all__ = ["BenchOptions", "bench"]

_TRAINED = (0, 100_000)
_SEED = 101


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """Options of `mien bench capture`."""

    quick: bool = False
    """Render and measure fewer faces: about a minute instead of about ten."""
    rig: tuple[Path, ...] = ()
    """An unseen rig to film beside mo: any rig file with ARKit shapes. May be repeated."""
    mediapipe: Path | None = None
    """A model file of MediaPipe's Face Landmarker (.task) to run on the same frames; needs its Python package."""
    bundle: Path | None = None
    """A folder with the weights to measure, instead of the weights that ship with mien."""


@dataclass(frozen=True, kw_only=True)
class _Size:
    """Numbers of rendered people and pictures."""

    train: tuple[int, int]
    """People, and stills of each, on which the ridge regressions are fitted."""
    stills: tuple[int, int]
    """People, and stills of each, on which single frames are measured."""
    windows: tuple[int, int, int]
    """People, windows of each, and frames of a window, on which motion is measured."""
    shapes: int
    """People who show every channel by itself."""
    neutral: int
    """People at rest."""
    unseen: tuple[int, int, int]
    """Per unseen rig: looks (of one without colours of its own), stills, views of a neutral face (a multiple of 6)."""


_FULL = _Size(train=(375, 8), stills=(200, 6), windows=(45, 2, 20), shapes=12, neutral=60, unseen=(5, 32, 4))
_QUICK = _Size(train=(40, 8), stills=(25, 4), windows=(6, 1, 12), shapes=1, neutral=6, unseen=(2, 16, 1))


def bench(options: BenchOptions) -> Result:
    """All figures of quality that can be computed on this machine; docs/systems/capture.md has the definitions.

    Raises MienError when a rig, the MediaPipe model or the bundle of `options` cannot be used.
    """
    from mien.systems.capture.evaluation.unseen_rigs import open_unseen_rigs

    size = _QUICK if options.quick else _FULL
    beside = _beside(options)
    capture = Capture(options.bundle, mirror=True)
    rigs = open_unseen_rigs(options.rig, looks=size.unseen[0])
    trained = np.random.default_rng(_SEED).permutation(np.arange(*_TRAINED))
    people, each = size.train
    baselines = Baselines.fit(watch(capture, performed(_SEED, trained, people, rendered_takes.stills(each))))
    held_out = range(*HELD_OUT)
    people, each = size.stills
    test = watch(capture, performed(102, held_out, people, rendered_takes.stills(each)), beside)
    people, each, frames = size.windows
    moving = watch(capture, performed(108, held_out, people, rendered_takes.windows(each, frames)), beside)
    alone = watch(capture, performed(103, held_out, size.shapes, rendered_takes.single_shapes, bare=True), beside)
    neutral = watch(capture, performed(104, held_out, size.neutral, rendered_takes.neutral_views, bare=True), beside)
    details: dict[str, Any] = {
        "held_out": scores.still_scores(test, baselines),
        "windows": scores.window_scores(moving, baselines),
        "head_degrees": scores.head_scores(test),
        "sight": scores.sight_scores(test),
        "selectivity": scores.selectivity_scores(alone),
        "neutral": scores.neutral_scores(neutral),
        "unseen_rigs": {name: _unseen_rig(capture, looks, baselines, beside, size) for name, looks in rigs.items()},
        "channels": scores.channel_scores(test, baselines),
        "window_channels": scores.window_channel_scores(moving),
        "samples": {
            "train": size.train[0] * size.train[1],
            "stills": len(test.truth),
            "window_frames": len(moving.truth),
            "found": float(test.found.mean()),
            "found_in_windows": float(moving.found.mean()),
        },
    }
    return Result.measured("capture", figures_of(details), details, quick=options.quick)


def _unseen_rig(
    capture: Capture, looks: "Sequence[FilmedRig]", baselines: Baselines, beside: Mapping[str, Watcher], size: _Size
) -> dict[str, Any]:
    """All scores on an unseen rig, in one or more looks."""
    _, count, views = size.unseen
    films = rendered_takes.performed_by_rigs
    drawn = watch(capture, films(105, looks, rendered_takes.stills(count)), beside)
    alone = watch(capture, films(106, looks[:3], rendered_takes.single_shapes), beside)
    neutral = watch(capture, films(107, list(looks) * views, rendered_takes.neutral_views), beside)
    return {
        "stills": scores.still_scores(drawn, baselines),
        "found": float(drawn.found.mean()),
        "frames": len(drawn.truth),
        "head_degrees": scores.head_scores(drawn),
        "selectivity": scores.selectivity_scores(alone),
        "neutral": scores.neutral_scores(neutral),
        "channels": scores.channel_scores(drawn, baselines),
    }


class _OneLook:
    """Capture without the mirror image, as it runs on a webcam's frames."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def reset(self) -> None:
        self._capture.reset()

    def weights(self, image: UInt8[np.ndarray, "H W 3"], time: float) -> Float[np.ndarray, "52"] | None:
        frame = self._capture.frame(image, time)
        return None if frame is None else frame.weights


def _beside(options: BenchOptions) -> dict[str, Watcher]:
    """The other trackers that are shown the same frames, by name."""
    beside: dict[str, Watcher] = {scores.ONE_LOOK: _OneLook(Capture(options.bundle))}
    if options.mediapipe is not None:
        from mien.systems.capture.evaluation.mediapipe import open_mediapipe

        beside["MediaPipe"] = open_mediapipe(options.mediapipe)
    return beside
