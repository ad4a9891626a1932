"""The log that a training run writes."""

import json
import time
from pathlib import Path

from torch import Tensor

__all__ = ["TrainingLog"]


class TrainingLog:
    """One JSON line every 20 steps: means of the losses since the last line, and steps per second."""

    def __init__(self, path: Path, steps: int) -> None:
        """Append to `path`; `steps` is the length of the whole run."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.steps, self.sums, self.count, self.since = path, steps, {}, 0, time.monotonic()

    def write(self, step: int, rate: float, parts: dict[str, Tensor]) -> None:
        """Add the learning rate and the losses, by name, of one step."""
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
        self.count += 1
        if (step + 1) % 20:
            return
        now = time.monotonic()
        row = {"step": step + 1, "of": self.steps, "rate": rate, "steps_per_s": self.count / (now - self.since)}
        row |= {name: total / self.count for name, total in self.sums.items()}
        with self.path.open("a") as file:
            file.write(json.dumps({k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()}) + "\n")
        self.sums, self.count, self.since = {}, 0, now
