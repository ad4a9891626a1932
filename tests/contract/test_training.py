"""What every registered system's training and export must do, on a run of a few steps (`tests.smoke`)."""

import pickle
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.smoke import SMOKE, Smoke

from mien.cli.main import main
from mien.core import MienError
from mien.engine.checkpoint import load_checkpoint
from mien.engine.config import training_command
from mien.runtime import Bundle, Stream, open_session
from mien.systems import registry

pytestmark = pytest.mark.filterwarnings("ignore:.*legacy TorchScript:DeprecationWarning")
SYSTEMS = sorted(registry.SYSTEMS)


@dataclass(frozen=True)
class Trained:
    """One system with a finished run."""

    system: registry.System
    smoke: Smoke
    checkpoint: Path


@pytest.fixture(scope="module", params=SYSTEMS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    system, smoke = registry.find(request.param), SMOKE[request.param](request)
    return Trained(system, smoke, system.train(replace(smoke.config, out=str(tmp_path_factory.mktemp("whole")))))


@pytest.fixture(scope="module")
def exported(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bundle]:
    """(checkpoint, bundle)."""
    folder = tmp_path_factory.mktemp("exported")
    checkpoint = trained.system.train(replace(trained.smoke.exported, out=str(folder)))
    return checkpoint, trained.system.export(checkpoint, folder / "bundle")


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in nested containers with the path that leads there."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{name}.{key}")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for key, item in enumerate(value):
            yield from leaves(item, f"{name}.{key}")
    else:
        yield name, value


def state_of(checkpoint: Path) -> dict[str, Any]:
    """A checkpoint without the settings that may differ between runs that must not."""
    state = load_checkpoint(checkpoint)
    assert state is not None
    config = {name: value for name, value in state["config"].items() if name not in {"out", "save_every"}}
    return dict(leaves({**state, "config": config}))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def copied(trained: Trained, folder: Path) -> Any:
    """The configuration of the finished run, of which `folder` holds a copy."""
    shutil.copytree(trained.checkpoint.parent, folder)
    return replace(trained.smoke.config, out=str(folder))


def test_the_smoke_runs_cover_every_system() -> None:
    assert set(SMOKE) == set(SYSTEMS)


def test_a_run_that_was_killed_and_moved_ends_as_if_it_had_not_been(trained: Trained, tmp_path: Path) -> None:
    killed = replace(trained.smoke.config, out=str(tmp_path / "killed"))
    for _ in range(2):  # before the last stage begins, and within it
        first = trained.system.module("train").train(killed, stop_after=2)
    (tmp_path / "killed").rename(tmp_path / "moved")
    resumed = trained.system.train(replace(killed, out=str(tmp_path / "moved"), save_every=3))
    assert not first.exists() and resumed.parent == tmp_path / "moved"
    whole, again = state_of(trained.checkpoint), state_of(resumed)
    assert whole[".step"] == trained.smoke.steps and whole.keys() == again.keys()
    for name, value in whole.items():
        same = torch.equal(value, again[name]) if isinstance(value, torch.Tensor) else value == again[name]
        assert same, name


def other(value: Any) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return value * 0.5 + 0.125
        case "identity":
            return "plain"
        case _:
            return f"{value}-other"


def test_a_finished_run_is_not_trained_on_under_any_changed_setting(trained: Trained, tmp_path: Path) -> None:
    config = copied(trained, tmp_path / "run")
    before = tree(tmp_path)
    changed = [field.name for field in fields(config) if field.name not in config.MAY_CHANGE]
    assert {"seed", "learning_rate", "weight_decay", "precision"} <= set(changed)
    for name in changed:
        with pytest.raises(MienError) as raised:
            trained.system.train(replace(config, **{name: other(getattr(config, name))}))
        message = str(raised.value)
        assert f"`{name}`" in message and "`out`" in message and "\n" not in message
    assert tree(tmp_path) == before
    assert trained.system.train(replace(config, save_every=7)).parent == tmp_path / "run"


def test_a_run_goes_on_where_its_data_were_moved_and_not_on_other_data(trained: Trained, tmp_path: Path) -> None:
    config, name = copied(trained, tmp_path / "run"), trained.smoke.data[0]
    for field in trained.smoke.data:
        shutil.copytree(getattr(config, field), tmp_path / field)
        config = replace(config, **{field: str(tmp_path / field)})
    trained.system.train(config)
    trained.smoke.alter(tmp_path / name)
    before = tree(tmp_path)
    with pytest.raises(MienError, match=rf"`{name}`") as raised:
        trained.system.train(config)
    assert "\n" not in str(raised.value) and tree(tmp_path) == before


