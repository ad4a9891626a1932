"""Rows of a .csv file with their line numbers, so that an error message can name the line."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from mien.core.errors import MienError

__all__ = ["Row", "numbers", "read_rows"]


class Row(NamedTuple):
    """One row that is not empty."""

    line: int
    """Line number in the file, counted from 1."""
    cells: list[str]
    """Cells of the row, without surrounding spaces."""


def read_rows(path: Path, what: str) -> list[Row]:
    """All rows, the header first; raises MienError when the file is no text or is empty.

    `what` is the name of the format in messages.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            rows = [Row(reader.line_num, [c.strip() for c in cells]) for cells in reader if any(cells)]
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise MienError(f"{path} is not a text file; {what} was expected") from error
    if not rows:
        raise MienError(f"{path} is empty; {what} was expected")
    return rows


def numbers(
    path: Path, rows: Sequence[Row], width: int, columns: Sequence[int], lost: Bool[np.ndarray, "T"] | None = None
) -> Float[np.ndarray, "T C"]:
    """The numbers in some columns of rows; NaN in the rows that are `lost`.

    Raises MienError when another row does not have `width` cells, or a cell is no finite number.
    """
    out = np.full((len(rows), len(columns)), np.nan)
    for i, row in enumerate(rows):
        if lost is not None and lost[i]:
            continue
        if len(row.cells) != width:
            raise MienError(f"{path} line {row.line}: {len(row.cells)} cells, but the header has {width}")
        cells = [row.cells[column] for column in columns]
        try:
            out[i] = [float(cell) for cell in cells]
        except ValueError:
            bad = next(cell for cell in cells if not _is_number(cell))
            raise MienError(f"{path} line {row.line}: '{bad[:40]}' is not a number") from None
        if not np.isfinite(out[i]).all():
            raise MienError(f"{path} line {row.line}: a value is not finite")
    return out


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
