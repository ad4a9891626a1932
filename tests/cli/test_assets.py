from pathlib import Path

import pytest

from .conftest import Run


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MIEN_ICT", raising=False)
    folder = tmp_path / "cache" / "mien"
    folder.mkdir(parents=True)
    return folder


def test_list_names_licence_and_place(run: Run, assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (archive,) = assets.glob("ICT-FaceKit-*.zip")
    monkeypatch.setenv("MIEN_ICT", str(archive))
    done = run("assets", "list")
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("ict", "MIT", "da5f95a"):
        assert text in done.stdout


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
    assert "ict" in done.stderr
