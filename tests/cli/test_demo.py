import numpy as np
import pytest

from mien.cli.demo import compare
from mien.cli.summary import moved
from mien.core import Clip

from .conftest import Run


def clip(curves: dict[str, list[float]], seen: list[bool] | None = None) -> Clip:
    weights = np.array(list(curves.values())).T
    if seen is not None:
        weights[~np.array(seen)] = np.nan
    return Clip(times=np.arange(len(weights)) / 30, weights=weights, channels=tuple(curves))


def test_the_demo_writes_three_files_and_follows_the_truth(run: Run, tmp_path) -> None:
    done = run("demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {"take.csv", "take.glb", "preview.mp4"}
    median = next(line for line in done.stdout.splitlines() if "median of" in line)
    assert float(median.split("│")[3]) > 0.5


def test_the_demo_refuses_a_folder_it_cannot_make(refused, tmp_path) -> None:
    (tmp_path / "file").touch()
    assert "file/demo" in refused("demo", "--out", "file/demo")


def test_only_channels_that_move_in_the_truth_are_compared() -> None:
    truth = clip(
        {"jawOpen": [0, 0.5, 1, 0.5], "tongueOut": [0, 0.05, 0, 0], "mouthLeft": [0, 0, 0.2, 0], "x": [0, 1, 0, 1]}
    )
    taken = clip({"mouthLeft": [0.3] * 4, "jawOpen": [0.1, 0.2, 0.3, 0.2], "tongueOut": [0, 1, 0, 1]})
    rows = compare(taken, truth)
    assert [name for name, _, _ in rows] == ["jawOpen", "mouthLeft"]
    np.testing.assert_allclose([rows[0][1], rows[0][2]], [1, 1])
    assert np.isnan(rows[1][2])


def test_the_truth_is_read_at_the_clips_own_times_where_a_face_was_seen() -> None:
    truth = clip({"jawOpen": [0, 1, 2, 3, 4, 5]})
    taken = clip({"jawOpen": [0.5, 9, 1.5, 2.5]}, seen=[True, False, True, True])
    taken = Clip(times=np.array([0.5, 1, 1.5, 2.5]) / 30, weights=taken.weights, channels=taken.channels)
    ((_, span, r),) = compare(taken, truth)
    assert (span, r) == (pytest.approx(2.0), pytest.approx(1.0))


def test_what_moved_is_ordered_by_its_range() -> None:
    assert moved(clip({"a": [0.4, 0.45], "b": [0, 0.5], "c": [0.2, 1.0]})) == [("c", 0.2, 1.0), ("b", 0, 0.5)]
    assert moved(clip({"a": [0.04], "b": [0.5]})) == [("b", 0.0, 0.5)]  # a picture moves from rest
