import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import MienError
from mien.systems.express.config import ExpressConfig
from mien.systems.express.training.corpus import load_corpus
from mien.systems.express.training.scan_folders import estimate_timing, read_folder, read_mesh

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0.5], [0, 1, 0]])


def write_ply(path: Path, kind: str) -> None:
    header = f"ply\nformat {kind} 1.0\ncomment by hand\nelement vertex 4\nproperty float x\nproperty double y\n"
    header += (
        "property float z\nproperty uchar red\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
    )
    if kind == "ascii":
        body = "".join(f"{x} {y} {z} 7\n" for x, y, z in SQUARE) + "4 0 1 2 3\n"
        path.write_bytes((header + body).encode())
        return
    order = "<" if "little" in kind else ">"
    body = b"".join(struct.pack(order + "fdfB", x, y, z, 7) for x, y, z in SQUARE)
    path.write_bytes(header.encode() + body + struct.pack(order + "B4i", 4, 0, 1, 2, 3))


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply_of_every_kind_is_read(tmp_path: Path, kind: str) -> None:
    write_ply(tmp_path / "a.ply", kind)
    vertices, triangles = read_mesh(tmp_path / "a.ply")
    np.testing.assert_array_equal(vertices, SQUARE)
    assert triangles.tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize("extension", ["ply", "obj"])
def test_meshes_of_another_writer_are_read(tmp_path: Path, extension: str) -> None:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=1)
    path = tmp_path / f"ball.{extension}"
    ball.export(path)
    vertices, triangles = read_mesh(path)
    np.testing.assert_allclose(vertices, ball.vertices, atol=1e-6)
    np.testing.assert_array_equal(triangles, ball.faces)


@pytest.mark.parametrize("content", [b"", b"ply\n", b"f 1 2 3\n", b"v 0 0 x\n", b"v 0 0 0\nf 1 2 3\n"])
@pytest.mark.parametrize("extension", ["ply", "obj"])
def test_a_damaged_mesh_is_one_clear_line(tmp_path: Path, content: bytes, extension: str) -> None:
    path = tmp_path / f"bad.{extension}"
    path.write_bytes(content)
    with pytest.raises(MienError, match="bad"):
        read_mesh(path)


def test_a_truncated_ply_is_one_clear_line(tmp_path: Path) -> None:
    for kind in ("ascii", "binary_little_endian"):
        path = tmp_path / "cut.ply"
        write_ply(path, kind)
        path.write_bytes(path.read_bytes()[:-6])
        with pytest.raises(MienError, match="cut"):
            read_mesh(path)


def test_a_folder_becomes_sequences_in_millimetres(smoke: ExpressConfig, folder: Path, actor) -> None:
    recordings, triangles = read_folder(folder, unit_mm=1000.0, fps=30.0)
    assert [(r.subject, r.expression) for r in recordings[:3]] == [
        ("subject0", "happiness"),
        ("subject0", "surprise"),
        ("subject1", "happiness"),
    ]
    neutral, shapes, faces = actor(0)
    np.testing.assert_array_equal(triangles, faces)
    np.testing.assert_allclose(recordings[0].vertices[7], neutral + shapes["happiness"], atol=1e-3)
    np.testing.assert_allclose(estimate_timing(recordings[0].vertices, recordings[0].times) * 30, [1, 5, 9, 13], atol=1)
    corpus = load_corpus(smoke)
    assert corpus.expressions == ("happiness", "surprise") and corpus.train.sum() == 8
    np.testing.assert_allclose(corpus.displacements(0, np.array([7]))[0], shapes["happiness"], atol=1e-3)
    assert corpus.signal[0, 7, 0] == pytest.approx(corpus.extremeness[0]) and not corpus.signal[0, :, 1].any()
    assert corpus.apex(0, 30.0) == 7


def test_folders_that_hold_nothing_usable_are_one_clear_line(
    smoke: ExpressConfig, tmp_path: Path, folder: Path
) -> None:
    with pytest.raises(MienError, match="no sequences"):
        load_corpus(replace(smoke, data=str(tmp_path)))
    with pytest.raises(MienError, match="no such folder"):
        load_corpus(replace(smoke, data=str(tmp_path / "none")))
    with pytest.raises(MienError, match="train_subjects"):
        load_corpus(replace(smoke, train_subjects=0))
    place = tmp_path / "a" / "happiness"
    place.mkdir(parents=True)
    for t in range(3):
        (place / f"{t}.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n" + ("v 1 1 1\n" if t == 2 else "") + "f 1 2 3\n")
    with pytest.raises(MienError, match="topology"):
        load_corpus(replace(smoke, data=str(tmp_path)))
