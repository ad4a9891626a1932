"""Every number of a capture training run, and a preset per machine. A docstring is the field's help text."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from mien.engine.config import ExportOptions, RunConfig

__all__ = ["EXPORT", "PRESETS", "CaptureConfig", "CaptureExport"]


@dataclass(frozen=True, kw_only=True)
class CaptureConfig(RunConfig):
    """One training run. Numbers without a source were chosen for mien; the system's README has the measurements."""

    MAY_CHANGE: ClassVar[frozenset[str]] = RunConfig.MAY_CHANGE | {"stills", "sequences", "faces"}

    stills: str = "data/stills"
    """Folder of still shards that `mien synth dataset` wrote."""
    sequences: str = "data/sequences"
    """Folder of sequence shards that `mien synth dataset --frames 8` wrote."""
    faces: str = ""
    """Folder of real faces: pictures and clips with the labels that the system's README describes; by default the
    folder that MIEN_FACES names. The word none trains without real faces."""
    start: str = ""
    """Where the network's weights start: the name or the folder of a bundle ("capture" is the one that ships), or a
    checkpoint (.pt). The stage that trains landmarks alone is then left out. By default they are random."""
    out: str = "runs/capture"
    """Folder that the checkpoint and the log are written to."""

    samples: int = 3_000_000
    """Images that the whole run trains on, repeats included."""
    landmark_share: float = 0.3
    """Share of the run, at its start, that trains landmarks alone, as the source method does. With `start` there is no
    such stage."""
    stills_per_batch: int = 32
    """Single rendered frames in a batch. While landmarks are trained alone, single frames also take the places of
    windows and resting faces. Small batches are better: after 51,000 images the held-out landmark error (NME) was 4.0 %
    in batches of 64 and 4.3 % in batches of 128."""
    sequences_per_batch: int = 2
    """Rendered windows of 8 frames in a batch."""
    known_stills: int = 15
    """Single rendered frames of a batch that come with a picture of the same performer at rest."""
    known_sequences: int = 1
    """Rendered windows of a batch that come with a picture of the same performer at rest."""
    per_frame: bool = False
    """Predict each frame of a window by itself, without the frames before it; to compare (`benchmarks.ablation`)."""
    faces_per_batch: int = 8
    """Pairs of real pictures in a batch; both pictures of a pair show one person. They are normalised in one batch with
    the rendered images, so that both kinds are normalised alike."""
    moved_share: float = 0.4
    """Share of the pairs of real pictures whose first is the second one, moved by a known change of weights."""

    muon_rate: float = 0.02
    """Peak learning rate of Muon, which trains the maps from channels to channels on AdamW's schedule. After 51,000
    images with landmarks alone the held-out landmark error (NME) was 4.3 % so, and 5.2 % with AdamW on everything."""
    muon_decay: float = 0.01
    """Decoupled weight decay of Muon."""
    learning_rate: float = 2e-3
    """Peak learning rate of AdamW, reached after the warm-up; a cosine then takes it to a hundredth."""
    warmup: int = 600
    """Steps of linear warm-up of the learning rate."""
    weight_decay: float = 0.02
    """Decoupled weight decay of AdamW, on matrices and filters only."""
    average: float = 0.9995
    """Decay per step of the exponential average of the network's weights; the average is what is exported."""
    clip: float = 1.0
    """Largest norm of the gradient; longer gradients are scaled down to it."""

    head_samples: int = 60_000
    """Augmented images whose codes the FACS head is fitted on at the end of the landmark stage."""
    head_steps: int = 3_000
    """Steps of the fit of the FACS head."""
    head_rate: float = 1e-3
    """Peak learning rate of the fit of the FACS head."""
    head_decay: float = 0.05
    """Weight decay of the fit of the FACS head."""
    head_consistency: float = 3.0
    """Loss weight, in the fit of the FACS head, of equal weights in two views of a real picture. Weights of 0, 0.3 and
    3 were equally accurate on held-out renders; the two views differed by 0.026, 0.008 and 0.004."""

    landmark_weight: float = 1.0
    """Loss weight of the landmark error (root mean square, in percent of the crop)."""
    seen_weight: float = 0.3
    """Loss weight of the cross entropy of which regions of the face are in sight."""
    facs_weight: float = 3.0
    """Loss weight of the squared error of expression weights, each channel divided by its variance over the data."""
    vertex_weight: float = 0.3
    """Loss weight of the error of expression weights as it shows on the face [mm^2]: the mean squared displacement of
    ICT-FaceKit's face vertices."""
    measure_weight: float = 0.5
    """Loss weight of the error of distances on the mean face under the predicted weights, on renders: where channels
    are hard to tell apart, what they do together is still right."""
    velocity_weight: float = 1.0
    """Loss weight of the error of frame-to-frame differences of expression weights (source method)."""
    acceleration_weight: float = 0.1
    """Loss weight of the error of second differences of expression weights; low, as in the source method."""
    consistency_weight: float = 0.3
    """Loss weight, on two views of one real picture, of landmarks that move with the view and of expression weights
    that do not."""
    real_landmark_weight: float = 1.0
    """Loss weight of the landmark error on real faces (root mean square, in percent of the crop); each landmark counts
    by the inverse variance of the teacher's points over several views of the picture."""
    real_seen_weight: float = 0.3
    """Loss weight of the cross entropy of which regions are in sight on real faces that nothing but a drawn patch
    covers."""
    pair_weight: float = 2.0
    """Loss weight of the change between two real pictures of one person: distances on the mean face under the predicted
    weights must change as the distances on the person's face do, or as the known change of a moved face makes them. It
    counts once for each picture read alone, and once for both read beside the person's face at rest, where that is
    known."""
    moved_weight: float = 1.0
    """Loss weight of the change of expression weights between a real picture moved by a known change and the same
    picture as it is; gaze, which has its own weight, and lids are left out."""
    rest_weight: float = 0.2
    """Loss weight that pulls the expression weights of real faces that are known to be at rest to zero; gaze is left
    out."""
    gaze_weight: float = 1.0
    """Loss weight of the gaze of real faces: both eyes' mean against the teacher's irises, each eye of people that are
    known to look into the camera, and the known change of eyes that were moved."""

    precision: str = "bf16-mixed"
    """Precision of the training arithmetic, by its name in Lightning Fabric. It must need no scaled gradients, which
    rules out 16-mixed; bf16-mixed with channels_last is twice as fast as fp32 on a CPU."""
    processes: int = 1
    """Training processes (GPUs, where the accelerator is one) that share each batch and average their gradients."""
    threads: int = 2
    """CPU threads of each training process."""
    workers: int = 1
    """Processes that draw and augment batches for each training process; with 0 it draws them itself."""
    save_every: int = 400
    """Steps between two checkpoints. A killed run goes on from the last one."""

    @property
    def batch(self) -> int:
        """Rendered images in a batch: single frames, the 8 frames of each window, and resting faces."""
        return self.stills_per_batch + 8 * self.sequences_per_batch + self.known_stills + self.known_sequences

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.samples // self.batch

    @property
    def landmark_steps(self) -> int:
        """Steps at its start that train landmarks alone."""
        return 0 if self.start else int(self.landmark_share * self.steps)


