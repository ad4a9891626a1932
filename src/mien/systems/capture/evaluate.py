"""Figures of the shipped weights beside their baselines, all computed in one run on identities never trained on.

Needs the renderer (mien[synth]) and the ICT rig, not torch: what is measured is the bundle, through its runtime.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Float

from mien.core import Camera
from mien.core.channels import ARKIT
from mien.core.transforms import angles_from_quaternion
from mien.engine import metrics
from mien.runtime import Bundle, Stream, open_session
from mien.systems.capture import spec
from mien.systems.capture.landmark_rig import LandmarkRig
from mien.systems.capture.posed import SHOWN, neutral_views, single_shapes
from mien.systems.capture.predict import clean_weights
from mien.track.pose import PoseSolver

__all__ = ["HELD_OUT", "Rendered", "bench", "held_out_figures", "posed_figures", "read_rendered", "rendered"]

HELD_OUT = (1_000_000, 1_000_300)
"""Identity numbers of evaluation; training uses smaller ones, and coefficients come from the number alone."""

_TRAINED = (0, 100_000)
_COLUMNS = [ARKIT.index(name) for name in spec.CHANNELS]
_EYES = (36, 45)
_TARGETS = {"pearson": None, "vertex_mm": None, "nme": 0.015}


@dataclass(frozen=True, kw_only=True, eq=False)
class Rendered:
    """Rendered samples and what the bundle said of them, windows run frame by frame with their own state."""

    crops: np.ndarray
    """uint8 [N, T, S, S, 3] stored crops."""
    landmarks: Float[np.ndarray, "N T L 2"]
    """Pixels of the net's crop."""
    weights: Float[np.ndarray, "N T A"]
    quaternions: Float[np.ndarray, "N T 4"]
    identity: np.ndarray


def read_rendered(folder: Path) -> Rendered:
    """All shards of a dataset folder as one."""
    shards = sorted(folder.glob("shard-*"))
    names = ("crops", "landmarks", "weights", "pose", "identity")
    return rendered({name: np.concatenate([np.load(shard / f"{name}.npy") for shard in shards]) for name in names})


def rendered(arrays: Mapping[str, np.ndarray]) -> Rendered:
    """A shard's arrays in the net's own terms."""
    return Rendered(
        crops=arrays["crops"],
        landmarks=arrays["landmarks"][..., : spec.LAYOUT.count, :].astype(np.float64) - spec.MARGIN,
        weights=arrays["weights"][..., _COLUMNS],
        quaternions=arrays["pose"][..., :4],
        identity=arrays["identity"],
    )


def predict(bundle: Bundle, samples: Rendered) -> tuple[np.ndarray, np.ndarray]:
    """(weights [N, T, A] in [0, 1], landmarks [N, T, L, 2] px) as the runtime gives them."""
    stream = Stream(open_session(bundle))
    weights, landmarks = np.empty(samples.weights.shape), np.empty(samples.landmarks.shape)
    inner = slice(spec.MARGIN, spec.MARGIN + spec.CROP)
    for i, window in enumerate(samples.crops):
        for t, crop in enumerate(window):
            planes = np.ascontiguousarray(crop[inner, inner].transpose(2, 0, 1), np.float32)[None]
            outputs = stream.step({"crop": planes, "fresh": np.full((1, 1), float(t == 0), np.float32)})
            weights[i, t] = clean_weights(outputs["weights"][0])[_COLUMNS]
            landmarks[i, t] = outputs["landmarks"][0].reshape(-1, 2)
    return weights, landmarks


