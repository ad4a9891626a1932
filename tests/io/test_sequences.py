"""Mesh sequences written frame by frame: the same file as at once, whole or not at all, in little memory."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mien.core import MeshSequence, MienError, Topology
from mien.io import formats
from mien.io.gltf.sequence import ERROR_MM
from mien.io.sequences import open_sequence

SUFFIXES = formats.suffixes(MeshSequence, writable=True)
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])
TIMES = np.arange(5) / 25


def frames(count: int = 5, points: int = 4) -> Iterator[np.ndarray]:
    rest = np.random.default_rng(0).normal(size=(points, 3)) * 80
    for k in range(count):
        yield (rest + 3 * np.sin(k / 9) * rest[::-1] / 80).astype(np.float32)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_written_by_frames_is_the_file_written_at_once(tmp_path: Path, suffix: str) -> None:
    with open_sequence(tmp_path / f"one{suffix}", Topology(triangles=TRIANGLES), TIMES) as out:
        for vertices in frames():
            out.write(vertices)
    whole = MeshSequence(times=TIMES, vertices=np.stack(list(frames())), topology=Topology(triangles=TRIANGLES))
    (tmp_path / "at_once").mkdir()
    whole.save(tmp_path / "at_once" / f"one{suffix}")
    one, other = (MeshSequence.load(folder / f"one{suffix}") for folder in (tmp_path, tmp_path / "at_once"))
    np.testing.assert_array_equal(one.vertices, other.vertices)
    np.testing.assert_allclose(one.times, TIMES, atol=1e-6)
    assert np.linalg.norm(one.vertices - whole.vertices, axis=2).max() <= (ERROR_MM if suffix == ".glb" else 1e-4)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_goes_wrong_on_the_way_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    path, topology = tmp_path / f"x{suffix}", Topology(triangles=TRIANGLES)
    good = list(frames())

    def writing(*given: np.ndarray) -> None:
        with open_sequence(path, topology, TIMES) as out:
            for vertices in given:
                out.write(vertices)

    with pytest.raises(ValueError, match="5 times, but 3 frames"):
        writing(*good[:3])
    with pytest.raises(ValueError, match="one frame more"):
        writing(*good, good[0])
    with pytest.raises(ValueError, match=r"frame 0 has shape \(4, 2\)"):
        writing(good[0][:, :2])
    with pytest.raises(ValueError, match=r"frame 1 has shape \(3, 3\), not \(4, 3\)"):
        writing(good[0], good[1][:3])
    with pytest.raises(ValueError, match="vertices beyond"):
        writing(good[0][:3])
    with pytest.raises(MienError, match="frame 2 has positions that are not finite"):
        writing(*good[:2], np.where(good[2] > 0, np.nan, good[2]))
    with pytest.raises(KeyError, match="the caller's own"), open_sequence(path, topology, TIMES) as out:
        out.write(good[0])
        raise KeyError("the caller's own")
    with pytest.raises(MienError, match="no frames"), open_sequence(path, topology, np.zeros(0)):
        pass
    with pytest.raises(ValueError, match="strictly increasing"), open_sequence(path, topology, np.zeros(5)):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix])
def test_a_file_that_is_there_stays_until_the_new_one_is_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"old")
    with open_sequence(path, Topology(triangles=TRIANGLES), TIMES) as out:
        for vertices in frames():
            assert path.read_bytes() == b"old"
            out.write(vertices)
    assert len(MeshSequence.load(path)) == 5


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_memory_does_not_grow_with_the_frames(tmp_path: Path, suffix: str) -> None:
    """What numpy and Python hold at their worst; OpenUSD's own is measured in `io.usd.mesh`."""
    points = 1500
    topology = Topology(triangles=np.arange(points // 3 * 3).reshape(-1, 3))

    def peak(name: str, count: int) -> int:
        tracemalloc.start()
        with open_sequence(tmp_path / f"{name}{suffix}", topology, np.arange(count) / 25) as out:
            for vertices in frames(count, points):
                out.write(vertices)
        worst = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return worst

    peak("warm", 64)  # modules, caches
    few, many = peak("few", 64), peak("many", 192)
    assert many - few < 0.25 * 128 * 12 * points


def test_float64_survives_in_npz(tmp_path: Path) -> None:
    exact = MeshSequence(
        times=TIMES, vertices=np.random.default_rng(0).normal(size=(5, 4, 3)), topology=Topology(triangles=TRIANGLES)
    )
    exact.save(tmp_path / "x.npz")
    again = MeshSequence.load(tmp_path / "x.npz")
    assert again.vertices.dtype == np.float64
    np.testing.assert_array_equal(again.vertices, exact.vertices)


def test_a_folder_of_ply_frames_is_a_sequence(tmp_path: Path) -> None:
    import trimesh

    for k, vertices in enumerate(frames()):
        trimesh.Trimesh(vertices, TRIANGLES, process=False).export(tmp_path / f"frame_{k + 9}.ply")
    read = MeshSequence.load(tmp_path)
    np.testing.assert_array_equal(read.vertices, np.stack(list(frames())))
    np.testing.assert_allclose(read.times, np.arange(5) / 30)
    assert read.topology.triangles.tolist() == TRIANGLES.tolist()
