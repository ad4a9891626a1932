import io
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import Clip, MeshSequence, MienError, Part, Topology


def clip() -> Clip:
    rng = np.random.default_rng(1)
    weights = rng.random((5, 3))
    weights[2] = np.nan
    return Clip(
        times=np.cumsum(rng.random(5)) + 0.1,
        weights=weights,
        channels=("jawOpen", "ünïcode", "a/b"),
        head_rotation=rng.normal(size=(5, 4)),
        head_translation=rng.normal(size=(5, 3)).astype(np.float32),
        gaze=rng.normal(size=(5, 2, 2)),
        eye_torsion=rng.normal(size=(5, 2)),
        confidence=np.array([1, 1, 0, 0.5, 1]),
        visibility=rng.random((5, 3)),
        source="take.mp4",
    )


def sequence() -> MeshSequence:
    rng = np.random.default_rng(2)
    topology = Topology(
        triangles=np.array([[0, 1, 2], [2, 1, 3]], np.int32),
        uv=rng.random((5, 2)),
        uv_triangles=np.array([[0, 1, 2], [2, 1, 4]]),
        parts=(
            Part(name="skin", start=0, stop=1, color=(0.1, 0.2, 0.3), roughness=0.4),
            Part(name="é", start=1, stop=2),
        ),
        groups={"mouth/left": np.array([1, 3]), "none": np.array([], np.int64)},
    )
    return MeshSequence(
        times=np.array([0.0, 0.04, 0.09]), vertices=rng.normal(size=(3, 4, 3)).astype(np.float32), topology=topology
    )


def same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    return a == b


def test_a_clip_comes_back_bit_for_bit(tmp_path: Path):
    clip().save(tmp_path / "a.npz")
    back = Clip.load(tmp_path / "a.npz")
    for entry in fields(Clip):
        assert same(getattr(clip(), entry.name), getattr(back, entry.name)), entry.name


def test_a_bare_and_an_empty_clip_come_back(tmp_path: Path):
    for bare in (Clip(times=np.zeros(1), weights=np.ones((1, 52))), Clip(times=np.zeros(0), weights=np.ones((0, 52)))):
        bare.save(tmp_path / "a.npz")
        back = Clip.load(tmp_path / "a.npz")
        assert len(back) == len(bare) and back.gaze is None and back.confidence is None


def test_a_clip_of_version_1_loads_without_what_came_later(tmp_path: Path):
    old = {"times": np.array([0.0, 0.1]), "weights": np.ones((2, 1))}
    tag = '{"format": "mien.clip", "version": 1, "channels": ["jawOpen"], "source": "old.mp4"}'
    np.savez(tmp_path / "old.npz", mien=np.array(tag), **old)
    back = Clip.load(tmp_path / "old.npz")
    assert back.visibility is None and back.eye_torsion is None and back.source == "old.mp4"
    assert same(back.weights, old["weights"])


def test_a_mesh_sequence_comes_back_bit_for_bit(tmp_path: Path):
    before = sequence()
    before.save(tmp_path / "a.npz")
    after = MeshSequence.load(tmp_path / "a.npz")
    assert same(before.times, after.times) and same(before.vertices, after.vertices)
    for name in ("triangles", "uv", "uv_triangles", "parts"):
        assert same(getattr(before.topology, name), getattr(after.topology, name)), name
    assert list(before.topology.groups) == list(after.topology.groups)
    assert all(same(a, b) for a, b in zip(before.topology.groups.values(), after.topology.groups.values(), strict=True))


