"""Tables 2 and 3 and figure 5 of the paper on held-out subjects, all methods and baselines in one run. Needs no torch.

`mien bench express` measures the shipped weights; `python -m benchmarks.express_compare` trains all decoders first.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mien.core.errors import MienError
from mien.engine.figures import Result
from mien.rigs.ict_topology import FACE
from mien.runtime import Bundle, Stream, open_session
from mien.synth.expressions import SUBJECTS, write_expressions
from mien.systems.express.config import PRESETS
from mien.systems.express.evaluation.baselines import Predictor, linear_units, nearest_subject, still
from mien.systems.express.evaluation.classifier import Classifier, scores
from mien.systems.express.evaluation.figures import OURS, figures_of
from mien.systems.express.predict import Express
from mien.systems.express.spec import FPS
from mien.systems.express.training.corpus import Corpus, load_corpus

__all__ = [
    "OURS",
    "RIVALS",
    "BenchOptions",
    "Measured",
    "baselines",
    "bench",
    "blend_error",
    "bundle_predictor",
    "error_table",
    "f1_table",
    "frames_per_second",
    "held_out",
    "held_out_blends",
    "measure",
    "neutral_drift",
]

RIVALS = Path(__file__).parent / "rivals"
"""Bundles of the paper's decoder (plain) and of its baseline (pca), kept for comparison with the decoder that ships."""
_GRID = 41
"""Points of figure 5: takes are resampled from onset to end, so that takes of different timing share an axis."""


def bundle_predictor(bundle: Bundle, corpus: Corpus, *, apart: bool = False) -> Predictor:
    """Predicts with a bundle in its runtime; the network's inputs for a neutral are cached for the last subject.

    `apart`: the expressions of a blend are generated one by one and their displacements added, as layers of an
    animation.
    """
    session = open_session(bundle)
    express = Express(bundle) if bundle.arrays else None  # only bundles whose network uses the neutral
    people: dict[int, dict[str, np.ndarray]] = {}

    def shown(rows: np.ndarray, person: dict[str, np.ndarray]) -> np.ndarray:
        stream = Stream(session)
        return np.stack([stream.step({"label": row[None], **person})["displacements"][0] for row in rows])

    def predict(i: int) -> np.ndarray:
        subject = int(corpus.subject[i])
        if subject not in people:
            people.clear()
            people[subject] = {} if express is None else express.person(corpus.neutral(subject))
        rows = corpus.signal[i, : corpus.length[i]]
        parts = [rows * one for one in np.eye(rows.shape[1], dtype=np.float32)[rows.any(axis=0)]] if apart else [rows]
        return np.sum([shown(part, people[subject]) for part in parts], axis=0)

    return predict


def baselines(corpus: Corpus) -> dict[str, Predictor]:
    """The untrained baselines that can be computed for the corpus."""
    rows: dict[str, Predictor] = {"nearest subject": nearest_subject(corpus), "still": still(corpus)}
    if len(corpus.neutral(int(corpus.subject[0]))) == FACE:
        from mien.rigs.ict import load_ict

        rows = {"linear units": linear_units(corpus, load_ict().basis()[:, :FACE]), **rows}
    return rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """The errors of one method on some sequences."""

    errors: tuple[Float[np.ndarray, "_"], ...]
    """Mean distance of vertices [mm] in every frame of each sequence."""
    apexes: Float[np.ndarray, "N V 3"]
    """Displacements in the middle of each apex [mm]."""


def held_out(corpus: Corpus) -> Int[np.ndarray, "N"]:
    """Indices of one sequence of each single expression by each held-out subject."""
    rows = np.flatnonzero(~corpus.train & (corpus.second < 0))
    _, first = np.unique(corpus.subject[rows] * len(corpus.expressions) + corpus.expression[rows], return_index=True)
    return rows[first]


def held_out_blends(corpus: Corpus) -> Int[np.ndarray, "N"]:
    """Indices of two sequences of two overlapping expressions by each held-out subject."""
    rows = np.flatnonzero(~corpus.train & (corpus.second >= 0))
    return np.concatenate([rows[corpus.subject[rows] == s][:2] for s in np.unique(corpus.subject[rows])] or [rows])


def measure(corpus: Corpus, predictor: Predictor, rows: Int[np.ndarray, "N"]) -> Measured:
    """Predict every frame of the sequences `rows` and compare with the truth."""
    errors, apexes = [], []
    for i in rows.tolist():
        made = predictor(i)
        truth = corpus.displacements(i, np.arange(int(corpus.length[i])))
        errors.append(np.linalg.norm(made - truth, axis=2).mean(axis=1))
        apexes.append(made[corpus.apex(i, FPS)])
    return Measured(errors=tuple(errors), apexes=np.stack(apexes))


def error_table(corpus: Corpus, measured: Mapping[str, Measured], rows: np.ndarray) -> dict[str, dict[str, Any]]:
    """Table 2 and figure 5: per method the mean vertex error [mm] by expression, in all, and over a take."""
    table: dict[str, dict[str, Any]] = {}
    for name, own in measured.items():
        means = np.array([e.mean() for e in own.errors])
        per = {
            expression: float(means[corpus.expression[rows] == e].mean())
            for e, expression in enumerate(corpus.expressions)
            if (corpus.expression[rows] == e).any()
        }
        course = np.mean([_course(e, corpus.timing[i]) for e, i in zip(own.errors, rows.tolist(), strict=True)], axis=0)
        table[name] = {**per, "total": float(means.mean()), "course": [round(float(x), 4) for x in course]}
    return table


