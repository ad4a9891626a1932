import json

from mien.cli.bench import show
from mien.cli.machine import describe


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
