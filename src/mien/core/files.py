"""`save` and `load` of the core types, through the table of formats (`mien.io.formats`).

Core types import no file format: the table is imported by its name when a file is first read or written.
"""

from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["read", "write", "write_sequence"]

T = TypeVar("T")


def write(path: str | Path, value: object, **options: Any) -> None:
    """Write `value` in the format of the path's extension; raises MienError when no format has that extension."""
    import_module("mien.io.formats").write(path, value, **options)


def write_sequence(path: str | Path, sequence: object) -> None:
    """Write a mesh sequence frame by frame in the format that the path's extension names; MienError as `write`."""
    import_module("mien.io.sequences").save(sequence, path)


def read(path: str | Path, kind: type[T], **options: Any) -> T:
    """Read a value of type `kind` from a file; raises MienError when the file holds none."""
    return import_module("mien.io.formats").read(path, kind, **options)
