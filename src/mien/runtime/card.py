"""The model card of a bundle, generated from its manifest."""

from collections.abc import Mapping
from typing import Any

from mien.runtime.manifest import Manifest, TensorSpec

__all__ = ["model_card"]


def model_card(manifest: Manifest) -> str:
    """The text of a bundle's README.md: inputs and outputs, training data with their licences, figures."""
    data = [f"| {d.name} | {d.licence} | {d.samples or 'unknown'} | {d.source} |" for d in manifest.training_data] or [
        "| none recorded | | | |"
    ]
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        f"Licence of the weights: {manifest.licence or 'not stated'}.",
        "",
        "## In and out",
        "",
        "| tensor | shape | type | meaning |",
        "|---|---|---|---|",
        *(_row(spec, "in") for spec in manifest.inputs),
        *(_row(spec, "out") for spec in manifest.outputs),
        *(
            f"| state `{s.input}` -> `{s.output}` | {_shape(s.shape)} | float32 | zeros at the start |"
            for s in manifest.states
        ),
        "",
        f"Landmark layout: {manifest.landmarks or 'none'}. Expression channels: {len(manifest.channels)}.",
        "",
        "## Training",
        "",
        "| data | licence | samples | source |",
        "|---|---|---|---|",
        *data,
        "",
        f"Command: `{manifest.command or 'not recorded'}`, seed {manifest.seed},"
        f" revision `{manifest.revision or 'not recorded'}`.",
        "",
        "## Held-out figures",
        "",
        *(_metrics(manifest.metrics) or ["None recorded."]),
        "",
    ]
    return "\n".join(lines)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _row(spec: TensorSpec, side: str) -> str:
    return f"| {side} `{spec.name}` | {_shape(spec.shape)} | {spec.dtype} | {spec.meaning} |"


def _metrics(metrics: Mapping[str, Any], prefix: str = "") -> list[str]:
    lines: list[str] = []
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            lines += _metrics(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            lines.append(f"- {prefix}{name}: {f'{value:.4g}' if isinstance(value, float) else value}")
    return lines
