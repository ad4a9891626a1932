"""From a checkpoint to the bundle that ships: ONNX, NCNN, and the check that both give the same outputs as torch."""

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.core.errors import MienError
from mien.engine.checkpoint import load_checkpoint
from mien.engine.figures import Result
from mien.runtime import Bundle, Manifest, Session, open_session

__all__ = [
    "OPSET",
    "NcnnFiles",
    "Step",
    "load_trained",
    "numpy_step",
    "parity",
    "read_figures",
    "to_ncnn",
    "to_onnx",
    "write_checked",
]

OPSET = 17
"""ONNX operator set: the newest that onnxruntime 1.17, the oldest version that mien accepts, runs in full."""

_CONVERT = "import sys, torch, pnnx; pnnx.convert(sys.argv[1], [torch.zeros(s) for s in eval(sys.argv[2])], fp16=False)"


def load_trained(checkpoint: Path, name: str) -> dict[str, Any]:
    """The checkpoint of a run of the system `name`; raises MienError when it is not there or is no checkpoint."""
    state = load_checkpoint(checkpoint)
    if state is None:
        raise MienError(f"{checkpoint}: no such checkpoint; train one with 'mien train {name}'")
    return state


def read_figures(path: Path, name: str, *keys: str) -> dict[str, Any]:
    """The numbers under `keys` in the details of a result that `mien bench NAME --json FILE` wrote.

    Raises MienError when the file is no result of the system `name` or lacks one of these keys.
    """
    result = Result.read(path)
    found: Any = result.details if result.name == name else None
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        where = ".".join(keys)
        raise MienError(f"{path}: has no figures of {name} ({where}); write it with 'mien bench {name} --json FILE'")
    return dict(found)


def to_onnx(module: nn.Module, example: Sequence[Tensor], inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The module's graph at the shapes of `example`, with named inputs and outputs."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # PyTorch has announced the removal of its TorchScript exporter, which writes the plain graph that NCNN and old
        warnings.simplefilter("ignore", DeprecationWarning)
        # Warns at every instance norm without running statistics, although these norms have no statistics to use.
        warnings.filterwarnings("ignore", "ONNX export mode is set to TrainingMode.EVAL", UserWarning)
        # Warns that it cannot fold the reversed slices by which padding is written; these slices cost nothing.
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        # Tracing turns checks of fixed shapes into constants, which is intended here.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # pyright: ignore
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            module.eval(),
            tuple(example),
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=False,
        )
        return path.read_bytes()


@dataclass(frozen=True, kw_only=True)
class NcnnFiles:
    """What pnnx writes."""

    param: bytes
    """The graph (model.ncnn.param)."""
    bin: bytes
    """The weights in fp32 (model.ncnn.bin)."""
    script: str
    """pnnx's own example of use, which shows the batch axes that pnnx dropped."""


def to_ncnn(module: nn.Module, example: Sequence[Tensor]) -> NcnnFiles:
    """The module for NCNN; raises MienError with the end of pnnx's output when pnnx cannot convert the module."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript is what pnnx reads
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # pyright: ignore
        traced = torch.jit.trace(module.eval(), tuple(example))
        traced.save(f"{folder}/model.pt")  # pyright: ignore
        shapes = str([tuple(tensor.shape) for tensor in example])
        # In a process of its own: pnnx writes into the working folder and brings an OpenMP runtime of its own.
        done = subprocess.run(
            [sys.executable, "-c", _CONVERT, "model.pt", shapes],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        param, binary = Path(folder) / "model.ncnn.param", Path(folder) / "model.ncnn.bin"
        if done.returncode or not param.exists():
            raise MienError(f"pnnx cannot convert the model to NCNN: {(done.stdout + done.stderr).strip()[-300:]}")
        script = (Path(folder) / "model_ncnn.py").read_text()
        return NcnnFiles(param=param.read_bytes(), bin=binary.read_bytes(), script=script)


Step = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]
"""One frame of a streaming model: from inputs and states by name to outputs and next states by name."""


def numpy_step(module: nn.Module, inputs: Sequence[str], outputs: Sequence[str]) -> Step:
    """A torch module over one frame as a function of arrays; `inputs` and `outputs` name them in the module's order."""
    module.eval()

    def step(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with torch.no_grad():
            results = module(*(torch.from_numpy(np.ascontiguousarray(values[name])) for name in inputs))
        return {name: value.numpy() for name, value in zip(outputs, results, strict=True)}

    return step


def parity(
    one: Step, other: Step, frames: Sequence[Mapping[str, np.ndarray]], states: Mapping[str, tuple[str, np.ndarray]]
) -> float:
    """Largest difference of any output over `frames`, with each model's states fed back into it.

    States are compared only through the outputs that they lead to, since their units mean nothing outside the model.
    `states` maps a state's output name to the name of its input and its value at the start.
    """
    memory = [{into: start.copy() for into, start in states.values()} for _ in range(2)]
    worst = 0.0
    for frame in frames:
        results = [step({**frame, **held}) for step, held in zip((one, other), memory, strict=True)]
        outputs = results[0].keys() - states.keys()
        # np.max, since max() would drop a NaN.
        worst = float(np.max([worst, *(np.abs(results[0][name] - results[1][name]).max() for name in outputs)]))
        memory = [{into: np.asarray(result[out]) for out, (into, _) in states.items()} for result in results]
    return worst


def write_checked(
    out: Path,
    manifest: Manifest,
    *,
    model: bytes,
    ncnn: NcnnFiles | None = None,
    arrays: Mapping[str, np.ndarray] | None = None,
    learnt: Callable[[Bundle], Mapping[str, np.ndarray]] | None = None,
    card: str,
    difference: Callable[[Session], float],
    tolerance: float,
) -> Bundle:
    """Write a bundle in which every runtime differs from torch by at most `tolerance`, as `difference` measures it.

    `learnt` computes further arrays with the checked network. Raises MienError, and writes nothing, when a runtime
    differs by more.
    """
    pair = None if ncnn is None else (ncnn.param, ncnn.bin)
    with tempfile.TemporaryDirectory() as folder:
        draft = Bundle.write(Path(folder) / "draft", manifest, model=model, ncnn=pair, arrays=arrays, card=card)
        for backend in ("onnx",) if ncnn is None else ("onnx", "ncnn"):
            worst = difference(open_session(draft, backend))
            if not worst <= tolerance:  # also when it is not a number
                raise MienError(f"{out}: {backend} differs from torch by {worst:.1e}, more than {tolerance:.0e}")
        arrays = {**(arrays or {}), **learnt(draft)} if learnt else arrays
    return Bundle.write(out, manifest, model=model, ncnn=pair, arrays=arrays, card=card)
