import functools
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.core import MienError
from mien.rigs import assets as downloads


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def archive(assets: Path) -> Path:
    (path,) = assets.glob("ICT-FaceKit-*.zip")
    return path


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which a real HTTP server gives it out."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_pin():
    assert downloads.ICT_COMMIT in downloads.ICT_URL and downloads.ICT_URL.startswith("https://github.com/ICT-VGL/")
    sums = downloads.ict_sums()
    assert len(sums) == 159 and all(len(digest) == 64 for digest in sums.values())
    assert {"generic_neutral_mesh.obj", "identity099.obj", "jawOpen.obj", "vertex_indices.json"} <= sums.keys()


def test_a_download_is_checked_and_kept(cache: Path, served: tuple[Path, str], archive: Path):
    folder, address = served
    (folder / "ict.zip").symlink_to(archive)
    path = downloads.get_ict(f"{address}/ict.zip")
    assert path == downloads.ict_archive() and path.is_relative_to(cache)
    assert path.stat().st_size == archive.stat().st_size
    assert downloads.get_ict(f"{address}/gone.zip") == path  # there already: nothing is fetched


def small(path: Path, archive: Path, *, without: str = "", changed: str = "") -> Path:
    """The archive with one file left out or changed, other files empty: enough to be refused."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in source.namelist():
            if without and name.endswith(without):
                continue
            out.writestr(name, b"changed" if changed and name.endswith(changed) else b"")
    return path


def test_other_contents_are_refused_and_not_kept(cache: Path, served: tuple[Path, str], archive: Path):
    folder, address = served
    small(folder / "short.zip", archive, without="/jawOpen.obj")
    small(folder / "other.zip", archive, changed="/PupilDilate_L.obj")
    (folder / "page.zip").write_text("<html>rate limited</html>")
    for name, reason in (
        ("short.zip", r"lacks FaceXModel/jawOpen\.obj"),
        ("other.zip", r"FaceXModel/PupilDilate_L\.obj differs"),
        ("page.zip", "not a whole zip archive"),
        ("gone.zip", "cannot download"),
    ):
        with pytest.raises(MienError, match=reason) as caught:
            downloads.get_ict(f"{address}/{name}")
        assert "\n" not in str(caught.value) and name in str(caught.value)
    assert not list(cache.rglob("*.zip"))


def test_no_connection(cache: Path):
    with pytest.raises(MienError, match=r"cannot download .*; download it by hand and set MIEN_ICT"):
        downloads.get_ict("http://127.0.0.1:9/ict.zip")


def test_local_archives_and_folders(archive: Path, tmp_path: Path):
    downloads.verify_ict(archive)
    with pytest.raises(MienError, match="lacks FaceXModel"):
        downloads.verify_ict(tmp_path)
    with pytest.raises(MienError, match="does not exist"):
        downloads.verify_ict(tmp_path / "missing.zip")
    (tmp_path / "cut.zip").write_bytes(archive.read_bytes()[:100_000])
    with pytest.raises(MienError, match="not a whole zip"):
        downloads.verify_ict(tmp_path / "cut.zip")
