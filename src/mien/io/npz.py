"""Writes .npz files and reads untrusted ones: without pickle, and without allocating more than the file can hold.

Every file that mien writes contains the array `mien`: JSON with a "format" name and a "version", so that a file of
another program, another kind or a later version is refused with a clear message instead of a KeyError.
"""

import json
import zipfile
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from mien.core.errors import MienError
from mien.io.atomic import write_whole

__all__ = ["load", "save", "streamed", "writing"]

_RATIO = 1100
"""Largest plausible ratio of an array's size to its compressed bytes: deflate reaches at most 1032 (RFC 1951)."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError)


def save(path: Path, kind: str, version: int, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays and `meta` (JSON values) whole or not at all. Raises MienError when the path cannot be written."""
    with writing(path, kind, version, meta, arrays):
        pass


@contextmanager
def writing(
    path: Path, kind: str, version: int, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> Generator[zipfile.ZipFile]:
    """As `save`, and yield the archive, to which `streamed` can append further arrays."""
    tag = json.dumps({"format": kind, "version": version, **meta})
    with write_whole(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in {"mien": np.array(tag), **arrays}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=False)
        yield archive


@contextmanager
def streamed(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype) -> Generator[IO[bytes]]:
    """Yield a file to which the bytes of one array are written piece by piece, in C order."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        yield file


def load(path: Path, kind: str, version: int, what: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(meta, arrays) of a file that `save` wrote; `what` names it in messages ("clip").

    Raises:
        MienError: the file is missing, damaged, of another program, of another kind, or newer than `version`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {info.filename.removesuffix(".npy"): _member(archive, info) for info in archive.infolist()}
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror or error}") from error
    except _DAMAGED as error:
        raise MienError(f"{path} is damaged or no .npz file; write it again") from error
    meta = _meta(path, arrays.pop("mien", None), what)
    if meta.get("format") != kind:
        raise MienError(f"{path} holds a '{meta.get('format')}', not a {what}")
    if not isinstance(meta.get("version"), int) or not 1 <= meta["version"] <= version:
        raise MienError(f"{path} has version {meta.get('version')}, and this mien reads up to {version}; update mien")
    return meta, arrays


def _meta(path: Path, tag: np.ndarray | None, what: str) -> dict[str, Any]:
    foreign = MienError(f"{path} was not written by mien; a {what} was expected")
    if tag is None or tag.dtype.kind != "U" or tag.shape != ():
        raise foreign
    try:
        meta: Any = json.loads(str(tag))
    except ValueError:
        raise foreign from None
    if not isinstance(meta, dict):
        raise foreign
    return cast(dict[str, Any], meta)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One array, whose header is checked against the size of the file before memory is allocated."""
    with archive.open(info) as file:
        major, _ = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        claimed = prod(shape) * dtype.itemsize
        if dtype.hasobject or claimed != info.file_size - file.tell() or claimed > _RATIO * (info.compress_size + 64):
            raise ValueError("array header does not fit the file")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
