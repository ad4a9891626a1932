"""A benchmark that is given weights measures those and no others."""

from dataclasses import replace
from pathlib import Path

import pytest

from mien.engine.figures import Result
from mien.runtime import bundle as bundles
from mien.runtime import packaged_bundles
from mien.systems.capture import evaluate as capture
from mien.systems.capture.predict import Capture
from mien.systems.express import evaluate as express


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Folders of the weights that ship, which cannot be had by name in this test."""
    folders = dict(packaged_bundles())
    monkeypatch.setattr(bundles, "packaged_bundles", dict)
    return folders


class BeginningError(Exception):
    """Everything is open and rendering would begin, which takes a minute."""


def test_capture_is_measured_with_the_weights_that_are_given(
    given: dict[str, Path], assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def begin(watched: Capture, *_: object) -> None:
        opened.append(watched.bundle.path)
        raise BeginningError

    monkeypatch.setattr(capture, "watch", begin)
    with pytest.raises(BeginningError):
        capture.bench(capture.BenchOptions(quick=True, bundle=given["capture"]))
    assert opened == [given["capture"]]


def test_express_is_measured_with_the_weights_that_are_given(
    given: dict[str, Path], assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(express, "SUBJECTS", 4)
    monkeypatch.setattr(express, "PRESETS", {"cpu": replace(express.PRESETS["cpu"], train_subjects=3)})
    result = express.bench(express.BenchOptions(quick=True, bundle=given["express"]))
    assert isinstance(result, Result) and result.name == "express" and result.quick
    assert result.details["samples"] == {"sequences": 2, "blends": 1, "subjects": 1}
    assert all(figure.ours is not None for figure in result.figures)
