"""Third-party material that mien uses and does not ship: a table, and what gets, finds and checks each of its rows.

Every file is pinned by the commit in its address and by its sha256 in a list of `asset_lists/`. Of an archive the
contents are checked and not the archive itself: GitHub packs archives on request and does not promise the same bytes
forever. A further set of files is a list and a row here.
"""

import csv
import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from mien.core.errors import MienError
from mien.io.atomic import write_whole
from mien.io.cache import cache_folder

__all__ = ["ASSETS", "MIRROR", "Archive", "Asset", "Files", "Pinned", "downloaded", "find", "get", "location", "verify"]

MIRROR = "MIEN_ASSETS_MIRROR"
"""Environment variable with the address of a server that has the files under the same paths as their own server."""

_RAW = "https://raw.githubusercontent.com"
_LISTS = Path(__file__).with_name("asset_lists")
_MATERIAL = "MIEN_TEST_ASSETS"
"""Environment variable that names a folder of test material, which holds copies of some assets."""
_LARGEST = 64 * 2**20
"""Bytes of a member of an archive that is read; those that are checked have at most 3 MB."""
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A zip archive at one address; it is kept packed, under `file` in the cache."""

    url: str
    file: str
    folder: str
    """The folder in the archive whose files are listed; other files do not matter."""
    sums: str
    """List in the format of sha256sum."""

    def pinned(self) -> dict[str, str]:
        """Name in `folder` -> sha256."""
        lines = (_LISTS / self.sums).read_text(encoding="ascii").splitlines()
        return {name: digest for digest, name in (line.split("  ") for line in lines)}


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """One file of a list."""

    file: str
    """Path in the asset's folder."""
    repository: str
    commit: str
    path: str
    sha256: str

    @property
    def url(self) -> str:
        """Its address at GitHub."""
        return f"{_RAW}/{self.repository}/{self.commit}/{self.path}"


@dataclass(frozen=True, kw_only=True)
class Files:
    """Files that are fetched one by one into the cache's folder `folder`."""

    folder: str
    sums: str
    """A .csv with the columns file, repository, commit, path, sha256."""

    def pinned(self) -> list[Pinned]:
        """The files in the order of the list."""
        with (_LISTS / self.sums).open(newline="", encoding="utf-8") as table:
            return [Pinned(**row) for row in csv.DictReader(table)]


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A row of the table."""

    name: str
    """Word on the command line."""
    title: str
    """Its own name and version."""
    what: str
    """What mien uses it for."""
    licence: str
    """Licence and whom to credit; one for all its files."""
    source: str
    """Where it is published."""
    megabytes: int
    """What a download transfers."""
    content: Archive | Files
    variable: str
    """Environment variable that names a local copy."""
    copy: str
    """What such a copy is."""
    in_material: str
    """Where the folder of test material has a copy; the last match of a pattern."""


_ICT_COMMIT = "da5f95a607f5e6b37755b38d3385d7f2853732e5"

ASSETS: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        Asset(
            name="ict",
            title=f"ICT-FaceKit {_ICT_COMMIT[:7]}",
            what="the head that training images are rendered from",
            licence="MIT, USC Institute for Creative Technologies 2020",
            source="https://github.com/ICT-VGL/ICT-FaceKit",
            megabytes=120,
            content=Archive(
                url=f"https://github.com/ICT-VGL/ICT-FaceKit/archive/{_ICT_COMMIT}.zip",
                file=f"ICT-FaceKit-{_ICT_COMMIT}.zip",
                folder="FaceXModel",
                sums="ict.txt",
            ),
            variable="MIEN_ICT",
            copy="the archive (or its extracted folder)",
            in_material="ICT-FaceKit*.zip",
        ),
        Asset(
            name="portraits",
            title="webmorph_canada",
            what="40 real portraits with 189 points each, half of which capture is measured on",
            licence="CC BY 4.0, DeBruine & Jones, figshare 4220517",
            source="https://github.com/debruine/webmorphR.stim",
            megabytes=32,
            content=Files(folder="portraits", sums="portraits.csv"),
            variable="MIEN_PORTRAITS",
            copy="a folder of its files",
            in_material="faces/webmorph_canada",
        ),
    )
}


def location(name: str) -> Path:
    """Where a download of an asset lies in the user's cache: an archive or a folder, which need not be there."""
    content = _row(name).content
    return cache_folder() / (content.file if isinstance(content, Archive) else content.folder)


def downloaded(name: str) -> bool:
    """Whether every file of an asset lies in the user's cache; their contents are not looked at."""
    content, kept = _row(name).content, location(name)
    if isinstance(content, Archive):
        return kept.is_file()
    return all((kept / pinned.file).is_file() for pinned in content.pinned())


