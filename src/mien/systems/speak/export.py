"""From a checkpoint to a bundle: ONNX with explicit state, checked against torch.

`mien export speak runs/speak/checkpoint.pt BUNDLE` runs this. There is no NCNN model: choosing a code gathers rows by
an index, which is not among NCNN's operations.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from mien.core.visemes import VISEMES
from mien.engine.config import training_command
from mien.engine.export import load_trained, numpy_step, parity, read_figures, to_onnx, write_checked
from mien.engine.provenance import git_revision
from mien.runtime import Bundle, Manifest, Session, StateSpec, TensorSpec, TrainingData
from mien.runtime.card import model_card
from mien.systems.speak import spec
from mien.systems.speak.config import EXPORT, PRESETS, SpeakConfig, SpeakExport
from mien.systems.speak.model import SpeakNet, SpeakStep

__all__ = ["TOLERANCE", "WEAKNESSES", "bundle_parity", "export", "load_net"]

TOLERANCE = 1e-4
"""Largest difference between torch and ONNX Runtime over 40 chunks with states fed back [weights, rad]."""

WEAKNESSES = """
## Known weaknesses

- Trained on synthetic speakers alone: how people differ is as wide as the generator's styles, and no wider.
- The style of a captured take is read as far as it resembles those speakers; an expression that changes within a take
  is not followed.
- Visemes of English decide the lips; languages with other lip sounds come out as their nearest visemes.
- Eyes and head are plausible and not those that a person would show with these words.
"""


def load_net(checkpoint: Path) -> tuple[SpeakNet, dict[str, Any]]:
    """The network of a checkpoint, and the checkpoint; raises MienError when there is none."""
    state = load_trained(checkpoint, "speak")
    net = SpeakNet(SpeakConfig(**state["config"]).width)
    net.load_state_dict(state["net"])
    return net.eval(), state


def export(checkpoint: Path, out: Path, options: SpeakExport = EXPORT) -> Bundle:
    """Write the bundle of a checkpoint, at any time during a training run.

    Raises MienError when the checkpoint or the figures that `options` name cannot be read, and when the runtime differs
    from torch by more than TOLERANCE; nothing is written then.
    """
    net, state = load_net(checkpoint)
    step = SpeakStep(net).eval()
    metrics = read_figures(options.figures, "speak", "summary") if options.figures else {}
    manifest = _manifest(state, step, metrics, options.command)
    example = [torch.zeros(*feed.shape) for feed in manifest.feeds]
    return write_checked(
        out,
        manifest,
        model=to_onnx(step, example, step.inputs, step.outputs),
        arrays=_style_arrays(net),
        card=model_card(manifest) + WEAKNESSES,
        difference=lambda session: bundle_parity(net, session),
        tolerance=TOLERANCE,
    )


def _style_arrays(net: SpeakNet) -> dict[str, np.ndarray]:
    """The style encoder, which runs in numpy (`runtime.style_encoder`)."""
    arrays: dict[str, np.ndarray] = {}
    for k, conv in enumerate(cast("Iterable[nn.Conv1d]", net.style.convs)):
        assert conv.bias is not None
        arrays |= {f"style_weight{k}": conv.weight.detach().numpy(), f"style_bias{k}": conv.bias.detach().numpy()}
    out = net.style.out
    return arrays | {"style_out_weight": out.weight.detach().numpy(), "style_out_bias": out.bias.detach().numpy()}


def bundle_parity(net: SpeakNet, session: Session, chunks: int = 40, seed: int = 0) -> float:
    """Largest difference [weights, rad] between torch and a session over random visemes and styles, states fed back."""
    rng = np.random.default_rng(seed)
    step = SpeakStep(net).eval()
    style = rng.uniform(-1, 1, (1, spec.STYLE)).astype(np.float32)
    sounds = np.repeat(rng.integers(len(VISEMES), size=chunks * 2), spec.CHUNK // 2)
    levels = np.eye(len(VISEMES), dtype=np.float32)[sounds].T[None]
    inputs = [
        {
            "visemes": np.ascontiguousarray(levels[:, :, k * spec.CHUNK : (k + 1) * spec.CHUNK]),
            "style": style,
            "residual": rng.normal(0, 1, (1, spec.RESIDUAL)).astype(np.float32),
            "noise": rng.gumbel(size=(1, spec.NOISE)).astype(np.float32),
        }
        for k in range(chunks)
    ]
    states = {f"{n}_next": (n, np.zeros((1, *shape), np.float32)) for n, shape in step.states.items()}
    return parity(numpy_step(step, step.inputs, step.outputs), session.run, inputs, states)


def _manifest(state: dict[str, Any], step: SpeakStep, metrics: dict[str, Any], command: str) -> Manifest:
    config = SpeakConfig(**state["config"])
    chunk = (1, len(VISEMES), spec.CHUNK)
    return Manifest(
        name="speak",
        version="1",
        inputs=(
            TensorSpec(name="visemes", shape=chunk, meaning="level of each viseme in each frame of a chunk"),
            TensorSpec(name="style", shape=(1, spec.STYLE), meaning="style vector; 0 is the average speaker"),
            TensorSpec(name="residual", shape=(1, spec.RESIDUAL), meaning="handle for what visemes leave open; 0"),
            TensorSpec(name="noise", shape=(1, spec.NOISE), meaning="Gumbel noise that draws the codes"),
        ),
        outputs=(
            TensorSpec(name="face", shape=(spec.CHUNK, len(spec.FACE)), meaning="weights of spec.FACE"),
            TensorSpec(name="eyes_head", shape=(spec.CHUNK, 7), meaning="spec.EYES, then head angles in rad"),
            TensorSpec(name="raw", shape=(spec.CHUNK, 7), meaning="the same without the priors"),
        ),
        states=tuple(
            StateSpec(input=name, output=f"{name}_next", shape=(1, *shape)) for name, shape in step.states.items()
        ),
        preprocess={"fps": spec.FPS, "chunk": spec.CHUNK, "look_ahead": spec.LOOK_AHEAD},
        channels=spec.SIGNALS,
        licence="Apache-2.0",
        training_data=(
            TrainingData(
                name="speakers of mien.synth.speech (generated motion)",
                licence="Apache-2.0",
                samples=int(state["seen"]),
                source="mien",
            ),
        ),
        command=command or training_command("speak", config, PRESETS),
        seed=config.seed,
        revision=git_revision(),
        metrics=dict(metrics),
    )
