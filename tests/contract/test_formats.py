"""What every row of the table of formats promises: values come back, damage and what is missing are one line."""

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core import Clip, Joint, Mesh, MeshSequence, MienError, Rig, Topology, VisemeTrack
from mien.core.transforms import quaternion_from_angles
from mien.io import formats
from mien.io.formats import FORMATS, Format

ROOT = Path(__file__).resolve().parents[2]
KINDS: tuple[Any, ...] = (Clip, MeshSequence, Rig, Mesh, VisemeTrack)
CASES = [
    pytest.param(row, suffix, id=f"{row.kind.__name__}-{row.name}-{suffix or 'folder'}".replace(" ", "_"))
    for row in FORMATS
    for suffix in row.suffixes
]
WRITTEN = [case for case in CASES if case.values[0].writable]
READ = [case for case in CASES if case.values[0].read]
NEEDS = [case for case in CASES if case.values[0].extra]


def ball() -> Mesh:
    """A sphere of a head's size, every vertex in a triangle."""
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=2)
    return Mesh(vertices=(made.vertices * 90).astype(np.float32), topology=Topology(triangles=np.array(made.faces)))


def rig() -> Rig:
    rng = np.random.default_rng(0)
    neutral, shapes = ball(), np.zeros((3, len(ball().vertices), 3), np.float32)
    for shape in shapes:
        shape[rng.integers(0, len(neutral.vertices), 30)] = rng.normal(size=(30, 3)) * 5
    weights = np.zeros((len(neutral.vertices), 3), np.float32)
    weights[:, 0], weights[:9, 0] = 1, 0
    weights[:9, 1] = 0.5
    weights[:9, 2] = 0.5
    return Rig(
        name="ball",
        neutral=neutral,
        shape_names=("jawOpen", "mouthSmileLeft", "eyeBlinkRight"),
        shapes=shapes,
        joints=(
            Joint(name="head", position=(0.0, -40.0, 0.0)),
            Joint(name="eyeLeft", position=(30.0, 20.0, 60.0), parent="head"),
            Joint(name="eyeRight", position=(-30.0, 20.0, 60.0), parent="head"),
        ),
        joint_weights=weights,
    )


def clip() -> Clip:
    rng = np.random.default_rng(1)
    return Clip(
        times=np.array([0.0, 1, 2, 5, 6]) / 30,
        weights=rng.random((5, 3)).astype(np.float32),
        channels=rig().shape_names,
        head_rotation=quaternion_from_angles(rng.normal(size=(5, 3)) * 0.3),
        gaze=rng.normal(size=(5, 2, 2)) * 0.2,
    )


def sequence() -> MeshSequence:
    mesh, times = ball(), np.arange(6) / 30
    sway = np.sin(mesh.vertices[:, 1] / 30 + times[:, None] * 20)
    moved = mesh.vertices + 4 * sway[..., None] * np.array([0.2, 0.1, 1.0])
    return MeshSequence(times=times, vertices=moved.astype(np.float32), topology=mesh.topology)


def sounds() -> VisemeTrack:
    return VisemeTrack(
        visemes=("SS", "E", "ih"),
        starts=np.array([0.1, 0.25, 0.5]),
        ends=np.array([0.25, 0.45, 0.75]),
        strength=np.array([1.0, 0.5, 0.75]),
    )


VALUES: dict[type, Callable[[], Any]] = {
    Clip: clip,
    MeshSequence: sequence,
    Rig: rig,
    Mesh: ball,
    VisemeTrack: sounds,
}

SOUNDS = {
    "Rhubarb JSON": (
        '{"metadata": {"soundFile": "x.wav", "duration": 1.0}, "mouthCues": ['
        '{"start": 0.00, "end": 0.10, "value": "X"}, {"start": 0.10, "end": 0.30, "value": "A"},'
        '{"start": 0.30, "end": 0.75, "value": "D"}]}'
    ),
    "Rhubarb TSV": "0.00\tX\n0.10\tA\n0.30\tD\n0.75\tX\n",
    "Praat TextGrid": (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n1\n<exists>\n1\n"IntervalTier"\n"phones"\n0\n1\n4\n'
        '0\n0.1\n""\n0.1\n0.3\n"B"\n0.3\n0.75\n"AA1"\n0.75\n1\n"sil"\n'
    ),
}
"""The same two sounds as other programs write them."""


