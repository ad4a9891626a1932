"""Lower bounds on the error of a held-out take: `python -m benchmarks.express_floor [--takes N] [--draws N]`.

A take depends on its label (expression, timing, strength), on the person's face, and on habits and chance, which follow
from neither. So other people's habits are drawn repeatedly for the same label, scaled to the same strength:

    still          no movement at all
    label          the median over those draws on other people's faces: the best that the label alone allows
    carried        the same, each transferred to the right face by the generator's own local maps
    label + face   the median over draws on the right face: the best that label and neutral allow
    pca span       the truth projected onto as many principal components as the pca decoder has

    identity, pca  the shipped decoders, on the same frames

Errors are mean vertex distances [mm] over every fourth frame of the takes that `mien bench express` measures on.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mien.engine.mesh.pca import displacement_basis
from mien.runtime import Bundle
from mien.synth import expressions as ex
from mien.synth.performer import identity_coefficients
from mien.systems.express.config import PRESETS
from mien.systems.express.evaluate import RIVALS, bundle_predictor, held_out
from mien.systems.express.spec import FPS
from mien.systems.express.training.corpus import drawn_displacements, load_corpus

SEED = 1
FRAMES = np.arange(0, ex.FRAMES, 4)


def drawn(number: int, expression: str, timing: np.ndarray) -> np.ndarray:
    """Weights of a person's take of an expression with the given timing."""
    times = np.arange(ex.FRAMES) / ex.FPS
    style = ex.subject_style(SEED, number, expression)
    return ex.perform(np.random.default_rng(number), style, times, timing)


def scaled(face: ex.ExpressiveFace, weights: np.ndarray, middle: int, apex_mm: float) -> np.ndarray:
    """The weights, scaled so that the apex on this face is `apex_mm`."""
    for _ in range(2):
        now = np.linalg.norm(face.displacements(weights[[middle]])[0], axis=1).mean()
        weights = np.clip(weights * (apex_mm / max(float(now), 1e-6)), 0.0, 1.0)
    return weights


def floors(takes: int, draws: int) -> dict[str, float]:
    """Mean errors [mm] by name."""
    rng = np.random.default_rng(0)
    train = rng.choice(ex.TRAIN_SUBJECTS, 40, replace=False).tolist()
    others = {n: ex.ExpressiveFace(identity_coefficients(SEED, n)) for n in train}
    with TemporaryDirectory() as folder:
        ex.write_expressions(Path(folder), per_expression=1, seed=SEED)
        corpus = load_corpus(replace(PRESETS["cpu"], data=folder))
    components = PRESETS["cpu"].components
    drawn_frames = drawn_displacements(corpus, seed=PRESETS["cpu"].seed)
    basis = np.linalg.qr(displacement_basis(drawn_frames, components).T)[0].T
    decoders = {"identity": Bundle.load("express"), "pca": Bundle.load(RIVALS / "pca")}
    predictors = {name: bundle_predictor(bundle, corpus) for name, bundle in decoders.items()}
    rows = held_out(corpus)
    # As many of each expression, and of each person as the number allows.
    rows = rows[np.argsort((np.arange(len(rows)) * 7) % len(rows))][:takes]
    sums: dict[str, list[float]] = {}
    for i in rows.tolist():
        number, timing, name = int(corpus.subject[i]), corpus.timing[i], ex.EMOTIONS[corpus.expression[i]]
        face, middle = ex.ExpressiveFace(identity_coefficients(SEED, number)), corpus.apex(i, FPS)
        truth = corpus.displacements(i, FRAMES)
        apex = float(np.linalg.norm(corpus.displacements(i, np.array([middle]))[0], axis=1).mean())
        right, wrong, carried = [], [], []
        for _ in range(draws):
            weights = drawn(int(rng.integers(10_000, 1 << 30)), name, timing)
            other = others[train[rng.integers(len(train))]]
            right.append(face.displacements(scaled(face, weights, middle, apex)[FRAMES]))
            wrong.append(other.displacements(scaled(other, weights, middle, apex)[FRAMES]))
            carried.append(np.einsum("vij,tvj->tvi", face.maps @ np.linalg.inv(other.maps), wrong[-1]))
        flat = truth.reshape(len(truth), -1)
        guesses = {"still": np.zeros_like(truth), "label": np.median(wrong, axis=0)}
        guesses |= {"carried": np.median(carried, axis=0), "label + face": np.median(right, axis=0)}
        guesses["pca span"] = (flat @ basis.T @ basis).reshape(truth.shape)
        guesses |= {decoder: predict(i)[FRAMES] for decoder, predict in predictors.items()}
        for guess, made in guesses.items():
            sums.setdefault(guess, []).append(float(np.linalg.norm(made - truth, axis=2).mean()))
    return {name: float(np.mean(values)) for name, values in sums.items()}


def main() -> None:
    """Print one line per floor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--takes", type=int, default=54)
    parser.add_argument("--draws", type=int, default=16)
    chosen = parser.parse_args()
    for name, value in floors(chosen.takes, chosen.draws).items():
        print(f"{name:14} {value:.4f} mm")


if __name__ == "__main__":
    main()
