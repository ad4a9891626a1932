import csv
import functools
import hashlib
import http.server
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from mien.core import MienError
from mien.io import assets as table
from mien.systems.capture.training.face_sets import SETS


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in (*(asset.variable for asset in table.ASSETS.values()), table.MIRROR):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIEN_TEST_ASSETS", str(tmp_path / "shared"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def archive(assets: Path) -> Path:
    (path,) = assets.glob("ICT-FaceKit-*.zip")
    return path


@pytest.fixture(scope="module")
def portraits(assets: Path) -> Path:
    return assets / "faces" / "webmorph_canada"


class Listed(http.server.SimpleHTTPRequestHandler):
    """Notes what is asked for."""

    asked: ClassVar[list[str]] = []

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which a real HTTP server gives it out."""
    folder = tmp_path / "served"
    folder.mkdir()
    Listed.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Listed, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def put(folder: Path, url: str) -> Path:
    """Where the server has what lies at an address of another server."""
    path = folder / urlsplit(url).path.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def serve(folder: Path, portraits: Path) -> list[table.Pinned]:
    content = table.ASSETS["portraits"].content
    assert isinstance(content, table.Files)
    for pinned in content.pinned():
        put(folder, pinned.url).symlink_to(portraits / pinned.file)
    return content.pinned()


def ict() -> table.Archive:
    content = table.ASSETS["ict"].content
    assert isinstance(content, table.Archive)
    return content


def test_every_row_is_pinned_and_says_whose_it_is() -> None:
    for name, asset in table.ASSETS.items():
        assert name == asset.name and asset.licence and asset.source.startswith("https://github.com/")
        if isinstance(asset.content, table.Archive):
            assert re.search(r"/archive/[0-9a-f]{40}\.zip$", asset.content.url)
            sums = asset.content.pinned()
        else:
            files = asset.content.pinned()
            assert all(re.fullmatch(r"[0-9a-f]{40}", pinned.commit) for pinned in files)
            assert all(pinned.url.startswith("https://raw.githubusercontent.com/") for pinned in files)
            sums = {pinned.file: pinned.sha256 for pinned in files}
            assert len(sums) == len(files)
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in sums.values())
    with pytest.raises(ValueError, match="there is no asset 'x'; there are: ict, portraits, faces"):
        table.find("x")


def test_icts_list_names_its_whole_model() -> None:
    sums = ict().pinned()
    assert len(sums) == 159
    assert {"generic_neutral_mesh.obj", "identity099.obj", "jawOpen.obj", "vertex_indices.json"} <= sums.keys()


def test_the_portraits_are_those_of_the_list_of_real_faces(assets: Path) -> None:
    with (assets / "real" / "sources.csv").open(newline="") as file:
        known = {row["path"]: row for row in csv.DictReader(file) if row["repository"] == "debruine/webmorphR.stim"}
    content = table.ASSETS["portraits"].content
    assert isinstance(content, table.Files)
    files = content.pinned()
    pictures = [pinned for pinned in files if pinned.file.endswith(".jpg")]
    assert len(files) == 80 and len(pictures) == 40
    for pinned in pictures:
        row = known[pinned.path]
        assert (pinned.repository, pinned.commit, pinned.sha256) == (row["repository"], row["commit"], row["sha256"])
    assert {p.file for p in files} == {Path(p.file).stem + end for p in pictures for end in (".jpg", ".tem")}


def faces() -> table.Files:
    content = table.ASSETS["faces"].content
    assert isinstance(content, table.Files)
    return content


def test_the_faces_are_those_of_the_list_of_real_faces(assets: Path) -> None:
    with (assets / "real" / "sources.csv").open(newline="") as file:
        known = {row["image"].removesuffix(".jpg"): row for row in csv.DictReader(file)}
    pinned = {str(Path(p.file).with_suffix("")): p for p in faces().pinned() if not p.file.endswith(".tem")}
    pictures = {name: p for name, p in pinned.items() if name in known}
    assert pictures.keys() == known.keys() and len(pictures) == 1991
    for name, p in pictures.items():
        row = known[name]
        assert (p.repository, p.commit, p.path, p.sha256) == tuple(
            row[key] for key in ("repository", "commit", "path", "sha256")
        )
    clips = {name: p for name, p in pinned.items() if name not in known}
    assert len(clips) == 17
    for p in clips.values():  # the material has clips as published
        assert hashlib.sha256((assets / "real" / p.file).read_bytes()).hexdigest() == p.sha256
    marks = {Path(p.file).name: (p.url, p.sha256) for p in faces().pinned() if p.file.endswith(".tem")}
    portraits = table.ASSETS["portraits"].content
    assert isinstance(portraits, table.Files)
    assert marks == {p.file: (p.url, p.sha256) for p in portraits.pinned() if p.file.endswith(".tem")}


def test_every_folder_of_the_faces_is_a_set_whose_licence_training_states() -> None:
    parts = {part.folder: part for part in table.ASSETS["faces"].parts}
    assert list(parts) == list(dict.fromkeys(Path(p.file).parent.name for p in faces().pinned()))
    assert parts.keys() == SETS.keys()
    for name, part in parts.items():
        spoken = SETS[name].licence.replace("-", " ").partition(" (")[0]
        assert part.licence.startswith(spoken), name
        assert SETS[name].credit in part.what + part.licence


def test_files_of_several_folders_and_repositories_come_into_the_folders_of_the_list(
    cache: Path, served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = served
    commits = {"a/pictures": "1" * 40, "b/films": "2" * 40}
    given = {
        "/a/pictures/" + "1" * 40 + "/img/2019/one.jpg": b"one",
        "/a/pictures/" + "1" * 40 + "/img/2020/two.png": b"two",
        "/b/films/" + "2" * 40 + "/three.mkv": b"three",
    }
    for path, data in given.items():
        put(folder, address + path).write_bytes(data)
    one, two, three = (hashlib.sha256(data).hexdigest() for data in given.values())
    (tmp_path / "faces.txt").write_text(
        f"@ a/pictures {commits['a/pictures']} img us_pif\n{one}  2019/one.jpg\n{two}  2020/two.png\n"
        f"@ b/films {commits['b/films']} . grid\n{three}  three.mkv\n"
    )
    monkeypatch.setattr(table, "_LISTS", tmp_path)
    steps: list[tuple[int, int]] = []
    put(folder, address + list(given)[2]).unlink()
    with pytest.raises(MienError, match=r"three\.mkv .*run `mien assets get faces` again to go on, or"):
        table.get("faces", mirror=address)
    put(folder, address + list(given)[2]).write_bytes(b"three")
    Listed.asked.clear()
    place = table.get("faces", mirror=address, progress=lambda *step: steps.append(step))
    assert [line.rpartition("/")[2] for line in Listed.asked] == ["three.mkv"], "what was there is kept"
    assert place == table.find("faces") and steps == [(1, 3), (2, 3), (3, 3)]
    files = {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert files == {"us_pif/one.jpg": b"one", "us_pif/two.png": b"two", "grid/three.mkv": b"three"}


def test_an_archive_is_checked_and_kept(cache: Path, served: tuple[Path, str], archive: Path) -> None:
    folder, address = served
    put(folder, ict().url).symlink_to(archive)
    path = table.get("ict", mirror=address)
    assert path == table.location("ict") == table.find("ict") and path.is_relative_to(cache)
    assert path.stat().st_size == archive.stat().st_size
    assert table.get("ict", mirror="http://127.0.0.1:9") == path  # there already: nothing is fetched


def small(path: Path, archive: Path, *, without: str = "", changed: str = "") -> Path:
    """The archive with one file left out or changed, other files empty: enough to be refused."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in source.namelist():
            if without and name.endswith(without):
                continue
            out.writestr(name, b"changed" if changed and name.endswith(changed) else b"")
    return path


