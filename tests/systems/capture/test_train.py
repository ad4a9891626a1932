import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.core import MienError
from mien.engine.checkpoint import load_checkpoint
from mien.systems.capture import spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import BatchSource, Shards, channel_scale
from mien.systems.capture.export import bundle_parity, export, load_net
from mien.systems.capture.landmark_rig import landmark_rig, vertex_gram
from mien.systems.capture.train import train

pytestmark = pytest.mark.filterwarnings("ignore:.*legacy TorchScript:DeprecationWarning")


def test_a_killed_run_goes_on_exactly_as_if_it_had_not_been_killed(smoke: CaptureConfig, tmp_path: Path) -> None:
    config = replace(smoke, samples=6 * smoke.batch, landmark_share=0.5)
    whole = load_checkpoint(train(replace(config, out=str(tmp_path / "whole"))))
    killed = replace(config, out=str(tmp_path / "killed"))
    train(killed, stop_after=2)
    resumed = load_checkpoint(train(killed))
    assert whole is not None and resumed is not None and whole["step"] == resumed["step"] == 6
    for part in ("net", "average"):
        for name, value in whole[part].items():
            torch.testing.assert_close(value, resumed[part][name], rtol=0, atol=0, msg=f"{part} {name}")


def test_training_learns_the_landmarks_it_sees(smoke: CaptureConfig, tmp_path: Path) -> None:
    config = replace(smoke, samples=60 * smoke.batch, landmark_share=0.5, out=str(tmp_path), save_every=60)
    train(config)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["landmarks"] < 0.75 * rows[0]["landmarks"]
    assert "facs" not in rows[0] and rows[-1]["facs"] < rows[1]["facs"] * 1.5


def test_every_runtime_agrees_with_torch_over_200_fed_back_frames(smoke: CaptureConfig, tmp_path: Path) -> None:
    from mien.runtime import open_session

    checkpoint = train(replace(smoke, samples=2 * smoke.batch, out=str(tmp_path / "run")))
    bundle = export(checkpoint, tmp_path / "bundle", arrays=landmark_rig())
    net, _ = load_net(checkpoint)
    for backend in ("onnx", "ncnn"):
        assert bundle_parity(net, open_session(bundle, backend), frames=200) <= 1e-4


def test_batches_are_a_function_of_seed_and_step(smoke: CaptureConfig) -> None:
    one, other = (BatchSource(smoke, landmark_steps=1) for _ in range(2))
    for step in (0, 1):
        a, b = vars(one[step]), vars(other[step])
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(one[1].crops, one[2].crops)
    first, second = one[0], one[1]
    assert len(first.window_weights) == 0 and second.window_weights.shape == (1, 8, len(spec.CHANNELS))
    count = len(second.still_weights) + 8 + 2 * smoke.portraits_per_batch
    assert len(second.crops) == len(second.landmarks) == len(second.trust) == count


def test_the_channel_scale_is_the_inverse_variance(smoke: CaptureConfig) -> None:
    shards = Shards(Path(smoke.stills))
    weights = np.concatenate([shards[i][2] for i in range(len(shards))])
    scale = channel_scale(shards, floor=1e-9)
    moving = weights.var(axis=0) > 1e-6
    np.testing.assert_allclose(scale[moving], 1 / weights.var(axis=0)[moving], rtol=1e-3)


def test_the_gram_matrix_measures_errors_in_millimetres_on_the_face(assets: Path) -> None:
    from mien.rigs.ict import load_ict

    rig = load_ict()
    face = rig.neutral.topology.groups["face"]
    error = np.random.default_rng(0).normal(0, 0.3, len(spec.CHANNELS)).astype(np.float32)
    moved = rig.evaluate(error, spec.CHANNELS)[face] - rig.neutral.vertices[face]
    assert error @ vertex_gram() @ error == pytest.approx((moved**2).sum(axis=1).mean(), rel=1e-4)


def test_a_folder_without_shards_is_one_clear_line(smoke: CaptureConfig, tmp_path: Path) -> None:
    with pytest.raises(MienError, match="mien synth dataset"):
        train(replace(smoke, stills=str(tmp_path)))
