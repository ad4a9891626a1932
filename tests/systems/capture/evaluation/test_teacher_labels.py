"""Labels of another tracker: what was written is what is read, and only faces whose labels can be trusted count."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mien.core import ARKIT, MienError
from mien.core.transforms import quaternion_from_angles
from mien.systems.capture.evaluation.held_out_people import FOLDERS
from mien.systems.capture.evaluation.teacher_labels import FRONTAL, STEADY, read_labels, spread_over, write_labels

TURNS = np.array([[0, 0, 0], [FRONTAL - 1, 0, 30], [FRONTAL + 1, 0, 0], [0, -FRONTAL - 1, 0], [5, -7, 3], [0, 0, 0]])


def arrays() -> dict[str, Any]:
    """Six faces, turned as `TURNS` says; the fifth jitters from view to view, the last one was not found."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 478, 3)).astype(np.float32)
    pose = np.tile(np.eye(4), (6, 1, 1))
    pose[:, :3, :3] = 1.7 * Rotation.from_quat(quaternion_from_angles(np.radians(TURNS))).as_matrix()
    spread = np.full((6, 478), 0.9 * STEADY)
    spread[4] *= 2
    for values in (points, pose, spread):
        values[5] = np.nan
    names = np.array(["_neutral", *(name for name in ARKIT[::-1] if name != "tongueOut")])
    scores = np.arange(52) * np.ones((6, 1))
    return {
        "points": points, "pose": pose, "spread": spread.astype(np.float32), "blendshapes": scores,
        "blendshape_names": names, "frame": np.array([0, 2, 3, 4, 6, 9]),
    }  # fmt: skip


def test_angles_are_those_of_the_head_whatever_its_size(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays())
    labels = read_labels(tmp_path / "a.npz")
    np.testing.assert_allclose(labels.angles[:5], TURNS[:5], atol=1e-6)
    assert np.isnan(labels.angles[5]).all()
    assert labels.steady.tolist() == [True, True, True, True, False, False]
    assert labels.clear.tolist() == [True, True, False, False, False, False]
    assert np.isfinite(labels.measures()).all(axis=1).tolist() == labels.steady.tolist()


def test_blendshapes_are_read_by_name(tmp_path: Path) -> None:
    given = arrays()
    np.savez(tmp_path / "a.npz", **given)
    labels = read_labels(tmp_path / "a.npz")
    for column, name in enumerate(given["blendshape_names"][1:], 1):
        assert (labels.weights[:, ARKIT.index(name)] == column).all()
    assert not labels.weights[:, ARKIT.index("tongueOut")].any()
    over = labels.over(8)
    assert np.flatnonzero(np.isfinite(over[:, 0])).tolist() == [0, 2, 3, 4, 6], "frames beyond the clip are left out"


def test_labels_of_pictures_are_found_by_name(tmp_path: Path) -> None:
    given = arrays()
    del given["frame"]
    np.savez(tmp_path / "a.npz", **given, image=np.array([f"{k}.jpg" for k in range(6)]))
    labels = read_labels(tmp_path / "a.npz")
    assert labels.row("4.jpg") == 4 and labels.frames is None
    with pytest.raises(MienError, match=r"no label for the picture x\.jpg"):
        labels.row("x.jpg")
    with pytest.raises(ValueError, match="no curve"):
        spread_over(labels.frames, labels.weights, 6)


@pytest.mark.parametrize("missing", ["points", "pose", "spread", "blendshapes"])
def test_a_file_that_is_no_label_is_one_line(tmp_path: Path, missing: str) -> None:
    given = arrays()
    del given[missing]
    np.savez(tmp_path / "a.npz", **given)
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:1000])
    for name in ("a", "b", "none"):
        with pytest.raises(MienError, match=r"npz: cannot be read as labels"):
            read_labels(tmp_path / f"{name}.npz")


@pytest.mark.parametrize("folder", FOLDERS[:6])
def test_nearly_all_pictures_of_real_people_are_clear(assets: Path, folder: str) -> None:
    labels = read_labels(assets / "real" / "labels" / f"{folder}.npz")
    assert labels.clear.mean() > 0.9
    assert {path.name for path in (assets / "real" / folder).iterdir()} >= set(labels.images)


@pytest.mark.parametrize("clip", [True, False])
def test_labels_that_are_written_are_read(tmp_path: Path, clip: bool) -> None:
    given = arrays()
    if not clip:
        given["image"] = np.array([f"{k}.jpg" for k in range(6)])
    np.savez(tmp_path / "given.npz", **given)
    labels = read_labels(tmp_path / "given.npz")
    write_labels(tmp_path / "own.npz", labels, extra=np.arange(3))
    again = read_labels(tmp_path / "own.npz")
    for name, value in vars(labels).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(vars(again)[name], value, rtol=1e-3, err_msg=name)
        else:
            assert vars(again)[name] == value
    np.testing.assert_array_equal(again.points, labels.points)
    with np.load(tmp_path / "own.npz") as file:
        assert file["extra"].tolist() == [0, 1, 2]
