"""Training of the speak network: the face from visemes and style, auto-encoders of eyes and head, and their prior.

`mien train speak --preset cpu` runs this; a run that was killed goes on from its last checkpoint when started again.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mien.engine import run
from mien.engine.batches import batches, to_device
from mien.engine.log import TrainingLog
from mien.engine.optim import set_rate
from mien.systems.speak import losses, spec
from mien.systems.speak.config import SpeakConfig
from mien.systems.speak.data import Batch, BatchSource
from mien.systems.speak.model import SpeakNet
from mien.systems.speak.training.corpus import load_corpus

__all__ = ["batch_losses", "train"]

_WARM = spec.LOOK_AHEAD + spec.CHUNK
"""Frames at the start of a window that have no past to read and are not judged."""
_RISE = 100
"""Steps in which the learning rate rises from zero."""


def train(config: SpeakConfig, *, stop_after: int | None = None) -> Path:
    """Train to the end of the schedule (or for `stop_after` steps) and return the checkpoint's path.

    Raises MienError when the data folder holds nothing to train on, or when the run in `config.out` was started with
    other settings or on other data.
    """
    run.reached(config)
    corpus = load_corpus(Path(config.data))
    data = {"data": corpus.fingerprint}
    run.check_data(config, data)
    fabric = run.open_fabric(config)
    run.open_process(config)
    source = BatchSource(config, corpus)
    net = SpeakNet(config.width)
    optimiser = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    net, optimiser = fabric.setup(net, optimiser)
    parts = {"net": net.module, "optimiser": optimiser}
    state: Mapping[str, Any] = run.resume(config, parts, fabric.device) or {"step": 0, "seen": 0}
    start, seen = int(state["step"]), int(state["seen"])
    end = config.steps if stop_after is None else min(config.steps, start + stop_after)
    log = TrainingLog(Path(config.out) / "log.jsonl", config.steps)
    for step, item in enumerate(batches(source, start, end, config.workers), start):
        rate = config.learning_rate * min((step + 1) / _RISE, 1.0 - step / config.steps)
        set_rate(optimiser, rate)
        batch = to_device(item, fabric.device)
        terms = batch_losses(net.module, batch, config)
        fabric.backward(torch.stack(list(terms.values())).sum())
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        log.write(step, rate, terms)
        seen += len(batch.visemes)
        if run.is_due(config, step + 1, end):
            run.keep(config, step + 1, parts, data, seen=seen)
    return run.checkpoint_of(config)


def batch_losses(net: SpeakNet, batch: Batch, config: SpeakConfig) -> dict[str, Tensor]:
    """The weighted losses of one batch, by name."""
    face, rest = batch.signals[:, : len(spec.FACE)], batch.signals[:, len(spec.FACE) :]
    style = net.style(batch.style_take) * batch.keep_style[:, None]
    residual = net.residual(face)
    made, _ = net.trunk(
        batch.visemes, style, residual * batch.keep_residual[:, None, None], net.held(len(face), batch.visemes)
    )
    groups = net.groups(rest)
    codes = {name: net.prior(name).encode(groups[name], style) for name in spec.LEVELS}
    weight = 1.0 + config.closure_weight * batch.closure[:, _WARM:]
    terms = {
        "face": 10.0
        * losses.signal_loss(made.face_BFT[:, :, _WARM:], face[:, :, _WARM:], weight, config.velocity_weight),
        "residual": config.residual_weight * (residual**2).mean(),
        "raw": ((made.raw_BET - rest)[:, :, _WARM:] ** 2).mean(),
    }
    for name in spec.LEVELS:
        prior = net.prior(name)
        held = net.held(len(face), batch.visemes)
        again, _ = prior.decode(codes[name], style, [held[f"{name}{k}"] for k in range(len(prior.blocks))])
        terms[name] = losses.signal_loss(again[:, :, _WARM:], groups[name][:, :, _WARM:], None, 1.0)
    # The prior learns from codes as they are and does not bend the auto-encoder to what is easy to predict.
    z = torch.cat([codes[name].detach() for name in spec.LEVELS], dim=1)
    logits = net.predict(z, style, net.pooled(made.features_BCT))
    later = _WARM // spec.CHUNK
    true = {name: index[:, later:] for name, index in net.codes_of(codes).items()}
    terms["codes"] = config.prior_weight * losses.code_loss(logits[:, later:], true)
    return terms
