"""The paper's comparison in one command: train every decoder on the same data, batches and steps, export and measure.

`python -m benchmarks.express_compare OUT [--preset cpu] [--data FOLDER]` writes the missing data, trains `identity`,
`pca` and `plain` into OUT/NAME/checkpoint.pt, exports each to OUT/NAME/bundle and measures all of them into
OUT/figures.json. When killed and started again, it goes on where it was and repeats no finished step. With `--ship` the
bundles are also written into the package: `identity` as the weights of express, the others as the rivals that
`mien bench express` compares them with.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from mien.core.errors import MienError
from mien.engine.figures import Result
from mien.synth.expressions import write_expressions
from mien.systems.express.config import PRESETS, ExpressConfig, ExpressExport
from mien.systems.express.evaluate import (
    OURS,
    RIVALS,
    Measured,
    blend_error,
    bundle_predictor,
    error_table,
    held_out,
    held_out_blends,
    measure,
)
from mien.systems.express.export import export
from mien.systems.express.train import train
from mien.systems.express.training.corpus import load_corpus

MODELS = ("identity", "pca", "plain")
"""The decoders, in the order in which they are trained."""


def compare(config: ExpressConfig, out: Path) -> dict[str, dict[str, Any]]:
    """Train, export and measure. `config.model` and `config.out` are ignored; `config.start` is an earlier `out`.

    Raises MienError as `train` does, and when no subject is held out to measure on.
    """
    corpus = load_corpus(config)
    rows, blends = held_out(corpus), held_out_blends(corpus)
    if not len(rows):
        raise MienError(f"{config.data}: all subjects are trained on, none is held out; lower `train_subjects`")
    measured: dict[str, Measured] = {}
    blended: dict[str, float] = {}
    for model in MODELS:
        start = str(Path(config.start) / model / "checkpoint.pt") if config.start else ""
        own = replace(config, model=model, out=str(out / model), start=start)
        bundle = export(train(own), out / model / "bundle")
        predictor = bundle_predictor(bundle, corpus)
        measured[model] = measure(corpus, predictor, rows)
        if len(blends):
            blended[model] = blend_error(corpus, predictor, blends)
        print(f"{model}: trained, exported and measured", flush=True)
    figures: dict[str, dict[str, Any]] = {
        "errors": error_table(corpus, measured, rows),
        "blends": blended,
        "samples": {"sequences": len(rows), "subjects": len(set(corpus.subject[rows].tolist()))},
    }
    Result.measured("express", (), figures).write(out / "figures.json")
    return figures


def ship(out: Path) -> None:
    """Export the checkpoints in OUT into the package, with the held-out figures in the manifests."""
    RIVALS.mkdir(exist_ok=True)
    for model in MODELS:
        place = RIVALS.parent / "weights" if model == OURS else RIVALS / model
        options = ExpressExport(figures=out / "figures.json", constants=model == OURS)
        export(out / model / "checkpoint.pt", place, options)
        print(f"wrote {place}")


def main() -> None:
    """Parse the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", choices=tuple(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--start", type=Path, help="an earlier OUT; training starts from the weights of its networks")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rate", type=float, help="the learning rate")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ship", action="store_true")
    chosen = parser.parse_args()
    config = replace(PRESETS[chosen.preset], threads=chosen.threads, workers=0)
    config = replace(config, data=str(chosen.data or chosen.out / "data"), start=str(chosen.start or ""))
    config = replace(config, epochs=chosen.epochs or config.epochs, learning_rate=chosen.rate or config.learning_rate)
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.data is None:
        write_expressions(Path(config.data))  # keeps subjects that exist, and makes those that a killed run left out
    figures = compare(config, chosen.out)
    for name, row in figures["errors"].items():
        print(f"{name:16} {row['total']:.4f} mm")
    if chosen.ship:
        ship(chosen.out)


if __name__ == "__main__":
    main()
