"""Files that appear whole or not at all."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mien.core.errors import MienError

__all__ = ["check_writable", "write_whole"]


@contextmanager
def write_whole(path: str | Path) -> Generator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, delete it on any exception.

    The temporary name keeps the suffix, because many writers choose their format by it. Nothing is created before
    the caller writes. The caller must have closed the file when the block ends. A link is followed, so that what it
    points at is replaced and not the link itself.

    Raises:
        MienError: the folder is missing or cannot be written, `path` is a folder, or the disk refuses the write
            (an OSError inside the block that names the temporary file is reported with the real name).
    """
    target = Path(path)
    _check_target(target)
    target = Path(os.path.realpath(target))
    # Same folder: a rename is atomic only inside one file system.
    temporary = target.with_name(f".{target.stem[:100]}-{os.getpid()}-{secrets.token_hex(4)}{target.suffix}")
    try:
        yield temporary
        if not temporary.exists():
            raise MienError(f"nothing was written to {target}; this writer made no file")
        _flush(temporary)
        temporary.replace(target)
    except OSError as error:
        if error.filename is not None and Path(os.fsdecode(error.filename)) == temporary:
            raise MienError(f"cannot write {target}: {error.strerror}; choose another place") from error
        raise
    finally:
        # Also reached by KeyboardInterrupt: an interrupted run leaves nothing behind. Gone already after the rename.
        temporary.unlink(missing_ok=True)


def _check_target(target: Path) -> None:
    folder = Path(os.path.realpath(target)).parent
    if target.is_dir():
        raise MienError(f"cannot write {target}: it is a folder; give a file name")
    if target.exists() and not target.is_file():
        raise MienError(f"cannot write {target}: it is a device, not a file; give a file name")
    if not folder.exists():
        raise MienError(f"cannot write {target}: the folder {folder} does not exist; create it first")
    if not folder.is_dir():
        raise MienError(f"cannot write {target}: {folder} is not a folder; choose another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MienError(f"cannot write {target}: no permission in {folder}; choose another place")


def _flush(path: Path) -> None:
    # Without this a power cut right after the rename can leave the new name on an empty file (ext4, XFS).
    with path.open("rb+") as file:
        os.fsync(file.fileno())


class _Abandon(Exception):  # noqa: N818 - not an error
    pass


def check_writable(path: Path) -> None:
    """Raise MienError when `path` cannot be written, leaving nothing there: minutes of work must not end in that."""
    try:
        with write_whole(path) as temporary:
            temporary.touch()  # some folders claim to be writable and are not
            raise _Abandon
    except _Abandon:
        pass
