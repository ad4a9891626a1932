import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from mien.core import ARKIT, Mesh, MienError, Rig, Topology
from mien.rigs.load import load_rig
from mien.rigs.mapping import FADE, apply_mapping, read_mapping
from mien.rigs.readers.obj import load_obj_folder, name_report, save_obj_folder

SQUARE = "v -100 0 0\nv 100 0 0\nv 100 200 0\nv -100 200 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
FACES = "g skin\nf 1/1 2/2 3/3 4/4\n"


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.obj").write_text(text)
    return tmp_path


def moved(dy: float) -> str:
    return SQUARE.replace("v 100 200 0", f"v 100 {200 + dy} 0") + FACES


def test_a_rig_survives_the_round_trip(tmp_path: Path) -> None:
    mo = load_rig("mo")
    small = Rig(name="mo", neutral=mo.neutral, shape_names=mo.shape_names[:3], shapes=mo.shapes[:3])
    save_obj_folder(small, tmp_path / "out")
    back = load_rig(tmp_path / "out")
    assert set(back.shape_names) == set(small.shape_names)
    np.testing.assert_allclose(back.neutral.vertices, small.neutral.vertices, atol=1e-4)
    for name in small.shape_names:
        np.testing.assert_allclose(back.shape(name), small.shape(name), atol=2e-4)
    assert np.array_equal(back.neutral.topology.triangles, mo.neutral.topology.triangles)
    assert [part.name for part in back.neutral.topology.parts] == [part.name for part in mo.neutral.topology.parts]


def test_an_independent_reader_sees_the_same_mesh(tmp_path: Path) -> None:
    mo = load_rig("mo")
    save_obj_folder(Rig(name="mo", neutral=mo.neutral, shape_names=("a",), shapes=mo.shapes[:1]), tmp_path / "out")
    other = trimesh.load(
        tmp_path / "out" / "a.obj", process=False, maintain_order=True, force="mesh", skip_materials=True
    )
    ours = Mesh.load(tmp_path / "out" / "a.obj")
    np.testing.assert_allclose(other.area, trimesh.Trimesh(*_pair(ours), process=False).area, rtol=1e-6)
    np.testing.assert_allclose(other.bounds, [ours.vertices.min(0), ours.vertices.max(0)], atol=1e-4)


