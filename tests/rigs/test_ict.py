"""The ICT-FaceKit loader against the archive itself, read by an independent parser."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, MIEN70, MienError
from mien.rigs.ict import EYE_AXES, find_ict, load_ict
from mien.rigs.ict_topology import FACE, GROUPS, SKIN


@pytest.fixture(scope="module")
def archive(request: pytest.FixtureRequest) -> Path:
    request.getfixturevalue("assets")
    return find_ict()


def _vertices(archive: Path, name: str) -> np.ndarray:
    with zipfile.ZipFile(archive) as z:
        entry = next(n for n in z.namelist() if n.endswith(f"/{name}.obj"))
        lines = z.read(entry).decode().splitlines()
    return np.array([[float(x) for x in line.split()[1:4]] for line in lines if line.startswith("v ")]) * 10


def test_counts(archive: Path) -> None:
    rig = load_ict()
    assert rig.neutral.vertices.shape == (26719, 3)
    assert set(ARKIT) - set(rig.shape_names) == {"tongueOut"}
    assert (FACE, SKIN) == (9409, 11248)
    extra = set(rig.shape_names) - set(ARKIT)
    assert extra == {"cheekRaiserLeft", "cheekRaiserRight", "pupilDilateLeft", "pupilDilateRight"}
    assert rig.identity_modes is not None
    assert rig.identity_modes.shape == (100, 26719, 3)
    topology = rig.neutral.topology
    assert topology.triangles.min() == 0
    assert topology.triangles.max() == 26718
    assert topology.uv is not None
    assert topology.uv_triangles is not None
    assert topology.uv_triangles.max() == len(topology.uv) - 1
    stops = [part.stop for part in topology.parts]
    assert stops[-1] == len(topology.triangles)
    assert [part.start for part in topology.parts] == [0, *stops[:-1]]


def test_positions_are_the_archives_in_millimetres(archive: Path) -> None:
    rig = load_ict()
    neutral = _vertices(archive, "generic_neutral_mesh")
    np.testing.assert_allclose(rig.neutral.vertices, neutral, atol=1e-4)
    np.testing.assert_allclose(rig.shape("jawOpen"), _vertices(archive, "jawOpen") - neutral, atol=1e-4)
    assert rig.identity_modes is not None
    np.testing.assert_allclose(rig.identity_modes[7], _vertices(archive, "identity007") - neutral, atol=1e-4)


@pytest.mark.parametrize("merged", ["browInnerUp", "cheekPuff"])
def test_halves_merge_to_their_sum(archive: Path, merged: str) -> None:
    neutral = _vertices(archive, "generic_neutral_mesh")
    both = sum(_vertices(archive, f"{merged}_{side}") - neutral for side in "LR")
    np.testing.assert_allclose(load_ict().shape(merged), both, atol=2e-4)


def test_left_is_positive_x_and_mirrors_right() -> None:
    rig = load_ict()
    for name in ("eyeBlink", "mouthSmile", "browDown"):
        left = np.abs(rig.shape(f"{name}Left")).sum(axis=1) @ rig.neutral.vertices[:, 0]
        right = np.abs(rig.shape(f"{name}Right")).sum(axis=1) @ rig.neutral.vertices[:, 0]
        assert left > 0 > right
        assert left == pytest.approx(-right, rel=0.05)


def test_landmarks_mirror() -> None:
    rig = load_ict()
    for anchors in rig.landmarks.values():
        points = anchors.positions(rig.neutral.vertices)
        mirrored = points[list(anchors.layout.mirror)] * (-1, 1, 1)
        assert np.abs(points - mirrored).max() < 4.0  # upstream's jaw points are not quite symmetric
        np.testing.assert_allclose(anchors.weights.sum(axis=1), 1)
    chin, nose = rig.landmarks["ibug68"].positions(rig.neutral.vertices)[[8, 30]]
    assert nose[2] > chin[2]
    assert nose[1] > chin[1]


def test_an_iris_centre_is_its_eyeballs_pole() -> None:
    rig = load_ict()
    points = rig.landmarks["mien70"].positions(rig.neutral.vertices)[68:]
    joints = {joint.name: np.array(joint.position) for joint in rig.joints}
    for point, joint, side in ((points[0], "eyeRight", "right"), (points[1], "eyeLeft", "left")):
        direction = point - joints[joint]
        assert 15.5 < np.linalg.norm(direction) < 17.5
        assert direction / np.linalg.norm(direction) @ np.array(EYE_AXES[side]) > np.cos(np.radians(1.0))


def test_dense_landmarks() -> None:
    """They begin with mien70 and mirror; contours are even, lower brows below upper ones, irises' rims round poles."""
    rig = load_ict()
    dense, sparse = rig.landmarks["mien198"], rig.landmarks["mien70"]
    points = dense.positions(rig.neutral.vertices)
    np.testing.assert_allclose(points[:70], sparse.positions(rig.neutral.vertices), atol=1e-9)
    assert np.abs(points - points[list(dense.layout.mirror)] * (-1, 1, 1)).max() < 0.1
    assert (dense.weights >= 0).all()
    for name in ("eye_left", "lips_outer", "lips_inner"):
        loop = dense.layout.take(points, name)
        steps = np.linalg.norm(loop - np.roll(loop, 1, axis=0), axis=1)
        assert steps.min() > 1.5 and steps.max() < 8.5, name
    for side in ("left", "right"):
        upper = points[list(MIEN70.groups[f"brow_{side}"])][:: 1 if side == "right" else -1]
        drop = upper[:, 1] - dense.layout.take(points, f"brow_lower_{side}")[:, 1]
        assert (drop > 2.5).all() and (drop < 11).all()
        rim = dense.layout.take(points, f"iris_rim_{side}")
        pole = dense.layout.take(points, f"iris_{side}")
        reach = np.linalg.norm(rim - pole, axis=1)
        assert reach.min() > 5.5 and reach.max() < 6.5
        assert rim[1, 1] > pole[0, 1] > rim[3, 1]
        assert abs(rim[0, 0]) > abs(pole[0, 0]) > abs(rim[2, 0])


