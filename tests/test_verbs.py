"""`import mien`: every name is there, completes, and does what the command of its name does."""

import ast
import dataclasses
import inspect
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import mien
from mien.cli.face_options import FaceOptions

VERBS = ("avatar", "capture", "express", "fit", "load_rig", "retarget", "speak")


def test_every_name_resolves_completes_and_an_unknown_one_is_an_attribute_error() -> None:
    assert set(mien.__all__) <= set(dir(mien))
    for name in mien.__all__:
        assert getattr(mien, name) is not None
    assert all(callable(getattr(mien, verb)) and getattr(mien, verb).__doc__ for verb in VERBS)
    with pytest.raises(AttributeError, match="no attribute 'juggle'"):
        _ = mien.juggle  # pyright: ignore[reportAttributeAccessIssue]


def test_what_an_editor_sees_is_what_there_is() -> None:
    tree = ast.parse(Path(mien.__file__).read_text(encoding="utf-8"))
    imports = [node for branch in tree.body if isinstance(branch, ast.If) for node in branch.body]
    seen = {name.name: node.module for node in imports if isinstance(node, ast.ImportFrom) for name in node.names}
    assert set(mien.__all__) == {*seen, "__version__"}
    for name, module in seen.items():
        assert getattr(mien, name) is getattr(import_module(module or ""), name)


def test_names_complete_before_anything_is_loaded() -> None:
    code = "import mien, sys; print(set(mien.__all__) <= set(dir(mien)), 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


OPPOSITE = {"capture": {"fast": "mirror"}, "retarget": {"same_size": "own_range"}}
"""Options of a command that switch off what a parameter of its verb, on by default, switches on."""
SPELT: dict[str, dict[object, object]] = {"neutral": {"mean": None}, "out": {Path("avatar"): None}}
"""Words of the command line for a verb's None."""


@pytest.mark.parametrize("verb", ["avatar", "capture", "express", "fit", "retarget", "speak"])
def test_a_verb_and_its_command_have_the_same_defaults(verb: str) -> None:
    ours = defaults(getattr(mien, verb))
    opposite, shared = OPPOSITE.get(verb, {}), 0
    options = dataclasses.fields(import_module(f"mien.cli.{verb}").Options)
    for field in (*options, *(dataclasses.fields(FaceOptions) if verb == "capture" else ())):
        default = SPELT.get(field.name, {}).get(field.default, field.default)
        name = opposite.get(field.name, field.name)
        if name not in ours:
            continue
        assert ours[name] == ((not default) if field.name in opposite else default), field.name
        shared += 1
    assert shared >= len(ours) - (verb in {"avatar", "capture", "fit"}) - (
        verb == "retarget"
    )  # progress, solver settings
