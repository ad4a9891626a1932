"""Training of the capture net: landmarks first, then landmarks, FACS weights, their motion and consistency together.

`python -m mien train capture --preset cpu` runs this; run again after a kill and it goes on from the last checkpoint.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mien.engine.checkpoint import load_checkpoint, save_checkpoint, seed_everything
from mien.engine.log import TrainingLog
from mien.engine.memory import keep_freed_memory
from mien.engine.optim import WeightAverage, muon_and_adamw, warmup_cosine
from mien.engine.processes import average_gradients, launch
from mien.systems.capture import losses, spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import Batch, BatchSource, batches, channel_scale, whitening
from mien.systems.capture.model import CaptureNet, Encoded
from mien.systems.capture.runtime.landmark_rig import vertex_gram
from mien.systems.capture.training.head_fit import codes_of, collect_codes, fit_head, head_losses, start_linear

__all__ = ["train"]


def train(config: CaptureConfig, *, stop_after: int | None = None) -> Path:
    """Train to the end of the schedule (or for `stop_after` steps) and return the checkpoint's path.

    Raises MienError when a dataset folder has no shards or the checkpoint is of another configuration.
    """
    fabric = Fabric(
        accelerator=config.accelerator,
        devices=config.processes,
        strategy="auto" if config.processes == 1 else "ddp_spawn",
        precision=config.precision,  # pyright: ignore[reportArgumentType]
    )
    source = BatchSource(config, int(config.landmark_share * (config.samples // config.batch)))
    return launch(fabric, partial(_train, source=source, stop_after=stop_after))


def _train(fabric: Fabric, source: BatchSource, stop_after: int | None) -> Path:
    """`train` in each of its processes: all hold the same weights, normalise by their own share, and the first one
    writes."""
    config, landmark_steps = source.config, source.landmark_steps
    keep_freed_memory()  # measured on one of two busy cores: 85 to 225 images a second
    torch.set_num_threads(config.threads)
    seed_everything(config.seed)
    steps = config.samples // config.batch
    share = source.share(fabric.global_rank, fabric.world_size)
    gram = torch.from_numpy(vertex_gram()).to(fabric.device)

    net = CaptureNet()
    for buffer, value in zip((net.points_mean, net.points_white), whitening(source.stills), strict=True):
        buffer.copy_(torch.from_numpy(value))
    net.to(fabric.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimisers = muon_and_adamw(
        net.mixing(),
        net,
        muon_rate=config.muon_rate,
        muon_decay=config.muon_decay,
        rate=config.learning_rate,
        decay=config.weight_decay,
    )
    peaks = (config.muon_rate, config.learning_rate)
    average = WeightAverage(net, config.average)
    path = Path(config.out) / "checkpoint.pt"
    start = _resume(path, net, optimisers, average, fabric.device)

    def save(step: int) -> None:
        state = {"net": net.state_dict(), "average": average.state}
        state["optimisers"] = [optimiser.state_dict() for optimiser in optimisers]
        save_checkpoint(path, {**state, "step": step, "config": asdict(config)})

    end = steps if stop_after is None else min(steps, start + stop_after)
    log = TrainingLog(Path(config.out) / "log.jsonl", steps)

    @cache
    def scale() -> Tensor:  # not asked for before the windows join: until then they may be rendered
        return torch.from_numpy(channel_scale(source.stills, source.sequences)).to(fabric.device)

    net.train()
    for step, item in enumerate(batches(share, start, end, config.workers), start):
        if step == landmark_steps:
            if fabric.is_global_zero:
                codes = collect_codes(net, source, config)
                start_linear(net.temporal, codes)
                fit_head(net, codes, scale(), gram, config)
            net.temporal.load_state_dict(fabric.broadcast(net.temporal.state_dict()))
        rate = warmup_cosine(step, steps=steps, warmup=config.warmup, peak=1.0)
        for optimiser, peak in zip(optimisers, peaks, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * peak
        batch = item.to(fabric.device)
        with fabric.autocast():
            seen = encoded(net, batch)
        parts = image_losses(seen, batch, config)
        if step >= landmark_steps:
            codes = codes_of(seen.code_NE, batch)
            parts |= head_losses(net, codes, scale(), gram, config, config.consistency_weight)
        total = torch.stack(list(parts.values())).sum()
        fabric.backward(total)
        average_gradients(fabric, net)
        nn.utils.clip_grad_norm_(net.parameters(), config.clip)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        average.update(net, step)
        if not fabric.is_global_zero:
            continue
        log.write(step, rate * config.learning_rate, parts)
        if (step + 1) % config.save_every == 0 or step + 1 == end:
            save(step + 1)
    return path


def encoded(net: CaptureNet, batch: Batch) -> Encoded:
    """All images of a batch in one pass of the encoder."""
    crops = batch.crops.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
    return net.encode(crops, batch.steps)


def image_losses(seen: Encoded, batch: Batch, config: CaptureConfig) -> dict[str, Tensor]:
    """The weighted losses of single images: landmarks and regions in sight."""
    rendered, portraits = len(batch.seen), len(batch.other_from_one)
    landmarks = losses.landmark_loss(seen.landmarks_NL2, batch.landmarks, batch.trust, spec.CROP)
    parts = {
        "landmarks": config.landmark_weight * landmarks,
        "seen": config.seen_weight * losses.seen_loss(seen.seen_NR[:rendered], batch.seen),
    }
    if portraits:
        one, other = seen.landmarks_NL2[rendered:].split(portraits)
        moved = losses.equivariance_loss(one, other, batch.other_from_one, spec.CROP)
        parts["equivariance"] = config.consistency_weight * moved
    return parts


def _resume(
    path: Path,
    net: CaptureNet,
    optimisers: Sequence[torch.optim.Optimizer],
    average: WeightAverage,
    device: torch.device,
) -> int:
    """The step to go on from."""
    state = load_checkpoint(path, device)
    if state is None:
        return 0
    net.load_state_dict(state["net"])
    for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(saved)
    average.state = state["average"]
    return int(state["step"])
