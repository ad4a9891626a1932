"""The table of file formats: everything that anybody asks of a format stands in its row.

`save` and `load` of the core types, what commands offer and refuse, and the tables of the documentation all read it. A
format's module is imported at its first use. Two rows of one kind may share a suffix: the first that recognises a
file's first bytes reads it, and the first that writes is written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.core.mesh import MeshSequence
from mien.core.rig import Rig
from mien.io.atomic import check_writable

__all__ = ["FORMATS", "Extra", "Format", "check_output", "needs_rig", "read", "rows", "suffixes", "write"]

T = TypeVar("T")

HEAD = 4096
"""Bytes of a file that `Format.recognises` is shown."""


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An optional dependency."""

    name: str
    """The extra of mien that installs it: pip install 'mien[name]'."""
    module: str
    """The module it brings."""
    what: str
    """What people call it."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """How one core type is written to and read from one kind of file."""

    kind: type
    """The core type."""
    suffixes: tuple[str, ...]
    """Lower-case file extensions with their dot; "" is a folder."""
    name: str
    """What people call the format."""
    module: str
    """The module that knows it."""
    read: str | None = "read"
    """Function of the module: `read(path) -> value`. None when the format is write only."""
    write: str | None = "write"
    """Function of the module: `write(value, path)`, whole or not at all. None when the format is read only."""
    needs_rig: bool = False
    """Whether writing takes `rig=`: the file holds a rig that performs the value."""
    extra: Extra | None = None
    """What must be installed beside mien."""
    recognises: Callable[[bytes], bool] | None = None
    """Whether a file that begins with these bytes is of this format; None for every file of its suffix."""
    notes: str = ""
    """What a reader of the documentation should know."""


USD = Extra(name="usd", module="pxr", what="OpenUSD")

FORMATS: tuple[Format, ...] = (
    Format(kind=Clip, suffixes=(".csv",), name="Live Link Face", module="mien.io.livelink_csv"),
    Format(kind=Clip, suffixes=(".npz",), name="mien clip", module="mien.io.clip_npz"),
    Format(kind=Clip, suffixes=(".glb",), name="glTF", module="mien.io.gltf.clip", needs_rig=True),
    Format(kind=Clip, suffixes=(".gltf",), name="glTF", module="mien.io.gltf.clip", write=None),
    Format(
        kind=Clip,
        suffixes=(".usd", ".usda", ".usdc"),
        name="UsdSkel",
        module="mien.io.usd.clip",
        write="write_clip",
        needs_rig=True,
        extra=USD,
    ),
    Format(kind=Clip, suffixes=(".usdz",), name="UsdSkel", module="mien.io.usd.clip", write=None, extra=USD),
    Format(kind=MeshSequence, suffixes=(".npz",), name="mien mesh sequence", module="mien.io.mesh_npz"),
    Format(kind=MeshSequence, suffixes=(".glb",), name="glTF", module="mien.io.gltf.sequence"),
    Format(kind=MeshSequence, suffixes=(".pc2",), name="Point Cache 2", module="mien.io.pointcache.pc2"),
    Format(kind=MeshSequence, suffixes=(".mdd",), name="MDD", module="mien.io.pointcache.mdd"),
    Format(kind=MeshSequence, suffixes=("",), name="folder of OBJ files", module="mien.io.obj_folder"),
    Format(
        kind=MeshSequence,
        suffixes=(".usd", ".usda", ".usdc"),
        name="USD points",
        module="mien.io.usd.mesh",
        write="write_sequence",
        extra=USD,
    ),
    Format(kind=MeshSequence, suffixes=(".usdz",), name="USD points", module="mien.io.usd.mesh", write=None, extra=USD),
    Format(kind=Rig, suffixes=(".glb",), name="glTF", module="mien.io.gltf.rig", read=None, write="write_rig"),
    Format(
        kind=Rig, suffixes=(".glb", ".gltf", ".vrm"), name="glTF, VRM", module="mien.rigs.readers.gltf.reader",
        read="load_glb", write=None,
    ),
    Format(
        kind=Rig, suffixes=(".usd", ".usda", ".usdc"), name="UsdSkel", module="mien.io.usd.rig",
        read=None, write="write_rig", extra=USD,
    ),
    Format(
        kind=Rig, suffixes=(".usd", ".usda", ".usdc", ".usdz"), name="UsdSkel", module="mien.rigs.readers.usd.reader",
        read="load_usd", write=None, extra=USD,
    ),
    Format(
        kind=Rig, suffixes=("",), name="folder of OBJ files", module="mien.rigs.readers.obj",
        read="load_obj_folder", write="save_obj_folder",
    ),
)  # fmt: skip
"""Every format, in the order in which rows of one suffix are tried."""


def rows(kind: type) -> tuple[Format, ...]:
    """The formats of a core type."""
    return tuple(row for row in FORMATS if row.kind is kind)


def suffixes(kind: type, *, readable: bool = False, writable: bool = False) -> tuple[str, ...]:
    """The extensions known for a core type, optionally only those that can be read or written."""
    found = (
        suffix
        for row in rows(kind)
        if (row.read or not readable) and (row.write or not writable)
        for suffix in row.suffixes
    )
    return tuple(dict.fromkeys(found))


def needs_rig(path: Path) -> bool:
    """Whether a clip written under this name is a rig that performs it."""
    return any(row.needs_rig for row in rows(Clip) if row.write and path.suffix.lower() in row.suffixes)


def check_output(path: Path, kind: type) -> None:
    """Raise MienError when a `kind` cannot be written to `path`: no such format, a missing extra, or the place."""
    _check_extra(_writer(path, kind))
    if path.suffix:
        check_writable(path)


def write(path: str | Path, value: object, *, rig: Rig | None = None, **options: Any) -> None:
    """Write `value` in the format its path's extension names; `rig` is used by the formats that hold one.

    Raises MienError when there is no such format, it needs a rig and none is given, or the path cannot be written.
    """
    path = Path(path)
    row = _writer(path, type(value))
    _check_extra(row)
    assert row.write is not None
    if row.needs_rig:
        if rig is None:
            raise MienError(f"{path}: {path.suffix} needs a rig that performs the {_word(row.kind)}; give one as `rig`")
        options["rig"] = rig
    getattr(import_module(row.module), row.write)(value, path, **options)


def read(path: str | Path, kind: type[T], **options: Any) -> T:
    """Read a `kind` from the format its path's extension and first bytes name.

    Raises MienError when there is none, or the file is damaged.
    """
    path = Path(path)
    row = _reader(path, kind)
    _check_extra(row)
    assert row.read is not None
    try:
        return getattr(import_module(row.module), row.read)(path, **options)
    except ValueError as error:  # a core type refuses what the file holds
        raise MienError(f"{path} is damaged: {error}") from error


def _writer(path: Path, kind: type) -> Format:
    found = [row for row in rows(kind) if path.suffix.lower() in row.suffixes]
    writers = [row for row in found if row.write]
    if not writers:
        known = ", ".join(suffix or "a folder" for suffix in suffixes(kind, writable=True))
        what = f"{path.suffix} can be read but not written" if found else f"there is no format '{path.suffix}' of it"
        raise MienError(f"{path}: a {_word(kind)} is written as one of: {known}; {what}")
    return writers[0]


def _reader(path: Path, kind: type) -> Format:
    suffix = path.suffix.lower()
    if path.is_dir() and suffix not in suffixes(kind, readable=True):  # a folder may have a dot in its name
        suffix = ""
    readers = [row for row in rows(kind) if row.read and suffix in row.suffixes]
    if not readers:
        known = ", ".join(suffix or "a folder" for suffix in suffixes(kind, readable=True))
        raise MienError(f"{path}: a {_word(kind)} is read from one of: {known}")
    if len(readers) == 1:
        return readers[0]
    head = _head(path)
    return next((row for row in readers if row.recognises is None or row.recognises(head)), readers[0])


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:  # the reader says it better
        return b""


def _check_extra(row: Format) -> None:
    if row.extra is None:
        return
    try:
        import_module(row.extra.module)
    except ModuleNotFoundError:
        raise MienError(f"{row.name} files need {row.extra.what}; run: pip install 'mien[{row.extra.name}]'") from None


def _word(kind: type) -> str:
    return {"Clip": "clip", "MeshSequence": "mesh sequence", "Rig": "rig", "Mesh": "mesh"}[kind.__name__]
