from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.ablation import VARIANTS, judge

from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import Shards
from mien.systems.capture.model import CaptureNet


def test_every_variant_differs_from_the_whole_method_in_fields_that_exist() -> None:
    whole = {field.name: field.default for field in fields(CaptureConfig)}
    assert VARIANTS["whole method"] == {}
    for name, changed in VARIANTS.items():
        assert changed or name == "whole method"
        assert all(whole[field] != value for field, value in changed.items())


@pytest.mark.parametrize("per_frame", [False, True])
def test_a_net_that_answers_zero_is_judged_as_one(assets: Path, tmp_path: Path, per_frame: bool) -> None:
    from mien.synth.dataset import write_dataset

    sizes = {"shards": 1, "workers": 1, "identities": (0, 9)}
    write_dataset(tmp_path / "stills", **sizes, per_shard=4, frames=1, seed=1)
    write_dataset(tmp_path / "windows", **sizes, per_shard=2, frames=4, seed=2)
    stills, windows = Shards(tmp_path / "stills"), Shards(tmp_path / "windows")
    net = CaptureNet().eval()
    with torch.no_grad():
        for layer in (net.temporal.out, net.temporal.direct, net.temporal.rested):
            for value in layer.parameters():
                value.zero_()
    found = judge(net, stills, windows, assets / "faces" / "webmorph_canada", per_frame=per_frame)
    truth = np.concatenate(windows.weights)
    assert found["velocity_error"] == pytest.approx(np.sqrt(np.square(np.diff(truth, axis=1)).mean()), rel=1e-5)
    assert found["portrait_bias"] == found["portrait_inconsistency"] == 0
    assert found["nme"] > 0.05 and found["error_mm"] > 0.3
