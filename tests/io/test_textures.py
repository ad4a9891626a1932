"""Textures of rigs and mesh sequences: written to GLB and USD, and read back by mien and by other readers."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest

from mien.core import Mesh, MeshSequence, MienError, Rig, Topology
from mien.core.mesh import Part
from mien.io.pictures import decode, encode
from mien.io.usd.stage import pxr
from mien.rigs.load import load_rig

VALIDATOR = Path(__file__).resolve().parents[2] / "tools" / "gltf-validator"


def checkers(side: int, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[0:side, 0:side]
    out = np.stack([(x // 4 + y // 4) % 2 * 200, x * 255 // side, y * 255 // side, (x < side // 2) * 255], axis=-1)
    return np.ascontiguousarray(out[..., :channels].astype(np.uint8))


def dressed() -> Rig:
    """A strip of four triangles: two with an opaque texture, one with a cut-out one, one that is nearly invisible."""
    vertices = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0], [9, 9, 0], [0, 18, 0], [9, 18, 0]], np.float32)
    triangles = np.array([[0, 1, 2], [1, 3, 2], [2, 3, 4], [3, 5, 4]], np.int32)
    uv = np.concatenate([vertices[:, :2] / 18, [[0.5, 0.25]]]).astype(np.float32)
    seams = triangles.copy()
    seams[3, 2] = 6  # one corner has coordinates of its own
    parts = (
        Part(name="skin", start=0, stop=2, color=(1.0, 1.0, 1.0), texture="skin"),
        Part(name="hair", start=2, stop=3, color=(1.0, 0.8, 0.6), texture="hair", two_sided=True),
        Part(name="film", start=3, stop=4, color=(0.5, 0.5, 0.5), opacity=0.25),
    )
    topology = Topology(
        triangles=triangles,
        uv=uv,
        uv_triangles=seams,
        parts=parts,
        textures={"skin": checkers(32), "hair": checkers(16, 4)},
    )
    shapes = np.zeros((1, 6, 3), np.float32)
    shapes[0, :, 2] = 1
    return Rig(
        name="strip", neutral=Mesh(vertices=vertices, topology=topology), shape_names=("jawOpen",), shapes=shapes
    )


def corners(topology: Topology) -> np.ndarray:
    """Texture coordinates of every triangle's corners."""
    assert topology.uv is not None
    return topology.uv[topology.triangles if topology.uv_triangles is None else topology.uv_triangles]


def test_a_glb_comes_back_with_its_textures_and_materials(tmp_path: Path) -> None:
    rig = dressed()
    rig.save(tmp_path / "a.glb")
    back = load_rig(tmp_path / "a.glb").neutral.topology
    assert back.textures.keys() == {"skin", "hair"}
    for name, picture in rig.neutral.topology.textures.items():
        np.testing.assert_array_equal(back.textures[name], picture)
    for ours, theirs in zip(rig.neutral.topology.parts, back.parts, strict=True):
        np.testing.assert_allclose(theirs.color, ours.color, atol=1e-6)
        assert (theirs.texture, theirs.two_sided, theirs.opacity) == (ours.texture, ours.two_sided, ours.opacity)
    before, after = (corners(topology) for topology in (rig.neutral.topology, back))
    np.testing.assert_allclose(after, before, atol=1e-6)
    load_rig(tmp_path / "a.glb").save(tmp_path / "b.glb")
    assert load_rig(tmp_path / "b.glb").neutral.topology.textures.keys() == {"skin", "hair"}


def test_another_reader_finds_the_pictures_and_the_validator_no_error(tmp_path: Path) -> None:
    dressed().save(tmp_path / "a.glb")
    document = pygltflib.GLTF2().load(str(tmp_path / "a.glb"))
    assert document is not None
    modes = {material.name: material.alphaMode for material in document.materials}
    assert modes == {"skin": "OPAQUE", "hair": "MASK", "film": "BLEND"}
    for image in document.images:
        view = document.bufferViews[image.bufferView or 0]
        start = view.byteOffset or 0
        data = (document.binary_blob() or b"")[start : start + view.byteLength]
        picture = decode(data)
        assert picture is not None
        np.testing.assert_array_equal(picture, dressed().neutral.topology.textures[str(image.name)])
    node = shutil.which("node")
    if node is None or not (VALIDATOR / "node_modules" / "gltf-validator").is_dir():
        pytest.skip(f"no node, or `npm ci` has not run in {VALIDATOR}")
    sequence = moved(dressed())
    sequence.save(tmp_path / "s.glb")
    files = [str(tmp_path / "a.glb"), str(tmp_path / "s.glb")]
    done = subprocess.run([node, str(VALIDATOR / "validate.mjs"), *files], check=True, capture_output=True, text=True)
    for found in json.loads(done.stdout).values():
        assert (found["errors"], found["warnings"]) == (0, 0)


