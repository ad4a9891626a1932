"""Ablation of the capture method: one short training run for each part that is left out, all on the same data.

Every run is trained on the same number of images and measured on identities that it never saw: stills, windows, and the
held-out half of the real portraits. A killed run goes on where it stopped. How the form of the convolutions changes
their speed is measured by `benchmarks.layers`.

`python -m benchmarks.ablation runs/ablation --stills data/stills --sequences data/sequences --held data/held
--held-sequences data/held_sequences --json benchmarks/results/ablation.json`
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from benchmarks.command import PORTRAITS, command_line, run

from mien.engine import metrics
from mien.engine.figures import Figure, Result
from mien.systems.capture import spec
from mien.systems.capture.config import PRESETS, CaptureConfig
from mien.systems.capture.data import Shards
from mien.systems.capture.evaluation.scores import OUTER_EYES
from mien.systems.capture.export import load_net
from mien.systems.capture.model import CaptureNet
from mien.systems.capture.runtime.landmark_rig import vertex_gram
from mien.systems.capture.train import train
from mien.systems.capture.training.augment import sample_view
from mien.systems.capture.training.portraits import load_portraits

VARIANTS: dict[str, dict[str, Any]] = {
    "whole method": {},
    "landmarks not first": {"landmark_share": 0.0},
    "each frame by itself": {"per_frame": True},
    "no face at rest": {"known_stills": 0, "known_sequences": 0},
    "no error in mm": {"vertex_weight": 0.0},
    "no velocity": {"velocity_weight": 0.0},
    "no acceleration": {"acceleration_weight": 0.0},
    "no consistency": {"consistency_weight": 0.0, "head_consistency": 0.0},
    "no change between pictures": {"pair_weight": 0.0},
    "no moved faces": {"moved_share": 0.0},
    "no real images": {"faces": "none"},
}
"""The part that is left out -> the configuration's fields that leave it out."""


def judge(net: CaptureNet, stills: Shards, windows: Shards, portraits: Path, *, per_frame: bool) -> dict[str, float]:
    """Figures of one network on held-out data; the NME is a share of the distance of the outer eye corners."""
    still, landmarks, weights = _answers(net, stills, known=False, per_frame=per_frame)
    true = np.concatenate([row[:, 0] for row in stills.landmarks]) - spec.MARGIN
    truth = weights[:, 0]
    moving, _, motion = _answers(net, windows, known=False, per_frame=per_frame)
    gram, error = vertex_gram(), still[:, 0] - truth
    return {
        "nme": float(metrics.nme(landmarks[:, 0], true, OUTER_EYES).mean()),
        "pearson": metrics.summary(still[:, 0], truth)["pearson"],
        "pearson_at_rest_known": metrics.summary(
            _answers(net, stills, known=True, per_frame=per_frame)[0][:, 0], truth
        )["pearson"],
        "error_mm": float(np.sqrt(np.einsum("na,ab,nb->n", error, gram, error)).mean()),
        "pearson_windows": metrics.summary(_frames(moving), _frames(motion))["pearson"],
        "velocity_error": float(np.sqrt(np.square(np.diff(moving, axis=1) - np.diff(motion, axis=1)).mean())),
        **_on_portraits(net, portraits),
    }


def _frames(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, x.shape[-1])


