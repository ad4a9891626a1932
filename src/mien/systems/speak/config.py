"""Every number of a speak training run, and a preset per machine. A docstring is the field's help text."""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

from mien.engine.config import ExportOptions, RunConfig

__all__ = ["EXPORT", "PRESETS", "SpeakConfig", "SpeakExport"]


@dataclass(frozen=True, kw_only=True)
class SpeakConfig(RunConfig):
    """One training run. "The paper" is Paier et al. 2023; numbers without a source were chosen for mien."""

    MAY_CHANGE: ClassVar[frozenset[str]] = RunConfig.MAY_CHANGE | {"data"}

    data: str = "data/speech"
    """Folder of takes that `mien synth speech` wrote."""
    out: str = "runs/speak"
    """Folder that the checkpoint and the log are written to."""
    steps: int = 2200
    """Batches of the training; the learning rate falls to zero at the end."""
    batch: int = 16
    """Takes in a batch; each comes with a second take of the same speaker, from which the style is read."""
    window: int = 264
    """Frames of a take in a batch, a multiple of a chunk's 12; 264 are 4.4 s."""
    width: int = 96
    """Channels of the network's convolutions."""
    learning_rate: float = 2e-3
    """Peak learning rate of Adam."""
    weight_decay: float = 1e-5
    """Weight decay of Adam."""
    closure_weight: float = 4.0
    """Loss weight of frames in which the lips are closed for p, b, m or the lower lip is on the teeth for f, v,
    relative to other frames."""
    velocity_weight: float = 4.0
    """Loss weight of changes from frame to frame, relative to values; it keeps the jaw from trembling."""
    prior_weight: float = 0.02
    """Loss weight of the prior's code prediction, relative to the face."""
    residual_weight: float = 0.02
    """Loss weight of the residual's square: it stays near zero, where inference takes it from."""
    no_residual: float = 0.5
    """Share of takes whose residual is zero in training, as at inference."""
    no_style: float = 0.125
    """Share of takes whose style is the zero vector in training, which becomes the average speaker's."""


@dataclass(frozen=True, kw_only=True)
class SpeakExport(ExportOptions):
    """Options of `mien export speak`."""


EXPORT = SpeakExport()
"""Default options of an export."""

_CPU = SpeakConfig()
PRESETS = MappingProxyType(
    {
        "cpu": _CPU,
        "full": replace(_CPU, steps=60_000, batch=64, width=192, accelerator="cuda", threads=4, workers=8),
        "smoke": replace(_CPU, steps=6, batch=2, window=120, width=16, save_every=2),
    }
)
"""`cpu` trains in some 20 minutes on one core, `full` is for one data-centre GPU, `smoke` is a test."""