def save(value: Any, path: Path) -> Path:
    value.save(path, **({"rig": rig()} if isinstance(value, Clip) else {}))
    return path


def assert_same(one: Any, other: Any, error: float) -> None:
    """Two values of one kind, to `error`."""
    if isinstance(one, Clip):
        np.testing.assert_allclose(other.times, one.times, atol=1e-5)
        assert set(one.channels) <= set(other.channels)
        np.testing.assert_allclose(other.with_channels(one.channels).weights, one.weights, atol=error)
        flips = np.sign((one.head_rotation * other.head_rotation).sum(axis=1, keepdims=True))
        np.testing.assert_allclose(other.head_rotation * flips, one.head_rotation, atol=error)
        np.testing.assert_allclose(other.gaze, one.gaze, atol=error)
    elif isinstance(one, MeshSequence):
        np.testing.assert_allclose(other.times, one.times, atol=1e-6)
        assert np.linalg.norm(other.vertices - one.vertices, axis=2).max() <= error
        np.testing.assert_array_equal(other.topology.triangles, one.topology.triangles)
    elif isinstance(one, Rig):
        assert_same(one.neutral, other.neutral, error)
        assert set(other.shape_names) == set(one.shape_names)
        for name in one.shape_names:
            np.testing.assert_allclose(other.shape(name), one.shape(name), atol=2 * error)
    elif isinstance(one, VisemeTrack):
        assert other.visemes == one.visemes
        np.testing.assert_allclose(other.starts, one.starts, atol=max(error, 1e-6))
        np.testing.assert_allclose(other.ends, one.ends, atol=max(error, 1e-6))
        assert (one.strength is None) == (other.strength is None)
        if one.strength is not None and other.strength is not None:
            np.testing.assert_allclose(other.strength, one.strength, atol=max(error, 1e-6))
    else:
        np.testing.assert_allclose(other.vertices, one.vertices, atol=error)
        np.testing.assert_array_equal(other.topology.triangles, one.topology.triangles)


def as_gltf(glb: Path, path: Path) -> None:
    """Another library reads a .glb and writes it again."""
    from pygltflib import GLTF2, BufferFormat

    document = GLTF2().load(str(glb))
    if path.suffix == ".gltf":
        document.convert_buffers(BufferFormat.DATAURI)
        document.save(str(path))
    else:
        document.save_binary(str(path))


def as_usd(stage: Any, path: Path) -> None:
    """OpenUSD itself writes, and packs a .usdz."""
    from pxr import UsdUtils

    if path.suffix == ".usdz":
        stage.GetRootLayer().Export(str(path.with_suffix(".usdc")))
        assert UsdUtils.CreateNewUsdzPackage(str(path.with_suffix(".usdc")), str(path))
        path.with_suffix(".usdc").unlink()
    else:
        stage.GetRootLayer().Export(str(path))


def mesh_of_others(suffix: str, path: Path) -> Path:
    """A ball that mien had no part in writing."""
    import trimesh

    mesh = ball()
    if suffix in formats.GLTF:
        other = trimesh.Trimesh(mesh.vertices / 1000, mesh.topology.triangles, process=False)
        other.export(path.with_name("other.glb"))
        as_gltf(path.with_name("other.glb"), path)
    elif suffix.startswith(".usd"):
        from pxr import Usd, UsdGeom

        stage = Usd.Stage.CreateInMemory()
        UsdGeom.SetStageMetersPerUnit(stage, 1e-3)
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        made = UsdGeom.Mesh.Define(stage, "/ball")
        made.CreatePointsAttr(mesh.vertices)
        made.CreateFaceVertexCountsAttr([3] * len(mesh.topology.triangles))
        made.CreateFaceVertexIndicesAttr(mesh.topology.triangles.reshape(-1).tolist())
        as_usd(stage, path)
    else:
        file = path / "neutral.obj" if not suffix else path
        file.parent.mkdir(exist_ok=True)
        trimesh.Trimesh(mesh.vertices, mesh.topology.triangles, process=False).export(file)
    return path


