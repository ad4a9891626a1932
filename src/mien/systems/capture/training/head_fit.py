"""Fitting the FACS head on the codes of a held encoder, when it joins.

While the encoder learns, the head follows features that move; measured after 2,300 joint steps, a ridge regression on
the net's own codes reached a mean Pearson of 0.53 on held-out renders where the head was at 0.43. So the head is fitted
alone when it first joins. Not once more at the end: after 3 M images that took it from 0.727 to 0.725.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mien.engine.batches import batches, to_device
from mien.engine.optim import adamw, set_rate, warmup_cosine
from mien.systems.capture import losses, spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import Batch, BatchSource
from mien.systems.capture.model import CaptureNet, TemporalHead
from mien.systems.capture.training.mean_face import MeanFace
from mien.systems.capture.training.pair_losses import PairCodes, measure_loss, pair_losses

__all__ = ["Codes", "codes_of", "collect_codes", "fit_head", "head_losses", "start_linear", "weigh_windows"]

FIRST_BATCH = 10_000_000
"""Number of the first batch that codes are taken of: views that the joint training does not see."""
_PENALTY = 0.01
"""Of the ridge regression on whitened codes; the best of 0.001, 0.01 and 0.1 on held-out renders."""


@dataclass(frozen=True, kw_only=True)
class Codes:
    """What a held encoder says of rendered images, with the truth, and of pairs of real faces; shapes as in `model`."""

    still_NE: Tensor
    still_rest_NE: Tensor
    """The performer at rest; zero where not known."""
    still_known_N1: Tensor
    still_weights_NA: Tensor
    window_BTE: Tensor
    window_rest_BE: Tensor
    window_known_B1: Tensor
    window_weights_BTA: Tensor
    pairs: PairCodes
    """Of real faces."""


@torch.no_grad()
def collect_codes(net: CaptureNet, source: BatchSource, config: CaptureConfig) -> Codes:
    """Codes of `config.head_samples` augmented images, the encoder in its evaluation mode."""
    device = next(net.parameters()).device
    net.eval()
    parts: list[Codes] = []
    count = max(1, config.head_samples // config.batch)
    for item in batches(source, FIRST_BATCH, FIRST_BATCH + count, config.workers):
        batch = to_device(item, device)
        crops = batch.crops.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision.startswith("bf16")):
            parts.append(codes_of(net.encode(crops, batch.steps).code_NE, batch))
    net.train()
    pairs = [vars(part.pairs) for part in parts]
    joined = {name: torch.cat([pair[name] for pair in pairs]) for name in pairs[0]}
    rendered = [name for name in vars(parts[0]) if name != "pairs"]
    return Codes(
        pairs=PairCodes(**joined), **{name: torch.cat([getattr(part, name) for part in parts]) for name in rendered}
    )


def codes_of(code_NE: Tensor, batch: Batch) -> Codes:
    """The codes of a batch's images, one field for each kind of image."""
    stills, (clips, frames) = len(batch.still_weights), batch.window_weights.shape[:2]
    one, other = code_NE[batch.rendered :].split(batch.pairs) if batch.pairs else (code_NE[:0], code_NE[:0])
    rest = code_NE.new_zeros(len(batch.known), spec.CODE)
    rest[batch.known] = code_NE[stills + clips * frames : batch.rendered]
    known = batch.known[:, None].float()
    return Codes(
        still_NE=code_NE[:stills],
        still_rest_NE=rest[:stills],
        still_known_N1=known[:stills],
        still_weights_NA=batch.still_weights,
        window_BTE=code_NE[stills : stills + clips * frames].unflatten(0, (clips, frames)),
        window_rest_BE=rest[stills:],
        window_known_B1=known[stills:],
        window_weights_BTA=batch.window_weights,
        pairs=PairCodes(
            one_PE=one,
            other_PE=other,
            kind_P=batch.pair_kind,
            measures_P6=batch.pair_measures,
            change_PA=batch.pair_change,
            beside_P=batch.pair_beside,
            at_rest_P2=batch.pair_at_rest,
            into_camera_P2=batch.pair_into_camera,
            gaze_P2C=batch.pair_gaze,
        ),
    )


def head_losses(
    net: CaptureNet,
    codes: Codes,
    scale: Tensor,
    gram: Tensor,
    face: MeanFace,
    config: CaptureConfig,
    consistency: float,
) -> dict[str, Tensor]:
    """The weighted losses of FACS weights, by name."""
    still = net.weigh(codes.still_NE[:, None], codes.still_rest_NE, codes.still_known_N1)[:, 0]
    window = weigh_windows(net, codes, per_frame=config.per_frame)
    parts = losses.expression_losses(
        still, codes.still_weights_NA, window, codes.window_weights_BTA, scale, gram, config
    )
    answered, true = (
        torch.cat([still, window.flatten(0, 1)]),
        [codes.still_weights_NA, codes.window_weights_BTA.flatten(0, 1)],
    )
    parts["measures"] = config.measure_weight * measure_loss(face, answered, torch.cat(true))
    return parts | pair_losses(net, codes.pairs, scale, face, config, consistency) if len(codes.pairs) else parts


