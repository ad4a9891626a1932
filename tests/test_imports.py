"""What importing costs and reaches, and that every public name is there."""

import ast
import importlib
import importlib.util
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mien

HEAVY = {"torch", "lightning_fabric", "cv2", "scipy", "av", "onnxruntime", "onnx", "ncnn", "moderngl", "mtcnn", "pooch"}
TRAINING = {"torch", "lightning_fabric", "pnnx"}
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(mien.__path__, "mien.") if not module.name.endswith("__main__")
)
MAY_TRAIN = re.compile(r"mien\.engine(\..*)?|mien\.systems\.\w+\.(data|model|losses|train|export|training(\..*)?)")
"""What may import torch; nothing else may, not even through another module."""
LIGHT = ["mien", *(name for name in MODULES if not MAY_TRAIN.fullmatch(name))]


def loaded(code: str) -> set[str]:
    """The modules in sys.modules after running `code` in a new interpreter."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(json.loads(done.stdout.splitlines()[-1]))


def top(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_importing_mien_is_cheap() -> None:
    # Counted and not timed: a count is the same on a busy machine. 0.3 s buys numpy and jaxtyping, nothing larger.
    bare = loaded("pass")
    root = loaded("import mien") - bare
    assert len(root) < 20
    assert not top(root) & (HEAVY | {"numpy"})
    core = loaded("import mien; mien.Clip, mien.Rig") - bare
    assert not top(core) & HEAVY
    verbs = loaded("import mien; mien.capture, mien.express, mien.fit, mien.load_rig, mien.retarget")
    assert top(verbs) & HEAVY <= {"cv2"}  # which cuts the crops
    assert len(core) < len(loaded("import numpy, jaxtyping") - bare) + 60


def test_the_command_line_starts_cheap() -> None:
    modules = loaded("from mien.cli.main import main; main(['--version'])")
    assert not top(modules) & (HEAVY | {"tyro", "rich"})
    assert not {name for name in modules if name.startswith(("mien.systems", "mien.track", "mien.synth"))}


def test_what_runs_without_training_reaches_no_torch() -> None:
    assert {"mien", "mien.cli.train", "mien.systems.express.evaluate", "mien.systems.capture.config"} <= set(LIGHT)
    assert not {"mien.engine.run", "mien.systems.capture.train"} & set(LIGHT)
    imports = "\n".join(f"import {name}" for name in LIGHT)
    assert not top(loaded(imports)) & TRAINING


@pytest.mark.parametrize("name", LIGHT)
def test_what_runs_without_training_imports_no_torch_even_within_functions(name: str) -> None:
    source = importlib.util.find_spec(name)
    assert source is not None and source.origin is not None
    for node in ast.walk(ast.parse(Path(source.origin).read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not top(set(names)) & TRAINING


@pytest.mark.parametrize("name", ["mien", *MODULES])
def test_every_module_says_what_it_is_and_every_public_name_resolves(name: str) -> None:
    module: ModuleType = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    is_package = hasattr(module, "__path__")
    assert is_package or hasattr(module, "__all__"), f"{name} has no __all__"
    public = getattr(module, "__all__", [])
    assert len(set(public)) == len(public)
    for entry in public:
        assert getattr(module, entry) is not None or entry in vars(module)


def test_no_source_file_outgrows_its_reader() -> None:
    sources = Path(mien.__file__).parent.rglob("*.py")
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert {path: length for path, length in lengths.items() if length > 600} == {}