@torch.no_grad()
def _encode(net: CaptureNet, crops: np.ndarray, steps: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
    """Codes [N, E] and landmarks [N, L, 2] of crops [N, CROP, CROP, 3]."""
    codes, points = [], []
    for first in range(0, len(crops), 128):
        part = torch.from_numpy(np.ascontiguousarray(crops[first : first + 128])).permute(0, 3, 1, 2).float()
        seen = net.encode(part, torch.from_numpy(steps[first : first + 128, None]).float())
        codes.append(seen.code_NE)
        points.append(seen.landmarks_NL2.numpy())
    return torch.cat(codes), np.concatenate(points)


@torch.no_grad()
def _answers(
    net: CaptureNet, shards: Shards, *, known: bool, per_frame: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights in [0, 1], landmarks and true weights of every sample, [N, T, ...]."""
    inner = slice(spec.MARGIN, spec.MARGIN + spec.CROP)
    given, points = [], []
    for crops, times, rests in zip(shards.crops, shards.times, shards.rests, strict=True):
        count, frames = crops.shape[:2]
        steps = np.diff(times, axis=1, prepend=times[:, :1] - spec.USUAL_STEP).reshape(-1)
        code, landmarks = _encode(net, crops.reshape(-1, *crops.shape[2:])[:, inner, inner], steps)
        rest, _ = _encode(net, rests[:, inner, inner], np.full(count, spec.USUAL_STEP))
        code, said = code.unflatten(0, (count, frames)), torch.full((count, 1), float(known))
        if per_frame:
            rest, said = rest.repeat_interleave(frames, dim=0), said.repeat_interleave(frames, dim=0)
            given.append(net.weigh(code.flatten(0, 1)[:, None], rest, said).unflatten(0, (count, frames))[:, :, 0])
        else:
            given.append(net.weigh(code, rest, said))
        points.append(landmarks.reshape(count, frames, *landmarks.shape[1:]))
    return torch.cat(given).clamp(0, 1).numpy(), np.concatenate(points), np.concatenate(shards.weights)


@torch.no_grad()
def _on_portraits(net: CaptureNet, folder: Path, views: int = 8) -> dict[str, float]:
    """NME on known points, mean and largest weight of a face at rest (gaze left out), and how far views differ."""
    rng = np.random.default_rng(0)
    right, left = OUTER_EYES
    errors, answers = [], []
    for portrait in load_portraits(folder, held_out=True):
        looks = [sample_view(rng, mirrored=False) for _ in range(views)]
        crops = np.stack([view.crop(portrait.crop) for view in looks])
        code, landmarks = _encode(net, crops, np.full(views, spec.USUAL_STEP))
        weights = net.weigh(code[:, None], torch.zeros_like(code), torch.zeros(views, 1))[:, 0].clamp(0, 1)
        answers.append(weights.numpy())
        known = portrait.trust >= 1
        for view, found in zip(looks, landmarks, strict=True):
            true = view.points(portrait.landmarks)
            far = np.linalg.norm(found - true, axis=1)[known].mean()
            errors.append(far / np.linalg.norm(true[right] - true[left]))
    said = np.stack(answers)[..., [not name.startswith("eyeLook") for name in spec.CHANNELS]]
    return {
        "portrait_nme": float(np.mean(errors)),
        "portrait_bias": float(said.mean()),
        "portrait_bias_worst": float(said.mean(axis=(0, 1)).max()),
        "portrait_inconsistency": float(said.std(axis=1).mean()),
    }


def train_all(
    base: CaptureConfig, out: Path, held: tuple[Path, Path], portraits: Path
) -> dict[str, Mapping[str, float]]:
    """Train and measure every variant; prints each result when it is there."""
    table: dict[str, Mapping[str, float]] = {}
    stills, windows = (Shards(folder) for folder in held)
    for name, fields in VARIANTS.items():
        config = replace(base, **fields, out=str(out / name.replace(" ", "_")))
        net, _ = load_net(train(config))
        table[name] = judge(net, stills, windows, portraits, per_frame=config.per_frame)
        print(name, json.dumps({key: round(value, 4) for key, value in table[name].items()}), flush=True)
    return table


def figures_of(details: Mapping[str, Any]) -> list[Figure]:
    """The whole method beside the runs without one of its parts."""
    whole, *others = details["runs"]
    rows: tuple[tuple[str, str, Literal["higher", "lower"], str], ...] = (
        ("nme", "landmark error on renders, share of the distance of the outer eye corners", "lower", ""),
        ("pearson", "correlation of weights with the truth, stills", "higher", ""),
        (
            "pearson_at_rest_known",
            "correlation of weights with the truth, stills beside the face at rest",
            "higher",
            "",
        ),
        ("error_mm", "distance of vertices from the true expression, stills", "lower", "mm"),
        ("pearson_windows", "correlation of weights with the truth, windows of motion", "higher", ""),
        ("velocity_error", "error of the weights' velocities, windows of motion", "lower", ""),
        ("portrait_nme", "landmark error on real portraits", "lower", ""),
        ("portrait_bias_worst", "weight answered to real portraits at rest, worst channel", "lower", ""),
        ("portrait_inconsistency", "spread of the weights of one portrait from view to view", "lower", ""),
    )
    return [
        Figure(
            name=f"Trained on {details['samples']:,} images: {what}",
            ours=details["runs"][whole][key],
            unit=unit,
            better=better,
            baselines={name: details["runs"][name][key] for name in others},
        )
        for key, what, better, unit in rows
    ]


def measured(chosen: argparse.Namespace) -> Result:
    """Train and measure with the options of the command line."""
    base = replace(
        PRESETS["cpu"],
        stills=str(chosen.stills),
        sequences=str(chosen.sequences),
        faces=str(chosen.assets / "real"),
        samples=chosen.samples,
        threads=chosen.threads,
        warmup=100,
        average=0.99,
        head_samples=16_000,
        head_steps=1_000,
    )
    table = train_all(base, chosen.out, (chosen.held, chosen.held_sequences), chosen.assets / PORTRAITS)
    details = {"samples": chosen.samples, "runs": table}
    return Result.measured("ablation", figures_of(details), details)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__, assets=f"{PORTRAITS}/")
    parser.add_argument("out", type=Path, help="folder that the training runs are written to")
    for name in ("stills", "sequences", "held", "held-sequences"):
        parser.add_argument(
            f"--{name}", type=Path, required=True, help="a folder of shards that `mien synth dataset` wrote"
        )
    parser.add_argument("--samples", type=int, default=80_000, help="images that each run is trained on")
    parser.add_argument("--threads", type=int, default=2)
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
