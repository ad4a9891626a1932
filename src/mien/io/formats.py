"""The table of file formats: one row per format, with everything that the rest of mien needs to know of it.

`save` and `load` of the core types, the checks of the commands, and the tables in the documentation use this table. The
module of a format is imported at its first use. Several rows of one kind may share a suffix when they recognise their
files by the first bytes; a file is written in the first of these formats that can be written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.core.mesh import Mesh, MeshSequence
from mien.core.rig import Rig
from mien.core.visemes import VisemeTrack
from mien.io.atomic import check_writable
from mien.io.extras import USD, Extra

__all__ = [
    "FORMATS",
    "GLTF",
    "OBJ",
    "Format",
    "check_output",
    "needs_rig",
    "read",
    "reader",
    "rows",
    "suffixes",
    "write",
    "writer",
]

T = TypeVar("T")

HEAD = 4096
"""Number of bytes at the start of a file that `Format.recognises` gets."""

OBJ = ".obj"
"""Extension of the files in a folder of OBJ files, and of the mesh file that belongs to a point cache."""
GLTF = (".glb", ".gltf", ".vrm")
"""Extensions of glTF files that may hold a rig."""
_USD = (".usd", ".usda", ".usdc")
"""Extensions of USD files that can be written: .usd and .usdc are binary, .usda is text."""
_FOLDER = ("",)


@dataclass(frozen=True, kw_only=True)
class Format:
    """How one core type is written to and read from one kind of file."""

    kind: type
    """The core type."""
    suffixes: tuple[str, ...]
    """Lower-case file extensions with their dot; "" is a folder."""
    name: str
    """Name of the format in messages and documents."""
    module: str
    """The module that reads and writes the format."""
    read: str | None = "read"
    """Function of the module: `read(path) -> value`. None when the format cannot be read."""
    write: str | None = "write"
    """Function of the module: `write(value, path)`, whole or not at all. None when the format cannot be written, or is
    written by `stream`."""
    stream: str | None = None
    """For mesh sequences, in place of `write`: function of the module, `stream(path, topology, times)`. It is a context
    manager that yields a function to call with the vertices of each frame in order, all of one shape and finite."""
    needs_rig: bool = False
    """Whether writing takes `rig=`: the file holds a rig that the value animates."""
    takes_unit: bool = False
    """Whether reading takes `unit=`, because the file states no unit of length."""
    new_only: bool = False
    """Whether the path must not exist before it is written."""
    extra: Extra | None = None
    """Optional dependency that the format needs."""
    recognises: str | None = None
    """Function of the module: `recognises(head) -> bool`, whether a file that begins with the bytes `head` has this
    format. None when every file with the extension does."""
    precision: float = 0.0
    """Largest difference between a written number and the number read back [weights, radians, millimetres]."""
    content: str = ""
    """Contents of such a file, for a reader who chooses a format to write."""
    notes: str = ""
    """Other facts for the documentation."""

    @property
    def writable(self) -> bool:
        """Whether values can be written in this format."""
        return self.write is not None or self.stream is not None

    def function(self, name: str | None) -> Callable[..., Any]:
        """A function of the format's module; raises MienError when an optional dependency is missing."""
        if self.extra is not None:
            self.extra.load()
        if name is None:
            raise ValueError(f"{self.name} cannot do this")
        return getattr(import_module(self.module), name)


