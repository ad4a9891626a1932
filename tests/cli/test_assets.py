from pathlib import Path

import pytest

from mien.io.assets import ASSETS

from .conftest import Run


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MIEN_ICT", raising=False)
    folder = tmp_path / "cache" / "mien"
    folder.mkdir(parents=True)
    return folder


def test_list_names_title_licence_and_place(run: Run, assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (archive,) = assets.glob("ICT-FaceKit-*.zip")
    monkeypatch.setenv("MIEN_ICT", str(archive))
    done = run("assets", "list")
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("ICT-FaceKit da5f95a", "MIT", "webmorph_canada", "CC BY 4.0", f"place:   {archive}\n"):
        assert text in done.stdout
    for part in ASSETS["faces"].parts:
        assert f"  {part.folder}/: {part.what}; {part.licence}\n" in done.stdout


def test_list_says_how_to_get_what_is_not_here(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_PORTRAITS", str(tmp_path / "gone"))
    done = run("assets", "list")
    assert "place:   not here; get it with: mien assets get portraits\n" in done.stdout and done.returncode == 0


def test_portraits_that_are_in_the_cache_are_kept(run: Run, assets: Path, cache: Path) -> None:
    (cache / "portraits").symlink_to(assets / "faces" / "webmorph_canada")
    done = run("assets", "get", "portraits")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"portraits: {cache / 'portraits'}\n")


def test_no_connection_is_one_line(run: Run, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_ASSETS_MIRROR", "http://127.0.0.1:9")
    done = run("assets", "get", "portraits")
    assert done.returncode == 2 and "about 32 MB" in done.stdout
    assert len(done.stderr.splitlines()) == 1 and "127.0.0.1" in done.stderr and "MIEN_PORTRAITS" in done.stderr


def test_what_is_in_the_cache_is_checked_and_not_fetched_again(run: Run, assets: Path, cache: Path) -> None:
    (archive,) = assets.glob("ICT-FaceKit-*.zip")
    (cache / archive.name).symlink_to(archive)
    done = run("assets", "get", "ict")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"ict: {cache / archive.name}\n")


def test_a_damaged_download_is_named(refused, assets: Path, cache: Path) -> None:
    (archive,) = assets.glob("ICT-FaceKit-*.zip")
    (cache / archive.name).write_bytes(b"half of a zip")
    assert archive.name in refused("assets", "get", "ict")


def test_an_unknown_asset(run: Run) -> None:
    done = run("assets", "get", "nothing")
    assert done.returncode == 2
    assert "ict" in done.stderr and "portraits" in done.stderr