def held_out_figures(bundle: Bundle, train: Rendered, test: Rendered) -> dict[str, dict[str, float]]:
    """Rows "ours", "zeros", "ridge on predicted landmarks", "ridge on true landmarks": means of `metrics.summary`.

    Both ridges are fitted on `train`, their penalty chosen on identities left out of it; frames count alike.
    """
    shapes = _face_shapes()
    weights, landmarks = predict(bundle, test)
    _, train_landmarks = predict(bundle, train)
    truth = _flat(test.weights)
    solver = _PoseFromLandmarks(bundle)
    groups = np.repeat(train.identity, train.weights.shape[1])
    rows = {"ours": _flat(weights), "zeros": np.zeros_like(truth)}
    for name, of_train, of_test in (
        ("ridge on predicted landmarks", solver.features(train_landmarks), solver.features(landmarks)),
        (
            "ridge on true landmarks",
            _features(train.landmarks, train.quaternions),
            _features(test.landmarks, test.quaternions),
        ),
    ):
        ridge = metrics.Ridge.fit(of_train, _flat(train.weights), groups=groups)
        rows[name] = np.clip(ridge.predict(of_test), 0.0, 1.0)
    figures = {name: dict(metrics.summary(row, truth, shapes)) for name, row in rows.items()}
    figures["ours"]["nme"] = float(metrics.nme(_flat(landmarks), _flat(test.landmarks), _EYES).mean())
    return figures


def channel_table(weights: np.ndarray, truth: np.ndarray) -> dict[str, dict[str, float]]:
    """Pearson, concordance, active MAE and false activation of every channel."""
    error = metrics.active_error(weights, truth)
    columns = {
        "pearson": metrics.pearson(weights, truth),
        "concordance": metrics.concordance(weights, truth),
        "active_mae": error.mae,
        "false_activation": error.false_activation,
    }
    return {name: {k: round(float(v[c]), 4) for k, v in columns.items()} for c, name in enumerate(spec.CHANNELS)}


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, *x.shape[2:])


def _features(landmarks: np.ndarray, quaternions: np.ndarray) -> np.ndarray:
    """What a ridge sees: landmarks in crop widths and the head's three angles."""
    points = _flat(landmarks).reshape(-1, 2 * spec.LAYOUT.count) / spec.CROP
    return np.concatenate([points, angles_from_quaternion(_flat(quaternions))], axis=1)


class _PoseFromLandmarks:
    """Head pose of predicted landmarks on the mean face, as capture has it."""

    def __init__(self, bundle: Bundle) -> None:
        self._model = LandmarkRig.from_arrays(bundle.arrays).neutral.astype(np.float64)
        # A crop no longer knows its camera: a long lens on the crop's centre is the weak perspective that is left.
        centre = (spec.CROP - 1) / 2
        self._camera = Camera(width=spec.CROP, height=spec.CROP, focal=8.0 * spec.CROP, centre=(centre, centre))

    def features(self, landmarks: np.ndarray) -> np.ndarray:
        quaternions = np.empty((*landmarks.shape[:2], 4))
        for i, t in np.ndindex(*landmarks.shape[:2]):
            quaternions[i, t] = PoseSolver(self._camera).solve(landmarks[i, t], self._model).quaternion
        return _features(landmarks, quaternions)


def _face_shapes() -> np.ndarray:
    from mien.rigs.ict import load_ict

    rig = load_ict()
    face = rig.neutral.topology.groups["face"]
    return np.stack([rig.shape(name)[face] for name in spec.CHANNELS])


