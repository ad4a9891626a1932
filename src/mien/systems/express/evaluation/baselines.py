"""Untrained baselines of the network: the nearest training subject, and linear action units.

The paper's own baseline, the PCA decoder, is trained (`--model pca`). Does not import torch.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from mien.core.channels import ARKIT
from mien.synth.motion.expressions import EXPRESSIONS
from mien.synth.motion.groups import expand
from mien.systems.express.spec import FPS
from mien.systems.express.training.corpus import Corpus

__all__ = ["Predictor", "linear_units", "nearest_subject", "still"]

Predictor = Callable[[int], Float[np.ndarray, "T V 3"]]
"""Displacements [mm] of all frames of sequence i of a corpus, from its signal and its subject's neutral alone."""


def still(corpus: Corpus) -> Predictor:
    """Nothing moves."""
    return lambda i: np.zeros((corpus.length[i], len(corpus.neutral(int(corpus.subject[i]))), 3), np.float32)


def nearest_subject(corpus: Corpus) -> Predictor:
    """The take of the training subject with the nearest neutral, time-warped by the four points of timing and scaled by
    extremeness; of several takes, the one of the most similar extremeness."""
    alone = corpus.second < 0
    subjects = np.unique(corpus.subject[corpus.train & alone])
    neutrals = np.stack([corpus.neutral(int(s)) for s in subjects])

    def predict(i: int) -> np.ndarray:
        far = np.linalg.norm(neutrals - corpus.neutral(int(corpus.subject[i])), axis=2).mean(axis=1)
        for s in subjects[np.argsort(far)]:
            takes = np.flatnonzero((corpus.subject == s) & (corpus.expression == corpus.expression[i]) & alone)
            if len(takes):
                break
        else:
            raise ValueError("no training subject shows this expression")
        j = int(takes[np.abs(corpus.extremeness[takes] - corpus.extremeness[i]).argmin()])
        times = np.arange(corpus.length[i]) / FPS
        end = max(times[-1], corpus.timing[i, 3]) + 1.0
        own_end = (corpus.length[j] - 1) / FPS
        warped = np.interp(times, [-1.0, *corpus.timing[i], end], [-1.0, *corpus.timing[j], own_end + 1.0])
        at = np.clip(np.rint(warped * FPS).astype(int), 0, corpus.length[j] - 1)
        return corpus.displacements(j, at) * np.float32(corpus.extremeness[i] / max(corpus.extremeness[j], 1e-3))

    return predict


def linear_units(corpus: Corpus, shapes: Float[np.ndarray, "52 V 3"]) -> Predictor:
    """Each expression's FACS prototype (the middle of its units' ranges) on the mean face's blendshapes, times the
    signal and one gain per expression, which is fitted on training apexes."""
    patterns = np.stack([_prototype(name, shapes) for name in corpus.expressions])
    gains = np.ones(len(patterns), np.float32)
    for e, pattern in enumerate(patterns):
        rows = np.flatnonzero(corpus.train & (corpus.second < 0) & (corpus.expression == e))[:60]
        over, under = 0.0, 1e-9
        for i in rows:
            apex = corpus.displacements(int(i), np.array([corpus.apex(int(i), FPS)]))[0]
            over += corpus.extremeness[i] * float((apex * pattern).sum())
            under += corpus.extremeness[i] ** 2 * float((pattern**2).sum())
        gains[e] = over / under

    def predict(i: int) -> np.ndarray:
        signal = corpus.signal[i, : corpus.length[i]] * gains
        return np.tensordot(signal, patterns, axes=1)

    return predict


def _prototype(expression: str, shapes: np.ndarray) -> np.ndarray:
    pattern = np.zeros(shapes.shape[1:], np.float32)
    for stem, (low, high) in EXPRESSIONS[expression].items():
        for channel in expand(stem):
            pattern += np.float32((low + high) / 2) * shapes[ARKIT.index(channel)]
    return pattern
