"""The paper's comparison in one command: the same data, batches and steps for every decoder, then bundles and figures.

`python -m mien.systems.express.compare OUT [--preset cpu] [--data FOLDER]` writes the data when there is none, trains
identity, pca and plain into OUT/NAME/checkpoint.pt, exports each to OUT/NAME/bundle and measures all of them into
OUT/figures.json. Killed and started again it goes on where it was; what is done is not done again. With `--ship` the
bundles also go where mien looks for them: identity as `express`, the others as what `mien bench express` compares with.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.io.atomic import write_whole
from mien.runtime import Bundle
from mien.synth.expressions import write_expressions
from mien.systems.express.config import PRESETS, ExpressConfig
from mien.systems.express.corpus import load_corpus
from mien.systems.express.evaluate import OURS, RIVALS, baselines, bundle_predictor, error_table, f1_table
from mien.systems.express.export import export
from mien.systems.express.train import train

__all__ = ["MODELS", "compare", "main", "ship"]

MODELS = ("identity", "pca", "plain")
"""In the order in which they train."""


def compare(config: ExpressConfig, out: Path) -> dict[str, dict[str, object]]:
    """Train, export and measure; `config.model` and `config.out` are set here. Raises MienError as `train` does."""
    bundles: dict[str, Bundle] = {}
    for model in MODELS:
        own = replace(config, model=model, out=str(out / model))
        checkpoint = train(own)
        bundles[model] = export(checkpoint, out / model / "bundle", command=f"mien train express --model {model}")
        print(f"{model}: trained and exported", flush=True)
    corpus = load_corpus(config)
    rows = np.flatnonzero(~corpus.train)
    predictors = {model: bundle_predictor(bundle, corpus) for model, bundle in bundles.items()}
    predictors |= baselines(corpus)
    figures: dict[str, dict[str, object]] = {
        "errors": dict(error_table(corpus, predictors, rows)),
        "classifier": dict(f1_table(corpus, predictors, rows)),
        "samples": {"sequences": len(rows), "subjects": len(set(corpus.subject[rows].tolist()))},
    }
    with write_whole(out / "figures.json") as temporary:
        temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


def ship(out: Path) -> None:
    """Export what OUT holds into the package, with the held-out figures in the manifests."""
    errors = json.loads((out / "figures.json").read_text(encoding="utf-8"))["errors"]
    RIVALS.mkdir(exist_ok=True)
    for model in MODELS:
        place = RIVALS.parent / "weights" if model == OURS else RIVALS / model
        figures = {f"vertex_mm_{key}": round(value, 4) for key, value in errors[model].items() if key != "course"}
        command = f"mien train express --model {model}"
        export(out / model / "checkpoint.pt", place, metrics=figures, command=command)
        print(f"wrote {place}")


def main() -> None:
    """Parse the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", choices=tuple(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ship", action="store_true")
    chosen = parser.parse_args()
    config = replace(PRESETS[chosen.preset], threads=chosen.threads, workers=0)
    config = replace(config, data=str(chosen.data or chosen.out / "data"))
    chosen.out.mkdir(parents=True, exist_ok=True)
    if not Path(config.data).is_dir():
        write_expressions(Path(config.data))
    figures = compare(config, chosen.out)
    for name, row in figures["errors"].items():
        print(f"{name:16} {row['total']:.4f} mm")  # pyright: ignore
    if chosen.ship:
        ship(chosen.out)


if __name__ == "__main__":
    main()
