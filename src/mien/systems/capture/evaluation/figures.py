"""What `evaluate.bench` measured as rows of a table: name, ours, unit, better, target, baselines, headline."""

from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["ANGLES", "rows_of"]

ANGLES = ("yaw", "pitch", "roll")
_NME_TARGET = 0.015

_STILLS = {
    "pearson": ("Mean Pearson of 52 channels", "", "higher"),
    "concordance": ("Mean concordance", "", "higher"),
    "vertex_mm": ("Vertex error", "mm", "lower"),
    "active_mae": ("Active MAE (truth > 0.05)", "", "lower"),
    "false_activation": ("False activation (truth = 0)", "", "lower"),
    "nme": ("Landmark NME", "", "lower"),
}
_WINDOWS = {
    "pearson": ("Mean Pearson over time, within a take", "", "higher"),
    "concordance": ("Mean concordance", "", "higher"),
    "velocity_error": ("Velocity error, share of the true motion", "", "lower"),
}


def rows_of(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The table: every figure with its baselines."""
    rows = _rows(_STILLS, result["held_out"], "held-out renders", ("pearson", "vertex_mm", "nme"), {"nme": _NME_TARGET})
    rows += _rows(_WINDOWS, result["windows"], "held-out windows", ("pearson",))
    rows += _head_rows(result, "held-out renders")
    rows += [
        {
            "name": f"Hidden {region} told from {region} in sight: balanced accuracy, held-out renders",
            "ours": share,
            "better": "higher",
            "baselines": {"guessing": 0.5},
        }
        for region, share in result["sight"].items()
    ]
    rows += _posed_rows(result)
    for name, stranger in result["strangers"].items():
        kept = {k: v for k, v in _STILLS.items() if k in ("pearson", "active_mae", "false_activation", "nme")}
        rows += _rows(kept, stranger["stills"], f"stranger {name}", ("pearson",))
        more = _head_rows(stranger, "stranger") + [
            row | {"name": f"{row['name']}, stranger"} for row in _posed_rows(stranger)[:-1]
        ]
        rows += [row | {"name": f"{row['name']} {name}", "headline": False} for row in more]
    return rows


def _rows(
    described: Mapping[str, tuple[str, str, str]],
    rows: Mapping[str, Mapping[str, float]],
    where: str,
    headlines: Collection[str],
    targets: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """A row for each figure described; `headlines` are those that the short table shows too."""
    return [
        {
            "name": f"{name}, {where}",
            "ours": rows["ours"][key],
            "unit": unit,
            "better": better,
            "target": (targets or {}).get(key),
            "headline": key in headlines,
            "baselines": {row: values[key] for row, values in rows.items() if row != "ours" and key in values},
        }
        for key, (name, unit, better) in described.items()
        if key in rows["ours"]
    ]


def _head_rows(result: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    described = {angle: (f"Head {angle}, median error", "degrees", "lower") for angle in ANGLES}
    return _rows(described, result["head_degrees"], where, ANGLES)


def _posed_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Single shapes and neutral faces; the last one is about turned ones."""
    described = (
        ("selectivity", "accuracy", "Selectivity: strongest answer is the shape shown", "higher"),
        ("selectivity", "mean_leakage", "Leakage into other channels, mean", "lower"),
        ("neutral", "bias_mean", "Neutral bias, mean over channels", "lower"),
        ("neutral", "bias_worst", "Neutral bias, worst channel", "lower"),
        ("neutral", "pose_leakage_mean", "Pose leakage of a neutral face, mean", "lower"),
    )
    return [
        {
            "name": name,
            "ours": result[kind]["ours"][key],
            "better": better,
            "baselines": {row: values[key] for row, values in result[kind].items() if row != "ours"},
        }
        for kind, key, name, better in described
    ]
