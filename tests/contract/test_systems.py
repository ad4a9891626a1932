"""What every registered system must be, so that knowing one is knowing all."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from mien.core import MienError
from mien.runtime import Bundle, open_session, packaged_bundles
from mien.systems import registry

SYSTEMS = sorted(registry.SYSTEMS)
SHIPPED = [name for name in SYSTEMS if name in packaged_bundles()]
ROOT = Path(registry.__file__).parent


@pytest.mark.parametrize("name", SYSTEMS)
def test_its_folder_has_the_files_that_every_system_has(name: str) -> None:
    folder = ROOT / name
    files = ("README.md", "config.py", "spec.py", "data.py", "model.py", "losses.py", "train.py", "export.py")
    for file in (*files, "predict.py", "evaluate.py"):
        assert (folder / file).is_file(), f"{name} lacks {file}"


@pytest.mark.parametrize("name", SYSTEMS)
def test_its_contract_and_its_prediction_never_reach_torch(name: str) -> None:
    code = f"import sys, mien.systems.{name}.spec, mien.systems.{name}.predict; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", SYSTEMS)
def test_its_presets_are_frozen_documented_dataclasses(name: str) -> None:
    presets = registry.find(name).presets()
    assert {"cpu", "full"} <= set(presets)
    for preset in presets.values():
        assert dataclasses.is_dataclass(preset)
        with pytest.raises(dataclasses.FrozenInstanceError):
            preset.seed = 2
    source = (ROOT / name / "config.py").read_text()
    for field in dataclasses.fields(presets["cpu"]):
        after = source.split(f"    {field.name}: ")[1].split("\n", 1)[1]
        assert after.lstrip().startswith('"""'), f"{name}: {field.name} has no docstring"


@pytest.mark.parametrize("name", SYSTEMS)
def test_its_bench_options_are_a_frozen_documented_dataclass_with_defaults(name: str) -> None:
    options = registry.find(name).bench_options()
    assert options().quick is False and options().bundle is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        options().quick = True  # pyright: ignore
    source = (ROOT / name / "evaluate.py").read_text().split("class BenchOptions")[1]
    for field in dataclasses.fields(options):  # pyright: ignore
        after = source.split(f"    {field.name}: ")[1].split("\n", 1)[1]
        assert after.lstrip().startswith('"""'), f"{name}: {field.name} has no docstring"


@pytest.mark.parametrize("name", SHIPPED)
def test_its_shipped_bundle_opens_and_says_where_it_came_from(name: str) -> None:
    bundle = Bundle.load(name)
    open_session(bundle)
    manifest = bundle.manifest
    assert manifest.name == name
    assert manifest.licence and manifest.command and manifest.revision and manifest.training_data
    assert all(data.licence for data in manifest.training_data)
    assert manifest.metrics
    card = (bundle.path / "README.md").read_text()
    assert "weakness" in card.lower()


def test_an_unknown_system_is_named_with_the_known_ones() -> None:
    with pytest.raises(MienError, match="capture"):
        registry.find("juggle")
