"""Every number of an express training run, and a preset per machine."""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

__all__ = ["PRESETS", "ExpressConfig"]


@dataclass(frozen=True, kw_only=True)
class ExpressConfig:
    """One training run. Sources are Potamias et al. 2020 where a section is named; the rest was chosen by us."""

    data: str = "data/expressions"
    """Folder that `write_expressions` wrote, or a folder of registered sequences (subject/expression/frame.ply|obj)."""
    unit_mm: float = 1.0
    """Millimetres per unit of PLY and OBJ files (1000 for CoMA and VOCASET, which are in metres)."""
    fps: float = 30.0
    """Frame rate of PLY and OBJ sequences."""
    train_subjects: int = 153
    """Subjects that train, in the order of their names; all others test (section 4)."""
    out: str = "runs/express"
    """Folder of the checkpoint and the log."""
    start: str = ""
    """Checkpoint whose weights a new run starts from; by default it starts from chance."""
    seed: int = 1
    """Seed of the initial weights and of every batch."""

    model: Literal["plain", "identity", "pca"] = "identity"
    """plain: the paper's decoder; identity: conditioned on the neutral's shape; pca: the paper's baseline decoder."""
    code: int = 16
    """Principal components of the neutral's shape that the identity-aware decoder sees. Few: with 32 a net trained on
    67 people was better than `plain` by 13 % on them and by 4 % on others; it had learnt their habits by heart."""
    components: int = 64
    """Blendshapes of the pca decoder, as many as the latent vector is long."""
    spiral: int = 9
    """Places of a spiral: a vertex and its first ring, with some of the second."""

    epochs: int = 30
    """Passes over the training sequences; the paper has 100 (section 4). An hour on one core for all
    three decoders, 38 minutes of it for `identity`."""
    batch: int = 8
    """Sequences in a step."""
    pairs: int = 2
    """Pairs of adjacent frames decoded of each sequence in a step, drawn anew: unbiased for both losses, and the
    decoder, which costs nearly everything, runs on 4 frames instead of 60."""
    learning_rate: float = 2e-3
    """Adam's rate in the first epoch; the paper's 1e-3 belongs to its 100 epochs (section 4)."""
    decay: float = 1.0
    """Factor on the rate per epoch; the paper has 0.99 (section 4)."""
    fall: float = 1.0
    """The rate also falls with the share of steps that are left to this power, so that a short run ends settled (Li,
    Yumer & Ramanan 2020, "Budgeted Training"); the paper has 0, no fall."""
    weight_decay: float = 5e-5
    """L2 penalty in Adam's gradient (section 4)."""
    temporal_weight: float = 1.0
    """Weight of the temporal coherence loss against the reconstruction."""

    precision: str = "32-true"
    """Lightning Fabric precision; sparse products know no half precision on CPU."""
    accelerator: str = "cpu"
    """Lightning Fabric accelerator."""
    threads: int = 1
    """CPU threads of the training process."""
    workers: int = 0
    """Processes that make vertices; 0 makes them in the training process."""
    save_every: int = 200
    """Steps between checkpoints."""


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
"""`cpu`: an hour on one core for all decoders; `full`: the paper's schedule on one data-centre GPU; `smoke`: a test."""
