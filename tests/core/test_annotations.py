"""The shapes and types written at fields and functions hold while the tests run (jaxtyping checked by beartype)."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
FILES = (
    "core/test_channels.py",
    "core/test_clip.py",
    "core/test_geometry.py",
    "core/test_rig.py",
    "core/test_transforms.py",
    "io/test_clip_npz.py",
    "io/test_livelink_csv.py",
    "rigs/readers/test_glb.py",
)


def test_annotations_of_the_core_hold_at_run_time():
    """In a process of its own, because the checks are woven in when a module is first imported."""
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"),
            "--jaxtyping-packages=mien.core,beartype.beartype",
            *("-k", "not refused and not half_done"),  # those hand over wrong shapes on purpose
            *(str(TESTS / file) for file in FILES),
        ],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