FORMATS: tuple[Format, ...] = (
    Format(
        kind=Clip, suffixes=(".csv",), name="Live Link Face", module="mien.io.livelink_csv",
        recognises="recognises", precision=1e-7,
        content="52 curves, head and eye rotations, time code; frames without a face are left out",
        notes="no head position, and no frames without a face",
    ),
    Format(
        kind=Clip, suffixes=(".csv",), name="OpenFace 2", module="mien.io.openface_csv", write=None,
        recognises="recognises", notes="action units become ARKit weights; head pose and gaze of one face",
    ),
    Format(
        kind=Clip, suffixes=(".npz",), name="mien clip", module="mien.io.clip_npz",
        content="everything, with exact times, confidence and head position, for numpy", notes="everything, bit-exact",
    ),
    Format(
        kind=Clip, suffixes=(".glb",), name="glTF", module="mien.io.gltf.clip", needs_rig=True, precision=1e-5,
        content="the rig (`mo`, or yours) with its shapes, head and eyes animated",
        notes="the rig that performs it; true times",
    ),
    Format(kind=Clip, suffixes=(".gltf",), name="glTF", module="mien.io.gltf.clip", write=None, notes="as .glb"),
    Format(
        kind=Clip, suffixes=_USD, name="UsdSkel", module="mien.io.usd.clip", write="write_clip", needs_rig=True,
        extra=USD, precision=1e-5, content="the rig and the take, as in a .glb",
        notes="the rig that performs it; true times",
    ),
    Format(
        kind=Clip, suffixes=(".usdz",), name="UsdSkel", module="mien.io.usd.clip", write=None, extra=USD,
        notes="as .usd",
    ),
    Format(
        kind=MeshSequence, suffixes=(".npz",), name="mien mesh sequence", module="mien.io.mesh_npz",
        write=None, stream="stream", content="every vertex of every frame, for numpy", notes="everything, bit-exact",
    ),
    Format(
        kind=MeshSequence, suffixes=(".glb",), name="glTF morph targets", module="mien.io.gltf.sequence",
        write=None, stream="stream", precision=0.02, content="as few morph targets as show every frame",
        notes="no vertex is off by more than 0.02 mm",
    ),
    Format(
        kind=MeshSequence, suffixes=(".pc2",), name="Point Cache 2", module="mien.io.pointcache.pc2",
        write=None, stream="stream", content="a point cache, with its mesh as .obj beside",
        notes="evenly spaced frames of a scene of 30 frames a second",
    ),
    Format(
        kind=MeshSequence, suffixes=(".mdd",), name="MDD", module="mien.io.pointcache.mdd",
        write=None, stream="stream", precision=1e-6, content="a point cache, with its mesh as .obj beside",
        notes="times as float32",
    ),
    Format(
        kind=MeshSequence, suffixes=_FOLDER, name="folder of OBJ files", module="mien.io.frame_folder",
        write=None, stream="stream", new_only=True, content="one mesh per frame",
        notes="frames that are PLY are read, too",
    ),
    Format(
        kind=MeshSequence, suffixes=_USD, name="USD points", module="mien.io.usd.mesh",
        write=None, stream="stream", extra=USD, precision=1e-4,
        content="one mesh, its points sampled over time", notes="true times",
    ),
    Format(
        kind=MeshSequence, suffixes=(".usdz",), name="USD points", module="mien.io.usd.mesh", write=None, extra=USD,
        notes="as .usd",
    ),
    Format(
        kind=Rig, suffixes=(".glb",), name="glTF", module="mien.io.gltf.rig", read=None, write="write_rig",
        precision=1e-4, content="mesh, shapes, joints, materials",
        notes="sparse morph targets, skin, vertex colours",
    ),
    Format(
        kind=Rig, suffixes=GLTF, name="glTF, VRM", module="mien.rigs.readers.gltf.reader",
        read="load_glb", write=None, notes="of VRM 0.x and 1.0: humanoid bones, custom expressions, presets",
    ),
    Format(
        kind=Rig, suffixes=_USD, name="UsdSkel", module="mien.io.usd.rig",
        read=None, write="write_rig", extra=USD, precision=1e-4, content="mesh, shapes, joints, materials",
        notes="sparse blendshapes, skin, vertex colours",
    ),
    Format(
        kind=Rig, suffixes=(*_USD, ".usdz"), name="UsdSkel", module="mien.rigs.readers.usd.reader",
        read="load_usd", write=None, extra=USD,
    ),
    Format(
        kind=Rig, suffixes=_FOLDER, name="folder of OBJ files", module="mien.rigs.readers.obj",
        read="load_obj_folder", write="save_obj_folder", takes_unit=True, precision=1e-4,
        content="the neutral and one mesh per shape",
        notes="a neutral, and a file per shape; no joints, skin, correctives",
    ),
    Format(
        kind=Mesh, suffixes=(OBJ,), name="OBJ", module="mien.io.obj", takes_unit=True,
        content="triangles, texture coordinates, material names",
        notes="in mm; the unit of a file that is read follows from its size",
    ),
    Format(
        kind=Mesh, suffixes=(".ply",), name="PLY", module="mien.io.ply", takes_unit=True,
        content="triangles, in little-endian binary", notes="in mm, unless a unit is given",
    ),
    Format(
        kind=Mesh, suffixes=GLTF, name="glTF, VRM", module="mien.rigs.readers.gltf.reader",
        read="load_mesh", write=None, notes="a rig or any other mesh, at rest",
    ),
    Format(
        kind=Mesh, suffixes=(*_USD, ".usdz"), name="USD", module="mien.rigs.readers.usd.reader",
        read="load_mesh", write=None, extra=USD, notes="a rig or any other mesh, at rest",
    ),
    Format(
        kind=Mesh, suffixes=_FOLDER, name="folder of OBJ files", module="mien.rigs.readers.obj",
        read="load_mesh", write=None, takes_unit=True, notes="the neutral in it",
    ),
    Format(
        kind=VisemeTrack, suffixes=(".csv",), name="viseme or phone table", module="mien.io.viseme_csv",
        precision=1e-6, content="start, end [s], viseme, strength",
        notes="columns start, end and viseme, or phone (ARPAbet or IPA)",
    ),
    Format(
        kind=VisemeTrack, suffixes=(".json",), name="Rhubarb JSON", module="mien.io.rhubarb", read="read_json",
        write=None, notes="mouth cues A to H and X of Rhubarb Lip Sync",
    ),
    Format(
        kind=VisemeTrack, suffixes=(".tsv",), name="Rhubarb TSV", module="mien.io.rhubarb", read="read_tsv",
        write=None, notes="the same",
    ),
    Format(
        kind=VisemeTrack, suffixes=(".textgrid",), name="Praat TextGrid", module="mien.io.textgrid", write=None,
        notes="the tier of phones that an aligner writes, long or short form",
    ),
)  # fmt: skip
"""Every format; rows of one suffix are tried in this order."""


