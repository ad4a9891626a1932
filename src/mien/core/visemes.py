"""Visemes: the mouth shapes of speech sounds, their channel weights, and `VisemeTrack`, their timing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from mien.core import files
from mien.core.channels import ARKIT, index

__all__ = ["VISEMES", "VISEME_TO_ARKIT", "VisemeTrack", "arkit_from_visemes"]

VISEMES: tuple[str, ...] = (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou",
)  # fmt: skip
"""The 15 visemes of the Oculus LipSync vocabulary."""

_VISEME_STEMS: dict[str, dict[str, float]] = {
    "sil": {},
    "PP": {"jawOpen": 0.10, "mouthClose": 0.10, "mouthPress": 0.45, "mouthRollLower": 0.25, "mouthRollUpper": 0.20},
    "FF": {"jawOpen": 0.08, "mouthRollLower": 0.50, "mouthUpperUp": 0.25, "mouthLowerDown": 0.10, "mouthDimple": 0.10},
    "TH": {"jawOpen": 0.18, "mouthLowerDown": 0.30, "mouthUpperUp": 0.15, "tongueOut": 0.30},
    "DD": {"jawOpen": 0.18, "mouthLowerDown": 0.30, "mouthUpperUp": 0.12, "mouthStretch": 0.15, "tongueOut": 0.06},
    "kk": {"jawOpen": 0.25, "mouthLowerDown": 0.22, "mouthUpperUp": 0.10, "mouthStretch": 0.10},
    "CH": {"jawOpen": 0.10, "mouthFunnel": 0.60, "mouthPucker": 0.20, "mouthLowerDown": 0.15, "mouthUpperUp": 0.15},
    "SS": {"jawOpen": 0.05, "mouthStretch": 0.40, "mouthLowerDown": 0.35, "mouthUpperUp": 0.15, "mouthSmile": 0.10},
    "nn": {"jawOpen": 0.15, "mouthLowerDown": 0.22, "mouthUpperUp": 0.08, "mouthStretch": 0.08, "tongueOut": 0.06},
    "RR": {"jawOpen": 0.15, "mouthFunnel": 0.35, "mouthPucker": 0.30, "mouthLowerDown": 0.12},
    "aa": {"jawOpen": 0.65, "mouthLowerDown": 0.35, "mouthUpperUp": 0.15, "mouthStretch": 0.10},
    "E": {"jawOpen": 0.40, "mouthLowerDown": 0.35, "mouthUpperUp": 0.20, "mouthStretch": 0.30, "mouthSmile": 0.15},
    "ih": {"jawOpen": 0.22, "mouthLowerDown": 0.30, "mouthUpperUp": 0.15, "mouthStretch": 0.40, "mouthSmile": 0.20},
    "oh": {"jawOpen": 0.45, "mouthFunnel": 0.50, "mouthPucker": 0.25, "mouthLowerDown": 0.10},
    "ou": {"jawOpen": 0.22, "mouthPucker": 0.75, "mouthFunnel": 0.40},
}  # fmt: skip
"""Weights designed on two rigs (ICT-FaceKit and mo) after the lip shapes of the IPA sounds. A name without a side
stands for both sides."""


def _sides(stem: str) -> tuple[str, ...]:
    return (stem,) if stem in ARKIT else (f"{stem}Left", f"{stem}Right")


VISEME_TO_ARKIT: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        viseme: MappingProxyType({channel: value for stem, value in stems.items() for channel in _sides(stem)})
        for viseme, stems in _VISEME_STEMS.items()
    }
)
"""Viseme -> ARKit channel -> weight, for any rig with the 52 channels: the mouth shape at the apex of the sound."""


def arkit_from_visemes(
    levels: Float[np.ndarray, "*batch A"], names: Sequence[str] = VISEMES
) -> Float[np.ndarray, "*batch 52"]:
    """ARKit weights from viseme levels in [0, 1], as in Oculus LipSync's output; `names` labels the last axis.

    Levels mix linearly. Names may have the prefix of morph targets (`viseme_PP`). Unknown visemes raise KeyError.
    """
    at = index(ARKIT)
    table = np.zeros((len(names), len(ARKIT)), np.float32)
    for row, name in zip(table, names, strict=True):
        for channel, value in VISEME_TO_ARKIT[name.removeprefix("viseme_")].items():
            row[at[channel]] = value
    return np.asarray(levels, np.float32) @ table


@dataclass(frozen=True, kw_only=True, eq=False)
class VisemeTrack:
    """The timing of visemes: N intervals in order, without overlap; the time between them is silence.

    Wrong shapes, unknown visemes, and intervals that are empty or overlap raise ValueError.
    """

    visemes: tuple[str, ...]
    """The viseme of each interval, one of `VISEMES`."""
    starts: Float[np.ndarray, "N"]
    """Start of each interval [s]."""
    ends: Float[np.ndarray, "N"]
    """End of each interval [s]."""
    strength: Float[np.ndarray, "N"] | None = None
    """How fully each viseme is articulated, in [0, 1]; None means fully."""
    confidence: Float[np.ndarray, "N"] | None = None
    """Confidence of the timing of each interval, in [0, 1]; None when the source states none."""
    source: str = ""
    """Where the timing came from: an aligner, a text, a file's name."""

    def __post_init__(self) -> None:
        count = len(self.visemes)
        for name in ("starts", "ends", "strength", "confidence"):
            value = getattr(self, name)
            if value is not None and value.shape != (count,):
                raise ValueError(f"viseme track {name} have shape {value.shape}, not ({count},)")
        unknown = sorted(set(self.visemes) - set(VISEMES))
        if unknown:
            raise ValueError(f"there is no viseme '{unknown[0]}'; there are: {', '.join(VISEMES)}")
        if not (np.isfinite(self.starts).all() and np.isfinite(self.ends).all() and (self.ends > self.starts).all()):
            raise ValueError("viseme intervals must be finite and end after they start")
        if (self.starts[1:] < self.ends[:-1]).any():
            raise ValueError("viseme intervals must be in order and must not overlap")

    def __len__(self) -> int:
        return len(self.visemes)

    @property
    def duration(self) -> float:
        """End of the last interval [s]; 0 without intervals."""
        return float(self.ends[-1]) if len(self) else 0.0

    def levels(self, times: Float[np.ndarray, "T"]) -> Float[np.ndarray, "T 15"]:
        """Level of each of `VISEMES` at `times` [s]: the active viseme's strength; "sil" is 1 between intervals.

        An interval includes its start and excludes its end. Neighbours do not blend: coarticulation belongs to the
        animation.
        """
        times = np.asarray(times, np.float64)
        at = np.searchsorted(self.starts, times, side="right") - 1
        sounds = (at >= 0) & (times < self.ends[np.maximum(at, 0)]) if len(self) else np.zeros(len(times), bool)
        out = np.zeros((len(times), len(VISEMES)), np.float32)
        out[~sounds, VISEMES.index("sil")] = 1.0
        rows = np.flatnonzero(sounds)
        columns = np.array([VISEMES.index(name) for name in self.visemes], int)
        strength = np.ones(len(self)) if self.strength is None else self.strength
        out[rows, columns[at[rows]]] = strength[at[rows]]
        return out

    def save(self, path: str | Path) -> None:
        """Write in the format of the extension, whole or not at all; raises MienError when there is none."""
        files.write(path, self)

    @classmethod
    def load(cls, path: str | Path) -> "VisemeTrack":
        """Read a file with the timing of visemes or phones; raises MienError when it is none."""
        return files.read(path, cls)
