"""What every registered system must be, so that knowing one is knowing all."""

import ast
import dataclasses
import inspect
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mien.core import MienError
from mien.engine.config import RunConfig
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
    assert isinstance(presets["cpu"], RunConfig)
    for described in (type(presets["cpu"]), type(registry.find(name).export_defaults())):
        texts: dict[str, str] = {}
        for own in reversed(described.__mro__[:-1]):  # a system may say more of a field than the base does
            texts |= docstrings(own)
        for field in dataclasses.fields(described):
            assert texts[field.name].endswith("."), f"{name}: {field.name} has no docstring of whole sentences"


def docstrings(described: type) -> dict[str, str]:
    """Field -> the text under it."""
    (body,) = (
        node.body for node in ast.walk(ast.parse(inspect.getsource(described))) if isinstance(node, ast.ClassDef)
    )
    return {
        field.target.id: text.value.value
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


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
def test_its_shipped_bundle_opens_and_tells_where_it_came_from(name: str) -> None:
    bundle = Bundle.load(name)
    open_session(bundle)
    manifest = bundle.manifest
    assert manifest.name == name
    assert manifest.licence and manifest.command and manifest.revision and manifest.training_data
    assert all(data.licence for data in manifest.training_data)
    assert manifest.metrics
    card = (bundle.path / "README.md").read_text()
    assert "weakness" in card.lower()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package without anybody's weights."""
    folder = tmp_path_factory.mktemp("bare")
    left_out = shutil.ignore_patterns("weights", "rivals", "sample", "__pycache__")
    shutil.copytree(ROOT.parent, folder / "mien", ignore=left_out)
    return folder


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_may_ship_no_weights_and_all_but_using_them_works(name: str, bare: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mien", *words]
        environment = {**os.environ, "PYTHONPATH": str(bare)}
        return subprocess.run(command, cwd=bare, env=environment, capture_output=True, text=True, check=False)

    for words in (["train", name, "--help"], ["export", name, "--help"]):
        assert run(*words).returncode == 0
    refused = run("bench", name, "--quick")
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    assert f"{name} ships no weights" in refused.stderr


def test_an_unknown_system_is_named_with_the_known_ones() -> None:
    with pytest.raises(MienError, match="capture"):
        registry.find("juggle")
