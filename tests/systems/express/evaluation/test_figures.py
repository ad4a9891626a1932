"""The figures of express, from measurements that are made up."""

import json
from typing import Any

import numpy as np
import pytest

from mien.engine.figures import Figure, Result
from mien.systems.express.evaluation.figures import figures_of

METHODS = {"identity": 0.1, "pca": 0.12, "plain": 0.13, "still": 0.5}


def details() -> dict[str, Any]:
    errors = {name: {"happiness": e, "fear": e, "total": e, "course": [e]} for name, e in METHODS.items()}
    classes = {name: {"precision": 1.0, "recall": 1.0, "f1": 0.99} for name in ("ground truth", *METHODS)}
    other = {"blends": {**METHODS, "the two added": 0.2}, "frames_per_second": 309.0, "neutral_drift_mm": 0.0}
    return {"errors": errors, "classifier": classes, **other}


def written(made: dict[str, Any]) -> dict[str, Figure]:
    result = Result(name="express", figures=tuple(figures_of(made)), details=made)
    back = Result.from_json(json.loads(json.dumps(result.to_json(), allow_nan=False)))
    return {figure.name: figure for figure in back.figures}


def test_every_measurement_has_its_figure_beside_the_other_methods() -> None:
    figures = written(details())
    assert len(figures) == 3 + 1 + 3 + 2
    (total,) = [figure for figure in figures.values() if figure.short]
    assert total.ours == 0.1 and total.target == pytest.approx(0.88 * 0.12) and total.reached
    assert total.baselines == {"PCA blendshapes": 0.12, "the paper's decoder": 0.13, "no movement": 0.5}
    (f1,) = [figure for name, figure in figures.items() if "F1" in name]
    assert f1.target == pytest.approx(0.97) and "true movement" in f1.baselines


def test_without_the_pca_baseline_there_is_no_target() -> None:
    made = details()
    for kind in ("errors", "blends", "classifier"):
        del made[kind]["pca"]
    assert all(f.target is None for name, f in written(made).items() if "distance of vertices" in name)


def test_what_is_not_a_number_is_a_figure_with_a_reason() -> None:
    made = details()
    made["errors"]["identity"]["fear"] = made["blends"]["pca"] = made["frames_per_second"] = float("nan")
    figures = written(made)
    missing = [figure for figure in figures.values() if figure.ours is None]
    assert len(missing) == 2 and all(figure.reason and figure.reached is None for figure in missing)
    (blend,) = [figure for name, figure in figures.items() if "blends" in name]
    assert blend.target is None and blend.baselines["PCA blendshapes"] is None
    assert np.isfinite([figure.ours for figure in figures.values() if figure.ours is not None]).all()
