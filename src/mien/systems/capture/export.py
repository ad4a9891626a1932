"""From a checkpoint to the bundle that ships: ONNX and NCNN with explicit state, checked against torch.

`mien export capture runs/capture/checkpoint.pt BUNDLE` runs this.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mien.engine.config import training_command
from mien.engine.export import load_trained, numpy_step, parity, read_figures, to_ncnn, to_onnx, write_checked
from mien.engine.provenance import git_revision
from mien.runtime import Bundle, Manifest, Session, StateSpec, TensorSpec, TrainingData
from mien.runtime.backend_ncnn import batch_axes
from mien.runtime.card import model_card
from mien.systems.capture import spec
from mien.systems.capture.config import EXPORT, PRESETS, CaptureConfig, CaptureExport
from mien.systems.capture.model import CaptureNet, CaptureStep
from mien.systems.capture.runtime.landmark_rig import landmark_rig
from mien.systems.capture.training.face_sets import set_of
from mien.systems.capture.training.identity_readout import learn_readout, shards_of

__all__ = ["STATES", "TOLERANCE", "bundle_parity", "export", "load_net", "training_data"]

TOLERANCE = 1e-4
"""Largest difference between torch, ONNX Runtime and NCNN over 200 fed-back frames. Landmarks count in crop widths."""

WEAKNESSES = """
The figures are those of captured files, where the network also reads the mirror image of each crop. Of a webcam the
mirror image is not read, and the landmark error is 5 % larger. Faces are found by MTCNN, whose weights were trained by
others on research data sets and are not part of this bundle.

## Known weaknesses

- A single frame cannot tell a raised brow from one that sits high, nor a narrow eye from a squint: expect an offset per
  person on brow, squint and wide channels. `mien capture --neutral` removes what a take shows of it.
- Gaze is weak: few pixels, and glasses, lashes and low light take most of them. It may carry an offset of some degrees
  per camera. Sideways it moves by half of what eyes of real people do (`python -m benchmarks.capture_people`).
- The mouth of real people moves too little sideways: by 0.59 of the true change of its width in clips, by 0.77 in
  smiles.
- `jawForward` and `mouthShrugUpper` move little in a frontal view.
- The output `seen` tells which of eyes, brows and mouth are visible. Covers are known from rendered things before faces
  and from flat patches drawn on real ones, not from real covers: fingers at the lips are sometimes taken for lips.
- No real face that it learnt from shows a tongue, blown cheeks, a jaw pushed sideways or eyes turned far up: these come
  from renders, or from real faces moved by the rig.
- Beyond about 45 degrees of yaw or 30 of pitch the five points, and with them everything, become unsteady.
"""

STATES = {
    "code_next": ("code_past", np.zeros((1, spec.PAST * spec.CODE), np.float32)),
    "hidden_next": ("hidden_past", np.zeros((1, spec.PAST * spec.HIDDEN), np.float32)),
}
"""A state's output -> the input it becomes, and its value before the first frame."""


def load_net(checkpoint: Path) -> tuple[CaptureNet, dict[str, Any]]:
    """The net with the averaged weights of a checkpoint, and the checkpoint; MienError when there is none."""
    state = load_trained(checkpoint, "capture")
    net = CaptureNet()
    net.load_state_dict({**state["net"], **state["average"]})
    return net.eval(), state


def export(checkpoint: Path, out: Path, options: CaptureExport = EXPORT) -> Bundle:
    """Write the bundle of a checkpoint, at any time during a training run.

    Raises MienError when the checkpoint, the figures or the stills that `options` name cannot be read, and when a
    runtime differs from torch by more than TOLERANCE; nothing is written then.
    """
    torch.set_num_threads(1)  # single frames: more threads only wait for each other
    net, state = load_net(checkpoint)
    shards_of(options.stills)
    metrics = read_figures(options.figures, "capture", "held_out", "ours") if options.figures else {}
    step = CaptureStep(net).eval()
    example = [torch.zeros(1, 3, spec.CROP, spec.CROP), torch.ones(1, 1), torch.full((1, 1), spec.USUAL_STEP)]
    example += [torch.zeros(1, spec.CODE), torch.zeros(1, 1)]
    example += [torch.zeros(*start.shape) for _, start in STATES.values()]
    ncnn = to_ncnn(step, example)
    manifest = _manifest(state, metrics, options.command, batch_axes(ncnn.script))
    return write_checked(
        out,
        manifest,
        model=to_onnx(step, example, step.inputs, step.outputs),
        ncnn=ncnn,
        arrays=landmark_rig(),
        learnt=(lambda draft: learn_readout(draft, options.stills).arrays()) if options.stills else None,
        card=model_card(manifest) + WEAKNESSES,
        difference=lambda session: bundle_parity(net, session),
        tolerance=TOLERANCE,
    )


