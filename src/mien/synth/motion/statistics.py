"""Derive the packaged motion statistics from recorded takes: `python -m mien.synth.motion.statistics TAKES...`.

The packaged file was derived from two Live Link Face range-of-motion takes, alex_rom_3.csv and alex_rom_4.csv, of
https://github.com/alexdjulin/LiveLinkFace-CSV-Retarget-For-Motionbuilder (MIT). It contains no frames of the takes,
only mean and principal components of 41 channels above rest, quantiles of the scores, AR(2) coefficients, and
per-channel speeds.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mien.core import ARKIT, Clip, MienError
from mien.synth.motion.groups import AT
from mien.synth.motion.ramps import hermite
from mien.synth.motion.recorded import REST_PERCENTILE, STATISTICS_FILE

__all__ = ["autoregression", "derive", "main"]

COMPONENTS = 20
"""20-21 components explain 99 % of the takes' variance."""

QUANTILES = 41
RATE = 30.0
"""The takes' own rate [Hz]; all takes are resampled to it."""

CHANNELS: tuple[str, ...] = tuple(
    name for name in ARKIT if not name.startswith(("eyeBlink", "eyeLook")) and name != "tongueOut"
)
"""Channels of the linear model. Blinks, saccades and tongues are events with processes of their own, and so left
out."""


def derive(takes: Sequence[Clip]) -> dict[str, np.ndarray]:
    """The arrays of the statistics file from takes at any rate; raises MienError for a take shorter than 10 s."""
    resampled: list[np.ndarray] = []
    for take in takes:
        if take.duration < 10.0:
            raise MienError(f"the take '{take.source}' lasts {take.duration:.1f} s; statistics need at least 10 s")
        clip = take.with_channels(ARKIT).filled()
        grid = np.arange(clip.times[0], clip.times[-1], 1.0 / RATE)
        weights = hermite(grid, np.asarray(clip.times, float), clip.weights.astype(float))
        resampled.append(np.maximum(weights - np.percentile(weights, REST_PERCENTILE, axis=0), 0.0))
    columns = [AT[name] for name in CHANNELS]
    stacked = np.concatenate(resampled)[:, columns]
    mean = stacked.mean(axis=0)
    _, scale, directions = np.linalg.svd(stacked - mean, full_matrices=False)
    components = directions[:COMPONENTS]
    scores = [(weights[:, columns] - mean) @ components.T for weights in resampled]
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    speed = np.concatenate([np.abs(np.diff(weights, axis=0)) * RATE for weights in resampled])
    return {
        "channels": np.array(CHANNELS),
        "mean": mean.astype(np.float32),
        "components": components.astype(np.float32),
        "explained": np.asarray((scale[:COMPONENTS] ** 2).sum() / (scale**2).sum()),
        "quantiles": np.quantile(np.concatenate(scores), levels, axis=0).T.astype(np.float32),
        "ar": autoregression(scores).astype(np.float32),
        "rate": np.asarray(RATE),
        "speed_p999": np.percentile(speed, 99.9, axis=0).astype(np.float32),
        "speed_max": speed.max(axis=0).astype(np.float32),
        "source": np.array("alexdjulin/LiveLinkFace-CSV-Retarget-For-Motionbuilder, two takes, MIT"),
    }


def autoregression(scores: Sequence[np.ndarray]) -> np.ndarray:
    """Yule-Walker AR(2) coefficients [K, 2] of the rank-normalised scores of all takes."""
    from scipy.stats import norm, rankdata

    together = np.concatenate(scores)
    normal = norm.ppf((rankdata(together, axis=0) - 0.5) / len(together))
    pieces = np.split(normal, np.cumsum([len(s) for s in scores])[:-1])

    def lagged(lag: int) -> np.ndarray:
        products = [(z[lag:] * z[: len(z) - lag]).sum(axis=0) for z in pieces]
        return np.sum(products, axis=0) / sum(len(z) - lag for z in pieces)

    variance, one, two = lagged(0), lagged(1), lagged(2)
    one, two = one / variance, two / variance
    second = (two - one**2) / (1.0 - one**2)
    return np.stack([one * (1.0 - second), second], axis=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: read the takes, write the npz beside this module (or to --out)."""
    parser = argparse.ArgumentParser(prog="python -m mien.synth.motion.statistics", description=__doc__)
    parser.add_argument("takes", nargs="+", type=Path, help="clips of a range-of-motion session (.csv, .npz)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name(STATISTICS_FILE))
    chosen = parser.parse_args(arguments)
    arrays = derive([Clip.load(path) for path in chosen.takes])
    from mien.io.atomic import write_whole

    with write_whole(chosen.out) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    print(f"{chosen.out}: {len(arrays['components'])} components, {float(arrays['explained']):.3f} of the variance")


if __name__ == "__main__":
    main()
