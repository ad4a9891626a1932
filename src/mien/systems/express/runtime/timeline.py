"""The timing of expressions, and the label signal made from it for the network; does not import torch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.systems.express.spec import EXPRESSIONS, expression_index

__all__ = ["Beat", "Timeline", "ramp"]

_BEAT = re.compile(r"^\s*([A-Za-z_]+)\s+([^@]+?)\s*(?:@\s*(\S+))?\s*$")
_HELP = "write 'happy 0.0-0.4-1.2-1.6 @0.8': onset, apex, end of the apex, end [s], and an intensity"


@dataclass(frozen=True, kw_only=True)
class Beat:
    """One expression, once."""

    expression: str
    """One of `spec.EXPRESSIONS` or an alias."""
    timing: tuple[float, float, float, float]
    """Start of the onset, start and end of the apex, end of the offset [s]."""
    intensity: float = 1.0
    """Height of the signal in [0, 1]; 1 is the strongest that people show it (mean plus two deviations of the data)."""

    def __post_init__(self) -> None:
        if not np.isfinite([*self.timing, self.intensity]).all():
            raise MienError(f"'{self.expression}' has a time or an intensity that is no number; {_HELP}")
        start, full, end, over = self.timing
        if not (start < full <= end < over):
            times = "-".join(f"{t:g}" for t in self.timing)
            raise MienError(f"'{self.expression} {times}': times must grow from onset to end; {_HELP}")
        if not 0.0 <= self.intensity <= 1.0:
            raise MienError(f"'{self.expression}' has the intensity {self.intensity:g}; it lies between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Expressions one after the other or at once; the network blends those that overlap."""

    beats: tuple[Beat, ...]

    @classmethod
    def parse(cls, text: str) -> "Timeline":
        """From "happy 0.0-0.4-1.2-1.6 @0.8; surprise 2-2.2-2.6-3"; raises MienError for other text."""
        beats = tuple(_beat(piece) for piece in text.split(";") if piece.strip())
        if not beats:
            raise MienError(f"the timeline is empty; {_HELP}")
        return cls(beats=beats)

    @property
    def duration(self) -> float:
        """End of the last expression [s]."""
        return max(beat.timing[3] for beat in self.beats)

    def signal(
        self, times: Float[np.ndarray, "T"], expressions: Sequence[str] = EXPRESSIONS
    ) -> Float[np.ndarray, "T K"]:
        """Label signal: for each expression 0 at neutral, linear ramps, and its intensity at the apex."""
        out = np.zeros((len(times), len(expressions)), np.float32)
        for beat in self.beats:
            row = expression_index(beat.expression, expressions)
            out[:, row] = np.maximum(out[:, row], beat.intensity * ramp(times, beat.timing))
        return out


def ramp(times: Float[np.ndarray, "T"], timing: Sequence[float] | Float[np.ndarray, "4"]) -> Float[np.ndarray, "T"]:
    """0 up to the start, linear to 1, 1 during the apex, linear to 0 (Potamias et al. 2020, section 3)."""
    return np.interp(times, np.asarray(timing, float), [0.0, 1.0, 1.0, 0.0], left=0.0, right=0.0)


def _beat(piece: str) -> Beat:
    match = _BEAT.match(piece)
    if match is None:
        raise MienError(f"'{piece.strip()}' is no beat of a timeline; {_HELP}")
    name, times, intensity = match.groups()
    try:
        numbers = tuple(float(t) for t in times.split("-"))
        height = 1.0 if intensity is None else float(intensity)
    except ValueError:
        raise MienError(f"'{piece.strip()}' has a number that cannot be read; {_HELP}") from None
    if len(numbers) != 4:
        raise MienError(f"'{piece.strip()}' has {len(numbers)} times, not 4; {_HELP}")
    expression_index(name)
    return Beat(expression=name, timing=(numbers[0], numbers[1], numbers[2], numbers[3]), intensity=height)
