import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import MienError
from mien.runtime import BACKENDS, Bundle, Stream, open_session
from mien.runtime.backend_ncnn import batch_axes

from .conftest import CHANNELS, IMAGE, MANIFEST, TAPS, Net

TOLERANCE = 1e-5  # fp32 sums of 100 products, and a state that decays by half each step


def images(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *IMAGE)).astype(np.float32)


@pytest.mark.parametrize("backend", BACKENDS)
def test_200_fed_back_steps_match_the_definition(bundle: Bundle, net: Net, backend: str) -> None:
    stream = Stream(open_session(bundle, backend))
    history, leak = np.zeros((1, CHANNELS, TAPS - 1)), np.zeros((1, CHANNELS))
    for image in images(200):
        output, history, leak = net(image, history, leak)
        np.testing.assert_allclose(stream.step({"image": image})["output"], output, atol=TOLERANCE)
    np.testing.assert_allclose(stream.state["history"], history, atol=TOLERANCE)
    np.testing.assert_allclose(stream.state["leak"], leak, atol=TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
def test_reset_and_restore_repeat_exactly(bundle: Bundle, backend: str) -> None:
    stream = Stream(open_session(bundle, backend))
    frames = images(6)
    first = [stream.step({"image": image})["output"] for image in frames]
    stream.reset()
    assert all((value == 0).all() for value in stream.state.values())
    second = [stream.step({"image": image})["output"] for image in frames[:3]]
    saved = stream.state
    second += [stream.step({"image": image})["output"] for image in frames[3:]]
    np.testing.assert_array_equal(first, second)
    stream.state = saved
    third = [stream.step({"image": image})["output"] for image in frames[3:]]
    np.testing.assert_array_equal(first[3:], third)


@pytest.mark.parametrize("backend", BACKENDS)
def test_inputs_survive_and_outputs_are_the_callers(bundle: Bundle, backend: str) -> None:
    session = open_session(bundle, backend)
    inputs = {
        "image": images(1)[0],
        "history": np.full((1, CHANNELS, TAPS - 1), -1, np.float32),
        "leak": np.full((1, CHANNELS), -1, np.float32),  # relu on it runs in place inside NCNN
    }
    kept = {name: value.copy() for name, value in inputs.items()}
    outputs = session.run(inputs)
    copies = {name: value.copy() for name, value in outputs.items()}
    session.run({name: value + 1 for name, value in inputs.items()})
    for name, value in inputs.items():
        np.testing.assert_array_equal(value, kept[name])
    for name, value in outputs.items():
        np.testing.assert_array_equal(value, copies[name])
        assert value.flags.writeable
    assert set(outputs) == {"output", "history_next", "leak_next"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_strided_and_wider_inputs_give_the_same(bundle: Bundle, backend: str) -> None:
    image = images(1)[0]
    wide = np.asfortranarray(image.astype(np.float64))
    strided = np.repeat(image, 2, axis=3)[..., ::2]
    results = [Stream(open_session(bundle, backend)).step({"image": x})["output"] for x in (image, wide, strided)]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("backend", BACKENDS)
def test_wrong_names_and_shapes_are_named(bundle: Bundle, backend: str) -> None:
    stream = Stream(open_session(bundle, backend))
    with pytest.raises(ValueError, match="needs the input 'image'"):
        stream.step({})
    with pytest.raises(ValueError, match=r"takes 'image' as \(1, 3, 7, 9\)"):
        stream.step({"image": np.zeros((1, 3, 9, 7), np.float32)})
    with pytest.raises(ValueError, match="has no input"):
        stream.step({"image": images(1)[0], "other": np.zeros(1)})
    with pytest.raises(ValueError, match="the state must be"):
        stream.state = {"leak": np.zeros((1, CHANNELS))}
    stream.step({"image": images(1)[0]})


def test_unknown_backend_threads_and_absent_model(net: Net, tmp_path: Path) -> None:
    bare = Bundle.write(tmp_path / "bare", MANIFEST, model=net.onnx())
    with pytest.raises(MienError, match="unknown backend 'cuda'; use one of: onnx, ncnn"):
        open_session(bare, "cuda")
    with pytest.raises(MienError, match="threads must be at least 1"):
        open_session(bare, threads=0)
    with pytest.raises(MienError, match="no NCNN model; use the onnx backend"):
        open_session(bare, "ncnn")


def test_manifest_and_graph_must_agree(net: Net, tmp_path: Path, ncnn_files: tuple[Path, Path, str]) -> None:
    for part in ({"states": MANIFEST.states[:1]}, {"outputs": (replace(MANIFEST.outputs[0], name="no"),)}):
        other = Bundle.write(tmp_path / "other", replace(MANIFEST, **part), model=net.onnx())
        with pytest.raises(MienError, match=r"manifest and model\.onnx disagree about the (input 'leak'|output 'no')"):
            open_session(other)
    more = replace(MANIFEST, inputs=(*MANIFEST.inputs, replace(MANIFEST.inputs[0], name="second")))
    other = Bundle.write(tmp_path / "other", more, model=net.onnx(), ncnn=ncnn_files[:2])
    with pytest.raises(MienError, match="disagree about 'in3'"):
        open_session(other, "ncnn")


def test_a_model_that_is_none_is_one_line_and_quiet(tmp_path: Path) -> None:
    Bundle.write(tmp_path / "junk", MANIFEST, model=b"not a graph", ncnn=(b"not a net", b""))
    for backend in BACKENDS:
        with pytest.raises(MienError, match="cannot open the model") as caught:
            open_session(Bundle.load(tmp_path / "junk"), backend)
        assert "\n" not in str(caught.value)


def test_pnnx_tells_which_axes_it_dropped(ncnn_files: tuple[Path, Path, str]) -> None:
    assert batch_axes(ncnn_files[2]) == {"in0": 0, "in1": 0, "in2": 0}
    old = textwrap.dedent("""
            ex.input("in0", ncnn.Mat(in0.squeeze(0).numpy()).clone())
            ex.input("in1", ncnn.Mat(in1.numpy()).clone())
    """)
    assert batch_axes(old) == {"in0": 0, "in1": None}


def test_running_a_bundle_reaches_no_torch(bundle: Bundle) -> None:
    code = f"""
import sys
from mien.runtime import Bundle, open_session
for backend in ("onnx", "ncnn"):
    open_session(Bundle.load({str(bundle.path)!r}), backend)
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
