"""`Figure`: one measured number beside its baselines and its target. `Result`: all figures of one benchmark run.

Every benchmark returns figures, and the tables in the terminal, in the documents and in the JSON files show them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mien.core.errors import MienError
from mien.engine.provenance import UNKNOWN, describe_machine, git_revision
from mien.io.atomic import write_whole

__all__ = ["Figure", "Result"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number. A value that is not finite (NaN, infinity) counts as not computed and is stored as None."""

    name: str
    """What was measured, on what; a phrase that can be understood without the rest of the table."""
    ours: float | None
    """The number of the system that is measured; None when it could not be computed."""
    unit: str = ""
    """The unit, or the kind of number where there is no unit: "mm", "correlation, median of 4 videos"; may be empty."""
    better: Literal["higher", "lower"] = "higher"
    target: float | None = None
    """The number that a release has to reach; None where there is none."""
    baselines: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    """Name -> the same number for something else, measured in the same run."""
    headline: bool = True
    """Whether the table of the most important figures shows this figure."""
    short: bool = False
    """Whether the README shows this figure."""
    reason: str = ""
    """Why `ours` is None; empty when `ours` is a number."""

    def __post_init__(self) -> None:
        ours = _finite(self.ours)
        reason = (self.reason or "not a number in this run") if ours is None else ""
        baselines = {name: _finite(value) for name, value in self.baselines.items()}
        kept = {"ours": ours, "target": _finite(self.target), "baselines": baselines, "reason": reason}
        for name, value in kept.items():
            object.__setattr__(self, name, value)

    @property
    def reached(self) -> bool | None:
        """Whether the target was reached; None without a target or without a number."""
        if self.target is None or self.ours is None:
            return None
        return self.ours >= self.target if self.better == "higher" else self.ours <= self.target

    def row(self) -> tuple[str, str, str, str]:
        """The cells of a table row: name and unit, number, target with direction and outcome, baselines."""
        sign = "≥" if self.better == "higher" else "≤"
        verdict = {None: "", True: " reached", False: " missed"}[self.reached]
        return (
            f"{self.name} [{self.unit}]" if self.unit else self.name,
            f"not computed: {self.reason}" if self.ours is None else _digits(self.ours),
            "" if self.target is None else f"{sign} {_digits(self.target)}{verdict}",
            ", ".join(f"{name} {_digits(value)}" for name, value in self.baselines.items()),
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object; `reason` is left out when `ours` is a number."""
        row = asdict(self)
        return row if self.reason else {name: value for name, value in row.items() if name != "reason"}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Figure":
        """The inverse of `to_json`; raises TypeError for other fields."""
        return cls(**row)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one run of a benchmark found, and where."""

    name: str
    """The system, or the module in benchmarks/."""
    figures: tuple[Figure, ...]
    details: Mapping[str, Any]
    """What the figures were computed from: JSON objects, lists, strings and numbers."""
    quick: bool = False
    """Whether the run was shortened, so that it measured less than the documents show."""
    revision: str = UNKNOWN
    """See `provenance.git_revision`."""
    machine: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """See `provenance.describe_machine`."""

    @classmethod
    def measured(
        cls, name: str, figures: Sequence[Figure], details: Mapping[str, Any], *, quick: bool = False
    ) -> "Result":
        """A result stamped with the revision of the code and with the machine."""
        return cls(
            name=name,
            figures=tuple(figures),
            details=details,
            quick=quick,
            revision=git_revision(),
            machine=describe_machine(),
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object. JSON has no NaN, so numbers in `details` that are not finite become null."""
        return {
            "name": self.name,
            "quick": self.quick,
            "revision": self.revision,
            "machine": dict(self.machine),
            "figures": [figure.to_json() for figure in self.figures],
            "details": _jsonable(self.details),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Result":
        """The inverse of `to_json`; raises TypeError or KeyError for anything else."""
        figures: dict[str, Any] = {"figures": tuple(Figure.from_json(row) for row in data["figures"])}
        return cls(**{**data, **figures})

    def write(self, path: Path) -> None:
        """Write a JSON file, whole or not at all."""
        with write_whole(path) as temporary:
            text = json.dumps(self.to_json(), indent=1, allow_nan=False, ensure_ascii=False)
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Result":
        """Read what `write` wrote; raises MienError when the file is not such a result."""
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, ValueError, TypeError, KeyError) as error:
            raise MienError(f"{path}: cannot be read as the result of a benchmark ({error}); measure again") from error


def _finite(value: float | None) -> float | None:
    """A Python number, or None when `value` is None or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _jsonable(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    if isinstance(value, np.generic):
        return _jsonable(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _digits(value: float | None) -> str:
    """Three significant digits, thousands with commas; "-" for a number that was not computed."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:.3g}"
