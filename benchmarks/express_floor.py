"""What of a held-out take can be known: `python -m benchmarks.express_floor [--takes N] [--draws N]`.

A take is decided by its label (expression, timing, strength), by whose face it is, and by habits and chance that
neither tells. So other people's habits are drawn again and again for the same label, scaled to the same strength:

    still          no movement at all
    label          the median over those draws on other people's faces: the best that the label alone allows
    carried        the same, each carried to the right face by the local maps of the generator itself
    label + face   the median over draws on the right face: the best that label and neutral allow
    pca span       the truth projected onto as many principal components as the pca decoder has

No network is involved. Errors are mean vertex distances [mm] over eight frames of a take and the middle of its apex.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mien.synth import expressions as ex
from mien.synth.performer import identity_coefficients
from mien.systems.express.config import PRESETS

SEED = 1
FRAMES = np.arange(6, 54, 6)


def drawn(number: int, expression: str, timing: np.ndarray) -> np.ndarray:
    """Weights of somebody's take of an expression with the given timing."""
    times = np.arange(ex.FRAMES) / ex.FPS
    style = ex.subject_style(SEED, number, expression)
    return ex.perform(np.random.default_rng(number), style, times, timing)


def scaled(face: ex.ExpressiveFace, weights: np.ndarray, middle: int, apex_mm: float) -> np.ndarray:
    """The weights, as strong as makes the apex `apex_mm` on this face."""
    for _ in range(2):
        now = np.linalg.norm(face.displacements(weights[[middle]])[0], axis=1).mean()
        weights = np.clip(weights * (apex_mm / max(float(now), 1e-6)), 0.0, 1.0)
    return weights


def floors(takes: int, draws: int) -> dict[str, float]:
    """Mean errors by name."""
    rng = np.random.default_rng(0)
    train = rng.choice(ex.TRAIN_SUBJECTS, 40, replace=False).tolist()
    others = {n: ex.ExpressiveFace(identity_coefficients(SEED, n)) for n in train}
    basis = _basis()
    sums: dict[str, list[float]] = {}
    for k in range(takes):
        number, e = ex.TRAIN_SUBJECTS + k % (ex.SUBJECTS - ex.TRAIN_SUBJECTS), k % len(ex.EMOTIONS)
        subject, face = ex.sample_takes(SEED, number, 1), ex.ExpressiveFace(identity_coefficients(SEED, number))
        timing, apex = subject.timing[e], float(subject.apex_mm[e])
        middle = round(float(timing[1:3].mean()) * ex.FPS)
        at = np.append(FRAMES, middle)
        truth = face.displacements(subject.weights[e][at])
        right, wrong, carried = [], [], []
        for _ in range(draws):
            weights = drawn(int(rng.integers(10_000, 1 << 30)), ex.EMOTIONS[e], timing)
            other = others[train[rng.integers(len(train))]]
            right.append(face.displacements(scaled(face, weights, middle, apex)[at]))
            wrong.append(other.displacements(scaled(other, weights, middle, apex)[at]))
            carried.append(np.einsum("vij,tvj->tvi", face.maps @ np.linalg.inv(other.maps), wrong[-1]))
        flat = truth.reshape(len(truth), -1)
        guesses = {"still": np.zeros_like(truth), "label": np.median(wrong, axis=0)}
        guesses |= {"carried": np.median(carried, axis=0), "label + face": np.median(right, axis=0)}
        guesses["pca span"] = (flat @ basis.T @ basis).reshape(truth.shape)
        for name, guess in guesses.items():
            sums.setdefault(name, []).append(float(np.linalg.norm(guess - truth, axis=2).mean()))
    return {name: float(np.mean(values)) for name, values in sums.items()}


def _basis() -> np.ndarray:
    """Orthonormal rows that span what the pca decoder can make."""
    from dataclasses import replace

    from mien.systems.express.corpus import displacement_basis, load_corpus

    with TemporaryDirectory() as folder:
        ex.write_expressions(Path(folder), per_expression=1, seed=SEED)
        config = replace(PRESETS["cpu"], data=folder)
        return np.linalg.qr(displacement_basis(load_corpus(config), config.components, seed=config.seed).T)[0].T


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
