"""Third-party rigs that mien downloads and never ships: ICT-FaceKit.

The commit is pinned in the address. What is checksummed is the content, file by file (`ict_sha256.txt`, in the format
of sha256sum), and not the archive: GitHub packs archives on request and does not promise the same bytes forever. The
sums were taken from a copy of the archive's FaceXModel folder (154 OBJ files of the model, four more shapes, and its
index table). The same check runs on a download and on a local zip or folder.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mien.core.errors import MienError
from mien.io.atomic import write_whole

__all__ = ["ICT_COMMIT", "ICT_LICENCE", "ICT_URL", "get_ict", "ict_archive", "ict_sums", "verify_ict"]

ICT_COMMIT = "da5f95a607f5e6b37755b38d3385d7f2853732e5"
ICT_URL = f"https://github.com/ICT-VGL/ICT-FaceKit/archive/{ICT_COMMIT}.zip"
ICT_LICENCE = "MIT, USC Institute for Creative Technologies 2020"
_Entry = TypeVar("_Entry")
_BY_HAND = "download it by hand and set MIEN_ICT to it"
_LARGEST = 64 * 2**20
"""No file of the model is larger than 3 MB; a zip member that claims more than this is not read."""


def ict_archive() -> Path:
    """Where the downloaded archive lives: the user's cache folder, where `mien.rigs.ict` looks for it."""
    from platformdirs import user_cache_path

    return user_cache_path("mien") / f"ICT-FaceKit-{ICT_COMMIT}.zip"


def get_ict(url: str = ICT_URL, *, progress: bool = False) -> Path:
    """The verified archive in the user's cache, downloaded (about 120 MB) when it is not there yet.

    `progress` shows a bar (needs tqdm). `url` may name a mirror.

    Raises:
        MienError: no connection, a refusal by the server, or contents that are not the pinned ones (nothing is kept).
    """
    target = ict_archive()
    if target.is_file():
        verify_ict(target)
        return target
    import pooch
    import requests

    target.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(target) as temporary:
        try:
            pooch.HTTPDownloader(progressbar=progress, timeout=60)(url, str(temporary), None)
        except (requests.RequestException, ValueError) as error:
            response = getattr(error, "response", None)
            if response is not None:
                response.close()  # pooch leaves a refused answer open
            raise MienError(f"cannot download {url} ({type(error).__name__}); {_BY_HAND}") from error
        verify_ict(temporary, name=url)
    return target


def ict_sums() -> dict[str, str]:
    """File name in FaceXModel -> sha256."""
    text = Path(__file__).with_name("ict_sha256.txt").read_text(encoding="ascii")
    return {name: digest for digest, name in (line.split("  ") for line in text.splitlines())}


def verify_ict(source: Path, *, name: str | None = None) -> None:
    """Check every file of the model in an archive or extracted folder; other files do not matter. Some seconds.

    `name` is what messages call it. Raises MienError when it is no zip, a file is missing, or a file differs.
    """
    name = name or str(source)
    if source.is_dir():
        _check(name, {path.name: path for path in source.rglob("FaceXModel/*")}, Path.read_bytes)
        return
    try:
        with zipfile.ZipFile(source) as archive:
            members = {
                info.filename.rsplit("/", 1)[-1]: info
                for info in archive.infolist()
                if info.filename.split("/")[-2:-1] == ["FaceXModel"] and info.file_size <= _LARGEST
            }
            _check(name, members, archive.read)
    except FileNotFoundError as error:
        raise MienError(f"{name} does not exist; run `mien assets get ict`") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError) as error:
        raise MienError(f"{name} is not a whole zip archive; delete it and run `mien assets get ict` again") from error


def _check(name: str, entries: dict[str, _Entry], read: Callable[[_Entry], bytes]) -> None:
    sums = ict_sums()
    missing = [file for file in sums if file not in entries]
    if missing:
        raise MienError(f"{name} is not ICT-FaceKit {ICT_COMMIT[:7]}: it lacks FaceXModel/{missing[0]}; {_BY_HAND}")
    for file, digest in sums.items():
        if hashlib.sha256(read(entries[file])).hexdigest() != digest:
            raise MienError(f"{name} is not ICT-FaceKit {ICT_COMMIT[:7]}: FaceXModel/{file} differs; {_BY_HAND}")
