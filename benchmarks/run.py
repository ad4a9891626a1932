"""Everything measured: `python -m benchmarks.run [--quick] [--assets FOLDER] [--mediapipe FILE.task]` writes
benchmarks/results/*.json.

`mien bench` of every system, at most ten minutes each; where the real test material is there (FOLDER, by default
../shared/assets), also tracking, whole frames, real videos, and rigs.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from mien.systems import registry

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def run(module: str, *arguments: object) -> None:
    """One benchmark in a process of its own, which its thread settings need; an error ends everything."""
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, check=True)


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute or so each")
    parser.add_argument("--assets", type=Path, default=ROOT.parent / "shared" / "assets")
    parser.add_argument("--mediapipe", type=Path, help="a Face Landmarker model, to be run beside capture")
    chosen = parser.parse_args()
    quick = ["--quick"] if chosen.quick else []
    RESULTS.mkdir(exist_ok=True)
    strangers = sorted((chosen.assets / "rigs").glob("*.glb"))
    peer = ["--mediapipe", chosen.mediapipe] if chosen.mediapipe else []
    only = {"capture": [*(word for rig in strangers for word in ("--rig", rig)), *peer]}
    for name in registry.SYSTEMS:
        run("mien", "bench", name, *quick, *only.get(name, []), "--json", RESULTS / f"{name}.json")
    if not chosen.assets.is_dir():
        print(f"{chosen.assets} is not there: no figures on real video")
        return
    run("benchmarks.track", "--assets", chosen.assets, *quick, "--json", RESULTS / "track.json")
    run("benchmarks.capture_speed", chosen.assets, "--json", RESULTS / "capture_speed.json")
    run("benchmarks.capture_real", chosen.assets, *peer, "--json", RESULTS / "capture_real.json")
    run("benchmarks.capture_time", chosen.assets, "--json", RESULTS / "capture_time.json")
    run("benchmarks.capture_sight", chosen.assets, "--json", RESULTS / "capture_sight.json")
    run("benchmarks.plots")
    run("benchmarks.plots", "strangers", *strangers)
    run("benchmarks.rigs", chosen.assets, *quick, "--json", RESULTS / "rigs.json")


if __name__ == "__main__":
    main()