def find(name: str) -> Path:
    """The archive or folder of an asset on this machine: what its environment variable names, else the download.

    After these comes the copy in the folder of test material that MIEN_TEST_ASSETS names. Contents are not checked.
    Raises MienError when there is none, and says how to get it; ValueError for a name that the table lacks.
    """
    asset = _row(name)
    if named := os.environ.get(asset.variable):
        if not Path(named).exists():
            raise MienError(f"{asset.variable} names '{named}', which does not exist; correct it or unset it")
        return Path(named)
    kept = location(name)
    if downloaded(name):
        return kept
    material = os.environ.get(_MATERIAL)
    found = sorted(Path(material).glob(asset.in_material)) if material else []
    if found:
        return found[-1]
    half = kept.exists()
    raise MienError(
        f"{asset.title} is {'not whole' if half else 'not'} on this machine; run `mien assets get {name}`"
        f"{' again' if half else ''}, or set {asset.variable} to {asset.copy}"
    )


def get(name: str, *, mirror: str | None = None) -> Path:
    """The archive or folder of an asset in the user's cache, its contents checked; what is missing is downloaded.

    Files appear whole or not at all, and those that are there and right are kept: a download that was cut off goes on.
    `mirror` is the address of a server with the same paths; by default that of the environment variable `MIRROR`.

    Raises:
        MienError: no connection, a refusal by the server, or contents that are not the pinned ones (not kept).
    """
    asset, target = _row(name), location(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(asset.content, Archive):
        if target.is_file():
            verify(name, target)
        else:
            url = _address(asset.content.url, mirror)
            with write_whole(target) as temporary:
                _download(url, temporary, asset)
                verify(name, temporary, shown=url)
        return target
    for pinned in asset.content.pinned():
        file, url = target / pinned.file, _address(pinned.url, mirror)
        if file.is_file() and _digest(file.read_bytes()) == pinned.sha256:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(file) as temporary:
            _download(url, temporary, asset)
            if _digest(temporary.read_bytes()) != pinned.sha256:
                raise MienError(f"{url} is not {asset.title}'s {pinned.file}: its checksum differs; {_by_hand(asset)}")
    return target


def verify(name: str, source: Path, *, shown: str | None = None) -> None:
    """Check every listed file of an asset in an archive or folder; other files do not matter. Some seconds.

    `shown` is what messages call the source. Raises MienError when it is no zip, a file is missing, or a file differs.
    """
    asset, shown = _row(name), shown or str(source)
    if isinstance(asset.content, Files):
        sums = {pinned.file: pinned.sha256 for pinned in asset.content.pinned()}
        there = {file: source / file for file in sums if (source / file).is_file()}
        _check(asset, shown, sums, there, Path.read_bytes)
        return
    folder = asset.content.folder
    sums = {f"{folder}/{file}": digest for file, digest in asset.content.pinned().items()}
    if source.is_dir():
        entries = {f"{folder}/{path.name}": path for path in source.rglob(f"{folder}/*")}
        _check(asset, shown, sums, entries, Path.read_bytes)
        return
    again = f"run `mien assets get {name}`"
    try:
        with zipfile.ZipFile(source) as archive:
            members = {
                "/".join(info.filename.split("/")[-2:]): info
                for info in archive.infolist()
                if info.filename.split("/")[-2:-1] == [folder] and info.file_size <= _LARGEST
            }
            _check(asset, shown, sums, members, archive.read)
    except FileNotFoundError as error:
        raise MienError(f"{shown} does not exist; {again}") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError) as error:
        raise MienError(f"{shown} is not a whole zip archive; delete it and {again} again") from error


def _check(
    asset: Asset, shown: str, sums: dict[str, str], entries: dict[str, _Entry], read: Callable[[_Entry], bytes]
) -> None:
    missing = [file for file in sums if file not in entries]
    if missing:
        raise MienError(f"{shown} is not {asset.title}: it lacks {missing[0]}; {_by_hand(asset)}")
    for file, digest in sums.items():
        if _digest(read(entries[file])) != digest:
            raise MienError(f"{shown} is not {asset.title}: {file} differs; {_by_hand(asset)}")


def _row(name: str) -> Asset:
    if name not in ASSETS:
        raise ValueError(f"there is no asset '{name}'; there are: {', '.join(ASSETS)}")
    return ASSETS[name]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _by_hand(asset: Asset) -> str:
    return f"download it by hand and set {asset.variable} to {asset.copy}"


def _address(url: str, mirror: str | None) -> str:
    mirror = os.environ.get(MIRROR) if mirror is None else mirror
    return mirror.rstrip("/") + urlsplit(url).path if mirror else url


def _download(url: str, target: Path, asset: Asset) -> None:
    import pooch  # pyright: ignore[reportMissingTypeStubs]
    import requests

    try:
        pooch.HTTPDownloader(progressbar=False, timeout=60)(url, str(target), None)
    except (requests.RequestException, ValueError) as error:
        response = getattr(error, "response", None)
        if response is not None:
            response.close()  # pooch leaves a refused answer open
        raise MienError(f"cannot download {url} ({type(error).__name__}); {_by_hand(asset)}") from error
