"""The figures of rigs as documents show them."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    out = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(out)
    return out


def test_every_measurement_has_its_row() -> None:
    measured = {
        "speed": {"vertices": 26719.0, "one frame, median [ms]": 0.5, "a frame in a batch of 1,000 [ms]": 2.5},
        "round_trip": {
            "round trip, own range [mm]": 0.8, "round trip, same size [mm]": 1.2, "face left at rest [mm]": 2.1,
        },
        "transfer": {
            "transfer with landmarks [mm]": 0.48, "transfer by shape alone [mm]": 0.47,
            "nearest vertex copied [mm]": 0.54, "motion itself [mm]": 3.7, "identities": 6.0,
        },
    }  # fmt: skip
    figures = module("rigs").table(measured)
    rows = [module("tables").row(figure) for figure in figures]
    assert len(rows) == 6 and sum(figure["headline"] for figure in figures) == 3
    assert rows[0].endswith("vertices off the take by names [mm] | 0.8 |  | face left at rest 2.1 |")
    assert rows[2].endswith("[mm] | 0.48 |  | nearest vertex copied 0.54, no motion 3.7 |")
    assert rows[4].endswith("frame by frame, one thread [ms a frame] | 0.5 | ≤ 2 reached |  |")
    assert "**missed**" in rows[5]


def test_what_is_unknown_is_an_error() -> None:
    with pytest.raises(KeyError):
        module("rigs").table({"speed": {}, "round_trip": {}, "transfer": {}})