def _course(errors: np.ndarray, timing: np.ndarray) -> np.ndarray:
    """Error from a quarter before the onset to a quarter after the end, on a grid; each phase is resampled to one
    quarter."""
    phase = np.linspace(0, 4, _GRID)
    span = timing[3] - timing[0]
    knots = [timing[0], timing[1], timing[2], timing[3], timing[3] + 0.25 * span]
    return np.interp(np.interp(phase, np.arange(5), knots) * FPS, np.arange(len(errors)), errors)


def f1_table(corpus: Corpus, measured: Mapping[str, Measured], rows: np.ndarray) -> dict[str, dict[str, float]]:
    """Table 3: a classifier trained on the training subjects' true apexes, tested on true and generated ones."""
    classes = len(corpus.expressions)

    def true(own: np.ndarray) -> np.ndarray:
        return np.stack([corpus.displacements(i, np.array([corpus.apex(i, FPS)]))[0] for i in own.tolist()])

    train = np.flatnonzero(corpus.train & (corpus.second < 0))
    classifier = Classifier.fit(true(train), corpus.expression[train], classes)
    shown = {"ground truth": true(rows), **{name: own.apexes for name, own in measured.items()}}
    return {n: asdict(scores(classifier(x), corpus.expression[rows], classes)) for n, x in shown.items()}


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """Options of `mien bench express`."""

    quick: bool = False
    """Measure every fifth take only: about a minute instead of about ten."""
    bundle: Path | None = None
    """A folder with the weights to measure, instead of the weights that ship with mien."""


def bench(options: BenchOptions) -> Result:
    """Measure a bundle beside the paper's decoders, trained as long on the same data, and the untrained baselines.

    Raises MienError when the bundle of `options` cannot be used.
    """
    bundle = _bundle(options.bundle)
    with TemporaryDirectory() as folder:
        config = replace(PRESETS["cpu"], data=folder)
        write_expressions(Path(folder), subjects=SUBJECTS, per_expression=1)
        corpus = load_corpus(config)
    every = 5 if options.quick else 1
    rows, blends = held_out(corpus)[::every], held_out_blends(corpus)[::every]
    predictors = {OURS: bundle_predictor(bundle, corpus)}
    for name in sorted(p.name for p in RIVALS.iterdir()) if RIVALS.is_dir() else ():
        predictors[name] = bundle_predictor(Bundle.load(RIVALS / name), corpus)
    predictors |= baselines(corpus)
    measured = {name: measure(corpus, predictor, rows) for name, predictor in predictors.items()}
    errors, classes = error_table(corpus, measured, rows), f1_table(corpus, measured, rows)
    del predictors["nearest subject"]  # it has no takes of two expressions
    predictors["the two added"] = bundle_predictor(bundle, corpus, apart=True)
    details: dict[str, Any] = {
        "errors": errors,
        "blends": {name: blend_error(corpus, predictor, blends) for name, predictor in predictors.items()},
        "classifier": classes,
        "frames_per_second": frames_per_second(bundle),
        "neutral_drift_mm": neutral_drift(bundle, corpus, rows),
        "samples": {
            "sequences": len(rows),
            "blends": len(blends),
            "subjects": len(set(corpus.subject[rows].tolist())),
        },
    }
    return Result.measured("express", figures_of(details), details, quick=options.quick)


def _bundle(folder: Path | None) -> Bundle:
    """The bundle to measure, checked before the benchmark starts; raises MienError for one that `Express` cannot
    use."""
    bundle = Bundle.load(folder or "express")
    if bundle.manifest.name == "express" and "mean" not in bundle.arrays:
        raise MienError(f"{bundle.path}: has no neutral face; give a bundle that was exported from model 'identity'")
    Express(bundle)
    return bundle


def blend_error(corpus: Corpus, predictor: Predictor, rows: Int[np.ndarray, "N"]) -> float:
    """Mean per-vertex error [mm] over the sequences `rows`."""
    return float(np.mean([own.mean() for own in measure(corpus, predictor, rows).errors]))


def frames_per_second(bundle: Bundle, frames: int = 300) -> float:
    """Median frame rate of streaming on one thread, after 50 frames of warm-up."""
    express = Express(bundle, threads=1)
    signal = np.tile(np.linspace(0, 1, frames + 50, dtype=np.float32)[:, None], (1, len(express.expressions)))
    marks = [perf_counter() for _ in express.stream(express.mean, signal)]
    return float(1.0 / np.median(np.diff(marks)[50:]))


def neutral_drift(bundle: Bundle, corpus: Corpus, rows: np.ndarray) -> float:
    """Largest distance [mm] of a vertex from the neutral in the first frame of a take, over the subjects of `rows`."""
    express, worst = Express(bundle), 0.0
    for subject in np.unique(corpus.subject[rows]).tolist():
        neutral = corpus.neutral(subject)
        first = express.generate(neutral, f"{corpus.expressions[0]} 0.0-0.4-0.8-1.2", duration=0.0).vertices[0]
        worst = max(worst, float(np.linalg.norm(first - neutral, axis=1).max()))
    return worst