@dataclass(frozen=True, kw_only=True)
class CaptureExport(ExportOptions):
    """Options of `mien export capture`."""

    stills: tuple[Path, ...] = ()
    """Folders of still shards from which the read-out of identity is learnt that `mien fit` starts from; some minutes.
    By default the bundle has none, and `mien fit` uses landmarks alone."""


EXPORT = CaptureExport()
"""Default options of an export."""

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
            faces_per_batch=128,
            learning_rate=4e-3,
            warmup=1000,
            accelerator="cuda",
            threads=8,
            workers=12,
            save_every=1000,
            head_samples=400_000,
            head_steps=20_000,
        ),
        "tune": replace(
            _CPU,
            start="capture",
            landmark_share=0.0,
            samples=4_500 * 33,
            stills_per_batch=16,
            sequences_per_batch=1,
            known_stills=8,
            known_sequences=1,
            faces_per_batch=16,
            learning_rate=4e-4,
            muon_rate=2e-3,
            warmup=50,
            average=0.999,
        ),
        "smoke": replace(
            _CPU,
            samples=512,
            stills_per_batch=6,
            sequences_per_batch=1,
            known_stills=1,
            known_sequences=1,
            faces_per_batch=4,
            warmup=2,
            save_every=4,
            head_samples=64,
            head_steps=20,
        ),
    }
)
"""`cpu` takes five hours on one core, `full` is for one data-centre GPU, `tune` goes on from the weights that ship for
4,500 steps, `smoke` is a test."""
