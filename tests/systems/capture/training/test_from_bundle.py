from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.core import MienError
from mien.engine.checkpoint import load_checkpoint
from mien.runtime import Bundle, open_session
from mien.systems.capture.config import PRESETS, CaptureConfig
from mien.systems.capture.data import BatchSource
from mien.systems.capture.export import TOLERANCE, bundle_parity, load_net, training_data
from mien.systems.capture.model import CaptureNet
from mien.systems.capture.train import encoded, train
from mien.systems.capture.training.from_bundle import load_bundle, normalise_by, start_from


@pytest.fixture(scope="module")
def source(smoke: CaptureConfig) -> BatchSource:
    return BatchSource(replace(smoke, start="capture", faces_per_batch=8))


@pytest.fixture(scope="module")
def started(source: BatchSource) -> CaptureNet:
    torch.manual_seed(0)
    net = CaptureNet()
    start_from(net, "capture", source)
    return net


def test_the_network_built_again_is_the_bundles(started: CaptureNet) -> None:
    session = open_session(Bundle.load("capture"), "onnx")
    assert started.training
    assert bundle_parity(started.eval(), session, frames=60, seed=4) <= TOLERANCE
    started.train()


@torch.no_grad()
def test_normalising_by_the_batch_hardly_changes_what_it_sees(started: CaptureNet, source: BatchSource) -> None:
    batch = source[5]
    apart = encoded(started.eval(), batch)
    state = {name: value.clone() for name, value in started.state_dict().items()}
    together = encoded(started.train(), batch)
    started.load_state_dict(state)
    far = (apart.landmarks_NL2 - together.landmarks_NL2).norm(dim=-1)
    assert far.mean() < 2.0  # px of 128; a network whose normalisations keep their first statistics is lost
    # Statistics that were never set: the same network, and none of it is left when the batch's own are used.
    net = CaptureNet()
    load_bundle(net, Bundle.load("capture"))
    torch.testing.assert_close(encoded(net.eval(), batch).landmarks_NL2, apart.landmarks_NL2, atol=0.02, rtol=0)
    lost = (encoded(net.train(), batch).landmarks_NL2 - apart.landmarks_NL2).norm(dim=-1)
    assert lost.mean() > 3 * far.mean()


@torch.no_grad()
def test_given_statistics_leave_the_network_what_it_was(source: BatchSource) -> None:
    net = CaptureNet()
    norms = load_bundle(net, Bundle.load("capture"))
    before = encoded(net, source[2])
    normalise_by(net, norms, source)
    after = encoded(net, source[2])
    torch.testing.assert_close(after.landmarks_NL2, before.landmarks_NL2, atol=0.02, rtol=0)
    assert all((norm.running_var - 1).abs().max() > 0.1 for norm in norms)


def test_a_run_starts_where_it_is_told_to_and_leaves_the_landmark_stage_out(
    smoke: CaptureConfig, tmp_path: Path
) -> None:
    config = replace(smoke, samples=2 * smoke.batch, out=str(tmp_path / "first"), learning_rate=1e-9, muon_rate=1e-9)
    tuned = train(replace(config, start="capture", average=0.0))
    net, state = load_net(tuned)
    assert state["config"]["start"] == "capture" and bundle_parity(net, open_session(Bundle.load("capture"))) < 0.5
    assert [data["name"] for data in state["before"]] == [d.name for d in Bundle.load("capture").manifest.training_data]
    assert any("started from" in data.name for data in training_data(state))
    assert state["step"] == 2 and replace(config, start="capture").landmark_steps == 0
    again = train(replace(config, start=str(tuned), out=str(tmp_path / "again"), average=0.0), stop_after=1)
    other = load_checkpoint(again)
    assert other is not None
    for name, value in state["average"].items():
        if value.is_floating_point() and "running" not in name:
            torch.testing.assert_close(other["average"][name], value, atol=1e-3, rtol=0, msg=name)


def test_what_is_no_start_is_one_clear_line(source: BatchSource, tmp_path: Path) -> None:
    for start, said in (("nowhere", "nowhere: no such bundle"), (str(tmp_path / "gone.pt"), r"gone\.pt")):
        with pytest.raises(MienError, match=said) as raised:
            start_from(CaptureNet(), start, source)
        assert "\n" not in str(raised.value)
    with pytest.raises(MienError, match="not one that this version"):
        load_bundle(CaptureNet(), Bundle.load("express"))


def test_the_preset_that_tunes_starts_from_what_ships() -> None:
    tune = PRESETS["tune"]
    assert tune.start == "capture" and tune.landmark_steps == 0 and tune.steps == 4500
    assert np.isclose(tune.faces_per_batch * 2 / (tune.batch + tune.faces_per_batch * 2), 0.5, atol=0.02)
