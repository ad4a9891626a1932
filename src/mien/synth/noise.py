"""Pools of tileable noise fields: made once per process, then only shifted and mirrored, which is fast."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

__all__ = ["fractal", "pick", "streaks"]

SIZE = 512
_POOL = 6
_SEED = 20


@lru_cache(maxsize=32)
def _fields(exponent: float, low: float, stretch: float) -> np.ndarray:
    """[pool, SIZE, SIZE] unit-variance noise of power spectrum f^-exponent above `low` cycles per side."""
    rng = np.random.default_rng([_SEED, int(exponent * 100), int(low), int(stretch * 10)])
    fy = np.fft.fftfreq(SIZE, 1 / SIZE)[:, None] * stretch
    fx = np.fft.rfftfreq(SIZE, 1 / SIZE)[None]
    f = np.hypot(fx, fy)
    gain = np.where(f >= low, np.maximum(f, 1e-3) ** (-exponent / 2), 0)
    gain[0, 0] = 0
    out = []
    for _ in range(_POOL):
        spectrum = gain * (rng.normal(size=f.shape) + 1j * rng.normal(size=f.shape))
        field = np.fft.irfft2(spectrum, s=(SIZE, SIZE))
        out.append((field / field.std()).astype(np.float32))
    return np.stack(out)


def pick(rng: np.random.Generator, fields: Float[np.ndarray, "P N N"]) -> Float[np.ndarray, "N N"]:
    """A random field of the pool, shifted (cyclically) and mirrored at random."""
    field = fields[rng.integers(len(fields))]
    field = np.roll(field, tuple(rng.integers(0, SIZE, 2)), axis=(0, 1))
    return field[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]


def fractal(rng: np.random.Generator, exponent: float = 2.0, low: float = 1.0) -> Float[np.ndarray, "N N"]:
    """Zero-mean, unit-variance noise; exponent 0 is white, 2 natural, 3 clouds."""
    return pick(rng, _fields(exponent, low, 1.0))


def streaks(rng: np.random.Generator, stretch: float = 14.0) -> Float[np.ndarray, "N N"]:
    """Noise stretched along the vertical axis, for hair and lip lines."""
    return pick(rng, _fields(1.2, 3.0, stretch))