def _pair(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    return mesh.vertices, mesh.topology.triangles


def test_quads_become_fans_and_names_are_understood(tmp_path: Path) -> None:
    rig = load_obj_folder(folder(tmp_path, Face_Neutral=SQUARE + FACES, jaw_open=moved(-5), AU_12_Smile=moved(2)))
    assert rig.neutral.topology.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert rig.neutral.topology.uv is not None
    assert set(rig.shape_names) == {"jawOpen", "AU12_Smile"}
    np.testing.assert_allclose(rig.shape("jawOpen"), [[0, 0, 0], [0, 0, 0], [0, -5, 0], [0, 0, 0]])
    assert name_report(tmp_path).arkit == ("jawOpen",)


def test_negative_indices_colours_and_bare_faces(tmp_path: Path) -> None:
    text = "v -100 0 0 1 0 0\nv 100 0 0 1 0 0\nv 100 200 0 1 0 0\nf -3 -2 -1\n"
    mesh = Mesh.load(folder(tmp_path, x=text) / "x.obj")
    assert mesh.topology.triangles.tolist() == [[0, 1, 2]]
    assert mesh.topology.uv is None


@pytest.mark.parametrize(("size", "scale"), [(0.2, 1000), (20, 10), (200, 1)])
def test_the_unit_follows_from_the_size(tmp_path: Path, size: float, scale: float) -> None:
    text = f"v 0 0 0\nv {size} 0 0\nv 0 {size} 0\nf 1 2 3\n"
    path = folder(tmp_path, x=text) / "x.obj"
    assert Mesh.load(path).vertices.max() == pytest.approx(200)
    assert Mesh.load(path, unit="m").vertices.max() == pytest.approx(1000 * size)


@pytest.mark.parametrize(
    ("files", "phrase"),
    [
        ({}, "holds no .obj"),
        ({"smile": SQUARE + FACES}, "none of its 1 .obj files is a neutral"),
        ({"neutral": SQUARE + FACES}, "cannot move"),
        ({"neutral": SQUARE + FACES, "base": SQUARE + FACES, "smile": moved(1)}, "2 files could be the neutral"),
        ({"neutral": SQUARE + FACES, "smile": "v 0 0 0\nv 0 1 0\n"}, "smile.obj: 2 vertices, but neutral.obj has 4"),
        ({"neutral": SQUARE + FACES, "smile": SQUARE.replace("200", "nan", 1)}, "not a number"),
        ({"neutral": SQUARE + FACES, "smile": SQUARE[:30]}, "three numbers"),
        ({"neutral": SQUARE, "smile": moved(1)}, "no faces"),
        ({"neutral": SQUARE + "f 1 2 9\n", "smile": moved(1)}, "missing vertices"),
        ({"neutral": SQUARE + "f 1 2 \n", "smile": moved(1)}, "missing vertices"),
        ({"neutral": "nonsense", "smile": moved(1)}, "no vertices"),
        ({"neutral": SQUARE.replace("00", "0000000") + FACES, "smile": moved(1)}, "state its `unit`"),
    ],
)
def test_bad_folders_are_refused_in_one_line(tmp_path: Path, files: dict[str, str], phrase: str) -> None:
    with pytest.raises(MienError) as error:
        load_obj_folder(folder(tmp_path, **files))
    assert phrase in str(error.value)
    assert "\n" not in str(error.value)


def face() -> Rig:
    """Three vertices on the left, three on the right; two action units, one for both sides, and a viseme."""
    side = np.array([[30, 0, 0], [40, 0, 0], [30, 10, 0]], np.float32)
    vertices = np.concatenate([side, side * [-1, 1, 1]]).astype(np.float32)
    up = np.tile(np.array([0, 1, 0], np.float32), (6, 1))
    left = up.copy()
    left[3:] = 0
    return Rig(
        name="units",
        neutral=Mesh(vertices=vertices, topology=Topology(triangles=np.array([[0, 1, 2], [3, 5, 4]]))),
        shape_names=("AU12_Smile", "AU6_CheekLeft", "AU26_Jaw", "viseme_PP"),
        shapes=np.stack([up, left, -up, 2 * up]),
    )


def mapped(tmp_path: Path, text: str, name: str = "map.yaml") -> Rig:
    (tmp_path / name).write_text(text)
    return apply_mapping(face(), read_mapping(tmp_path / name), {"VI_PP": "viseme_PP"})


def test_recipes_make_channels(tmp_path: Path) -> None:
    rig = mapped(
        tmp_path, "shapes: {jawOpen: AU26_Jaw, mouthSmileLeft: {AU12_Smile: 0.5, side: left}, mouthClose: VI_PP}"
    )
    assert rig.shape_names[:3] == ("jawOpen", "mouthClose", "mouthSmileLeft")
    np.testing.assert_allclose(rig.shape("mouthSmileLeft")[:, 1], [0.5] * 3 + [0] * 3)
    np.testing.assert_allclose(rig.shape("mouthClose")[:, 1], 2)
    assert len(rig.shape_names) == 7


def test_the_unit_of_a_mapping_is_that_of_its_folder(tmp_path: Path) -> None:
    save_obj_folder(face(), tmp_path / "face")
    for unit, scale in (("mm", 1), ("cm", 10)):
        (tmp_path / "map.json").write_text(json.dumps({"unit": unit, "shapes": {"jawOpen": "AU26_Jaw"}}))
        rig = load_rig(tmp_path / "face", mapping=tmp_path / "map.json")
        np.testing.assert_allclose(rig.neutral.vertices, scale * face().neutral.vertices, atol=1e-3)
        np.testing.assert_allclose(rig.shape("jawOpen"), scale * face().shape("AU26_Jaw"), atol=1e-3)


def test_facs_units_make_channels_by_side(tmp_path: Path) -> None:
    rig = mapped(tmp_path, json.dumps({"vocabulary": "facs"}), "map.json")
    both = rig.shape("mouthSmileLeft") + rig.shape("mouthSmileRight")
    np.testing.assert_allclose(both, rig.shape("AU12_Smile"), atol=1e-6)
    assert not rig.shape("mouthSmileLeft")[3:].any()
    np.testing.assert_allclose(rig.shape("cheekSquintLeft"), rig.shape("AU6_CheekLeft"))
    assert "cheekSquintRight" not in rig.shape_names
    np.testing.assert_allclose(rig.shape("jawOpen"), rig.shape("AU26_Jaw"))
    assert 0 < FADE < 30


def test_every_unit_of_rocketbox_makes_what_its_table_says(tmp_path: Path, assets: Path) -> None:
    (tmp_path / "map.json").write_text('{"vocabulary": "facs", "shapes": {"jawOpen": "AU_26_JawDrop"}}')
    plain = load_rig(assets / "rigs" / "rocketbox_female_01.glb")
    rig = load_rig(assets / "rigs" / "rocketbox_female_01.glb", mapping=tmp_path / "map.json")
    np.testing.assert_array_equal(rig.shape("jawOpen"), plain.shape("AU26_JawDrop"))
    np.testing.assert_array_equal(rig.shape("eyeBlinkLeft"), plain.shape("eyeBlinkLeft"))
    assert set(ARKIT) <= set(rig.shape_names)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("[1, 2]", "is an object"),
        ("shape: {}", "no entry 'shape'"),
        ("vocabulary: welsh", "no vocabulary 'welsh'"),
        ("unit: inch", "no unit 'inch'"),
        ("shapes: {jawOpen: nothing}", "needs the shape 'nothing', which rig 'units' lacks"),
        ("shapes: {jawOpen: {AU26_Jaw: much}}", "is no number"),
        ("shapes: {jawOpen: {AU26_Jaw: 1, side: up}}", "use left or right"),
        ("shapes: {jawOpen: {side: left}}", "names no shape"),
        ("shapes: {jawOpen: 3}", "must be a shape's name"),
        ("a: [", "not valid YAML"),
    ],
)
def test_bad_mappings_are_refused(tmp_path: Path, text: str, phrase: str) -> None:
    with pytest.raises(MienError) as error:
        mapped(tmp_path, text)
    assert phrase in str(error.value)
    assert "\n" not in str(error.value)


def test_mappings_that_cannot_be_read(tmp_path: Path) -> None:
    read: Callable[[Path], object] = read_mapping
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "a.txt").write_text("{}")
    for name, phrase in (("a.json", "not valid JSON"), ("a.txt", "name it so"), ("none.json", "cannot read")):
        with pytest.raises(MienError, match=phrase):
            read(tmp_path / name)
