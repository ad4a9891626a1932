"""`save` and `load` of the core types, by the table of formats.

Core types know no file format and import nothing that does: the table is found by name when a file is first read or
written (`mien.io.formats`).
"""

from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["read", "write", "write_sequence"]

T = TypeVar("T")


def write(path: str | Path, value: object, **options: Any) -> None:
    """Write `value` in the format that the path's extension names; raises MienError when there is none."""
    import_module("mien.io.formats").write(path, value, **options)


def write_sequence(path: str | Path, sequence: object) -> None:
    """Write a mesh sequence frame by frame in the format that the path's extension names; MienError as `write`."""
    import_module("mien.io.sequences").save(sequence, path)


def read(path: str | Path, kind: type[T], **options: Any) -> T:
    """Read a `kind` from a file; raises MienError when the file is none."""
    return import_module("mien.io.formats").read(path, kind, **options)