def moved(rig: Rig) -> MeshSequence:
    vertices = np.stack([rig.neutral.vertices + t * rig.shapes[0] for t in (0.0, 1.0, 0.5)])
    return MeshSequence(times=np.arange(3) / 30, vertices=vertices, topology=rig.neutral.topology)


def test_a_sequence_keeps_its_vertices_although_seams_are_split(tmp_path: Path) -> None:
    sequence = moved(dressed())
    sequence.save(tmp_path / "s.glb")
    back = MeshSequence.load(tmp_path / "s.glb")
    np.testing.assert_array_equal(back.topology.triangles, sequence.topology.triangles)
    np.testing.assert_allclose(back.vertices, sequence.vertices, atol=0.02)
    sequence.save(tmp_path / "s.npz")
    stored = MeshSequence.load(tmp_path / "s.npz").topology
    assert stored.parts == sequence.topology.parts
    for name, picture in sequence.topology.textures.items():
        np.testing.assert_array_equal(stored.textures[name], picture)


def test_usd_shows_pictures_that_lie_beside_it(tmp_path: Path) -> None:
    pytest.importorskip("pxr")
    Sdf, Usd, UsdShade, UsdValidation = pxr("Sdf", "Usd", "UsdShade", "UsdValidation")

    rig = dressed()
    rig.save(tmp_path / "a.usdc")
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    files = {}
    for prim in stage.Traverse():
        shader = UsdShade.Shader(prim)
        if shader and shader.GetIdAttr().Get() == "UsdUVTexture":
            value = shader.GetInput("file").Get()
            assert isinstance(value, Sdf.AssetPath)
            files[prim.GetParent().GetName()] = Path(value.resolvedPath)
    assert {name: path.name for name, path in files.items()} == {"skin": "a.skin.png", "hair": "a.hair.png"}
    for name, path in files.items():
        picture = decode(path.read_bytes())
        assert picture is not None
        np.testing.assert_array_equal(picture, rig.neutral.topology.textures[name])
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    assert not context.Validate(stage)
    assert load_rig(tmp_path / "a.usdc").neutral.vertices.shape == (6, 3)


def test_a_damaged_picture_costs_the_texture_and_not_the_face(tmp_path: Path) -> None:
    dressed().save(tmp_path / "a.glb")
    data = bytearray((tmp_path / "a.glb").read_bytes())
    at = data.index(b"\x89PNG")
    data[at : at + 60] = bytes(60)
    (tmp_path / "b.glb").write_bytes(bytes(data))
    back = load_rig(tmp_path / "b.glb").neutral.topology
    assert len(back.textures) == 1 and [part.texture for part in back.parts].count("") == 2


def test_pictures_survive_encoding_and_rubbish_does_not() -> None:
    small, large, clear = checkers(64), checkers(1024), checkers(1024, 4)
    for picture in (small, clear):
        np.testing.assert_array_equal(decode(encode(picture)), picture)
    large[..., 0] = 255 - large[..., 1]  # JPEG is for pictures without edges of pure colour
    blurred = decode(encode(large))
    assert blurred is not None and np.abs(blurred.astype(int) - large).mean() < 3 and len(encode(large)) < 2**18
    np.testing.assert_array_equal(decode(encode(large, exact=True)), large)
    assert decode(b"no picture") is None and decode(b"") is None


def test_what_textures_must_be() -> None:
    topology = dressed().neutral.topology
    for wrong in ({"skin": np.zeros((4, 4), np.uint8)}, {"skin": np.zeros((4, 4, 3), np.float32)}, {}):
        with pytest.raises(ValueError, match="texture"):
            replace(topology, textures=wrong)
    with pytest.raises(ValueError, match="lacks"):
        replace(topology, uv=None, uv_triangles=None)
    with pytest.raises(MienError, match="format"):
        dressed().save("x.unknown")