def weigh_windows(net: CaptureNet, codes: Codes, *, per_frame: bool) -> Tensor:
    """FACS weights [B, T, A] of the windows; with `per_frame` each frame is a window of its own."""
    if not per_frame:
        return net.weigh(codes.window_BTE, codes.window_rest_BE, codes.window_known_B1)
    clips, frames = codes.window_BTE.shape[:2]
    rest, known = (x.repeat_interleave(frames, dim=0) for x in (codes.window_rest_BE, codes.window_known_B1))
    return net.weigh(codes.window_BTE.flatten(0, 1)[:, None], rest, known)[:, 0].unflatten(0, (clips, frames))


def fit_head(
    net: CaptureNet, codes: Codes, scale: Tensor, gram: Tensor, face: MeanFace, config: CaptureConfig
) -> float:
    """Train `net.temporal` alone on codes, with the losses of the joint training; returns the last loss."""
    optimiser = adamw(net.temporal, config.head_rate, config.head_decay)
    chooser = torch.Generator().manual_seed(config.seed)
    loss = torch.zeros(())
    for step in range(config.head_steps):
        set_rate(optimiser, warmup_cosine(step, steps=config.head_steps, warmup=50, peak=config.head_rate))
        drawn = _drawn(codes, chooser, config)
        parts = head_losses(net, drawn, scale, gram, face, config, config.head_consistency)
        loss = torch.stack(list(parts.values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    optimiser.zero_grad()
    return float(loss.detach())


def _drawn(codes: Codes, chooser: torch.Generator, config: CaptureConfig) -> Codes:
    """A random batch of codes, eight times as large as one of images."""
    sizes = {"still": config.stills_per_batch, "window": config.sequences_per_batch, "pairs": config.faces_per_batch}
    lengths = {"still": len(codes.still_NE), "window": len(codes.window_BTE), "pairs": len(codes.pairs)}
    picks = {
        kind: torch.randint(max(1, lengths[kind]), (8 * size if lengths[kind] else 0,), generator=chooser)
        for kind, size in sizes.items()
    }
    return Codes(**{name: value[picks[name.split("_")[0]]] for name, value in vars(codes).items()})


@torch.no_grad()
def start_linear(head: TemporalHead, codes: Codes) -> None:
    """Set a head that has learnt nothing to the ridge regression of weights on codes: its direct paths alone."""
    frames = codes.window_BTE.shape[1]
    code = torch.cat([codes.still_NE, codes.window_BTE.flatten(0, 1)]).double()
    rest = torch.cat([codes.still_rest_NE, codes.window_rest_BE.repeat_interleave(frames, dim=0)]).double()
    known = torch.cat([codes.still_known_N1, codes.window_known_B1.repeat_interleave(frames, dim=0)]).double()
    beside = torch.cat([code, known * code, known * rest, known], dim=1)
    y = torch.cat([codes.still_weights_NA, codes.window_weights_BTA.flatten(0, 1)]).double()
    count = len(spec.RESTING)
    slope, offset = _ridge(beside, y[:, :count])
    alone, alone_offset = _ridge(code, y[:, count:])
    of_code, of_rested, of_known = slope.split([spec.CODE, 2 * spec.CODE, 1])
    head.direct.weight.copy_(torch.cat([of_code, alone], dim=1).T)
    head.rested.weight.copy_(of_rested.T)
    head.rested.bias.copy_(of_known[0])
    head.out.weight.zero_()
    head.out.bias.copy_(torch.cat([offset, alone_offset]))


def _ridge(x_NE: Tensor, y_NA: Tensor) -> tuple[Tensor, Tensor]:
    """Slope [E, A] and offset [A] of the ridge regression of y on x."""
    mean_x, mean_y = x_NE.mean(0), y_NA.mean(0)
    covariance = (x_NE - mean_x).T @ (x_NE - mean_x) / len(x_NE)
    penalty = _PENALTY * torch.eye(x_NE.shape[1], dtype=x_NE.dtype, device=x_NE.device)
    slope = torch.linalg.solve(covariance + penalty, (x_NE - mean_x).T @ (y_NA - mean_y) / len(x_NE))
    return slope, mean_y - mean_x @ slope
