"""Fitting the FACS head on the codes of a held encoder: minutes of work that hours of joint training do not replace.

While the encoder learns, the head follows features that move; measured after 2,300 joint steps, a ridge regression on
the net's own codes reached a mean Pearson of 0.53 on held-out renders where the head was at 0.43. So the head is fitted
alone when it first joins, and once more when the encoder is finished.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mien.engine.optim import adamw, warmup_cosine
from mien.systems.capture import losses
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import BatchSource, batches
from mien.systems.capture.model import CaptureNet, TemporalHead

__all__ = ["Codes", "collect_codes", "fit_head", "start_linear"]

FIRST_BATCH = 10_000_000
"""Number of the first batch that codes are taken of: views that the joint training does not see."""


@dataclass(frozen=True, kw_only=True)
class Codes:
    """What a held encoder says of rendered images, with the truth; shapes as in `model`."""

    still_NE: Tensor
    still_weights_NA: Tensor
    window_BTE: Tensor
    window_weights_BTA: Tensor
    one_PE: Tensor
    other_PE: Tensor
    """Two views of each of P real portraits."""


@torch.no_grad()
def collect_codes(net: CaptureNet, source: BatchSource, config: CaptureConfig) -> Codes:
    """Codes of `config.head_samples` augmented images, the encoder in its evaluation mode."""
    device = next(net.parameters()).device
    net.eval()
    stills: list[tuple[Tensor, Tensor]] = []
    windows: list[tuple[Tensor, Tensor]] = []
    pairs: list[tuple[Tensor, Tensor]] = []
    count = max(1, config.head_samples // config.batch)
    for item in batches(source, FIRST_BATCH, FIRST_BATCH + count, config.workers):
        batch = item.to(device)
        rendered, portraits = len(batch.seen), len(batch.other_from_one)
        crops = batch.crops.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision.startswith("bf16")):
            code, _, _ = net.encode(crops)
        still, clips = len(batch.still_weights), batch.window_weights.shape[:2]
        stills.append((code[:still], batch.still_weights))
        windows.append((code[still:rendered].unflatten(0, clips), batch.window_weights))
        pairs.append((code[rendered : rendered + portraits], code[rendered + portraits :]))
    net.train()
    (still_code, still_truth), (window_code, window_truth) = zip(*stills, strict=True), zip(*windows, strict=True)
    ones, others = zip(*pairs, strict=True)
    return Codes(
        still_NE=torch.cat(still_code),
        still_weights_NA=torch.cat(still_truth),
        window_BTE=torch.cat(window_code),
        window_weights_BTA=torch.cat(window_truth),
        one_PE=torch.cat(ones),
        other_PE=torch.cat(others),
    )


def fit_head(net: CaptureNet, codes: Codes, scale: Tensor, gram: Tensor, config: CaptureConfig) -> float:
    """Train `net.temporal` alone on codes, with the losses of the joint training; returns the last loss."""
    head = net.temporal
    optimiser = adamw(head, config.head_rate, config.head_decay)
    chooser = torch.Generator().manual_seed(config.seed)
    loss = torch.zeros(())
    for step in range(config.head_steps):
        rate = warmup_cosine(step, steps=config.head_steps, warmup=50, peak=config.head_rate)
        for group in optimiser.param_groups:
            group["lr"] = rate
        of_stills = torch.randint(len(codes.still_NE), (4 * config.stills_per_batch,), generator=chooser)
        of_windows = torch.randint(len(codes.window_BTE), (4 * config.sequences_per_batch,), generator=chooser)
        window, window_truth = net.weigh(codes.window_BTE[of_windows]), codes.window_weights_BTA[of_windows]
        still, still_truth = net.weigh(codes.still_NE[of_stills, None])[:, 0], codes.still_weights_NA[of_stills]
        parts = losses.expression_losses(still, still_truth, window, window_truth, scale, gram, config)
        if len(codes.one_PE) and config.head_consistency:
            of_pairs = torch.randint(len(codes.one_PE), (4 * config.portraits_per_batch,), generator=chooser)
            one, other = (net.weigh(x[of_pairs, None])[:, 0] for x in (codes.one_PE, codes.other_PE))
            parts["consistency"] = config.head_consistency * losses.facs_loss(one, other, scale)
        loss = torch.stack(list(parts.values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    optimiser.zero_grad()
    return float(loss.detach())


@torch.no_grad()
def start_linear(head: TemporalHead, codes: Codes) -> None:
    """Set a head that has learnt nothing to the ridge regression of weights on codes: its direct path alone.

    The penalty, 0.01 on whitened codes, was the best of 0.001, 0.01 and 0.1 on held-out renders.
    """
    x = torch.cat([codes.still_NE, codes.window_BTE.flatten(0, 1)]).double()
    y = torch.cat([codes.still_weights_NA, codes.window_weights_BTA.flatten(0, 1)]).double()
    mean_x, mean_y = x.mean(0), y.mean(0)
    covariance = (x - mean_x).T @ (x - mean_x) / len(x)
    penalty = 0.01 * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    slope = torch.linalg.solve(covariance + penalty, (x - mean_x).T @ (y - mean_y) / len(x))
    head.direct.weight.copy_(slope.T)
    head.out.weight.zero_()
    head.out.bias.copy_(mean_y - mean_x @ slope)
