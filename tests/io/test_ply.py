"""PLY: every kind is read, what is written is read by others too, what is damaged is one line."""

import struct
from pathlib import Path

import numpy as np
import pytest

from mien.core import Mesh, MienError, Topology

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
    mesh = Mesh.load(tmp_path / "a.ply")
    np.testing.assert_array_equal(mesh.vertices, SQUARE)
    assert mesh.topology.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize("extension", ["ply", "obj"])
def test_meshes_of_another_writer_are_read(tmp_path: Path, extension: str) -> None:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=1)
    path = tmp_path / f"ball.{extension}"
    ball.export(path)
    mesh = Mesh.load(path, unit="cm")
    np.testing.assert_allclose(mesh.vertices, 10 * ball.vertices, atol=1e-5)
    np.testing.assert_array_equal(mesh.topology.triangles, ball.faces)


@pytest.mark.parametrize("content", [b"", b"ply\n", b"f 1 2 3\n", b"v 0 0 x\n", b"v 0 0 0\nf 1 2 3\n"])
@pytest.mark.parametrize("extension", ["ply", "obj"])
def test_a_damaged_mesh_is_one_clear_line(tmp_path: Path, content: bytes, extension: str) -> None:
    path = tmp_path / f"bad.{extension}"
    path.write_bytes(content)
    with pytest.raises(MienError, match="bad"):
        Mesh.load(path)


def test_a_truncated_ply_is_one_clear_line(tmp_path: Path) -> None:
    for kind in ("ascii", "binary_little_endian"):
        path = tmp_path / "cut.ply"
        write_ply(path, kind)
        path.write_bytes(path.read_bytes()[:-6])
        with pytest.raises(MienError, match="cut"):
            Mesh.load(path)


def test_another_reader_sees_what_is_written(tmp_path: Path) -> None:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=2)
    mesh = Mesh(vertices=(ball.vertices * 90).astype(np.float32), topology=Topology(triangles=np.array(ball.faces)))
    mesh.save(tmp_path / "ball.ply")
    other = trimesh.load(tmp_path / "ball.ply", process=False)
    np.testing.assert_array_equal(other.vertices, mesh.vertices)
    np.testing.assert_array_equal(other.faces, mesh.topology.triangles)


def test_the_unit_is_millimetres_unless_stated(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", "ascii")
    np.testing.assert_array_equal(Mesh.load(tmp_path / "a.ply", unit="m").vertices, 1000 * SQUARE)
    with pytest.raises(MienError, match="no unit 'inch'"):
        Mesh.load(tmp_path / "a.ply", unit="inch")


def test_numbers_that_are_none_are_one_clear_line(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", "ascii")
    text = (tmp_path / "a.ply").read_text()
    for old, new in (("4 0 1 2 3", "3 0 1 nan"), ("0.5 7", "inf 7"), ("element vertex 4", f"element vertex {10**12}")):
        (tmp_path / "b.ply").write_text(text.replace(old, new))
        with pytest.raises(MienError, match=r"b\.ply"):
            Mesh.load(tmp_path / "b.ply")
