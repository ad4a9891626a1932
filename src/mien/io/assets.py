"""Third-party material that mien uses and does not ship: the table of assets, and how to download, find and check them.

Every file is pinned by the commit in its address and by its sha256 in a list of `asset_lists/`. The contents of an
archive are checked and not the archive itself, because GitHub packs archives on request and does not promise the same
bytes forever. Another asset needs one list there and one row in this table.
"""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import urlsplit

from mien.core.errors import MienError
from mien.io.atomic import write_whole
from mien.io.cache import cache_folder

__all__ = [
    "ASSETS",
    "MIRROR",
    "Archive",
    "Asset",
    "Files",
    "Part",
    "Pinned",
    "downloaded",
    "find",
    "get",
    "location",
    "verify",
]

MIRROR = "MIEN_ASSETS_MIRROR"
"""Environment variable with the address of another server that has the files under the same paths."""

_RAW = "https://raw.githubusercontent.com"
_LISTS = Path(__file__).with_name("asset_lists")
_MATERIAL = "MIEN_TEST_ASSETS"
"""Environment variable that names a folder of test material, which holds copies of some assets."""
_LARGEST = 64 * 2**20
"""Largest member of an archive that is read [bytes]; the members that are checked have at most 3 MB."""
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A zip archive at one address, kept as an archive in the cache, under the name `file`."""

    url: str
    file: str
    folder: str
    """The folder in the archive whose files are listed; other files are ignored."""
    sums: str
    """Name of the checksum list, which has the format of sha256sum."""

    def pinned(self) -> dict[str, str]:
        """Name in `folder` -> sha256."""
        lines = (_LISTS / self.sums).read_text(encoding="ascii").splitlines()
        return {name: digest for digest, name in (line.split("  ") for line in lines)}


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """One file of a list."""

    file: str
    """Path of the file in the asset's folder."""
    repository: str
    commit: str
    path: str
    sha256: str

    @property
    def url(self) -> str:
        """Address of the file at GitHub."""
        return f"{_RAW}/{self.repository}/{self.commit}/{self.path}"


@dataclass(frozen=True, kw_only=True)
class Files:
    """Files that are downloaded one by one into the folder `folder` of the cache."""

    folder: str
    sums: str
    """Name of the list. A line `@ REPOSITORY COMMIT FOLDER PART` begins the files that come from one folder of a commit
    and are put into the asset's folder PART (`.` is the asset's folder itself). Each file is a line of sha256sum, with
    its path below FOLDER."""

    def pinned(self) -> list[Pinned]:
        """The files in the order of the list."""
        files: list[Pinned] = []
        repository = commit = folder = part = ""
        for line in (_LISTS / self.sums).read_text(encoding="ascii").splitlines():
            if line.startswith("@ "):
                repository, commit, folder, part = line.removeprefix("@ ").split(" ")
                continue
            digest, path = line.split("  ")
            file = str(PurePosixPath(part) / PurePosixPath(path).name)
            files.append(
                Pinned(file=file, repository=repository, commit=commit, path=f"{folder}/{path}", sha256=digest)
            )
        return files


