"""Export on a network of one layer with a state: what ships is what torch computes, or nothing is written."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mien.core import MienError
from mien.engine.export import numpy_step, parity, to_onnx, write_checked
from mien.runtime import Bundle, Manifest, Session, StateSpec, TensorSpec, TrainingData

pytestmark = pytest.mark.filterwarnings("ignore:.*legacy TorchScript:DeprecationWarning")
STATES = {"next": ("past", np.zeros((1, 3), np.float32))}
MANIFEST = Manifest(
    name="leaky",
    version="1",
    inputs=(TensorSpec(name="x", shape=(1, 3), meaning="x"),),
    outputs=(TensorSpec(name="y", shape=(1, 3), meaning="y"),),
    states=(StateSpec(input="past", output="next", shape=(1, 3)),),
    preprocess={},
    channels=(),
    licence="CC0-1.0",
    training_data=(TrainingData(name="none", licence="CC0-1.0", samples=1, source=""),),
    command="none",
    seed=0,
    revision="none",
    metrics={},
)


class Leaky(nn.Module):
    inputs, outputs = ("x", "past"), ("y", "next")

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = nn.Parameter(torch.tensor(rate))

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        state = past * self.rate + x
        return torch.tanh(state), state * 1.0


def onnx(net: Leaky) -> bytes:
    return to_onnx(net, [torch.zeros(1, 3), torch.zeros(1, 3)], net.inputs, net.outputs)


def frames() -> list[dict[str, np.ndarray]]:
    return [{"x": row} for row in np.random.default_rng(0).normal(size=(9, 1, 3)).astype(np.float32)]


def write(out: Path, model: bytes, net: Leaky, **more: object) -> Bundle:
    def difference(session: Session) -> float:
        return parity(numpy_step(net, net.inputs, net.outputs), session.run, frames(), STATES)

    return write_checked(
        out,
        MANIFEST,
        model=model,
        card="card",
        difference=difference,
        tolerance=1e-5,
        **more,  # pyright: ignore
    )


def test_a_torch_step_as_a_function_of_arrays_is_the_module() -> None:
    net = Leaky(0.5)
    past = np.array([[1.0, 2.0, 3.0]], np.float32)
    got = numpy_step(net, net.inputs, net.outputs)({"past": past, "x": past[:, ::-1]})
    np.testing.assert_allclose(got["next"], 0.5 * past + past[:, ::-1])
    np.testing.assert_allclose(got["y"], np.tanh(got["next"]), rtol=1e-6)


def test_a_graph_that_computes_what_torch_does_is_written_with_what_is_learnt_by_running_it(tmp_path: Path) -> None:
    net, ran = Leaky(0.5), []

    def learnt(draft: Bundle) -> dict[str, np.ndarray]:
        ran.append(draft.path)
        return {"learnt": np.ones(2)}

    bundle = write(tmp_path / "b", onnx(net), net, arrays={"own": np.zeros(1)}, learnt=learnt)
    assert set(Bundle.load(bundle.path).arrays) == {"own", "learnt"}
    assert ran and not ran[0].exists()


@pytest.mark.parametrize("rate", [0.51, float("nan")])
def test_a_graph_that_differs_only_in_what_it_remembers_is_refused_and_nothing_is_written(
    tmp_path: Path, rate: float
) -> None:
    with pytest.raises(MienError, match=r"onnx differs from torch by .*, more than 1e-05"):
        write(tmp_path / "b", onnx(Leaky(rate)), Leaky(0.5))
    assert not list(tmp_path.iterdir())
    write(tmp_path / "b", onnx(Leaky(0.5)), Leaky(0.5))
    before = (tmp_path / "b" / "model.onnx").read_bytes()
    with pytest.raises(MienError, match="differs"):
        write(tmp_path / "b", onnx(Leaky(rate)), Leaky(0.5))
    assert (tmp_path / "b" / "model.onnx").read_bytes() == before
