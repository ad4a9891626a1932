import json
from pathlib import Path

import pytest

from mien.cli.bench import show
from mien.cli.machine import describe
from mien.cli.main import main as mien
from mien.core import MienError


def test_the_machine_is_described_and_not_named() -> None:
    machine = describe()
    assert machine["cores"] >= 1
    assert machine["memory_gib"] > 0
    assert machine["cpu"]
    assert machine["libraries"]["mien"]
    assert set(machine) == {"cpu", "cores", "memory_gib", "system", "python", "libraries"}
    json.dumps(machine, allow_nan=False)


def test_the_table_shows_ours_targets_and_baselines(capsys) -> None:
    figures = [
        {"name": "Pearson", "ours": 0.7123, "target": 0.6, "baselines": {"ridge": 0.5}},
        {"name": "frame", "unit": "ms", "better": "lower", "ours": 1.5, "target": 3, "baselines": {}},
        {"name": "lost", "ours": None, "baselines": {"zeros": 0}},
    ]
    show({"system": "capture", "quick": True, "figures": figures})
    out = capsys.readouterr().out
    for text in ("capture (quick)", "0.712", "≥ 0.6", "ridge 0.5", "frame [ms]", "≤ 3"):
        assert text in out


def test_what_only_capture_understands_is_refused_elsewhere() -> None:
    from mien.cli.bench import Options, run
    from mien.systems import registry

    others = [name for name in registry.SYSTEMS if name != "capture"]
    for name in others:
        with pytest.raises(MienError, match="for capture"):
            run(Options(name=name, rig=(Path("x.glb"),)))


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--mediapipe", "none.task"], "no model none.task"), (["--rig", "none.glb", "--quick"], "none.glb")],
)
def test_a_missing_file_is_said_before_anything_is_rendered(words: list[str], said: str, capsys) -> None:
    assert mien(["bench", "capture", *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
