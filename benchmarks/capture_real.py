"""Capture the real videos that have reference curves and score the clips.

    python -m benchmarks.capture_real ../shared/assets [--json benchmarks/results/capture_real.json]

Prints a table per figure and video with medians and targets; see benchmarks/refs.py for what is compared with what.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks import refs
from mien.cli.machine import describe
from mien.engine.provenance import git_revision
from mien.io.atomic import write_whole
from mien.systems.capture.predict import Capture


def main() -> None:
    """Capture, score, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets", type=Path, help="folder with video/ and refs/")
    parser.add_argument("--json", type=Path, help="write every figure here")
    parser.add_argument("--bundle", type=Path, help="a bundle in place of the shipped one")
    parser.add_argument("--backend", default="onnx", choices=("onnx", "ncnn"))
    chosen = parser.parse_args()
    references = {path.stem: refs.load_refs(path) for path in sorted((chosen.assets / "refs").glob("*.npz"))}
    capture = Capture(chosen.bundle, backend=chosen.backend)
    scores: dict[str, dict[str, float]] = {}
    for name, reference in references.items():
        result = capture.video(chosen.assets / "video" / f"{name}.mp4")
        scores[name] = refs.score(result.clip, reference)
        scores[name]["missed_frames"] = float((reference["valid"].astype(bool) & ~result.clip.seen).sum())
        scores[name]["ms_median"] = float(np.median(result.milliseconds))
    agreements = {name: refs.agreement(reference) for name, reference in references.items()}
    print(refs.table(scores, agreements))
    print("\nPearson against the references; in brackets, how far the two trackers agree with each other.")
    if chosen.json:
        report = {
            "revision": git_revision(),
            "machine": describe(),
            "scores": {
                video: {k: v if np.isfinite(v) else None for k, v in row.items()} for video, row in scores.items()
            },
            "medians": {k: v if np.isfinite(v) else None for k, v in refs.medians(scores).items()},
            "targets": refs.TARGETS,
        }
        with write_whole(chosen.json) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
