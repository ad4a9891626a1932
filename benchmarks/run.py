"""All benchmarks: `python -m benchmarks.run [--quick] [--mediapipe FILE.task]` writes benchmarks/results/*.json.

`mien bench` of every system, at most ten minutes each; where the real test material is there (the folder that
MIEN_TEST_ASSETS names, or --assets), also tracking, whole frames, real videos, real people, and rigs.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.command import RESULTS, ROOT, assets_option, refuse

from mien.core import MienError
from mien.engine.provenance import check_clean
from mien.systems import registry


def run(module: str, *arguments: object) -> None:
    """Run one benchmark in a process of its own, which its thread settings need; an error ends all."""
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, check=True)


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorten each benchmark to about a minute")
    assets_option(parser, "the real videos, references, portraits and rigs")
    parser.add_argument("--mediapipe", type=Path, help="a model of MediaPipe's Face Landmarker to compare capture with")
    parser.add_argument("--dirty", action="store_true", help="measure even if code differs from the commit")
    chosen = parser.parse_args()
    try:
        check_clean(RESULTS, dirty=chosen.dirty)
    except MienError as error:
        refuse(parser, error)
    quick = ["--quick"] if chosen.quick else []
    dirty = ["--dirty"] if chosen.dirty else []
    RESULTS.mkdir(exist_ok=True)
    rigs = [] if chosen.assets is None else sorted((chosen.assets / "rigs").glob("*.glb"))
    peer = ["--mediapipe", chosen.mediapipe] if chosen.mediapipe else []
    only = {"capture": [*(word for rig in rigs for word in ("--rig", rig)), *peer]}
    for name in registry.SYSTEMS:
        run("mien", "bench", name, *quick, *only.get(name, []), *dirty, "--json", RESULTS / f"{name}.json")
    if chosen.assets is None or not chosen.assets.is_dir():
        print("the test material is not there: no figures on real video; MIEN_TEST_ASSETS or --assets names its folder")
        return
    for name, more in (
        ("track", quick),
        ("capture_speed", []),
        ("capture_real", peer),
        ("capture_people", peer),
        ("capture_time", []),
        ("capture_sight", []),
        ("rigs", quick),
    ):
        run(f"benchmarks.{name}", "--assets", chosen.assets, *more, *dirty, "--json", RESULTS / f"{name}.json")
    run("benchmarks.plots")
    run("benchmarks.plots", "unseen_rigs", *rigs)


if __name__ == "__main__":
    main()
