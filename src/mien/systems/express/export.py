"""From a checkpoint to a bundle: ONNX with explicit state, checked against torch.

`mien export express runs/express/checkpoint.pt BUNDLE` runs this. There is no NCNN model, because gathering vertices by
index is not among NCNN's operations.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mien.engine.config import training_command
from mien.engine.export import load_trained, numpy_step, parity, read_figures, to_onnx, write_checked
from mien.engine.provenance import git_revision
from mien.runtime import Bundle, Manifest, Session, StateSpec, TensorSpec, TrainingData
from mien.runtime.card import model_card
from mien.systems.express import spec
from mien.systems.express.config import EXPORT, PRESETS, ExpressConfig, ExpressExport
from mien.systems.express.model import ExpressNet, ExpressStep
from mien.systems.express.train import build_net, face_hierarchy

__all__ = ["STATES", "TOLERANCE", "WEAKNESSES", "bundle_parity", "export", "load_net"]

TOLERANCE = 1e-3
"""Largest difference between torch and ONNX Runtime over 100 frames with states fed back [mm]."""

_LARGE = 200_000
"""Number of elements from which a table counts as large: on ICT's face sixteen blendshapes have 450,000."""

WEAKNESSES = """
## Known weaknesses

- Habits that neither the label nor the neutral tell come out as the average person's.
- Trained on synthetic people on ICT-FaceKit's topology; other topologies need `mien express --transfer`.
- Where two expressions overlap, the training data let each muscle follow the stronger of them; people may do otherwise.
"""

STATES = {
    "hidden_next": ("hidden", np.zeros((1, spec.LATENT), np.float32)),
    "cell_next": ("cell", np.zeros((1, spec.LATENT), np.float32)),
}
"""Name of a state's output -> name of its input, and its value before the first frame."""


def load_net(checkpoint: Path) -> tuple[ExpressNet, dict[str, Any]]:
    """The network of a checkpoint, and the checkpoint; raises MienError when there is none."""
    state = load_trained(checkpoint, "express")
    config, constants = ExpressConfig(**state["config"]), state["constants"]
    hierarchy = face_hierarchy(constants["mean"].numpy(), constants["triangles"].numpy(), config.spiral)
    net = build_net(config, hierarchy, len(constants["expressions"]))
    net.load_state_dict(state["net"])
    return net.eval(), state


def export(checkpoint: Path, out: Path, options: ExpressExport = EXPORT) -> Bundle:
    """Write the bundle of a checkpoint, at any time during a training run.

    Raises MienError when the checkpoint or the figures that `options` name cannot be read, and when the runtime differs
    from torch by more than TOLERANCE; nothing is written then.
    """
    net, state = load_net(checkpoint)
    step = ExpressStep(net).eval()
    metrics = _metrics(options.figures, state["config"]["model"]) if options.figures else {}
    manifest = _manifest(state, step, metrics, options.command)
    example = [torch.zeros(*feed.shape) for feed in manifest.feeds]
    arrays = {name: value.numpy() for name, value in state["constants"].items() if isinstance(value, torch.Tensor)}
    return write_checked(
        out,
        manifest,
        model=_slim(to_onnx(step, example, step.inputs, step.outputs)),
        arrays=arrays if options.constants else None,
        card=model_card(manifest) + WEAKNESSES,
        difference=lambda session: bundle_parity(net, session),
        tolerance=TOLERANCE,
    )


def _metrics(figures: Path, model: str) -> dict[str, float]:
    """The held-out vertex errors [mm] of a decoder."""
    errors = {
        name: value for name, value in read_figures(figures, "express", "errors", model).items() if name != "course"
    }
    blends = read_figures(figures, "express", "blends")
    errors |= {"blends": blends[model]} if model in blends else {}
    return {f"vertex_mm_{name}": round(value, 4) for name, value in errors.items()}


def _slim(model: bytes) -> bytes:
    """The same graph, smaller: indices as int32, and large tables in half precision where that is exact."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    loaded = onnx.load_from_string(model)
    graph = loaded.graph
    gathered = {node.input[1] for node in graph.node if node.op_type == "Gather"}
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] in gathered:
            value = node.attribute[0].t
            if value.data_type == TensorProto.INT64 and len(value.dims) == 1:  # a table of indices, not a single axis
                value.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(value).astype(np.int32)))
    for table in graph.initializer:
        values = numpy_helper.to_array(table)
        if values.dtype != np.float32 or values.size < _LARGE or (values.astype(np.float16) != values).any():
            continue
        name = table.name
        table.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        graph.node.insert(0, helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    return loaded.SerializeToString()


def bundle_parity(net: ExpressNet, session: Session, frames: int = 100, seed: int = 0) -> float:
    """Largest difference [mm, or of a state] between torch and a session over random ramps, states fed back."""
    rng = np.random.default_rng(seed)
    step = ExpressStep(net).eval()
    shapes = {feed.name: feed.shape for feed in session.manifest.inputs}
    ends = {name: rng.uniform(-1, 1, (2, *shape)).astype(np.float32) for name, shape in shapes.items()}
    ends["label"] = np.abs(ends["label"])
    inputs = [{name: (a + (b - a) * np.float32(t / frames)) for name, (a, b) in ends.items()} for t in range(frames)]

    return parity(numpy_step(step, step.inputs, step.outputs), session.run, inputs, STATES)


def _manifest(state: dict[str, Any], step: ExpressStep, metrics: Mapping[str, Any], command: str) -> Manifest:
    config, constants = ExpressConfig(**state["config"]), state["constants"]
    vertices, expressions = len(constants["mean"]), tuple(constants["expressions"])
    inputs = [TensorSpec(name="label", shape=(1, len(expressions)), meaning="intensity of each expression, 0..1")]
    if "code" in step.inputs:
        inputs.append(TensorSpec(name="code", shape=(1, config.code), meaning="shape of the neutral (arrays.npz)"))
        meaning = "deformation of the neutral from the mean around each vertex"
        inputs.append(TensorSpec(name="shape", shape=(1, vertices, spec.LOCAL), meaning=meaning))
    synthetic = expressions == spec.EXPRESSIONS
    stated = replace(config, start="CHECKPOINT" if config.start else "")
    return Manifest(
        name="express",
        version="1",
        inputs=tuple(inputs),
        outputs=(TensorSpec(name="displacements", shape=(1, vertices, 3), meaning="from the neutral, mm"),),
        states=tuple(StateSpec(input=into, output=out, shape=start.shape) for out, (into, start) in STATES.items()),
        preprocess={"fps": spec.FPS, "model": config.model},
        channels=expressions,
        licence="Apache-2.0",
        training_data=(
            TrainingData(
                name="performers of mien.synth.expressions on ICT-FaceKit" if synthetic else str(config.data),
                licence="MIT" if synthetic else "as the data's",
                samples=state["seen"],
                source="USC ICT" if synthetic else "",
            ),
        ),
        command=command or training_command("express", stated, PRESETS, config.MAY_CHANGE - {"epochs"}),
        seed=config.seed,
        revision=git_revision(),
        metrics=dict(metrics),
    )