def bundle_parity(net: CaptureNet, session: Session, frames: int = 200, seed: int = 0) -> float:
    """Largest difference between torch and a session over `frames` smoothly changing random crops, states fed back, at
    uneven times; from the second fresh start on, the face at rest is known."""
    rng = np.random.default_rng(seed)
    ends = rng.uniform(0, 255, (2, 1, 3, spec.CROP, spec.CROP)).astype(np.float32)
    rest = rng.normal(0, 1, (1, spec.CODE)).astype(np.float32)
    inputs = [
        {
            "crop": ends[0] + (ends[1] - ends[0]) * np.float32(t / frames),
            "fresh": np.full((1, 1), float(t in (0, frames // 2)), np.float32),
            "step": np.full((1, 1), rng.uniform(0.005, 0.2), np.float32),
            "rest": rest,
            "known": np.full((1, 1), float(t >= frames // 2), np.float32),
        }
        for t in range(frames)
    ]
    torch_step = numpy_step(CaptureStep(net), CaptureStep.inputs, CaptureStep.outputs)
    return parity(lambda v: _scaled(torch_step(v)), lambda v: _scaled(session.run(v)), inputs, STATES)


def _scaled(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {**outputs, "landmarks": outputs["landmarks"] / spec.CROP}


def _manifest(state: dict[str, Any], metrics: Mapping[str, Any], command: str, axes: dict[str, int | None]) -> Manifest:
    def keeps(i: int, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        return shape if axes.get(f"in{i}", 0) is None else None

    config, crop = CaptureConfig(**state["config"]), (1, 3, spec.CROP, spec.CROP)
    count, one, code = spec.LAYOUT.count, (1, 1), (1, spec.CODE)
    return Manifest(
        name="capture",
        version="2",
        inputs=(
            TensorSpec(name="crop", shape=crop, meaning="RGB crop, 0..255", ncnn_shape=keeps(0, crop)),
            TensorSpec(name="fresh", shape=one, meaning="1 at a face's first frame", ncnn_shape=keeps(1, one)),
            TensorSpec(name="step", shape=one, meaning="time since the frame before [s]", ncnn_shape=keeps(2, one)),
            TensorSpec(name="rest", shape=code, meaning="code of the same face at rest", ncnn_shape=keeps(3, code)),
            TensorSpec(name="known", shape=one, meaning="1 when rest is given, else 0", ncnn_shape=keeps(4, one)),
        ),
        outputs=(
            TensorSpec(name="landmarks", shape=(1, 2 * count), meaning="x0, y0, x1, ... px of the crop"),
            TensorSpec(name="weights", shape=(1, len(spec.CHANNELS)), meaning="expression weights, not clipped"),
            TensorSpec(name="seen", shape=(1, len(spec.REGIONS)), meaning=f"{', '.join(spec.REGIONS)} in sight, 0..1"),
        ),
        states=tuple(
            StateSpec(input=into, output=out, shape=start.shape, ncnn_shape=keeps(5 + i, start.shape))
            for i, (out, (into, start)) in enumerate(STATES.items())
        ),
        preprocess={"crop": spec.CROP, "color": "RGB", "align": "five points, mien.track.align.TEMPLATE"},
        channels=spec.CHANNELS,
        landmarks=spec.LAYOUT.name,
        licence="Apache-2.0",
        training_data=training_data(state),
        command=command or training_command("capture", config, PRESETS),
        seed=config.seed,
        revision=git_revision(),
        metrics=dict(metrics),
    )


def training_data(state: Mapping[str, Any]) -> tuple[TrainingData, ...]:
    """What the weights of a checkpoint were trained on: renders, each set of real faces that the run drew from, with
    licence and credit, and the data of the weights that the run started from."""
    config = CaptureConfig(**state["config"])
    renders = TrainingData(
        name="renders of ICT-FaceKit by mien synth",
        licence="MIT",
        samples=state["step"] * config.batch,
        source="USC ICT",
    )
    drawn = 2 * state["step"] * config.faces_per_batch
    real = [
        TrainingData(
            name=f"{row.title}: {pictures} {'picture' if pictures == 1 else 'pictures'}",
            licence=row.licence,
            samples=max(1, round(share * drawn)),
            source=row.credit,
        )
        for row, (pictures, share) in ((set_of(name), used) for name, used in state["faces"].items())
    ]
    before = [TrainingData(**data) for data in state["before"]]
    return renders, *real, *(replace(data, name=f"{data.name} (of the weights started from)") for data in before)
