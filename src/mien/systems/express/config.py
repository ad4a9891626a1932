"""Every number of an express training run, and a preset per machine. A docstring is the field's help text."""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Literal

from mien.engine.config import ExportOptions, RunConfig

__all__ = ["EXPORT", "PRESETS", "ExpressConfig", "ExpressExport"]


@dataclass(frozen=True, kw_only=True)
class ExpressConfig(RunConfig):
    """One training run. Sections and "the paper" are Potamias et al. 2020; numbers without a source were chosen for
    mien."""

    MAY_CHANGE: ClassVar[frozenset[str]] = RunConfig.MAY_CHANGE | {"data", "epochs"}

    data: str = "data/expressions"
    """Folder that `mien synth expressions` wrote, or a folder of registered sequences
    (subject/expression/frame.ply|obj)."""
    unit_mm: float = 1.0
    """Millimetres per unit of PLY and OBJ files: 1000 for CoMA and VOCASET, which are in metres."""
    fps: float = 30.0
    """Frame rate of PLY and OBJ sequences."""
    train_subjects: int = 153
    """Subjects to train on, counted in the order of their names; all others are held out (section 4)."""
    out: str = "runs/express"
    """Folder that the checkpoint and the log are written to."""
    start: str = ""
    """Checkpoint whose weights a new run starts from; by default the run starts from random weights."""

    model: Literal["plain", "identity", "pca"] = "identity"
    """Decoder to train: `plain` is the paper's, `identity` also depends on the shape of the neutral face, and `pca` is
    the paper's baseline."""
    code: int = 16
    """Principal components of the neutral face's shape that are an input of the identity-aware decoder. With 32, a
    network trained on 67 people was better than the plain decoder by 13 % on them and by 4 % on others: it had
    overfitted."""
    components: int = 64
    """Blendshapes of the pca decoder; by default as many as the latent vector has numbers."""
    spiral: int = 9
    """Vertices of a spiral: the centre, its first ring, and part of its second."""

    epochs: int = 30
    """Passes over the training sequences; the paper has 100 (section 4). On one core, 30 take an hour for all three
    decoders, of which `identity` takes 38 minutes."""
    batch: int = 8
    """Sequences in a batch."""
    pairs: int = 2
    """Pairs of adjacent frames of each sequence that are decoded in a step, drawn anew in each step. Both losses stay
    unbiased, and the decoder, which takes nearly all the time, runs on 4 frames instead of 60."""
    learning_rate: float = 2e-3
    """Adam's learning rate in the first epoch; the paper's 1e-3 belongs to its 100 epochs (section 4)."""
    decay: float = 1.0
    """Factor on the learning rate per epoch; the paper has 0.99 (section 4)."""
    fall: float = 1.0
    """The learning rate is multiplied by the share of the steps that are left, raised to this power, so that a short
    run converges (Li, Yumer & Ramanan 2020, "Budgeted Training"); the paper has 0, which leaves it out."""
    weight_decay: float = 5e-5
    """L2 penalty in Adam's gradient (section 4)."""
    temporal_weight: float = 1.0
    """Loss weight of the temporal coherence, relative to the reconstruction."""

    precision: str = "32-true"
    """Precision of the training arithmetic, by its name in Lightning Fabric; sparse products have no half precision on
    a CPU."""


@dataclass(frozen=True, kw_only=True)
class ExpressExport(ExportOptions):
    """Options of `mien export express`."""

    constants: bool = True
    """Keep the mesh, the mean face and the code of identity in the bundle, which `mien express` needs; without them a
    bundle serves only for comparison."""


EXPORT = ExpressExport()
"""Default options of an export."""

_CPU = ExpressConfig()
PRESETS = MappingProxyType(
    {
        "cpu": _CPU,
        "full": replace(
            _CPU,
            epochs=100,
            learning_rate=1e-3,
            decay=0.99,
            fall=0.0,
            batch=16,
            pairs=30,
            accelerator="cuda",
            threads=4,
            workers=14,
        ),
        "smoke": replace(
            _CPU, train_subjects=3, epochs=2, batch=4, pairs=2, code=2, components=8, threads=1, workers=0, save_every=2
        ),
    }
)
"""`cpu` trains all decoders in an hour on one core, `full` is the paper's schedule on one data-centre GPU, `smoke` is a
test."""
