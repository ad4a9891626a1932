"""The clip that `mien demo` captures: a rendered performance (sample.mp4) and what was performed (sample_truth.npz).

`python -m mien.systems.capture.sample` renders both again.
"""

from pathlib import Path

__all__ = ["TRUTH", "VIDEO"]

VIDEO = Path(__file__).with_name("sample.mp4")
TRUTH = Path(__file__).with_name("sample_truth.npz")
