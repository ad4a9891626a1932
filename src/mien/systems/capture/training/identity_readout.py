"""Learning the read-out of identity (`runtime.identity_readout`) for a network from rendered stills; knows no torch."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mien.core import MienError
from mien.runtime import Bundle
from mien.systems.capture import spec
from mien.systems.capture.runtime.identity_readout import Readout
from mien.systems.capture.runtime.network import Network

__all__ = ["SAMPLES", "learn", "learn_readout", "shards_of"]

_DIRECTIONS = 80
"""Directions kept; on held-out people 48 read 2.75 mm, 80 to 250 the same 2.70 (nine frames, mean face 3.54)."""
_FLOOR = 0.03
"""Added to the within-person variance, in units of a code's own: directions that hardly vary are not blown up."""
SAMPLES = 20_000
"""Stills read: 2,500 people. With 5,700 people nothing was better (3.03 mm after 3.05 mm)."""


def learn(
    codes: Float[np.ndarray, "N E"], people: Int[np.ndarray, "N"], coefficients: Float[np.ndarray, "P M"]
) -> Readout:
    """The readout of N frames; `people` says who of the P people each shows, and each is shown at least twice."""
    from scipy.linalg import eigh  # pyright: ignore[reportMissingTypeStubs]

    counts = np.bincount(people, minlength=len(coefficients))
    if counts.min() < 2:
        raise ValueError("everybody must be shown at least twice")
    mean, scale = codes.mean(axis=0, dtype=np.float64), codes.std(axis=0, dtype=np.float64) + 1e-6
    unit = (codes - mean) / scale
    means = np.zeros((len(counts), codes.shape[1]))
    np.add.at(means, people, unit)
    means /= counts[:, None]
    apart = unit - means[people]
    within = apart.T @ apart / (len(codes) - len(counts))
    between = means.T @ means / len(counts) - within * np.mean(1.0 / counts)
    spread, directions = eigh(between, within + _FLOOR * np.eye(len(within)))
    best = np.argsort(-spread)[:_DIRECTIONS]
    spread, directions = np.maximum(spread[best], 0.0), directions[:, best]
    modes = coefficients.T.astype(np.float64) @ means / len(counts) @ directions
    # No direction may say more of z than it varies: sampling noise would make the covariance indefinite.
    return Readout(mean=mean, directions=directions / scale[:, None], spread=spread, modes=_bounded(modes, spread))


def _bounded(modes: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """The modes shrunk until the covariance left by any number of frames is positive by a twentieth."""
    left, size, right = np.linalg.svd(modes / np.sqrt(spread + 1e-3), full_matrices=False)
    return left @ (np.minimum(size, np.sqrt(0.95))[:, None] * right) * np.sqrt(spread + 1e-3)


def shards_of(datasets: Sequence[Path]) -> list[Path]:
    """The shards in folders of `mien synth dataset`; raises MienError for a folder without any."""
    found = {folder: sorted(folder.glob("shard-*")) for folder in datasets}
    for folder, shards in found.items():
        if not shards:
            raise MienError(
                f"{folder}: no shards; make them with 'mien synth dataset --out {shlex.quote(str(folder))}'"
            )
    return [shard for shards in found.values() for shard in shards]


def learn_readout(bundle: Bundle, datasets: Sequence[Path], samples: int = SAMPLES) -> Readout:
    """The readout of a bundle's network from folders of rendered stills.

    Raises MienError for a folder without shards, and when nobody is shown twice.
    """
    codes, people, coefficients = _read(bundle, datasets, samples)
    if not len(coefficients):
        raise MienError(f"{datasets[0]}: its stills show nobody twice; render more with 'mien synth dataset'")
    return learn(codes, people, coefficients)


def _read(bundle: Bundle, datasets: Sequence[Path], samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(codes [N, E], who [N], coefficients [P, M]) of every person that is shown at least twice."""
    from mien.synth.performer import identity_coefficients

    network = Network(bundle)
    inner = slice(spec.MARGIN, spec.MARGIN + spec.CROP)
    codes: list[np.ndarray] = []
    who: list[tuple[int, int]] = []
    shards = shards_of(datasets)
    each = -(-samples // len(shards))
    for shard in shards:
        seed = int(json.loads((shard / "shard.json").read_text())["seed"])
        crops, numbers = np.load(shard / "crops.npy", mmap_mode="r"), np.load(shard / "identity.npy")
        for window, number in zip(crops[:each], numbers[:each], strict=True):
            codes.append(network.step(window[0, inner, inner]).code[0])
            who.append((seed, int(number)))
    known, people, counts = np.unique(np.array(who), axis=0, return_inverse=True, return_counts=True)
    often = counts >= 2
    kept = often[people.ravel()]
    renumbered = np.cumsum(often) - 1
    coefficients = np.stack([identity_coefficients(*pair) for pair in known[often].tolist()])
    return np.array(codes)[kept], renumbered[people.ravel()[kept]], coefficients
