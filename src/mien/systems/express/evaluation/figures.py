"""The measurements of `evaluate.bench` as figures, each named in a whole phrase and beside other decoders and
baselines."""

from collections.abc import Mapping
from typing import Any

from mien.engine.figures import Figure

__all__ = ["OURS", "figures_of"]

OURS = "identity"
"""The decoder that ships with mien."""
WANTED = 0.88
"""Target of the total error as a share of the PCA baseline's: the paper has 0.39 and 0.44 mm (table 2); the target of
each single expression is the PCA baseline's error."""
_LABELS = {
    "pca": "PCA blendshapes",
    "plain": "the paper's decoder",
    "linear units": "52 linear blendshapes",
    "nearest subject": "the nearest training subject",
    "still": "no movement",
    "the two added": "both expressions generated alone and added",
    "ground truth": "true movement",
}
"""Names of the baselines in tables."""


def figures_of(details: Mapping[str, Any]) -> list[Figure]:
    """All figures from the details of a result."""
    errors, blends = details["errors"], details["blends"]
    expressions = [key for key in errors[OURS] if key not in ("total", "course")]
    return [
        *(_error(errors, key) for key in (*expressions, "total")),
        Figure(
            name="Generated blends of two expressions: distance of vertices from the true movement, mean",
            ours=blends[OURS],
            unit="mm",
            better="lower",
            target=blends.get("pca"),
            baselines=_labelled({name: value for name, value in blends.items() if name != OURS}),
        ),
        *_recognised(details["classifier"]),
        Figure(
            name="Generated expressions: frames per second on one thread, ONNX Runtime",
            ours=details["frames_per_second"],
            target=200,
        ),
        Figure(
            name="Generated expressions: distance from the neutral before the first onset, worst vertex",
            ours=details["neutral_drift_mm"],
            unit="mm",
            better="lower",
            target=0.01,
        ),
    ]


def _error(errors: Mapping[str, Mapping[str, Any]], key: str) -> Figure:
    total = key == "total"
    return Figure(
        name=f"Generated {'expressions' if total else key}: distance of vertices from the true movement, mean",
        ours=errors[OURS][key],
        unit="mm",
        better="lower",
        target=(WANTED if total else 1.0) * errors["pca"][key] if "pca" in errors else None,
        baselines=_labelled({name: row[key] for name, row in errors.items() if name != OURS}),
        headline=total,
        short=total,
    )


def _recognised(classes: Mapping[str, Mapping[str, float]]) -> list[Figure]:
    """How well a classifier trained on true apexes recognises generated ones."""
    names = {"precision": "precision", "recall": "recall", "f1": "F1 score"}
    return [
        Figure(
            name=f"Generated expressions recognised at their apex by a classifier: {name}, mean of the expressions",
            ours=classes[OURS][key],
            target=classes["ground truth"]["f1"] - 0.02 if key == "f1" else None,
            baselines=_labelled({other: row[key] for other, row in classes.items() if other != OURS}),
            headline=key == "f1",
        )
        for key, name in names.items()
    ]


def _labelled(values: Mapping[str, float]) -> dict[str, float | None]:
    return {_LABELS.get(name, name): value for name, value in values.items()}
