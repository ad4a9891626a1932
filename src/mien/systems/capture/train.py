"""Training of the capture net: landmarks first, then landmarks, FACS weights, their motion and consistency together,
and last the FACS head alone.

`python -m mien train capture --preset cpu` runs this; run again after a kill and it goes on from the last checkpoint.
"""

from dataclasses import asdict
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from mien.engine.checkpoint import load_checkpoint, save_checkpoint, seed_everything
from mien.engine.log import TrainingLog
from mien.engine.memory import keep_freed_memory
from mien.engine.optim import WeightAverage, adamw, warmup_cosine
from mien.systems.capture import losses, spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import Batch, BatchSource, batches, channel_scale, whitening
from mien.systems.capture.head import collect_codes, fit_head, start_linear
from mien.systems.capture.landmark_rig import vertex_gram
from mien.systems.capture.model import CaptureNet

__all__ = ["train"]


def train(config: CaptureConfig, *, stop_after: int | None = None) -> Path:
    """Train to the end of the schedule (or for `stop_after` steps) and return the checkpoint's path.

    Raises MienError when a dataset folder has no shards or the checkpoint is of another configuration.
    """
    keep_freed_memory()  # measured on one of two busy cores: 85 to 225 images a second
    torch.set_num_threads(config.threads)
    fabric = Fabric(accelerator=config.accelerator, devices=1, precision=config.precision)  # pyright: ignore
    seed_everything(config.seed)
    steps = config.samples // config.batch
    landmark_steps = int(config.landmark_share * steps)
    source = BatchSource(config, landmark_steps)
    scale = torch.from_numpy(channel_scale(source.stills, source.sequences)).to(fabric.device)
    gram = torch.from_numpy(vertex_gram()).to(fabric.device)

    net = CaptureNet()
    for buffer, value in zip((net.points_mean, net.points_white), whitening(source.stills), strict=True):
        buffer.copy_(torch.from_numpy(value))
    net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    net, optimiser = fabric.setup(net, adamw(net, config.learning_rate, config.weight_decay))
    net.mark_forward_method("encode")
    net.mark_forward_method("weigh")
    average = WeightAverage(net.module, config.average)
    path = Path(config.out) / "checkpoint.pt"
    start, finished = _resume(path, net.module, optimiser, average, fabric.device)

    def save(step: int, *, finished: bool = False) -> None:
        state = {"net": net.module.state_dict(), "average": average.state, "optimiser": optimiser.state_dict()}
        save_checkpoint(path, {**state, "step": step, "finished": finished, "config": asdict(config)})

    end = steps if stop_after is None else min(steps, start + stop_after)
    log = TrainingLog(Path(config.out) / "log.jsonl", steps)
    net.train()
    for step, batch in enumerate(batches(source, start, end, config.workers), start):
        if step == landmark_steps:
            codes = collect_codes(net.module, source, config)
            start_linear(net.module.temporal, codes)
            fit_head(net.module, codes, scale, gram, config)
        rate = warmup_cosine(step, steps=steps, warmup=config.warmup, peak=config.learning_rate)
        for group in optimiser.param_groups:
            group["lr"] = rate
        parts = batch_losses(net, batch.to(fabric.device), scale, gram, config)
        total = torch.stack(list(parts.values())).sum()
        fabric.backward(total)
        fabric.clip_gradients(net, optimiser, max_norm=config.clip)
        optimiser.step()
        optimiser.zero_grad()
        average.update(net.module, step)
        log.write(step, rate, parts)
        if (step + 1) % config.save_every == 0 or step + 1 == end:
            save(step + 1)
    if end == steps and not finished:
        average.copy_to(net.module)
        fit_head(net.module, collect_codes(net.module, source, config), scale, gram, config)
        average = WeightAverage(net.module, config.average)
        save(steps, finished=True)
    return path


def batch_losses(
    net: CaptureNet, batch: Batch, scale: Tensor, gram: Tensor, config: CaptureConfig
) -> dict[str, Tensor]:
    """The weighted losses of one batch, by name; one pass of the encoder serves all."""
    crops = batch.crops.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
    code, landmarks, seen = net.encode(crops)
    rendered = len(batch.seen)
    parts = {
        "landmarks": config.landmark_weight * losses.landmark_loss(landmarks, batch.landmarks, batch.trust, spec.CROP),
        "seen": config.seen_weight * losses.seen_loss(seen[:rendered], batch.seen),
    }
    stills, portraits = len(batch.still_weights), len(batch.other_from_one)
    clips, frames = batch.window_weights.shape[:2]
    if clips:
        windows = clips * frames
        still = net.weigh(code[:stills, None])[:, 0]
        window = net.weigh(code[stills : stills + windows].unflatten(0, (clips, frames)))
        parts |= losses.expression_losses(still, batch.still_weights, window, batch.window_weights, scale, gram, config)
        if portraits and config.consistency_weight:
            one, other = code[-2 * portraits : -portraits], code[-portraits:]
            parts["consistency"] = config.consistency_weight * losses.consistency_loss(
                landmarks[-2 * portraits : -portraits],
                landmarks[-portraits:],
                batch.other_from_one,
                net.weigh(one[:, None])[:, 0],
                net.weigh(other[:, None])[:, 0],
                scale,
                spec.CROP,
            )
    return parts


def _resume(
    path: Path, net: CaptureNet, optimiser: torch.optim.Optimizer, average: WeightAverage, device: torch.device
) -> tuple[int, bool]:
    """The step to go on from, and whether the run is finished."""
    state = load_checkpoint(path, device)
    if state is None:
        return 0, False
    net.load_state_dict(state["net"])
    optimiser.load_state_dict(state["optimiser"])
    average.state = state["average"]
    return int(state["step"]), bool(state["finished"])
