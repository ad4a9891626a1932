from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.core import MienError
from mien.engine.checkpoint import load_checkpoint
from mien.engine.figures import Result
from mien.runtime import Bundle
from mien.systems.capture.config import CaptureConfig, CaptureExport
from mien.systems.capture.export import export, load_net
from mien.systems.capture.runtime.identity_readout import Readout
from mien.systems.capture.train import train
from mien.systems.capture.training.identity_readout import learn_readout

pytestmark = pytest.mark.filterwarnings("ignore:.*legacy TorchScript:DeprecationWarning")


@pytest.fixture(scope="module")
def checkpoint(smoke: CaptureConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    config = replace(smoke, samples=2 * smoke.batch, landmark_share=1.0, out=str(folder), faces="none")
    return train(config, stop_after=1)


@pytest.fixture(scope="module")
def plain(checkpoint: Path) -> Bundle:
    return export(checkpoint, checkpoint.parent / "plain")


def test_what_is_exported_is_the_average_of_the_weights(checkpoint: Path) -> None:
    state = load_checkpoint(checkpoint)
    assert state is not None
    net, average = load_net(checkpoint)[0].state_dict(), state["average"]
    assert set(average) == {name for name, value in net.items() if value.is_floating_point()}
    assert all(torch.equal(net[name], value) for name, value in average.items())
    moved = [name for name, value in average.items() if not torch.equal(state["net"][name], value)]
    assert {name.split(".")[0] for name in moved} >= {"encoder"}  # one step of the landmarks moves no head


def test_stills_add_the_readout_of_this_network_and_all_else_stays(
    smoke: CaptureConfig, checkpoint: Path, plain: Bundle
) -> None:
    figures = checkpoint.parent / "figures.json"
    Result.measured("capture", (), {"held_out": {"ours": {"pearson": 0.5}}}).write(figures)
    folders = (Path(smoke.stills),)
    bundle = export(checkpoint, checkpoint.parent / "full", CaptureExport(stills=folders, figures=figures, command="x"))
    assert Readout.from_arrays(plain.arrays) is None
    got, expected = Readout.from_arrays(bundle.arrays), learn_readout(plain, folders)
    assert got is not None
    for name, value in vars(expected).items():
        np.testing.assert_allclose(vars(got)[name], value, rtol=1e-6, atol=1e-7)
    for name, value in plain.arrays.items():
        np.testing.assert_array_equal(bundle.arrays[name], value)
    changed = {name for name, mark in plain.manifest.files.items() if bundle.manifest.files[name] != mark}
    assert changed == {"arrays.npz"}
    assert bundle.manifest.metrics == {"pearson": 0.5} and bundle.manifest.command == "x"
    assert not plain.manifest.metrics and "pearson" in (bundle.path / "README.md").read_text()


def test_a_run_without_real_faces_does_not_claim_them(plain: Bundle) -> None:
    assert [data.licence for data in plain.manifest.training_data] == ["MIT"]
    assert plain.manifest.command.startswith("mien train capture --preset smoke --samples ")
    assert "--landmark-share 1.0" in plain.manifest.command and "--stills" not in plain.manifest.command


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"stills": ("gone",)}, "mien synth dataset --out gone"),
        ({"figures": "gone.json"}, r"gone\.json: cannot be read as the result of a benchmark"),
        ({"figures": "other.json"}, r"no figures of capture \(held_out\.ours\).*mien bench capture --json"),
        ({"figures": "bare.json"}, r"no figures of capture \(held_out\.ours\)"),
    ],
)
def test_what_an_export_cannot_read_is_one_line_and_writes_nothing(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Result.measured("express", (), {"held_out": {"ours": {"pearson": 0.5}}}).write(Path("other.json"))
    Result.measured("capture", (), {"held_out": 3}).write(Path("bare.json"))
    paths = {
        name: tuple(map(Path, value)) if isinstance(value, tuple) else Path(str(value))
        for name, value in options.items()
    }
    with pytest.raises(MienError, match=complaint) as raised:
        export(checkpoint, tmp_path / "bundle", CaptureExport(**paths))
    assert "\n" not in str(raised.value) and not (tmp_path / "bundle").exists()
