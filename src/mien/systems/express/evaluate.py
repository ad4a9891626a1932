"""Tables 2 and 3 and figure 5 of the paper on held-out subjects, every method and baseline in one run. Needs no torch.

`python -m mien.systems.express.evaluate DATA NAME=BUNDLE ...` measures any bundles (plain, identity, pca) side by side.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Float

from mien.core.channels import ARKIT
from mien.runtime import Bundle
from mien.synth.expressions import FACE, SUBJECTS, write_expressions
from mien.systems.express.baselines import Predictor, linear_units, nearest_subject, still
from mien.systems.express.classifier import Classifier, scores
from mien.systems.express.config import PRESETS
from mien.systems.express.corpus import Corpus, load_corpus
from mien.systems.express.predict import Express
from mien.systems.express.spec import FPS

__all__ = ["baselines", "bench", "bundle_predictor", "error_table", "f1_table", "frame_errors"]

_GRID = 41
"""Points of figure 5: the take from onset to end, resampled, so that takes of different timing share an axis."""


def bundle_predictor(bundle: Bundle, corpus: Corpus) -> Predictor:
    """A bundle through its runtime."""
    express = Express(bundle)

    def predict(i: int) -> np.ndarray:
        neutral = corpus.neutral(int(corpus.subject[i]))
        return np.stack(list(express.stream(neutral, corpus.signal[i, : corpus.length[i]]))) - neutral

    return predict


def baselines(corpus: Corpus) -> dict[str, Predictor]:
    """The untrained ones that the corpus allows."""
    rows: dict[str, Predictor] = {"nearest subject": nearest_subject(corpus), "still": still(corpus)}
    if len(corpus.neutral(int(corpus.subject[0]))) == FACE:
        rows = {"linear units": linear_units(corpus, _ict_shapes()), **rows}
    return rows


def frame_errors(corpus: Corpus, predictor: Predictor, rows: np.ndarray) -> list[Float[np.ndarray, "T"]]:
    """Mean distance of vertices [mm] in every frame of the sequences `rows`."""
    out = []
    for i in rows.tolist():
        truth = corpus.displacements(i, np.arange(int(corpus.length[i])))
        out.append(np.linalg.norm(predictor(i) - truth, axis=2).mean(axis=1))
    return out


def error_table(corpus: Corpus, predictors: Mapping[str, Predictor], rows: np.ndarray) -> dict[str, dict[str, Any]]:
    """Table 2 and figure 5: per method the mean per-vertex error [mm] of each expression and in all, and its course."""
    table: dict[str, dict[str, Any]] = {}
    for name, predictor in predictors.items():
        errors = frame_errors(corpus, predictor, rows)
        means = np.array([e.mean() for e in errors])
        per = {
            expression: float(means[corpus.expression[rows] == e].mean())
            for e, expression in enumerate(corpus.expressions)
            if (corpus.expression[rows] == e).any()
        }
        course = np.mean([_course(e, corpus.timing[i]) for e, i in zip(errors, rows.tolist(), strict=True)], axis=0)
        table[name] = {**per, "total": float(means.mean()), "course": [round(float(x), 4) for x in course]}
    return table


def _course(errors: np.ndarray, timing: np.ndarray) -> np.ndarray:
    """Error from a quarter before the onset to a quarter after the end, on a grid; each phase gets its own quarter."""
    phase = np.linspace(0, 4, _GRID)
    span = timing[3] - timing[0]
    knots = [timing[0], timing[1], timing[2], timing[3], timing[3] + 0.25 * span]
    return np.interp(np.interp(phase, np.arange(5), knots) * FPS, np.arange(len(errors)), errors)


def f1_table(corpus: Corpus, predictors: Mapping[str, Predictor], rows: np.ndarray) -> dict[str, dict[str, float]]:
    """Table 3: a classifier trained on the training subjects' true apexes, tested on true and generated ones."""
    train = np.flatnonzero(corpus.train)
    classes = len(corpus.expressions)

    def true(i: int) -> np.ndarray:
        return corpus.displacements(i, np.array([corpus.apex(i, FPS)]))[0]

    classifier = Classifier.fit(np.stack([true(i) for i in train.tolist()]), corpus.expression[train], classes)
    shown = {"ground truth": np.stack([true(i) for i in rows.tolist()])}
    for name, predictor in predictors.items():
        shown[name] = np.stack([predictor(i)[corpus.apex(i, FPS)] for i in rows.tolist()])
    return {n: asdict(scores(classifier(x), corpus.expression[rows], classes)) for n, x in shown.items()}


def bench(*, quick: bool) -> dict[str, Any]:
    """The shipped bundle beside the untrained baselines on held-out subjects."""
    bundle = Bundle.load("express")
    with TemporaryDirectory() as folder:
        config = replace(PRESETS["cpu"], data=folder)
        write_expressions(Path(folder), subjects=SUBJECTS, per_expression=1)
        corpus = load_corpus(config)
    rows = np.flatnonzero(~corpus.train)[:: 5 if quick else 1]
    ours = {"ours": bundle_predictor(bundle, corpus)}
    others = baselines(corpus)
    errors = error_table(corpus, {**ours, **others}, rows)
    classes = f1_table(corpus, ours, rows)
    return {
        "figures": [
            _figure(f"Vertex error, {name}", "mm", errors, name) for name in [*corpus.expressions, "total"]
            if name in errors["ours"]
        ]
        + [
            {
                "name": "F1 of the classifier on generated apexes",
                "ours": classes["ours"]["f1"],
                "unit": "",
                "better": "higher",
                "target": classes["ground truth"]["f1"] - 0.02,
                "baselines": {"ground truth": classes["ground truth"]["f1"]},
            }
        ],
        "errors": errors,
        "classifier": classes,
        "samples": {"sequences": len(rows), "subjects": len(set(corpus.subject[rows].tolist()))},
    }  # fmt: skip


def _figure(title: str, unit: str, errors: Mapping[str, Mapping[str, Any]], key: str) -> dict[str, Any]:
    others = {name: row[key] for name, row in errors.items() if name != "ours"}
    return {
        "name": title, "ours": errors["ours"][key], "unit": unit, "better": "lower", "target": None, "baselines": others
    }  # fmt: skip


def _ict_shapes() -> np.ndarray:
    from mien.rigs.ict import load_ict

    rig = load_ict()
    empty = np.zeros((FACE, 3), np.float32)
    return np.stack([rig.shape(name)[:FACE] if name in rig.shape_names else empty for name in ARKIT])


def main(arguments: list[str]) -> None:
    """Print both tables of the bundles named on the command line as JSON."""
    corpus = load_corpus(replace(PRESETS["cpu"], data=arguments[0]))
    named = [argument.split("=", 1) for argument in arguments[1:]]
    predictors = {name: bundle_predictor(Bundle.load(Path(path)), corpus) for name, path in named}
    predictors |= baselines(corpus)
    rows = np.flatnonzero(~corpus.train)
    result = {"errors": error_table(corpus, predictors, rows), "classifier": f1_table(corpus, predictors, rows)}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
