"""Training of the express net: L1 of displacements and of their change in time.

`mien train express --preset cpu` runs this; run again after a kill and it goes on from the last checkpoint.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from mien.core.errors import MienError
from mien.engine.checkpoint import load_checkpoint, save_checkpoint, seed_everything
from mien.engine.log import TrainingLog
from mien.engine.memory import keep_freed_memory
from mien.engine.mesh.hierarchy import Hierarchy, load_hierarchy
from mien.systems.express import losses, spec
from mien.systems.express.config import ExpressConfig
from mien.systems.express.data import Batch, BatchSource, batches
from mien.systems.express.model import ExpressNet, PcaDecoder
from mien.systems.express.runtime.identity_code import IdentityCode, LocalShape
from mien.systems.express.training.corpus import Corpus, displacement_basis, load_corpus

__all__ = ["batch_losses", "build_net", "face_hierarchy", "train"]

CODE_LEVEL = 2
"""Level whose vertices the identity code looks at: 377 of ICT's face."""
_SETTLED = ("epochs", "save_every", "threads", "workers", "accelerator", "out", "data")
"""Settings that may change when a run goes on."""


def train(config: ExpressConfig, *, stop_after: int | None = None) -> Path:
    """Train to the end of the schedule (or for `stop_after` steps) and return the checkpoint's path.

    Raises MienError when the data folder holds nothing to train on or the checkpoint is of another configuration.
    """
    keep_freed_memory()  # measured on capture: 85 to 225 images a second
    torch.set_num_threads(config.threads)
    fabric = Fabric(accelerator=config.accelerator, devices=1, precision=config.precision)  # pyright: ignore
    seed_everything(config.seed)
    corpus = load_corpus(config)
    neutrals = corpus.train_neutrals()
    mean = neutrals.mean(axis=0).astype(np.float32)
    hierarchy = face_hierarchy(mean, corpus.triangles, config.spiral)
    code = IdentityCode.fit(neutrals, hierarchy.kept(CODE_LEVEL), config.code)
    source = BatchSource(config, corpus, code, LocalShape(mean, corpus.triangles))
    net = build_net(config, hierarchy, len(corpus.expressions))
    path = Path(config.out) / "checkpoint.pt"
    state = load_checkpoint(path, fabric.device)
    seen = _begin(config, corpus, net) if state is None else int(state["seen"])
    optimiser = torch.optim.Adam(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    net, optimiser = fabric.setup(net, optimiser)
    start = 0 if state is None else _resume(path, state, config, net.module, optimiser)

    steps = config.epochs * source.steps_per_epoch
    end = steps if stop_after is None else min(steps, start + stop_after)
    log = TrainingLog(Path(config.out) / "log.jsonl", steps)
    constants = _constants(corpus, mean, code)
    for step, batch in enumerate(batches(source, start, end, config.workers), start):
        left = (1.0 - step / steps) ** config.fall
        rate = config.learning_rate * config.decay ** (step // source.steps_per_epoch) * left
        for group in optimiser.param_groups:
            group["lr"] = rate
        parts = batch_losses(net, batch.to(fabric.device), config)
        fabric.backward(torch.stack(list(parts.values())).sum())
        optimiser.step()
        optimiser.zero_grad()
        log.write(step, rate, parts)
        seen += batch.frames.numel()
        if (step + 1) % config.save_every == 0 or step + 1 == end:
            state = {"net": net.module.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1}
            save_checkpoint(path, {**state, "seen": seen, "config": asdict(config), "constants": constants})
    return path


def face_hierarchy(mean: np.ndarray, triangles: np.ndarray, length: int) -> Hierarchy:
    """Levels of the training subjects' mean face; spirals start towards its most forward vertex, the nose's tip."""
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
    """What prediction needs besides the weights, kept with them: the data may be gone by then."""
    arrays = {"mean": mean, "triangles": corpus.triangles.astype("int64"), "code_kept": code.kept}
    arrays |= {"code_mean": code.mean, "code_basis": code.basis}
    known = {name: torch.from_numpy(value) for name, value in arrays.items()}
    return {**known, "expressions": list(corpus.expressions)}


def _begin(config: ExpressConfig, corpus: Corpus, net: ExpressNet) -> int:
    """Give a new net its blendshapes, or the weights of the checkpoint it starts from; frames that it has seen."""
    if not config.start:
        for part in net.modules():
            if isinstance(part, PcaDecoder):
                part.load(torch.from_numpy(displacement_basis(corpus, config.components, seed=config.seed)))
        return 0
    state = load_checkpoint(Path(config.start))
    if state is None or state["config"]["model"] != config.model:
        raise MienError(f"{config.start}: no checkpoint of a {config.model} net to start from")
    net.load_state_dict(state["net"])
    return int(state["seen"])


def _resume(path: Path, state: dict, config: ExpressConfig, net: ExpressNet, optimiser: torch.optim.Optimizer) -> int:
    now, then = asdict(config), state["config"]
    changed = [name for name in now if name not in _SETTLED and now[name] != then.get(name)]
    if changed:
        raise MienError(f"{path} was trained with another {', '.join(changed)}; choose another --out or delete it")
    net.load_state_dict(state["net"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])
