"""Every number of a capture training run, and a preset per machine."""

from dataclasses import dataclass, replace
from types import MappingProxyType

__all__ = ["PRESETS", "CaptureConfig"]


@dataclass(frozen=True, kw_only=True)
class CaptureConfig:
    """One training run. Fields without a source were chosen by us; the system's README says by which measurement."""

    stills: str = "data/stills"
    """Folder of still shards that `mien synth dataset` wrote."""
    sequences: str = "data/sequences"
    """Folder of sequence shards."""
    portraits: str = "../shared/assets/faces/webmorph_canada"
    """Folder of real portraits with .tem templates (CC BY 4.0); empty for none. Half of them are held out."""
    out: str = "runs/capture"
    """Folder of the checkpoint, the log and the bundle."""
    seed: int = 1
    """Seed of the initial weights and of every batch."""

    samples: int = 3_000_000
    """Images seen in the whole run, repeats included."""
    landmark_share: float = 0.3
    """First part of the run that learns landmarks alone; the source method trains them first."""
    stills_per_batch: int = 32
    """Single rendered frames in a batch; more in the landmark part, which has nothing else. Small: 51,000 images in
    batches of 64 gave a held-out NME of 4.0 %, in batches of 128 4.3 %."""
    sequences_per_batch: int = 2
    """Rendered windows in a batch."""
    known_stills: int = 15
    """Stills of a batch that come with their performer at rest."""
    known_sequences: int = 1
    """Windows of a batch that do."""
    per_frame: bool = False
    """Learn and answer every frame of a window by itself; for comparison (`benchmarks.ablation`)."""
    portraits_per_batch: int = 4
    """Real images in a batch: annotated ones give the landmark loss, all give the consistency loss."""

    muon_rate: float = 0.02
    """Peak rate of Muon on the maps from channels to channels; the schedule is AdamW's. After 51,000 images, landmarks
    alone, held-out NME was 5.2 % with AdamW on everything and 4.3 % so."""
    muon_decay: float = 0.01
    """Its decoupled decay."""
    learning_rate: float = 2e-3
    """Peak rate of AdamW, reached after the warm-up, then a cosine to a hundredth of it."""
    warmup: int = 600
    """Steps of linear warm-up."""
    weight_decay: float = 0.02
    """AdamW's decoupled decay, on matrices only."""
    average: float = 0.9995
    """Decay of the exponential average of weights that is exported."""
    clip: float = 1.0
    """Gradient norm limit."""

    rest_weight: float = 0.3
    """Weight of the weights of resting real faces being zero, gaze left out."""

    head_samples: int = 60_000
    """Augmented images whose codes the FACS head is fitted on when it joins (`head`)."""
    head_steps: int = 3_000
    """Steps of that fit."""
    head_rate: float = 1e-3
    """Its peak learning rate."""
    head_decay: float = 0.05
    """Its weight decay."""
    head_consistency: float = 3.0
    """Its weight of the invariance of weights on real images: 0, 0.3 and 3 were equally accurate on held-out renders,
    with 0.026, 0.008 and 0.004 of inconsistency between views of a portrait."""

    landmark_weight: float = 1.0
    """Weight of the landmark RMSE in percent of the crop."""
    seen_weight: float = 0.3
    """Weight of the cross entropy of the regions in sight."""
    facs_weight: float = 3.0
    """Weight of the FACS error, each channel divided by its variance over the data."""
    vertex_weight: float = 0.3
    """Weight of the FACS error as it shows on the face [mm^2]: |B (w_hat - w)|^2 over ICT-FaceKit's face vertices."""
    velocity_weight: float = 1.0
    """Weight of the error of frame-to-frame differences (source method)."""
    acceleration_weight: float = 0.1
    """Weight of the error of second differences; low, as in the source method."""
    consistency_weight: float = 0.3
    """Weight of the equivariance of landmarks and invariance of weights on real images without annotation."""

    precision: str = "bf16-mixed"
    """Lightning Fabric precision that needs no scaled gradients (not 16-mixed); bf16 with channels_last is twice as
    fast as fp32 on CPU."""
    accelerator: str = "cpu"
    """Lightning Fabric accelerator."""
    processes: int = 1
    """Processes (GPUs, where that is the accelerator) that share each batch and average their gradients."""
    threads: int = 2
    """CPU threads of each of them."""
    workers: int = 1
    """Processes that draw and augment batches, for each of them."""
    save_every: int = 400
    """Steps between checkpoints."""

    @property
    def batch(self) -> int:
        """Rendered images in a batch, frames of windows (8 each) and resting faces counted."""
        return self.stills_per_batch + 8 * self.sequences_per_batch + self.known_stills + self.known_sequences


_CPU = CaptureConfig()
PRESETS = MappingProxyType(
    {
        "cpu": _CPU,
        "full": replace(
            _CPU,
            samples=12_000_000,
            stills_per_batch=512,
            sequences_per_batch=32,
            known_stills=240,
            known_sequences=16,
            portraits_per_batch=64,
            learning_rate=4e-3,
            warmup=1000,
            accelerator="cuda",
            threads=8,
            workers=12,
            save_every=1000,
            head_samples=400_000,
            head_steps=20_000,
        ),
        "smoke": replace(
            _CPU,
            samples=512,
            stills_per_batch=6,
            sequences_per_batch=1,
            known_stills=1,
            known_sequences=1,
            portraits_per_batch=2,
            warmup=2,
            save_every=4,
            head_samples=64,
            head_steps=20,
        ),
    }
)
"""`cpu` takes five hours on one core, `full` one data-centre GPU, `smoke` a test."""
