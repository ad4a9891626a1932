"""Whose face it is, read off the network's own codes: a linear guess for `mien fit`, learnt from renders.

Landmarks alone say little: the network's err by more than what tells people apart, and alike in every frame of one
person. Its codes (features and landmarks) say more. A person's mean code is modelled as probabilistic linear
discriminant analysis does (Ioffe 2006): normal between people, normal within, frames independent given the person. In
the directions that whiten the within and diagonalise the between, the best guess of the identity coefficients z from
the mean of F frames is A V' (mean - m) / (spread + 1/F), and what is left unknown of z is I - A A' / (spread + 1/F).

`python -m mien.systems.capture.runtime.identity_readout BUNDLE DATA ...` learns it for a bundle from datasets of
`mien synth`, and rewrites the bundle with it; to be run after each export, since codes are each network's own.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mien.core import MienError
from mien.rigs.fit import Guess
from mien.runtime import Bundle
from mien.runtime.card import model_card
from mien.systems.capture import spec
from mien.systems.capture.runtime.network import Network

__all__ = ["Readout", "add_readout", "learn", "with_readout"]

_DIRECTIONS = 80
"""Directions kept; on held-out people 48 read 2.75 mm, 80 to 250 the same 2.70 (nine frames, mean face 3.54)."""
_FLOOR = 0.03
"""Added to the within-person variance, in units of a code's own: directions that hardly vary are not blown up."""
SAMPLES = 20_000
"""Stills read: 2,500 people. With 5,700 people nothing was better (3.03 mm after 3.05 mm)."""
_PREFIX = "identity_"


@dataclass(frozen=True, kw_only=True, eq=False)
class Readout:
    """What a network's codes say of identity. E code, K directions, M identity modes."""

    mean: Float[np.ndarray, "E"]
    """Of everybody's codes."""
    directions: Float[np.ndarray, "E K"]
    """V: unit variance within a person."""
    spread: Float[np.ndarray, "K"]
    """Variance between people in each."""
    modes: Float[np.ndarray, "M K"]
    """A: covariance of identity coefficients with each."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Readout | None":
        """From a bundle's arrays; None where the bundle has none."""
        names = cls.__dataclass_fields__
        if any(_PREFIX + name not in arrays for name in names):
            return None
        return cls(**{name: arrays[_PREFIX + name].astype(np.float64) for name in names})

    def arrays(self) -> dict[str, np.ndarray]:
        """For a bundle."""
        return {_PREFIX + name: value.astype(np.float32) for name, value in vars(self).items()}

    def guess(self, codes: Float[np.ndarray, "F E"]) -> Guess:
        """Who is in F frames of one person; raises ValueError when codes are not finite or there are none."""
        if not len(codes) or not np.isfinite(codes).all():
            raise ValueError("a guess needs the finite codes of at least one frame")
        gain = 1.0 / (self.spread + 1.0 / len(codes))
        at = (codes.mean(axis=0) - self.mean) @ self.directions
        return Guess(
            mean=self.modes @ (gain * at),
            covariance=np.eye(len(self.modes)) - (self.modes * gain) @ self.modes.T,
        )


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


def add_readout(bundle: Bundle, datasets: Sequence[Path], samples: int = SAMPLES) -> Bundle:
    """Learn a bundle's readout from datasets of stills and write it there; raises MienError without datasets."""
    return with_readout(bundle, learn(*_read(bundle, datasets, samples)))


def with_readout(bundle: Bundle, readout: Readout) -> Bundle:
    """The bundle rewritten with a readout; all else stays."""
    ncnn = bundle.ncnn
    return Bundle.write(
        bundle.path,
        bundle.manifest,
        model=bundle.onnx.read_bytes(),
        ncnn=None if ncnn is None else (ncnn[0].read_bytes(), ncnn[1].read_bytes()),
        arrays={**bundle.arrays, **readout.arrays()},
        card=_card(bundle),
    )


def _card(bundle: Bundle) -> str:
    path = bundle.path / "README.md"
    return path.read_text(encoding="utf-8") if path.is_file() else model_card(bundle.manifest)


def _read(bundle: Bundle, datasets: Sequence[Path], samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(codes [N, E], who [N], coefficients [P, M]) of every person that is shown at least twice."""
    from mien.synth.performer import identity_coefficients

    network = Network(bundle)
    inner = slice(spec.MARGIN, spec.MARGIN + spec.CROP)
    codes: list[np.ndarray] = []
    who: list[tuple[int, int]] = []
    shards = [shard for folder in datasets for shard in sorted(folder.glob("shard-*"))]
    if not shards:
        raise MienError("no shards in the folders given; make them with 'mien synth dataset'")
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


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("datasets", type=Path, nargs="+", help="folders with shards of stills")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    chosen = parser.parse_args()
    try:
        add_readout(Bundle.load(chosen.bundle), chosen.datasets, chosen.samples)
    except MienError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
