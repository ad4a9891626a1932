"""Mesh sequences through every file format, each read back by an independent reader as well."""

import json
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core import MeshSequence, MienError, Topology
from mien.io import obj
from mien.io.gltf.morph_basis import morph_basis
from mien.io.gltf.sequence import ERROR_MM

VALIDATOR = Path(__file__).resolve().parents[2] / "tools" / "gltf-validator"


def wave(frames: int = 12, side: int = 8, start: float = 0.0) -> MeshSequence:
    """A sheet with a wave that runs through it: no few shapes make it up."""
    x, y = (c.reshape(-1) for c in np.meshgrid(np.arange(side), np.arange(side), indexing="ij"))
    at = np.arange(side * side).reshape(side, side)
    quads = np.stack([at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]], axis=-1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])
    times = start + np.arange(frames) / 25
    height = 5 * np.sin(x / 2 + times[:, None] * 9) + y / 3
    vertices = np.stack([*np.broadcast_arrays(x * 10.0, y * 10.0, height)], axis=2).astype(np.float32)
    return MeshSequence(times=times, vertices=vertices, topology=Topology(triangles=triangles))


@pytest.mark.parametrize("name", ["x.pc2", "x.mdd", "x.glb", "x"])
@pytest.mark.parametrize("start", [0.0, 1.5])
def test_a_sequence_comes_back(tmp_path: Path, name: str, start: float) -> None:
    sequence = wave(start=start)
    sequence.save(tmp_path / name)
    again = MeshSequence.load(tmp_path / name)
    np.testing.assert_allclose(again.times, sequence.times, atol=1e-5)
    np.testing.assert_array_equal(again.topology.triangles, sequence.topology.triangles)
    far = np.linalg.norm(again.vertices - sequence.vertices, axis=2).max()
    assert far <= ERROR_MM if name == "x.glb" else far == 0


def test_pc2_is_what_the_format_says(tmp_path: Path) -> None:
    sequence = wave()
    sequence.save(tmp_path / "x.pc2")
    data = (tmp_path / "x.pc2").read_bytes()
    magic, version, points, start, rate, samples = struct.unpack("<12siiffi", data[:32])
    assert (magic, version, points, samples) == (b"POINTCACHE2\0", 1, 64, 12)
    assert start == 0 and rate == pytest.approx(30 / 25)
    values = struct.unpack(f"<{12 * 64 * 3}f", data[32:])
    np.testing.assert_array_equal(np.reshape(values, (12, 64, 3)), sequence.vertices)


def test_mdd_is_what_the_format_says(tmp_path: Path) -> None:
    sequence = wave()
    sequence.save(tmp_path / "x.mdd")
    data = (tmp_path / "x.mdd").read_bytes()
    assert struct.unpack(">ii", data[:8]) == (12, 64)
    np.testing.assert_allclose(struct.unpack(">12f", data[8:56]), sequence.times, rtol=1e-6)
    np.testing.assert_array_equal(
        np.reshape(struct.unpack(f">{12 * 64 * 3}f", data[56:]), (12, 64, 3)), sequence.vertices
    )


@pytest.mark.parametrize("name", ["x.pc2", "x.mdd"])
def test_the_mesh_beside_a_cache_is_the_first_frame_and_may_be_missing(tmp_path: Path, name: str) -> None:
    import trimesh

    sequence = wave()
    sequence.save(tmp_path / name)
    base = trimesh.load(tmp_path / "x.obj", process=False)
    np.testing.assert_allclose(base.vertices, sequence.vertices[0], atol=1e-5)
    np.testing.assert_array_equal(base.faces, sequence.topology.triangles)
    (tmp_path / "x.obj").unlink()
    assert not len(MeshSequence.load(tmp_path / name).topology.triangles)
    (tmp_path / "x.obj").write_text("v 0 0 0\n")
    with pytest.raises(MienError, match="belong together"):
        MeshSequence.load(tmp_path / name)


@pytest.mark.parametrize("name", ["x.pc2", "x.mdd"])
@pytest.mark.parametrize("cut", [0, 4, 20, 40, -1])
def test_a_cache_that_was_cut_off_is_one_clear_line(tmp_path: Path, name: str, cut: int) -> None:
    wave().save(tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:cut])
    with pytest.raises(MienError, match=r"x\.\w+ is") as error:
        MeshSequence.load(tmp_path / name)
    assert "\n" not in str(error.value)


def test_uneven_times_are_kept_by_mdd_and_refused_by_pc2(tmp_path: Path) -> None:
    sequence = wave(3)
    uneven = MeshSequence(times=np.array([0, 0.1, 0.5]), vertices=sequence.vertices, topology=sequence.topology)
    uneven.save(tmp_path / "x.mdd")
    np.testing.assert_allclose(MeshSequence.load(tmp_path / "x.mdd").times, uneven.times, rtol=1e-6)
    with pytest.raises(MienError, match="evenly"):
        uneven.save(tmp_path / "x.pc2")
    assert not (tmp_path / "x.pc2").exists()