def test_other_archives_are_refused_and_not_kept(cache: Path, served: tuple[Path, str], archive: Path) -> None:
    folder, address = served
    small(put(folder, "/short" + urlsplit(ict().url).path), archive, without="/jawOpen.obj")
    small(put(folder, "/other" + urlsplit(ict().url).path), archive, changed="/PupilDilate_L.obj")
    put(folder, "/page" + urlsplit(ict().url).path).write_text("<html>rate limited</html>")
    for name, reason in (
        ("short", r"lacks FaceXModel/jawOpen\.obj"),
        ("other", r"FaceXModel/PupilDilate_L\.obj differs"),
        ("page", "not a whole zip archive"),
        ("gone", "cannot download"),
    ):
        with pytest.raises(MienError, match=reason) as caught:
            table.get("ict", mirror=f"{address}/{name}/")
        assert "\n" not in str(caught.value) and f"/{name}/" in str(caught.value)
    assert not list(cache.rglob("*.zip"))


def test_files_are_fetched_one_by_one_from_the_mirror_of_the_environment(
    cache: Path, served: tuple[Path, str], portraits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = served
    files = serve(folder, portraits)
    monkeypatch.setenv(table.MIRROR, address)
    path = table.get("portraits")
    assert path == table.find("portraits") and path.is_relative_to(cache)
    assert {p.name for p in path.iterdir()} == {pinned.file for pinned in files}
    assert all((path / p.file).read_bytes() == (portraits / p.file).read_bytes() for p in files)
    table.verify("portraits", path)


def test_a_download_that_was_cut_off_goes_on(cache: Path, served: tuple[Path, str], portraits: Path) -> None:
    folder, address = served
    files = serve(folder, portraits)
    late = put(folder, files[50].url)
    late.unlink()
    with pytest.raises(
        MienError,
        match=rf"cannot download .*{files[50].file}.*; run `mien assets get portraits` again .* set MIEN_PORT",
    ):
        table.get("portraits", mirror=address)
    path = table.location("portraits")
    assert {p.name for p in path.iterdir()} == {pinned.file for pinned in files[:50]} and not table.downloaded(
        "portraits"
    )
    with pytest.raises(MienError, match="not whole on this machine; run `mien assets get portraits` again"):
        table.find("portraits")
    late.write_bytes(b"another file")
    with pytest.raises(MienError, match=rf"{files[50].file} of webmorph_canada: its checksum differs"):
        table.get("portraits", mirror=address)
    assert not (path / files[50].file).exists()
    late.unlink()
    late.symlink_to(portraits / files[50].file)
    (path / files[7].file).write_bytes(b"damaged on disk")
    Listed.asked.clear()
    table.get("portraits", mirror=address)
    assert {line.split("/")[-1] for line in Listed.asked} == {p.file for p in (files[7], *files[50:])}
    table.verify("portraits", path)


@pytest.mark.parametrize("name", list(table.ASSETS))
def test_no_connection_is_one_line_and_leaves_no_file(cache: Path, name: str) -> None:
    with pytest.raises(MienError, match=r"cannot download .*; run `mien assets get \w+` again .* set MIEN_") as caught:
        table.get(name, mirror="http://127.0.0.1:9")
    assert "\n" not in str(caught.value) and not [p for p in cache.rglob("*") if p.is_file()]


def test_a_copy_is_found_by_its_variable_then_the_download_then_the_test_material(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, asset in table.ASSETS.items():
        with pytest.raises(
            MienError, match=f"{asset.title} is not on .*assets get {name}`, or set {asset.variable} to"
        ):
            table.find(name)
        if asset.in_material:
            shared = tmp_path / "shared" / asset.in_material.replace("*", "-old")
            shared.mkdir(parents=True)
            assert table.find(name) == shared
        if isinstance(asset.content, table.Archive):
            table.location(name).parent.mkdir(parents=True, exist_ok=True)
            table.location(name).touch()
            assert table.find(name) == table.location(name)
        monkeypatch.setenv(asset.variable, str(tmp_path))
        assert table.find(name) == tmp_path
        monkeypatch.setenv(asset.variable, str(tmp_path / "gone"))
        with pytest.raises(MienError, match=f"{asset.variable} names .*gone', which does not exist"):
            table.find(name)


def test_local_archives_and_folders(archive: Path, portraits: Path, tmp_path: Path) -> None:
    table.verify("ict", archive)
    table.verify("portraits", portraits)
    for name, reason in (("ict", "lacks FaceXModel"), ("portraits", "is not webmorph_canada: it lacks 003f.jpg")):
        with pytest.raises(MienError, match=reason):
            table.verify(name, tmp_path)
    with pytest.raises(MienError, match="does not exist"):
        table.verify("ict", tmp_path / "missing.zip")
    (tmp_path / "cut.zip").write_bytes(archive.read_bytes()[:100_000])
    with pytest.raises(MienError, match="not a whole zip"):
        table.verify("ict", tmp_path / "cut.zip")
