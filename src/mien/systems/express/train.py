"""Training of the express network: L1 of displacements and of their change in time.

`mien train express --preset cpu` runs this; a run that was killed goes on from its last checkpoint when started again.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mien.core.errors import MienError
from mien.engine import run
from mien.engine.batches import batches, to_device
from mien.engine.checkpoint import load_checkpoint
from mien.engine.log import TrainingLog
from mien.engine.mesh.hierarchy import Hierarchy, load_hierarchy
from mien.engine.mesh.pca import PcaDecoder, displacement_basis
from mien.engine.optim import set_rate
from mien.systems.express import losses, spec
from mien.systems.express.config import ExpressConfig
from mien.systems.express.data import Batch, BatchSource
from mien.systems.express.model import ExpressNet
from mien.systems.express.runtime.identity_code import IdentityCode, LocalShape
from mien.systems.express.training.corpus import Corpus, drawn_displacements, load_corpus

__all__ = ["batch_losses", "build_net", "face_hierarchy", "train"]

CODE_LEVEL = 2
"""Level whose vertices the identity code uses: 377 of ICT's face."""


def train(config: ExpressConfig, *, stop_after: int | None = None) -> Path:
    """Train to the end of the schedule (or for `stop_after` steps) and return the checkpoint's path.

    Raises MienError when the data folder holds nothing to train on, or when the run in `config.out` was started with
    other settings or on other data.
    """
    run.reached(config)
    corpus = load_corpus(config)
    data = {"data": corpus.fingerprint}
    run.check_data(config, data)
    fabric = run.open_fabric(config)
    run.open_process(config)
    neutrals = corpus.train_neutrals()
    mean = neutrals.mean(axis=0).astype(np.float32)
    hierarchy = face_hierarchy(mean, corpus.triangles, config.spiral)
    code = IdentityCode.fit(neutrals, hierarchy.kept(CODE_LEVEL), config.code)
    source = BatchSource(config, corpus, code, LocalShape(mean, corpus.triangles))
    net = build_net(config, hierarchy, len(corpus.expressions))
    optimiser = torch.optim.Adam(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    net, optimiser = fabric.setup(net, optimiser)
    parts = {"net": net.module, "optimiser": optimiser}
    state: Mapping[str, Any] = run.resume(config, parts, fabric.device) or _first_state(config, corpus, net.module)
    start, seen = int(state["step"]), int(state["seen"])
    steps = config.epochs * source.steps_per_epoch
    end = steps if stop_after is None else min(steps, start + stop_after)
    log = TrainingLog(Path(config.out) / "log.jsonl", steps)
    constants = _constants(corpus, mean, code)
    for step, item in enumerate(batches(source, start, end, config.workers), start):
        left = (1.0 - step / steps) ** config.fall
        rate = config.learning_rate * config.decay ** (step // source.steps_per_epoch) * left
        set_rate(optimiser, rate)
        batch = to_device(item, fabric.device)
        terms = batch_losses(net, batch, config)
        fabric.backward(torch.stack(list(terms.values())).sum())
        optimiser.step()
        optimiser.zero_grad()
        log.write(step, rate, terms)
        seen += batch.frames.numel()
        if run.is_due(config, step + 1, end):
            run.keep(config, step + 1, parts, data, seen=seen, constants=constants)
    return run.checkpoint_of(config)


def face_hierarchy(mean: np.ndarray, triangles: np.ndarray, length: int) -> Hierarchy:
    """Levels of the training subjects' mean face; the spirals' reference is its most forward vertex, the tip of the
    nose."""
    return load_hierarchy(
        mean,
        triangles,
        reference=int(mean[:, 2].argmax()),
        length=length,
        levels=spec.LEVELS,
        factor=spec.FACTOR,
    )


def build_net(config: ExpressConfig, hierarchy: Hierarchy, expressions: int) -> ExpressNet:
    """The untrained network of a configuration."""
    return ExpressNet(
        hierarchy, model=config.model, expressions=expressions, code=config.code, components=config.components
    )


def batch_losses(net: ExpressNet, batch: Batch, config: ExpressConfig) -> dict[str, Tensor]:
    """The weighted losses of one batch, by name."""
    predicted = net(batch.signal, batch.frames, batch.code, batch.shape).unflatten(2, (-1, 2))
    true = batch.displacements.permute(2, 0, 1, 3).unflatten(2, (-1, 2))
    return {
        "reconstruction": losses.reconstruction_loss(predicted, true),
        "temporal": config.temporal_weight * losses.temporal_loss(predicted, true),
    }


def _constants(corpus: Corpus, mean: np.ndarray, code: IdentityCode) -> dict[str, object]:
    """What prediction needs besides the weights; stored with them, since the data may be gone by then."""
    arrays = {"mean": mean, "triangles": corpus.triangles.astype("int64"), "code_kept": code.kept}
    arrays |= {"code_mean": code.mean, "code_basis": code.basis}
    known = {name: torch.from_numpy(value) for name, value in arrays.items()}
    return {**known, "expressions": list(corpus.expressions)}


def _first_state(config: ExpressConfig, corpus: Corpus, net: ExpressNet) -> dict[str, int]:
    """Set the blendshapes of a new network, or load the weights of the checkpoint that it starts from."""
    if not config.start:
        basis = displacement_basis(drawn_displacements(corpus, seed=config.seed), config.components)
        for part in net.modules():
            if isinstance(part, PcaDecoder):
                part.load(torch.from_numpy(basis))
        return {"step": 0, "seen": 0}
    state = load_checkpoint(Path(config.start))
    if state is None or state["config"]["model"] != config.model:
        raise MienError(f"{config.start}: no checkpoint of a {config.model} net to start from")
    net.load_state_dict(state["net"])
    return {"step": 0, "seen": int(state["seen"])}