def test_the_command_that_stands_for_a_configuration_trains_by_it(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A finished run is gone on with under the same settings alone: preset and options are all of them taken."""
    config = copied(trained, tmp_path / "run")
    presets = trained.system.presets()
    words = shlex.split(training_command(trained.system.name, config, presets, without=frozenset()))
    assert words[:4] == ["mien", "train", trained.system.name, "--preset"] and words[4] != "cpu"
    assert main(words[1:]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'run' / 'checkpoint.pt'}\n"
    assert main([*words[1:4], "cpu", *words[5:]]) == 2
    assert "was trained with another" in capsys.readouterr().err


class Intruder:
    """Unpickled, it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.mark,)


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_a_checkpoint_that_would_run_code_is_refused(
    trained: Trained, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(trained.smoke.config, out=str(tmp_path))
    path, mark = tmp_path / "checkpoint.pt", tmp_path / "mark"
    with path.open("wb") as file:
        (torch.save if form == "torch" else pickle.dump)({"step": Intruder(mark)}, file)
    before = tree(tmp_path)
    for use in (load_checkpoint, lambda _: trained.system.train(config)):
        with pytest.raises(MienError, match="not a checkpoint of mien"):
            use(path)
    assert main(["export", trained.system.name, str(path), str(tmp_path / "bundle")]) == 2
    assert "not a checkpoint of mien" in capsys.readouterr().err
    assert not mark.exists() and tree(tmp_path) == before
    with path.open("rb") as file:  # the mark is what loading with pickle would have made
        torch.load(file, weights_only=False) if form == "torch" else pickle.load(file)
    assert mark.exists()


def test_every_runtime_agrees_with_torch_and_not_with_another_network(
    trained: Trained, exported: tuple[Path, Bundle]
) -> None:
    checkpoint, bundle = exported
    module = trained.system.module("export")
    net, _ = module.load_net(checkpoint)
    for backend in ("onnx", "ncnn") if bundle.ncnn else ("onnx",):
        assert module.bundle_parity(net, open_session(bundle, backend)) <= module.TOLERANCE
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.01)
    assert module.bundle_parity(net, open_session(bundle)) > 3 * module.TOLERANCE


def test_frames_streamed_through_the_runtime_equal_the_window_in_one_pass(
    trained: Trained, exported: tuple[Path, Bundle]
) -> None:
    checkpoint, bundle = exported
    net, _ = trained.system.module("export").load_net(checkpoint)
    frames = trained.smoke.frames(trained.smoke.exported)
    with torch.no_grad():
        whole = trained.smoke.whole(net, frames)
    stream = Stream(open_session(bundle))
    streamed = [stream.step(frame) for frame in frames]
    assert set(whole) == set(streamed[0]) == {feed.name for feed in bundle.manifest.outputs}
    for name, values in whole.items():
        got = np.concatenate([step[name] for step in streamed])
        moved = np.ptp(values, axis=0).max()
        assert moved > 0 and np.abs(got - values).max() < 0.01 * moved, name


def test_a_batch_under_a_forced_mirror_is_the_batch_of_mirrored_data(trained: Trained, tmp_path: Path) -> None:
    """Picture and every truth; for the systems that mirror."""
    if trained.smoke.mirrored is None:
        return
    plain, forced, drawn = trained.smoke.mirrored(tmp_path)
    for field in fields(forced):
        got, expected, unmirrored = (
            getattr(batch, field.name).double().nan_to_num(1e6) for batch in (forced, drawn, plain)
        )
        far, by_mirror = (got - expected).abs(), (got - unmirrored).abs()
        if field.name in trained.smoke.pictures:  # interpolated to a 32nd of a pixel
            assert far.mean() < 1 and by_mirror.mean() > 10
        else:
            assert far.max() < 2e-3, field.name
        assert field.name in trained.smoke.symmetric or by_mirror.max() > 0, f"{field.name} has no side"


def test_the_manifest_tells_what_was_trained_on_and_by_what(trained: Trained, exported: tuple[Path, Bundle]) -> None:
    checkpoint, bundle = exported
    state, manifest = load_checkpoint(checkpoint), bundle.manifest
    assert state is not None and manifest.name == trained.system.name and manifest.seed == state["config"]["seed"]
    assert manifest.command.startswith(f"mien train {trained.system.name}") and manifest.revision
    assert all(data.samples > 0 for data in manifest.training_data)


def test_the_command_exports_what_the_function_does_with_the_options_that_are_given(
    trained: Trained, exported: tuple[Path, Bundle], tmp_path: Path
) -> None:
    checkpoint, bundle = exported
    words = ["export", trained.system.name, str(checkpoint), str(tmp_path / "bundle"), "--command", "by hand"]
    assert main(words) == 0
    made = Bundle.load(tmp_path / "bundle").manifest
    assert made.command == "by hand" != bundle.manifest.command
    assert replace(made, command=bundle.manifest.command, files={}) == replace(bundle.manifest, files={})
    assert {name: mark for name, mark in made.files.items() if "ncnn" not in name} == {
        name: mark for name, mark in bundle.manifest.files.items() if "ncnn" not in name
    }


def test_exporting_what_is_not_there_writes_nothing(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = trained.system.name
    assert main(["export", name, str(tmp_path / "gone.pt"), str(tmp_path / "bundle")]) == 2
    line = capsys.readouterr().err
    assert "gone.pt" in line and f"mien train {name}" in line and line.count("\n") == 1
    assert not list(tmp_path.iterdir())
