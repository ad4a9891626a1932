"""Training of the capture net: landmarks first, then landmarks, FACS weights, their motion and consistency together.

`mien train capture --preset cpu` runs this; run again after a kill and it goes on from the last checkpoint.
"""

from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mien.engine import run
from mien.engine.batches import batches, to_device
from mien.engine.landmark_losses import equivariance_loss, landmark_loss
from mien.engine.log import TrainingLog
from mien.engine.optim import WeightAverage, muon_and_adamw, set_rate, warmup_cosine
from mien.engine.processes import average_gradients, launch
from mien.systems.capture import losses, spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import Batch, BatchSource, channel_scale, whitening
from mien.systems.capture.model import CaptureNet, Encoded
from mien.systems.capture.runtime.landmark_rig import vertex_gram
from mien.systems.capture.training.from_bundle import start_from
from mien.systems.capture.training.head_fit import codes_of, collect_codes, fit_head, head_losses, start_linear
from mien.systems.capture.training.mean_face import MeanFace
from mien.systems.capture.training.real_pairs import PairKind

__all__ = ["encoded", "image_losses", "train"]


def train(config: CaptureConfig, *, stop_after: int | None = None) -> Path:
    """Train to the end of the schedule (or for `stop_after` steps) and return the checkpoint's path.

    Raises MienError when a dataset folder has no shards, or when the run in `config.out` was started with other
    settings or on other data.
    """
    step = run.reached(config)
    source = BatchSource(config)
    run.check_data(config, source.fingerprints(step))
    fabric = run.open_fabric(config, config.processes)
    return launch(fabric, partial(_train, source=source, stop_after=stop_after))


def _train(fabric: Fabric, source: BatchSource, stop_after: int | None) -> Path:
    """`train` in each of its processes: all hold the same weights, normalise by their own share, and the first one
    writes."""
    config = source.config
    run.open_process(config)
    gram, face = torch.from_numpy(vertex_gram()).to(fabric.device), MeanFace.load(fabric.device)
    net, before = _new_net(source)
    net = net.to(fabric.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    muon, adamw = muon_and_adamw(
        net.mixing(),
        net,
        muon_rate=config.muon_rate,
        muon_decay=config.muon_decay,
        rate=config.learning_rate,
        decay=config.weight_decay,
    )
    average = WeightAverage(net, config.average)
    parts = {"net": net, "average": average, "muon": muon, "adamw": adamw}
    state = run.resume(config, parts, fabric.device) or {"step": 0, "before": before}
    start = int(state["step"])
    end = config.steps if stop_after is None else min(config.steps, start + stop_after)
    log = TrainingLog(Path(config.out) / "log.jsonl", config.steps)
    share = source.share(fabric.global_rank, fabric.world_size)
    about = {"faces": {} if source.pairs is None else source.pairs.shares(), "before": state["before"]}

    @cache
    def scale() -> Tensor:  # first called when windows join the training, as they may be rendered until then
        return torch.from_numpy(channel_scale(source.stills, source.sequences)).to(fabric.device)

    net.train()
    for step, item in enumerate(batches(share, start, end, config.workers), start):
        if step == config.landmark_steps and not config.start:
            if fabric.is_global_zero:
                codes = collect_codes(net, source, config)
                start_linear(net.temporal, codes)
                fit_head(net, codes, scale(), gram, face, config)
            net.temporal.load_state_dict(fabric.broadcast(net.temporal.state_dict()))
        rate = warmup_cosine(step, steps=config.steps, warmup=config.warmup, peak=1.0)
        set_rate(muon, rate * config.muon_rate)
        set_rate(adamw, rate * config.learning_rate)
        batch = to_device(item, fabric.device)
        with fabric.autocast():
            seen = encoded(net, batch)
        terms = image_losses(seen, batch, config)
        if step >= config.landmark_steps:
            codes = codes_of(seen.code_NE, batch)
            terms |= head_losses(net, codes, scale(), gram, face, config, config.consistency_weight)
        fabric.backward(torch.stack(list(terms.values())).sum())
        average_gradients(fabric, net)
        nn.utils.clip_grad_norm_(net.parameters(), config.clip)
        for optimiser in (muon, adamw):
            optimiser.step()
            optimiser.zero_grad()
        average.update(net, step)
        if fabric.is_global_zero:
            log.write(step, rate * config.learning_rate, terms)
            if run.is_due(config, step + 1, end):
                run.keep(config, step + 1, parts, source.fingerprints(step + 1), **about)
    return run.checkpoint_of(config)


def _new_net(source: BatchSource) -> tuple[CaptureNet, list[dict[str, Any]]]:
    """The network that a run begins with, and the data that it was trained on before.

    It is the one that `config.start` names, or an untrained one whose whitening of landmarks is computed from the data.
    A resumed run later takes its weights from its checkpoint."""
    net, config = CaptureNet(), source.config
    if config.start:
        goes_on = run.checkpoint_of(config).exists()
        return net, [] if goes_on else [asdict(data) for data in start_from(net, config.start, source)]
    for buffer, value in zip((net.points_mean, net.points_white), whitening(source.stills), strict=True):
        buffer.copy_(torch.from_numpy(value))
    return net, []


def encoded(net: CaptureNet, batch: Batch) -> Encoded:
    """All images of a batch in one pass of the encoder."""
    crops = batch.crops.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
    return net.encode(crops, batch.steps)


def image_losses(seen: Encoded, batch: Batch, config: CaptureConfig) -> dict[str, Tensor]:
    """The weighted losses of single images: landmarks and regions in sight, and in two views of one picture landmarks
    that move with the view."""
    rendered, pairs = slice(batch.rendered), batch.pairs
    landmarks = landmark_loss(seen.landmarks_NL2[rendered], batch.landmarks[rendered], batch.trust[rendered], spec.CROP)
    parts = {
        "landmarks": config.landmark_weight * landmarks,
        "seen": config.seen_weight * losses.seen_loss(seen.seen_NR[rendered], batch.seen[rendered]),
    }
    if pairs:
        real, clear = slice(batch.rendered, None), batch.pair_in_sight.T.flatten()
        there = landmark_loss(seen.landmarks_NL2[real], batch.landmarks[real], batch.trust[real], spec.CROP)
        parts["real_landmarks"] = config.real_landmark_weight * there
        parts["real_seen"] = config.real_seen_weight * losses.seen_loss(seen.seen_NR[real], batch.seen[real], clear)
        same = batch.pair_kind == PairKind.VIEWS
        one, other = (views[same] for views in seen.landmarks_NL2[real].split(pairs))
        moved = equivariance_loss(one, other, batch.other_from_one[same], spec.CROP)
        parts["equivariance"] = config.consistency_weight * (moved if same.any() else 0 * there)
    return parts