def test_trimesh_reads_the_frames_of_a_folder(tmp_path: Path) -> None:
    import trimesh

    sequence = wave(3)
    sequence.save(tmp_path / "take")
    for k in range(3):
        frame = trimesh.load(tmp_path / "take" / f"frame.{k:06d}.obj", process=False)
        np.testing.assert_allclose(frame.vertices, sequence.vertices[k], atol=1e-5)
    with pytest.raises(MienError, match="there already"):
        sequence.save(tmp_path / "take")
    (tmp_path / "take" / "frame.000001.obj").write_text("v 0 0 0\nf 1 1 1\n")
    with pytest.raises(MienError, match="another topology"):
        MeshSequence.load(tmp_path / "take")
    assert [p.name for p in tmp_path.iterdir()] == ["take"]


def test_another_reader_plays_the_glb(tmp_path: Path) -> None:
    from pygltflib import GLTF2

    sequence = wave()
    sequence.save(tmp_path / "x.glb")
    gltf = GLTF2().load(tmp_path / "x.glb")
    blob = gltf.binary_blob()

    def values(index: int, width: int) -> np.ndarray:
        item = gltf.accessors[index]
        start = gltf.bufferViews[item.bufferView].byteOffset + (item.byteOffset or 0)
        return np.frombuffer(blob, "<f4", item.count * width, start).reshape(item.count, width)

    primitive, sampler = gltf.meshes[0].primitives[0], gltf.animations[0].samplers[0]
    base = values(primitive.attributes.POSITION, 3)
    targets = np.stack([values(t["POSITION"], 3) for t in primitive.targets])
    weights = values(sampler.output, 1).reshape(-1, len(targets))
    np.testing.assert_allclose(values(sampler.input, 1)[:, 0], sequence.times, atol=1e-6)
    played = (base + np.einsum("tk,kvc->tvc", weights, targets)) * 1000
    assert np.linalg.norm(played - sequence.vertices, axis=2).max() <= ERROR_MM
    lit = values(primitive.attributes.NORMAL, 3) + np.einsum(
        "k,kvc->vc", weights[5], np.stack([values(t["NORMAL"], 3) for t in primitive.targets])
    )
    from mien.core.mesh import vertex_normals

    np.testing.assert_allclose(lit, vertex_normals(sequence.vertices[5], sequence.topology.triangles), atol=0.02)


def test_the_khronos_validator_finds_nothing(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (VALIDATOR / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("the glTF validator is not installed")
    wave().save(tmp_path / "moving.glb")
    still = wave(2)
    held = MeshSequence(times=still.times, vertices=still.vertices[[0, 0]], topology=still.topology)
    held.save(tmp_path / "still.glb")
    command = [node, str(VALIDATOR / "validate.mjs"), *(str(tmp_path / f"{n}.glb") for n in ("moving", "still"))]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert len(report) == 2
    for file in report.values():
        assert (file["errors"], file["warnings"]) == (0, 0), file["messages"]
    np.testing.assert_allclose(MeshSequence.load(tmp_path / "still.glb").vertices, held.vertices, atol=1e-4)


@given(rank=st.integers(1, 5), error=st.floats(0.01, 1.0))
def test_as_few_targets_as_the_error_allows(rank: int, error: float) -> None:
    rng = np.random.default_rng(rank)
    moved = np.tensordot(rng.normal(size=(20, rank)), rng.normal(size=(rank, 30, 3)), axes=1)
    weights, targets = morph_basis(moved + 100, np.full((30, 3), 100.0), error)
    assert len(targets) <= rank and np.abs(weights).max(initial=0) <= 1.0 + 1e-6
    assert np.linalg.norm(np.tensordot(weights, targets, axes=1) - moved, axis=2).max() <= error


def test_what_is_no_sequence_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "x.glb").write_bytes(b"no")
    with pytest.raises(MienError, match=r"x\.glb"):
        MeshSequence.load(tmp_path / "x.glb")
    with pytest.raises(MienError, match="no such folder"):
        MeshSequence.load(tmp_path / "none")
    with pytest.raises(MienError, match=r"no \.obj or \.ply"):
        MeshSequence.load(tmp_path)
    empty = MeshSequence(times=np.zeros(0), vertices=wave().vertices[:0], topology=wave().topology)
    for name in ("x.pc2", "x.mdd", "x.glb", "x.npz", "x"):
        with pytest.raises(MienError, match="cannot write"):
            empty.save(tmp_path / name)


@pytest.mark.parametrize("text", ["", "f 1 2 3", "v 0 0 x", "v 0 0", "v 0 0 0\nf 1 2 3", "v nan 0 0"])
def test_what_is_no_obj_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.obj").write_text(text)
    with pytest.raises(MienError, match=r"x\.obj: "):
        obj.read(tmp_path / "x.obj", "mm", points=True)


def test_faces_of_any_kind_become_triangles(tmp_path: Path) -> None:
    text = "v 0 0 0\nv 1 0 0 0.5 0.5 0.5\nv 1 1 0\nv 0 1 0\nf 1/1/1 2//2 3 4\nf -4 -3 -2\n"
    (tmp_path / "x.obj").write_text(text)
    mesh = obj.read(tmp_path / "x.obj", "mm")
    assert mesh.vertices.shape == (4, 3)
    assert mesh.topology.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2]]