def render_sets(folder: Path, *, quick: bool, workers: int = 2) -> tuple[Rendered, Rendered]:
    """Render a set to fit the ridges on (training identities) and the held-out set; stills, half of the full one's size
    as frames of windows would weigh identities unequally."""
    from mien.synth.dataset import write_dataset

    train, test = folder / "train", folder / "test"
    count = 600 if quick else 6000
    write_dataset(train, shards=2, per_shard=count // 2, frames=1, seed=101, workers=workers, identities=_TRAINED)
    count = 300 if quick else 1800
    write_dataset(test, shards=2, per_shard=count // 2, frames=1, seed=102, workers=workers, identities=HELD_OUT)
    return read_rendered(train), read_rendered(test)


def posed_figures(bundle: Bundle, *, quick: bool) -> dict[str, Any]:
    """Selectivity at single shapes, bias and pose leakage of neutral faces; held-out identities, nothing in front."""
    first = HELD_OUT[0]
    single = single_shapes(103, range(first, first + (2 if quick else 20)))
    columns = [spec.CHANNELS.index(name) for name in SHOWN]
    answers, _ = predict(bundle, rendered(single.arrays))
    alone = metrics.selectivity(answers[:, 0, columns], single.label)
    neutral = neutral_views(104, range(first, first + (10 if quick else 100)))
    answers, _ = predict(bundle, rendered(neutral.arrays))
    identity, frontal = neutral.arrays["identity"], neutral.label == 1
    bias, spread = metrics.neutral_bias(answers[frontal, 0], identity[frontal])
    leakage = metrics.pose_leakage(answers[:, 0], identity, frontal)
    return {
        "selectivity": {
            "accuracy": alone.accuracy,
            "mean_answer": alone.mean_answer,
            "mean_leakage": alone.mean_leakage,
            "leakage": {name: _strongest(row) for name, row in zip(SHOWN, alone.leakage, strict=True)},
        },
        "neutral": {
            "bias_mean": float(bias.mean()),
            "bias_worst": float(bias.max()),
            "spread_mean": float(spread.mean()),
            "pose_leakage_mean": float(leakage.mean()),
            "bias": {name: round(float(b), 4) for name, b in zip(spec.CHANNELS, bias, strict=True)},
        },
    }


def _strongest(row: np.ndarray) -> dict[str, float]:
    """The five strongest mean answers while one channel is shown."""
    return {SHOWN[c]: round(float(row[c]), 3) for c in np.argsort(-row)[:5]}


def bench(*, quick: bool) -> dict[str, Any]:
    """Everything about quality that can be computed here and now; see docs/systems/capture.md for definitions."""
    bundle = Bundle.load("capture")
    with TemporaryDirectory() as folder:
        train, test = render_sets(Path(folder), quick=quick)
    rows = held_out_figures(bundle, train, test)
    weights, _ = predict(bundle, test)
    posed = posed_figures(bundle, quick=quick)
    return {
        "figures": _figures(rows) + _posed_rows(posed),
        "held_out": rows,
        **posed,
        "channels": channel_table(_flat(weights), _flat(test.weights)),
        "samples": {"train": len(train.identity), "test": len(test.identity), "identities": len(set(test.identity))},
    }


def _posed_rows(posed: Mapping[str, Any]) -> list[dict[str, Any]]:
    alone, neutral = posed["selectivity"], posed["neutral"]
    described = (
        ("Selectivity: strongest answer is the shape shown", alone["accuracy"], "higher"),
        ("Leakage into other channels, mean", alone["mean_leakage"], "lower"),
        ("Neutral bias, mean over channels", neutral["bias_mean"], "lower"),
        ("Neutral bias, worst channel", neutral["bias_worst"], "lower"),
        ("Pose leakage of a neutral face, mean", neutral["pose_leakage_mean"], "lower"),
    )
    return [{"name": name, "ours": ours, "better": better, "baselines": {}} for name, ours, better in described]


def _figures(rows: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    described = {
        "pearson": ("Mean Pearson of 51 channels, held-out renders", "", "higher"),
        "concordance": ("Mean concordance, held-out renders", "", "higher"),
        "vertex_mm": ("Vertex error, held-out renders", "mm", "lower"),
        "active_mae": ("Active MAE (truth > 0.05)", "", "lower"),
        "false_activation": ("False activation (truth = 0)", "", "lower"),
        "nme": ("Landmark NME, held-out renders", "", "lower"),
    }
    return [
        {
            "name": name,
            "ours": rows["ours"][key],
            "unit": unit,
            "better": better,
            "target": _TARGETS.get(key),
            "baselines": {row: values[key] for row, values in rows.items() if row != "ours" and key in values},
        }
        for key, (name, unit, better) in described.items()
    ]
