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

    The temporary name keeps the suffix, because many writers choose their format by it. No file is created before
    the caller writes. The caller must have closed the file when the block ends. A symbolic link is followed: the file
    that it points to is replaced, and not the link.

    Raises:
        MienError: the folder is missing or cannot be written, `path` is a folder, or the disk refuses the write
            (an OSError inside the block that names the temporary file is reported with the real name).
    """
    target = Path(path)
    _check_target(target)
    target = Path(os.path.realpath(target))
    # The temporary file lies in the same folder, because a rename is atomic only inside one file system.
    temporary = target.with_name(f".{target.stem[:100]}-{os.getpid()}-{secrets.token_hex(4)}{target.suffix}")
    try:
        yield temporary
        if not temporary.exists():
            raise MienError(f"nothing was written to {target}; the writer created no file")
        _flush(temporary)
        temporary.replace(target)
    except OSError as error:
        if error.filename is not None and Path(os.fsdecode(error.filename)) == temporary:
            raise MienError(f"cannot write {target}: {error.strerror}; choose another place") from error
        raise
    finally:
        # This also runs on KeyboardInterrupt, so an interrupted run leaves no file. After the rename there is none.
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
    # Without a flush, a power cut right after the rename can leave an empty file under the new name (ext4, XFS).
    with path.open("rb+") as file:
        os.fsync(file.fileno())


class _Abandon(Exception):  # noqa: N818 - not an error
    pass


def check_writable(path: Path) -> None:
    """Raise MienError when `path` cannot be written, before minutes of work are lost; creates no file."""
    try:
        with write_whole(path) as temporary:
            temporary.touch()  # the permissions of some folders allow writing, but writing still fails
            raise _Abandon
    except _Abandon:
        pass