def good(row: Format, suffix: str, folder: Path) -> tuple[Path, Any, float]:
    """(a file for a row that reads, what is in it or None when nobody knows, to which error)."""
    path, value = folder / f"good{suffix}", VALUES[row.kind]()
    if row.name == "OpenFace 2":
        head = ["frame", "timestamp", "confidence", "success", "pose_Rx", "pose_Ry", "pose_Rz", "AU12_r", "AU26_r"]
        lines = [[k, k / 30, 0.9, 1, 0.1, 0.2, 0.3, 2.5, 5.0] for k in range(6)]
        path.write_text("\n".join(", ".join(map(str, cells)) for cells in [head, *lines]) + "\n")
        return path, None, 0
    if row.name in SOUNDS:
        path.write_text(SOUNDS[row.name])
        known = VisemeTrack(visemes=("PP", "aa"), starts=np.array([0.1, 0.3]), ends=np.array([0.3, 0.75]))
        return path, known, 1e-9
    if row.kind is Mesh:
        return mesh_of_others(suffix, path), value, 1e-4
    found = formats.writer(path, row.kind) if suffix in formats.suffixes(row.kind, writable=True) else None
    if found is row or suffix in ("", ".csv"):
        return save(value, path), value, row.precision
    if suffix in formats.GLTF:
        as_gltf(save(value, folder / "ours.glb"), path)
    elif suffix.startswith(".usd"):
        from pxr import Usd

        as_usd(Usd.Stage.Open(str(save(value, folder / "ours.usdc"))), path)
    else:
        save(value, path)
    return path, value, 1e-4


@pytest.mark.parametrize(("row", "suffix"), CASES)
def test_a_row_names_what_is_there(row: Format, suffix: str) -> None:
    assert row.kind in KINDS and row.name and (row.read or row.writable)
    assert suffix == suffix.lower() and (not suffix or suffix[0] == ".")
    for name in (row.read, row.write, row.stream, row.recognises):
        assert name is None or callable(row.function(name))
    assert (row.content != "") == row.writable
    assert row.stream is None or row.kind is MeshSequence
    assert row.needs_rig is False or row.kind is Clip


@pytest.mark.parametrize(("row", "suffix"), WRITTEN)
def test_what_is_written_comes_back(row: Format, suffix: str, tmp_path: Path) -> None:
    value = VALUES[row.kind]()
    path = tmp_path / f"x{suffix}"
    formats.check_output(path, row.kind)
    assert list(tmp_path.iterdir()) == []
    save(value, path)
    assert_same(value, row.kind.load(path), row.precision)
    assert not [left for left in tmp_path.iterdir() if left.name.startswith(".")]


