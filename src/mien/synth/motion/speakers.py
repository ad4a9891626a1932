"""Speakers: how a person speaks with the whole face. A style is constant over a take and differs between people."""

from dataclasses import dataclass, field

import numpy as np

from mien.synth.motion.articulation import Articulation

__all__ = ["Speaker", "draw_speaker"]


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """The habits of one speaker; the defaults are a calm, symmetric speaker with a trace of movement everywhere."""

    articulation: Articulation = field(default_factory=Articulation)
    """How the mouth moves."""
    smile: float = 0.0
    """Weight of a smile that stays while the speaker talks."""
    brow_rest: float = 0.0
    """Resting weight of raised (positive) or lowered (negative) brows."""
    brow_emphasis: float = 0.25
    """Weight by which brows rise on an emphasised syllable."""
    nod: float = 0.04
    """Angle by which the head dips on an emphasised syllable [rad]."""
    sway: float = 0.03
    """Standard deviation of slow head movement [rad]."""
    tempo: float = 1.0
    """Factor on the rate of slow head movement."""
    blink_interval: float = 3.0
    """Median time between blinks [s]."""
    blink_time: float = 0.23
    """Time from the onset of a blink to open lids [s]."""
    gaze: float = 0.15
    """Spread of glances away from the listener, in eyeLook weights."""
    fixation: float = 1.2
    """Median time that a gaze is held [s]."""
    squint: float = 0.0
    """Resting weight of squinted eyes."""


def draw_speaker(rng: np.random.Generator) -> Speaker:
    """A random speaker. The ranges span mumbling to clear speech and still to lively faces; medians of blinking and
    fixation are those of conversation (Bentivoglio et al. 1997: 4 to 48 blinks a minute)."""

    def spread(middle: float, factor: float) -> float:
        """Log-uniform between middle / factor and middle * factor."""
        return float(middle * factor ** rng.uniform(-1, 1))

    articulation = Articulation(
        strength=spread(1.0, 1.5),
        jaw=spread(1.0, 1.35),
        rounding=spread(1.0, 1.35),
        spread=spread(1.0, 1.35),
        reach=spread(1.0, 1.3),
        asymmetry=float(np.clip(rng.normal(0, 0.3), -0.8, 0.8)),
        inhale=spread(0.8, 2.0),
    )
    return Speaker(
        articulation=articulation,
        smile=float(max(rng.uniform(-0.25, 0.5), 0.0)),
        brow_rest=float(rng.uniform(-0.2, 0.2)),
        brow_emphasis=float(max(rng.uniform(-0.1, 0.65), 0.0)),
        nod=float(max(rng.uniform(-0.03, 0.13), 0.0)),
        sway=spread(0.03, 2.5),
        tempo=spread(1.0, 1.5),
        blink_interval=spread(2.8, 2.6),
        blink_time=spread(0.24, 1.3),
        gaze=spread(0.14, 2.5),
        fixation=spread(1.1, 2.0),
        squint=float(max(rng.uniform(-0.2, 0.25), 0.0)),
    )
