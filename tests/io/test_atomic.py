"""Files appear whole or not at all."""

import os
from pathlib import Path

import pytest

from mien.core import MienError
from mien.io.atomic import write_whole


def test_the_file_appears_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "take.csv"
    with write_whole(target) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".csv"
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_any_exception_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "take.csv"
    target.write_text("old")
    with pytest.raises(error), write_whole(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_at_once_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "take.csv"
    with write_whole(target) as first:
        first.write_text("first")
        with write_whole(target) as second:
            second.write_text("second")
            assert first != second
        assert target.read_text() == "second"
    assert target.read_text() == "first"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "take.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    with write_whole(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


@pytest.mark.parametrize(
    ("name", "says"),
    [("missing/take.csv", "does not exist"), ("file/take.csv", "not a folder"), ("folder", "a folder")],
)
def test_an_impossible_target_is_named_before_anything_is_written(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(MienError, match=says), write_whole(tmp_path / name):
        raise AssertionError("the block must not run")


def test_a_device_is_refused() -> None:
    with pytest.raises(MienError, match="device"), write_whole(Path(os.devnull)):
        raise AssertionError("the block must not run")


def test_a_writer_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MienError, match="nothing was written"), write_whole(tmp_path / "take.csv"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_failing_disk_is_reported_with_the_real_name(tmp_path: Path) -> None:
    target = tmp_path / "take.csv"
    with pytest.raises(MienError, match=r"take\.csv: No space left"), write_whole(target) as temporary:
        temporary.write_text("half")
        raise OSError(28, "No space left on device", str(temporary))
    assert not list(tmp_path.iterdir())
