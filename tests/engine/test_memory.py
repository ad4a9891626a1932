import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from mien.engine.memory import keep_freed_memory

kept = sys.argv[1] == "keep" and keep_freed_memory()
for _ in range(3):
    np.ones(8_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(8_000_000)
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> tuple[bool, int]:
    done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True)
    kept, count = done.stdout.split()
    return bool(int(kept)), int(count)


def test_freed_blocks_are_used_again_without_page_faults() -> None:
    kept, count = faults("keep")
    if not kept:
        assert not sys.platform.startswith("linux")
        pytest.skip("malloc is not glibc's")
    assert count < faults("give back")[1] / 5