def test_the_kinds_are_not_mistaken_for_each_other(tmp_path: Path):
    clip().save(tmp_path / "clip.npz")
    sequence().save(tmp_path / "mesh.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(MienError, match=r"holds a 'mien.mesh_sequence', not a clip"):
        Clip.load(tmp_path / "mesh.npz")
    with pytest.raises(MienError, match=r"holds a 'mien.clip', not a mesh sequence"):
        MeshSequence.load(tmp_path / "clip.npz")
    with pytest.raises(MienError, match="not written by mien"):
        Clip.load(tmp_path / "other.npz")


def rewritten(path: Path, **changes: object) -> None:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays |= changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None}, allow_pickle=True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"times": None}, "'times' is missing"),
        ({"weights": np.zeros((4, 3))}, "'weights' has shape"),
        ({"gaze": np.zeros((5, 3))}, "'gaze' has shape"),
        ({"weights": np.zeros((5, 3), int)}, "'weights' has shape"),
        ({"surprise": np.zeros(5)}, "'surprise' has shape"),
        ({"times": np.zeros(5)}, "strictly increasing"),
        ({"times": np.array(3.0)}, "'times' has shape"),
        ({"mien": np.array('{"format": "mien.clip", "version": 99}')}, "version 99"),
        ({"mien": np.array('{"format": "mien.clip", "version": 1}')}, "channels or source"),
        ({"mien": np.array("{")}, "not written by mien"),
        ({"weights": np.array([{"a": 1}], object)}, "damaged"),
    ],
)
def test_damaged_clips_are_refused(tmp_path: Path, changes: dict[str, object], reason: str):
    path = tmp_path / "a.npz"
    clip().save(path)
    rewritten(path, **changes)
    with pytest.raises(MienError, match=reason) as caught:
        Clip.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"triangles": np.array([[0, 1, 4], [0, 1, 2]])},
        {"triangles": np.array([[0, 1, -1], [0, 1, 2]])},
        {"uv_triangles": np.array([[0, 1, 5], [0, 1, 2]])},
        {"uv": np.zeros((5, 3))},
        {"group_0": np.array([9])},
        {"group_1": None},
        {"vertices": np.zeros((2, 4, 3))},
        {"times": np.array([0, 1, 1.0])},
    ],
)
def test_damaged_sequences_are_refused(tmp_path: Path, changes: dict[str, object]):
    path = tmp_path / "a.npz"
    sequence().save(path)
    rewritten(path, **changes)
    with pytest.raises(MienError, match="damaged"):
        MeshSequence.load(path)


def test_cut_files_are_refused(tmp_path: Path):
    clip().save(tmp_path / "a.npz")
    data = (tmp_path / "a.npz").read_bytes()
    for length in range(0, len(data), 97):
        (tmp_path / "cut.npz").write_bytes(data[:length])
        with pytest.raises(MienError, match="damaged"):
            Clip.load(tmp_path / "cut.npz")
    with pytest.raises(MienError, match="cannot read"):
        Clip.load(tmp_path / "missing.npz")


def test_flipped_bytes_never_escape_as_another_error(tmp_path: Path):
    clip().save(tmp_path / "a.npz")
    data = bytearray((tmp_path / "a.npz").read_bytes())
    for at in range(0, len(data), 13):
        data[at] ^= 0xFF
        (tmp_path / "bad.npz").write_bytes(data)
        data[at] ^= 0xFF
        try:
            Clip.load(tmp_path / "bad.npz")
        except MienError as error:
            assert "\n" not in str(error)


def test_a_header_cannot_claim_more_than_the_file_holds(tmp_path: Path):
    """An array of 10^12 doubles in a file of some hundred bytes is refused before memory is taken."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("times.npy", header.getvalue() + bytes(64))
    with pytest.raises(MienError, match="damaged"):
        Clip.load(tmp_path / "a.npz")


def test_writing_leaves_nothing_half_done(tmp_path: Path):
    with pytest.raises(MienError, match="does not exist"):
        clip().save(tmp_path / "missing" / "a.npz")
    (tmp_path / "a.npz").write_bytes(b"old")
    with pytest.raises(ValueError, match="Object arrays"):
        replace(clip(), confidence=np.array([object()] * 5)).save(tmp_path / "a.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"] and (tmp_path / "a.npz").read_bytes() == b"old"