@dataclass(frozen=True, kw_only=True)
class Part:
    """A folder of an asset whose files have a licence of their own."""

    folder: str
    what: str
    licence: str
    """Licence of the files in the folder, and whom to credit."""


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A row of the table."""

    name: str
    """Name of the asset on the command line."""
    title: str
    """The name and version that its authors gave it."""
    what: str
    """What the asset is and what mien uses it for."""
    licence: str
    """Licence of all its files, and whom to credit; an asset with `parts` has the licences of its parts."""
    source: str
    """The place where it is published."""
    megabytes: int
    """Size of the download [MB]."""
    content: Archive | Files
    variable: str
    """Environment variable with the path of a local copy."""
    copy: str
    """What the local copy must be, for messages."""
    in_material: str = ""
    """Pattern of the copy's path in the folder of test material; the last match is used. Empty when there is no copy
    in it."""
    parts: tuple[Part, ...] = ()
    """The folders of an asset that has files of several licences."""


_FACES = (
    Part(
        folder="us_congress",
        what="official portraits of members of the US Congress",
        licence="public domain, work of the US government (United States Congress)",
    ),
    Part(folder="us_18f", what="staff portraits of 18F", licence="CC0 1.0, 18F"),
    Part(
        folder="us_pif",
        what="portraits of Presidential Innovation Fellows",
        licence="CC0 1.0, Presidential Innovation Fellows",
    ),
    Part(
        folder="caltech_faces",
        what="Faces of Caltech 101",
        licence="CC BY 4.0, Li, Andreetto, Ranzato, Perona 2022, CaltechDATA",
    ),
    Part(
        folder="london",
        what="Face Research Lab London Set, neutral and smiling",
        licence="CC BY 4.0, DeBruine & Jones 2017, figshare 5047666",
    ),
    Part(
        folder="canada",
        what="webmorph_canada, neutral, with 189 points marked by hand on each",
        licence="CC BY 4.0, DeBruine & Jones 2017, figshare 4220517",
    ),
    Part(folder="debruine_cc0", what="lisa and zoom of webmorphR.stim", licence="CC0 1.0, DeBruine"),
    Part(
        folder="grid",
        what="clips of the GRID corpus",
        licence="CC BY 4.0, Cooke, Barker, Cunningham, Shao 2006, zenodo 3625687",
    ),
    Part(folder="intel_asl", what="clips of sign language", licence="CC BY 4.0, Intel"),
)
"""Folders of the asset `faces`, named as the sets of `mien.systems.capture.training.face_sets`."""

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
            content=Files(folder="portraits", sums="portraits.txt"),
            variable="MIEN_PORTRAITS",
            copy="a folder of its files",
            in_material="faces/webmorph_canada",
        ),
        Asset(
            name="faces",
            title="the folder of real faces",
            what="1,991 pictures and 17 clips to train capture on, once `mien synth faces` has labelled them",
            licence="public domain, CC0 1.0 or CC BY 4.0, by folder",
            source="https://github.com/debruine/webmorphR.stim and seven other repositories",
            megabytes=250,
            content=Files(folder="face_pictures", sums="faces.txt"),
            variable="MIEN_FACE_PICTURES",
            copy="a folder of its files",
            parts=_FACES,
        ),
    )
}


def location(name: str) -> Path:
    """Path of an asset's download in the user's cache, an archive or a folder, which need not exist."""
    content = _row(name).content
    return cache_folder() / (content.file if isinstance(content, Archive) else content.folder)


def downloaded(name: str) -> bool:
    """Whether every file of an asset is in the user's cache; the contents are not checked."""
    content, kept = _row(name).content, location(name)
    if isinstance(content, Archive):
        return kept.is_file()
    return all((kept / pinned.file).is_file() for pinned in content.pinned())


def find(name: str) -> Path:
    """The archive or folder of an asset on this machine.

    It is the copy that the asset's environment variable names, else the download in the cache, else the copy in the
    folder of test material that MIEN_TEST_ASSETS names. Contents are not checked. Raises MienError, whose message tells
    how to get the asset, when there is none; ValueError for a name that the table lacks.
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
    found = sorted(Path(material).glob(asset.in_material)) if material and asset.in_material else []
    if found:
        return found[-1]
    half = kept.exists()
    raise MienError(
        f"{asset.title} is {'not whole' if half else 'not'} on this machine; run `mien assets get {name}`"
        f"{' again' if half else ''}, or set {asset.variable} to {asset.copy}"
    )


def get(name: str, *, mirror: str | None = None, progress: Callable[[int, int], None] | None = None) -> Path:
    """The archive or folder of an asset in the user's cache; missing files are downloaded, and all contents checked.

    Files appear whole or not at all, and correct files are kept, so that an interrupted download is resumed. `mirror`
    is the address of a server with the same paths; by default it comes from the environment variable `MIRROR`.
    `progress(done, total)` is called after each file of an asset that is downloaded file by file.

    Raises:
        MienError: there is no connection, the server refuses, or a checksum differs (that file is not kept).
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
    files = asset.content.pinned()
    for done, pinned in enumerate(files, 1):
        file = target / pinned.file
        if not file.is_file() or _digest(file.read_bytes()) != pinned.sha256:
            _get_file(file, pinned, _address(pinned.url, mirror), asset)
        if progress:
            progress(done, len(files))
    return target


def _get_file(file: Path, pinned: Pinned, url: str, asset: Asset) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(file) as temporary:
        _download(url, temporary, asset)
        if _digest(temporary.read_bytes()) != pinned.sha256:
            raise MienError(f"{url} is not {pinned.file} of {asset.title}: its checksum differs; {_by_hand(asset)}")


def verify(name: str, source: Path, *, shown: str | None = None) -> None:
    """Check every listed file of an asset in an archive or folder, which takes some seconds; other files are ignored.

    `shown` is the name of the source in messages. Raises MienError when the source is no zip archive, a file is missing
    or a checksum differs.
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
            response.close()  # pooch leaves the connection of a refused request open
        again = f"run `mien assets get {asset.name}` again to go on, or "
        raise MienError(f"cannot download {url} ({type(error).__name__}); {again}{_by_hand(asset)}") from error