def test_skin_weights() -> None:
    rig = load_ict()
    weights = rig.joint_weights
    assert weights is not None
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    names = [joint.name for joint in rig.joints]
    assert (weights[slice(*GROUPS["eyeball_left"]), names.index("eyeLeft")] == 1).all()
    assert (weights[slice(*GROUPS["teeth"]), names.index("head")] == 1).all()
    landmarks = rig.landmarks["ibug68"].indices[17:, 0]
    assert (weights[landmarks, names.index("head")] > 0.98).all()
    lowest = rig.neutral.vertices[:, 1].argmin()
    assert weights[lowest, names.index("head")] == 0


def test_eye_shapes_turn_no_eyeball() -> None:
    """Upstream's eyeLook shapes move lids only, which is why the eyes are joints here."""
    rig = load_ict()
    for side in ("left", "right"):
        ball = slice(*GROUPS[f"eyeball_{side}"])
        for look in ("In", "Out", "Up", "Down"):
            assert not rig.shape(f"eyeLook{look}{side.capitalize()}")[ball].any()


def test_second_load_reads_the_cache(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path))
    first = load_ict()
    assert list(tmp_path.glob("*.npz"))
    monkeypatch.setattr("mien.rigs.ict._parse", lambda _: pytest.fail("parsed again"))
    again = load_ict()
    np.testing.assert_array_equal(first.shapes, again.shapes)
    np.testing.assert_array_equal(first.neutral.vertices, again.neutral.vertices)
    assert first.shape_names == again.shape_names


def test_a_damaged_cache_is_rebuilt(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mien.rigs import ict

    whole = load_ict()
    arrays = {"neutral": whole.neutral.vertices}
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path))
    (tmp_path / f"ict-rig-{ict.CACHE_VERSION}.npz").write_bytes(b"PK\x03\x04 not a zip")
    np.testing.assert_array_equal(load_ict().neutral.vertices, arrays["neutral"])


def test_what_is_not_ict_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "cache"))
    with pytest.raises(MienError, match="does not exist"):
        load_ict(tmp_path / "nothing.zip")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(MienError, match="not a zip"):
        load_ict(tmp_path / "text.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MienError, match="not ICT-FaceKit"):
        load_ict(tmp_path / "empty")
    monkeypatch.setenv("MIEN_ICT", str(tmp_path / "gone"))
    with pytest.raises(MienError, match="MIEN_ICT"):
        load_ict()


def test_the_archive_is_found_in_the_folder_of_test_material(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "cache"))
    monkeypatch.delenv("MIEN_ICT", raising=False)
    monkeypatch.setenv("MIEN_TEST_ASSETS", str(tmp_path))
    with pytest.raises(MienError, match="mien assets get ict"):
        find_ict()
    (tmp_path / "ICT-FaceKit-1.zip").touch()
    assert find_ict() == tmp_path / "ICT-FaceKit-1.zip"
    monkeypatch.delenv("MIEN_TEST_ASSETS")
    with pytest.raises(MienError, match="mien assets get ict"):
        find_ict()
