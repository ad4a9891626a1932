"""From a checkpoint to the bundle that ships: ONNX and NCNN with explicit state, checked against torch.

`python -m mien.systems.capture.export runs/capture/checkpoint.pt BUNDLE` exports at any time during a training run.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mien.core.errors import MienError
from mien.engine.checkpoint import load_checkpoint
from mien.engine.export import parity, to_ncnn, to_onnx
from mien.engine.provenance import git_revision
from mien.runtime import Bundle, Manifest, Session, StateSpec, TensorSpec, TrainingData, open_session
from mien.runtime.backend_ncnn import batch_axes
from mien.runtime.card import model_card
from mien.systems.capture import spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.model import CaptureNet, CaptureStep
from mien.systems.capture.runtime.landmark_rig import landmark_rig

__all__ = ["STATES", "TOLERANCE", "bundle_parity", "export", "load_net"]

TOLERANCE = 1e-4
"""Largest difference between torch, ONNX Runtime and NCNN over 200 fed-back frames. Landmarks count in crop widths."""

COMMAND = "mien train capture --preset cpu --processes 2 --threads 1"
WEAKNESSES = """
Figures are with each crop's mirror image, as files are read; with one look, as at a webcam's frames, the landmark error
is 5 % larger.

## Known weaknesses

- A single frame cannot tell a raised brow from one that sits high, nor a narrow eye from a squint: expect an offset per
  person on brow, squint and wide channels. `mien capture --neutral` removes what a take shows of it.
- Gaze is weak up and down: few pixels, and glasses, lashes and low light take most of them. It may carry an offset of
  some degrees per camera.
- `jawForward` and `mouthShrugUpper` move little in a frontal view.
- Trained on rendered faces and 20 portraits. `seen` says what of eyes, brows and mouth is in sight; it has learnt that
  from rendered things before faces, and from nothing real: fingers at the lips are sometimes taken for lips.
- Beyond about 45 degrees of yaw or 30 of pitch the five points, and with them everything, become unsteady.
"""

STATES = {
    "code_next": ("code_past", np.zeros((1, spec.PAST * spec.CODE), np.float32)),
    "hidden_next": ("hidden_past", np.zeros((1, spec.PAST * spec.HIDDEN), np.float32)),
}
"""A state's output -> the input it becomes, and its value before the first frame."""


def load_net(checkpoint: Path) -> tuple[CaptureNet, dict[str, Any]]:
    """The net with the averaged weights of a checkpoint, and the checkpoint; MienError when there is none."""
    state = load_checkpoint(checkpoint)
    if state is None:
        raise MienError(f"{checkpoint}: no such checkpoint; train one with 'mien train capture'")
    net = CaptureNet()
    net.load_state_dict({**state["net"], **state["average"]})
    return net.eval(), state


def export(
    checkpoint: Path,
    out: Path,
    *,
    arrays: Mapping[str, np.ndarray],
    metrics: Mapping[str, Any] | None = None,
    command: str = COMMAND,
) -> Bundle:
    """Write the bundle and check it; raises MienError when a runtime disagrees with torch by more than TOLERANCE.

    `arrays` are the constants the runtime needs (`landmark_rig`).
    """
    torch.set_num_threads(1)  # single frames: more threads only wait for each other
    net, state = load_net(checkpoint)
    step = CaptureStep(net).eval()
    example = [torch.zeros(1, 3, spec.CROP, spec.CROP), torch.ones(1, 1), torch.full((1, 1), spec.USUAL_STEP)]
    example += [torch.zeros(1, spec.CODE), torch.zeros(1, 1)]
    example += [torch.zeros(*start.shape) for _, start in STATES.values()]
    ncnn = to_ncnn(step, example)
    manifest = _manifest(state, metrics or {}, command, batch_axes(ncnn.script))
    model = to_onnx(step, example, step.inputs, step.outputs)
    bundle = Bundle.write(
        out, manifest, model=model, ncnn=(ncnn.param, ncnn.bin), arrays=arrays, card=model_card(manifest) + WEAKNESSES
    )
    for backend in ("onnx", "ncnn"):
        worst = bundle_parity(net, open_session(bundle, backend))
        if worst > TOLERANCE:
            raise MienError(f"{out}: {backend} differs from torch by {worst:.1e}, more than {TOLERANCE:.0e}")
    return bundle


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
    step = CaptureStep(net).eval()

    def torch_step(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with torch.no_grad():
            outputs = step(*(torch.from_numpy(np.ascontiguousarray(values[name])) for name in step.inputs))
        return _scaled({name: value.numpy() for name, value in zip(step.outputs, outputs, strict=True)})

    return parity(torch_step, lambda values: _scaled(session.run(values)), inputs, STATES)


def _scaled(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {**outputs, "landmarks": outputs["landmarks"] / spec.CROP}


def _manifest(state: dict[str, Any], metrics: Mapping[str, Any], command: str, axes: dict[str, int | None]) -> Manifest:
    def keeps(i: int, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        return shape if axes.get(f"in{i}", 0) is None else None

    config, crop = state["config"], (1, 3, spec.CROP, spec.CROP)
    rendered, real = state["step"] * CaptureConfig(**config).batch, 2 * state["step"] * config["portraits_per_batch"]
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
        training_data=(
            TrainingData(
                name="renders of ICT-FaceKit by mien synth", licence="MIT", samples=rendered, source="USC ICT"
            ),
            TrainingData(
                name="webmorph_canada, 20 of 40 portraits", licence="CC-BY-4.0", samples=real, source="DeBruine"
            ),
        ),
        command=command,
        seed=config["seed"],
        revision=git_revision(),
        metrics=dict(metrics),
    )


def main() -> None:
    """Command line: export, with the figures of `mien bench` when there are any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--figures", type=Path, help="what `mien bench capture --json` wrote of these very weights")
    parser.add_argument("--command", default=COMMAND, help="what trained them, for the model card")
    chosen = parser.parse_args()
    metrics = json.loads(chosen.figures.read_text())["held_out"]["ours"] if chosen.figures else {}
    try:
        export(chosen.checkpoint, chosen.out, arrays=landmark_rig(), metrics=metrics, command=chosen.command)
    except MienError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
