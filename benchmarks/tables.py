"""Figures into documents: fills the README and docs from benchmarks/results/*.json.

A document shows figures between two marker lines that name result files, and nobody types what stands there:

    <!-- figures: capture track, headline -->     or     <!-- figures: capture -->
    <!-- end of figures -->

Blocks of file formats (`benchmarks.format_tables`) are filled as well. `python -m benchmarks.tables` writes all of
them, `--check` exits with 1 when a document differs from the files.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import format_tables

__all__ = ["figures_of", "fill", "main", "markdown"]

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- figures: ([\w ]+)(, headline)? -->\n).*?(<!-- end of figures -->)", re.DOTALL)

HOW = {
    "ablation": "python -m benchmarks.ablation runs/ablation ...",
    "capture_real": "python -m benchmarks.capture_real ../shared/assets",
    "capture_sight": "python -m benchmarks.capture_sight ../shared/assets",
    "capture_speed": "python -m benchmarks.capture_speed ../shared/assets",
    "capture_time": "python -m benchmarks.capture_time ../shared/assets",
    "fit": "python -m benchmarks.fit ../shared/assets",
    "layers": "python -m benchmarks.layers",
    "realism": "python -m benchmarks.realism ../shared/assets --before OLD.npz",
    "rigs": "python -m benchmarks.rigs ../shared/assets",
    "track": "python -m benchmarks.track",
}
"""What makes a result file that is not of `mien bench`."""
REAL = {
    "mouth_open": "jaw and mouth opening",
    "mouth_width": "mouth width (pucker)",
    "mouth_width_shown": "mouth width (all weights, on mo)",
    "blink": "blinks",
    "blink_precision": "blink events, precision",
    "blink_recall": "blink events, recall",
    "corner_up": "mouth corners (smile - frown)",
    "brow": "brows",
    "gaze_x": "gaze sideways",
    "gaze_y": "gaze up and down",
    "yaw": "yaw",
    "pitch": "pitch",
    "roll": "roll",
}
RUNTIMES = {"onnx": "ONNX Runtime", "ncnn": "NCNN"}


def fill(text: str, results: Path = RESULTS) -> str:
    """`text` with the table of each block made anew; where a result file is missing stands how to make it."""

    def replace(match: re.Match[str]) -> str:
        begin, names, headline, end = match.groups()
        return f"{begin}\n{markdown(names.split(), results, headline=bool(headline))}\n\n{end}"

    return format_tables.fill(BLOCK.sub(replace, text))


def markdown(names: list[str], results: Path = RESULTS, *, headline: bool = False) -> str:
    """One table of the figures in several result files, and under it what was run where."""
    rows, captions, absent = [], [], []
    for name in names:
        command = HOW.get(name, f"mien bench {name}")
        if not (results / f"{name}.json").is_file():
            absent.append(f"`{command} --json benchmarks/results/{name}.json`")
            continue
        result = json.loads((results / f"{name}.json").read_text(encoding="utf-8"))
        figures = figures_of(name, result)
        rows += [row(figure) for figure in figures if figure.get("headline", True) or not headline]
        captions.append(caption(command, result))
    lines = ["| figure | mien | target | baselines, same run |", "|---|---|---|---|", *rows] if rows else []
    if captions:
        lines += ["", *dict.fromkeys(captions)]
    if absent:
        lines += ["", f"Not measured yet: {', '.join(absent)}."]
    return "\n".join(lines).strip()


def figures_of(name: str, result: dict[str, Any]) -> list[dict[str, Any]]:
    """The figures of a result file: name, ours, unit, better, target, baselines, headline."""
    own: dict[str, Callable[[dict[str, Any]], list[dict[str, Any]]]] = {
        "ablation": _ablation,
        "capture_real": _real,
        "capture_sight": _sight,
        "capture_speed": _speed,
        "capture_time": _time,
        "layers": _layers,
        "track": _track,
    }
    return own[name](result) if name in own else result["figures"]


def _real(result: dict[str, Any]) -> list[dict[str, Any]]:
    videos = result["scores"]
    medians = [
        {
            "name": f"Real video, {label}: median{'' if 'events' in label else ' Pearson'} over {len(videos)} videos",
            "ours": result["medians"].get(key),
            "target": result["targets"].get(key),
            "baselines": {name: row.get(key) for name, row in result.get("medians_beside", {}).items()},
        }
        for key, label in REAL.items()
    ]
    single = [
        {"name": f"{label}, {video}", "ours": scores.get(key), "headline": False}
        for key, label in REAL.items()
        for video, scores in videos.items()
    ]
    return medians + _portraits(result["portraits"]) + single


def _portraits(result: dict[str, Any]) -> list[dict[str, Any]]:
    strongest = max(result["neutral_bias"], key=result["neutral_bias"].get)
    return [
        {
            "name": f"Landmark NME, {result['portraits']} real portraits never trained on",
            "better": "lower",
            "ours": result["nme"],
            "baselines": {"mean portrait on the same five points": result["nme_of_mean_face"]},
        },
        {
            "name": f"Neutral bias, the same portraits, worst channel ({strongest})",
            "better": "lower",
            "ours": result["neutral_bias_worst"],
            "target": 0.05,
        },
    ]


def _speed(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"Whole frame, {size}, {RUNTIMES[backend]}, one thread",
            "unit": "ms, median",
            "better": "lower",
            "ours": row[f"{backend} once"]["median_ms"],
            "target": 2 if size == "640x480" else 3,
            "baselines": {"with the mirror image, as files are read": row[f"{backend} with mirror"]["median_ms"]},
        }
        for size, row in result["whole_frame"].items()
        for backend in RUNTIMES
    ]


def _sight(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{cover['region'].capitalize()} behind {name}: share of {result['frames']} real frames held",
            "ours": cover["held"],
            "baselines": {"nothing before the face": cover["held_without"]},
        }
        for name, cover in result["covers"].items()
    ]


def _ablation(result: dict[str, Any]) -> list[dict[str, Any]]:
    ours, *others = result["runs"]
    return [
        {
            "name": f"{label}, {result['samples']:,} images",
            "better": better,
            "ours": result["runs"][ours][key],
            "baselines": {name: result["runs"][name][key] for name in others},
        }
        for key, label, better in (
            ("nme", "Landmark NME", "lower"),
            ("pearson", "Pearson, stills", "higher"),
            ("pearson_at_rest_known", "Pearson, stills beside the face at rest", "higher"),
            ("error_mm", "Vertex error, stills [mm]", "lower"),
            ("pearson_windows", "Pearson, windows", "higher"),
            ("velocity_error", "Velocity error, windows", "lower"),
            ("portrait_nme", "Landmark NME, real portraits", "lower"),
            ("portrait_bias_worst", "Neutral bias, real portraits, worst channel", "lower"),
            ("portrait_inconsistency", "Spread of one portrait's answers from view to view", "lower"),
        )
    ]


def _layers(result: dict[str, Any]) -> list[dict[str, Any]]:
    ours, *others = result["encoders"]
    return [
        {
            "name": f"Encoder {ours.partition(': ')[0]}, {label}",
            "unit": unit,
            "better": "lower",
            "ours": result["encoders"][ours][key],
            "baselines": {name: result["encoders"][name][key] for name in others},
        }
        for key, label, unit in (
            ("million_macs", "multiply-accumulates", "million"),
            ("onnx_ms", RUNTIMES["onnx"], "ms"),
            ("ncnn_ms", RUNTIMES["ncnn"], "ms"),
        )
    ]


def _time(result: dict[str, Any]) -> list[dict[str, Any]]:
    rest, rendered = result["rest"]["filters"], result["rendered"]
    figures: list[dict[str, Any]] = []
    for name, label in (("off", "no filter"), ("live", "one-euro filter"), ("ahead", "looking ahead")):
        loss = max(video[name]["blink_loss_worst"] for video in result["real"].values())
        late = [
            (f"Delay of {what} against a rendered performance, {rate} fps", "ms", by_filter[name][key], 40.0)
            for rate, by_filter in rendered.items()
            for what, key in (("blinks", "blink_lag_ms"), ("the jaw", "jaw_lag_ms"))
        ]
        figures += [
            {"name": f"{what}: {label}", "unit": unit, "better": "lower", "ours": value, "target": target}
            | {"headline": False}
            for what, unit, value, target in (
                ("Tremble of weights at rest, noise sigma 3", "1e-3", 1e3 * rest[name]["jitter_mean"], 1.0),
                *late,
                ("Largest loss of a blink's height, real takes", "%", 100 * loss, None),
            )
        ]
    return figures


def _track(result: dict[str, Any]) -> list[dict[str, Any]]:
    figures: list[dict[str, Any]] = [
        {
            "name": f"Following a face, {clip}",
            "unit": "ms, median",
            "better": "lower",
            "ours": values["track_ms"],
            "baselines": {"own full cascade": values["cascade_40_ms"]},
            "headline": False,
        }
        for clip, values in result["speed"].items()
    ]
    ratios = [values["faster_than_cascade_40"] for values in result["speed"].values()]
    figures.append(
        {"name": "Following against the full cascade, slowest clip: times faster", "ours": min(ratios), "target": 15}
    )
    faces = [values for values in result["quality"].values() if "missed" in values and "frames" in values]
    jitters = [v["still_jitter_eye_distances"] for v in faces if v["still_jitter_eye_distances"] is not None]
    frames = sum(values["frames"] for values in faces)
    return [
        *figures,
        {
            "name": f"Frames missed, of {frames} with a face in {len(faces)} real videos",
            "better": "lower",
            "ours": sum(len(values["missed"]) for values in faces),
            "target": 0,
        },
        {
            "name": "Frames with a false face, no_face.mp4",
            "better": "lower",
            "ours": len(result["quality"]["no_face.mp4"]["frames_with_a_face"]),
            "target": 0,
        },
        {
            "name": "Jitter of the five points under noise (sigma 3), worst video",
            "unit": "1e-3 of eye distance",
            "better": "lower",
            "ours": 1e3 * max(jitters),
            "target": 1.5,
        },
    ]


def row(figure: dict[str, Any]) -> str:
    """One line of the table."""
    unit = f" [{figure['unit']}]" if figure.get("unit") else ""
    baselines = ", ".join(f"{name} {number(value)}" for name, value in figure.get("baselines", {}).items())
    return f"| {figure['name']}{unit} | {number(figure['ours'])} | {target(figure)} | {baselines} |"


def target(figure: dict[str, Any]) -> str:
    """The target with its direction and whether it was reached; empty when there is none."""
    if figure.get("target") is None:
        return ""
    higher = figure.get("better", "higher") == "higher"
    ours, wanted = figure["ours"], figure["target"]
    reached = ours is not None and (ours >= wanted if higher else ours <= wanted)
    sign = "≥" if higher else "≤"
    return f"{sign} {number(wanted)} {'reached' if reached else '**missed**'}"


def number(value: float | None) -> str:
    """Three significant digits; "-" for what could not be measured."""
    if value is None:
        return "-"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def caption(command: str, result: dict[str, Any]) -> str:
    """What was run, at which revision, on which machine."""
    machine = result["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items() if name != "mien")
    how = ", quick run" if result.get("quick") else ""
    revision = f", revision {result['revision']}" if "revision" in result else ""
    place = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, {libraries}"
    return f"`{command}`{how}{revision}: {place}.  "


def documents() -> list[Path]:
    """The documents that may show figures."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "src").rglob("README.md"))]


def main(arguments: list[str]) -> int:
    """Write the documents, or with --check compare them."""
    code = 0
    for path in documents():
        text = path.read_text(encoding="utf-8")
        new = fill(text)
        if new == text:
            continue
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is not what benchmarks/results says; run: python -m benchmarks.tables")
            code = 1
        else:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
