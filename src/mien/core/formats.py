"""The table of file formats: what `save` and `load` of the core types look up.

Core types know no file format. `mien.io` fills this table when it is imported, and the first lookup imports it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from mien.core.errors import MienError

__all__ = ["Format", "extensions", "read", "register", "write"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Format:
    """How one core type is written to and read from one kind of file."""

    write: Callable[..., None] | None
    """`write(value, path, **options)`, whole or not at all; None when the format is read only."""
    read: Callable[[Path], Any] | None
    """`read(path) -> value`; None when the format is write only."""


_table: dict[tuple[str, type], Format] = {}


def register(extension: str, kind: type, entry: Format) -> None:
    """Add a format for `kind` under `extension` (".csv")."""
    _table[extension, kind] = entry


def extensions(kind: type, *, writable: bool = False) -> tuple[str, ...]:
    """The extensions known for `kind`, optionally only those that can be written."""
    import_module("mien.io")
    return tuple(ext for (ext, k), f in _table.items() if k is kind and (f.write is not None or not writable))


def _entry(path: Path, kind: type) -> Format:
    import_module("mien.io")
    entry = _table.get((path.suffix.lower(), kind))
    if entry is None:
        known = ", ".join(extensions(kind)) or "none"
        raise MienError(f"{path}: no {kind.__name__} format has the extension '{path.suffix}'; use one of: {known}")
    return entry


def write(path: str | Path, value: object, **options: Any) -> None:
    """Write `value` in the format its path's extension names; raises MienError if there is none."""
    path = Path(path)
    entry = _entry(path, type(value))
    if entry.write is None:
        raise MienError(f"{path}: {path.suffix} can be read but not written")
    entry.write(value, path, **options)


def read(path: str | Path, kind: type[T]) -> T:
    """Read a `kind` from the format its path's extension names; raises MienError if there is none."""
    path = Path(path)
    entry = _entry(path, kind)
    if entry.read is None:
        raise MienError(f"{path}: {path.suffix} can be written but not read")
    return entry.read(path)