@pytest.mark.parametrize(("row", "suffix"), WRITTEN)
def test_a_place_that_cannot_be_written_is_one_line_and_leaves_nothing(
    row: Format, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / "none" / f"x{suffix}"
    for attempt in (lambda: save(VALUES[row.kind](), path), lambda: formats.check_output(path, row.kind)):
        with pytest.raises(MienError) as error:
            attempt()
        assert "\n" not in str(error.value) and "none" in str(error.value)
    assert list(tmp_path.iterdir()) == []
    if row.needs_rig:
        with pytest.raises(MienError, match="needs a rig"):
            VALUES[row.kind]().save(tmp_path / f"x{suffix}")
    if row.new_only:
        (tmp_path / f"x{suffix}").mkdir()
        with pytest.raises(MienError, match="there already"):
            formats.check_output(tmp_path / f"x{suffix}", row.kind)


@pytest.mark.parametrize(("row", "suffix"), READ)
def test_files_of_others_are_read_by_their_row(row: Format, suffix: str, tmp_path: Path) -> None:
    path, value, error = good(row, suffix, tmp_path)
    assert formats.reader(path, row.kind) is row
    read = row.kind.load(path)
    assert isinstance(read, row.kind)
    if value is not None:
        assert_same(value, read, error)
    if row.kind is Mesh and not row.takes_unit:
        with pytest.raises(MienError, match="states its own unit"):
            Mesh.load(path, unit="cm")


@pytest.mark.parametrize(("row", "suffix"), READ)
def test_a_damaged_file_is_one_line(row: Format, suffix: str, tmp_path: Path) -> None:
    path, _, _ = good(row, suffix, tmp_path)
    file = next(p for p in sorted(path.iterdir())) if path.is_dir() else path
    data, rng = file.read_bytes(), np.random.default_rng(len(suffix))
    slow = row.extra is not None  # a process of its own reads each of these files
    for cut in (0, len(data) // 3) if not slow else (len(data) // 3,):
        file.write_bytes(data[:cut])
        with pytest.raises(MienError) as error:
            row.kind.load(path)
        assert "\n" not in str(error.value) and path.name in str(error.value)
    for at in rng.integers(0, len(data), 2 if slow else 30).tolist():
        file.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            read = row.kind.load(path)
        except MienError as error:
            assert "\n" not in str(error)
        else:
            assert isinstance(read, row.kind)
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(MienError, match=path.name):
        row.kind.load(path)


@pytest.mark.parametrize(("row", "suffix"), NEEDS)
def test_a_missing_extra_is_one_line_with_the_command(
    row: Format, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert row.extra is not None
    path = tmp_path / f"x{suffix}"
    attempts: list[Callable[[], Any]] = []
    if row.read:
        path.write_bytes(b"anything")
        attempts.append(lambda: row.kind.load(path))
    if row.writable:
        attempts += [lambda: save(VALUES[row.kind](), path), lambda: formats.check_output(path, row.kind)]
    monkeypatch.setitem(sys.modules, row.extra.module, None)
    for attempt in attempts:
        with pytest.raises(MienError) as error:
            attempt()
        assert str(error.value).endswith(f"run: pip install 'mien[{row.extra.name}]'")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_no_row_shadows_another(kind: type, tmp_path: Path) -> None:
    for suffix in formats.suffixes(kind):
        own = [row for row in formats.rows(kind) if suffix in row.suffixes]
        assert sum(row.writable for row in own) <= 1
        readers = [row for row in own if row.read]
        if len(readers) < 2:
            continue
        for number, row in enumerate(readers):
            folder = tmp_path / f"{number}"
            folder.mkdir()
            head = good(row, suffix, folder)[0].read_bytes()[: formats.HEAD]
            assert [r for r in readers if r.function(r.recognises)(head)] == [row]
        (tmp_path / f"x{suffix}").write_bytes(b"something else\n")
        with pytest.raises(MienError) as error:
            formats.read(tmp_path / f"x{suffix}", kind)
        assert all(row.name in str(error.value) for row in readers)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_format_names_those_there_are(kind: Any, tmp_path: Path) -> None:
    for attempt, known in (
        (lambda: kind.load(tmp_path / "x.fbx"), formats.suffixes(kind, readable=True)),
        (lambda: save(VALUES[kind](), tmp_path / "x.fbx"), formats.suffixes(kind, writable=True)),
        (lambda: formats.check_output(tmp_path / "x.fbx", kind), formats.suffixes(kind, writable=True)),
    ):
        with pytest.raises(MienError, match=r"x\.fbx") as error:
            attempt()
        assert all(suffix in str(error.value) for suffix in known)
    assert list(tmp_path.iterdir()) == []


def test_suffixes_are_spelled_in_the_table_alone() -> None:
    """But for .npz, .csv and .json, which also hold what is none of these types: caches, identities, the wrinkle
    signal, mappings of shapes."""
    known = {suffix for row in FORMATS for suffix in row.suffixes if suffix} - {".npz", ".csv", ".json"}
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "src" / "mien").rglob("*.py")):
        constants = [
            node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)
        ]
        spelled = {c for c in constants if isinstance(c, str) and c.removeprefix("*").lower() in known}
        if spelled and path.name != "formats.py":
            found[path.name] = spelled
    assert found == {}