def rows(kind: type) -> tuple[Format, ...]:
    """The formats of a core type."""
    return tuple(row for row in FORMATS if row.kind is kind)


def suffixes(kind: type, *, readable: bool = False, writable: bool = False) -> tuple[str, ...]:
    """The extensions of a core type's formats, optionally only those that can be read or written."""
    found = (
        suffix
        for row in rows(kind)
        if (row.read or not readable) and (row.writable or not writable)
        for suffix in row.suffixes
    )
    return tuple(dict.fromkeys(found))


def needs_rig(path: Path) -> bool:
    """Whether the file of a clip with this extension holds a rig that performs the clip."""
    return any(row.needs_rig for row in rows(Clip) if row.write and path.suffix.lower() in row.suffixes)


def check_output(path: Path, kind: type) -> None:
    """Raise MienError when a `kind` cannot be written to `path`: an unknown extension, a missing extra, a bad path."""
    row = writer(path, kind)
    row.function(row.write or row.stream)
    if row.new_only and path.exists():
        raise MienError(f"cannot write {path}: it is there already; delete it or choose another name")
    check_writable(path if path.suffix else path.parent / f"{path.name}.folder")


def write(path: str | Path, value: object, *, rig: Rig | None = None, **options: Any) -> None:
    """Write `value` in the format of the path's extension; `rig` is for the formats that hold a rig.

    Raises MienError when the extension is unknown, a needed rig is not given, or the path cannot be written.
    """
    path = Path(path)
    row = writer(path, type(value))
    if row.needs_rig:
        if rig is None:
            raise MienError(f"{path}: {path.suffix} needs a rig that performs the {_word(row.kind)}; give one as `rig`")
        options["rig"] = rig
    if row.write is None:
        raise ValueError(f"a {_word(row.kind)} is written frame by frame (`mien.io.sequences`)")
    row.function(row.write)(value, path, **options)


def read(path: str | Path, kind: type[T], *, unit: str | None = None, **options: Any) -> T:
    """Read a value of type `kind`; the format follows from the path's extension and the file's first bytes.

    `unit` is for files that state no unit of length. Raises MienError when no format fits, or the file is damaged.
    """
    path = Path(path)
    row = reader(path, kind)
    if unit is not None:
        if not row.takes_unit:
            raise MienError(f"{path}: this file states its own unit; leave out `unit`")
        options["unit"] = unit
    try:
        return row.function(row.read)(path, **options)
    except ValueError as error:  # a core type refuses the contents of the file
        raise MienError(f"{path} is damaged: {error}") from error


def writer(path: Path, kind: type) -> Format:
    """The format in which a `kind` is written to `path`; raises MienError when there is none."""
    found = [row for row in rows(kind) if path.suffix.lower() in row.suffixes]
    writers = [row for row in found if row.writable]
    if not writers:
        known = _listed(suffixes(kind, writable=True))
        what = f"{path.suffix} can be read but not written" if found else f"there is no format '{path.suffix}' of it"
        raise MienError(f"{path}: a {_word(kind)} is written as one of: {known}; {what}")
    return writers[0]


def reader(path: Path, kind: type) -> Format:
    """The format in which a `kind` is read from `path`, by extension and first bytes; MienError when there is none."""
    suffix = path.suffix.lower()
    if path.is_dir() and suffix not in suffixes(kind, readable=True):  # a folder may have a dot in its name
        suffix = ""
    readers = [row for row in rows(kind) if row.read and suffix in row.suffixes]
    if not readers:
        known = _listed(suffixes(kind, readable=True))
        raise MienError(f"{path}: a {_word(kind)} is read from one of: {known}")
    if len(readers) == 1:
        return readers[0]
    head = _head(path)
    for row in readers:
        if row.recognises is None or row.function(row.recognises)(head):
            return row
    known = " or ".join(row.name for row in readers)
    raise MienError(f"{path} is no {suffix} of {known}; a {_word(kind)} was expected")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from error


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(name or "a folder" for name in names)


def _word(kind: type) -> str:
    return {Clip: "clip", MeshSequence: "mesh sequence", Rig: "rig", Mesh: "mesh", VisemeTrack: "viseme track"}[kind]
