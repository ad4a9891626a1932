"""The documents: figures come from files, links lead somewhere, commands exist."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from mien.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")])


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RESULT = {
    "system": "capture",
    "quick": False,
    "revision": "abc",
    "machine": {"cpu": "Some CPU", "cores": 2, "python": "3.11.7", "libraries": {"mien": "0.1.0", "numpy": "2.4"}},
    "figures": [
        {"name": "Pearson", "ours": 0.7123, "target": 0.6, "baselines": {"ridge": 0.5, "zeros": None}},
        {"name": "frame", "unit": "ms", "better": "lower", "ours": 3.5, "target": 3, "headline": False},
    ],
}


def test_a_table_states_targets_baselines_and_machine(tables: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "capture.json").write_text(json.dumps(RESULT))
    full = tables.markdown(["capture", "track"], tmp_path)
    assert "| Pearson | 0.712 | ≥ 0.6 reached | ridge 0.5, zeros - |" in full
    assert "| frame [ms] | 3.5 | ≤ 3 **missed** |  |" in full
    assert "`mien bench capture`, revision abc: Some CPU, 2 cores, Python 3.11.7, numpy 2.4." in full
    assert "Not measured yet: `python -m benchmarks.track --json benchmarks/results/track.json`." in full
    assert "frame" not in tables.markdown(["capture"], tmp_path, headline=True)


def test_results_of_other_benchmarks_become_figures(tables: ModuleType) -> None:
    real = {
        "scores": {"one": {"blink": 0.9}},
        "medians": {"blink": 0.9, "yaw": None},
        "targets": {"blink": 0.8, "yaw": 0.9},
        "portraits": {
            "portraits": 20, "nme": 0.0123, "nme_of_mean_face": 0.03,
            "neutral_bias_worst": 0.06, "neutral_bias": {"jawOpen": 0.01, "browInnerUp": 0.06},
        },
    }  # fmt: skip
    rows = [tables.row(figure) for figure in tables.figures_of("capture_real", real)]
    assert "| Real video, blinks: median Pearson over 1 videos | 0.9 | ≥ 0.8 reached |  |" in rows
    assert "| Real video, yaw: median Pearson over 1 videos | - | ≥ 0.9 **missed** |  |" in rows
    assert "| Neutral bias, the same portraits, worst channel (browInnerUp) | 0.06 | ≤ 0.05 **missed** |  |" in rows
    assert any("20 real portraits" in row and "| 0.0123 |" in row and "five points 0.03" in row for row in rows)
    looks = {"once": {"median_ms": 1.23456}, "with mirror": {"median_ms": 2.5}}
    frame = {f"{backend} {look}": values for backend in ("onnx", "ncnn") for look, values in looks.items()}
    _, row = (tables.row(figure) for figure in tables.figures_of("capture_speed", {"whole_frame": {"640x480": frame}}))
    assert row.startswith("| Whole frame, 640x480, NCNN, one thread [ms, median] | 1.23 | ≤ 2 reached | with")
    assert row.endswith(" 2.5 |")
    clip = {"frames": 10, "missed": [3], "still_jitter_eye_distances": 0.0012}
    track = {
        "speed": {"640x480 a": {"track_ms": 0.5, "cascade_40_ms": 10.0, "faster_than_cascade_40": 20.0}},
        "quality": {"a.mp4": clip, "b.mp4": {**clip, "missed": []}, "no_face.mp4": {"frames_with_a_face": []},
                    "face_noface.mov": {"missed": 0, "invented": 0}},
    }  # fmt: skip
    values = {figure["name"]: figure["ours"] for figure in tables.figures_of("track", track)}
    assert values["Frames missed, of 20 with a face in 2 real videos"] == 1
    assert values["Jitter of the five points under noise (sigma 3), worst video"] == pytest.approx(1.2)
    assert values["Following against the full cascade, slowest clip: times faster"] == 20


def test_filling_touches_only_the_blocks_and_settles(tables: ModuleType, tmp_path: Path) -> None:
    text = "before\n<!-- figures: capture track, headline -->\ntyped 0.99\n<!-- end of figures -->\nafter\n"
    once = tables.fill(text, tmp_path)
    assert "typed" not in once
    assert "Not measured yet" in once
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert tables.fill(once, tmp_path) == once


def test_the_documents_show_what_was_measured(tables: ModuleType) -> None:
    assert tables.main(["--check"]) == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_documents_show_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    commands = set(re.findall(r"(?:^|`)mien ([a-z]+)\b", text, re.MULTILINE))
    assert commands <= set(COMMANDS)
    targets = set(re.findall(r"(?:^|`)make ([a-z]+)\b", text, re.MULTILINE))
    assert targets <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_format_stands_in_the_table_that_is_filled_in(tables: ModuleType) -> None:
    from mien.io.formats import FORMATS

    text = (
        "before\n<!-- formats -->\ntyped\n<!-- end of formats -->\n<!-- formats: output -->\n<!-- end of formats -->\n"
    )
    made = tables.fill(text)
    whole, output = made.split("<!-- end of formats -->")[:2]
    assert whole.startswith("before\n") and "typed" not in whole
    for row in FORMATS:
        told = [row.name, row.notes, row.extra.command if row.extra else "", *(f"`{s}`" for s in row.suffixes if s)]
        assert any(all(word in line for word in told) for line in whole.splitlines()), told
    assert all(row.content in output for row in FORMATS if row.needs_rig)
    assert tables.fill(made) == made
    for name in ("README.md", "docs/rigs.md"):
        assert "<!-- formats" in (ROOT / name).read_text(encoding="utf-8")
