"""Every rig that a user may hand over by mistake or malice: one line, exit code 2, little memory, nothing written.

Each is a process of its own whose address space is limited: what would take more dies there, with another exit code.
"""

import json
import os
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Sdf, Usd, UsdGeom, UsdSkel

from mien.io.gltf.rig import write_rig
from mien.rigs.load import load_rig
from mien.rigs.readers.obj import save_obj_folder

MEMORY = 2 * 2**30
"""Address space of a child [bytes]: Python with numpy, scipy and OpenUSD maps 0.8 of it before it opens anything."""
SHAPES = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight")
Json = dict[str, Any]
Damage = Callable[[Json, bytearray], Any]
"""Changes a glTF's JSON and binary chunk; what it returns is the file's length in bytes, when that is a number."""


def refused(folder: Path, *arguments: object) -> str:
    """Run `mien ARGUMENTS` with little memory; the one line of its error."""
    before = set(folder.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "mien.cli.main", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = done.stderr.splitlines()
    assert (done.returncode, len(lines), done.stdout) == (2, 1, ""), done.stderr
    assert lines[0].startswith("mien: error: ")
    assert set(folder.rglob("*")) == before
    return lines[0]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one sound rig as face.glb, and as the folder face of .obj files."""
    folder = tmp_path_factory.mktemp("good")
    mo = load_rig("mo")
    small = replace(
        mo,
        shape_names=SHAPES,
        shapes=np.stack([mo.shape(name) for name in SHAPES]),
        correctives=(),
        corrective_shapes=None,
    )
    write_rig(small, folder / "face.glb")
    save_obj_folder(small, folder / "face")
    return folder


def taken_apart(path: Path) -> tuple[Json, bytearray]:
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length]), bytearray(data[28 + length :])


def packed(document: Json, chunk: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sIII4s", b"glTF", 2, 28 + len(text) + len(chunk), len(text), b"JSON")
    return head + text + struct.pack("<I4s", len(chunk), b"BIN\0") + chunk


def primitives(document: Json) -> list[Json]:
    return document["meshes"][0]["primitives"]


def no_mesh(document: Json, chunk: bytearray) -> None:
    for node in document["nodes"]:
        node.pop("mesh", None)


def no_positions(document: Json, chunk: bytearray) -> None:
    for primitive in primitives(document):
        primitive["attributes"].pop("POSITION")


def other_count(document: Json, chunk: bytearray) -> None:
    at = primitives(document)[0]["targets"][1]["POSITION"]
    document["accessors"][at]["count"] -= 1


def not_a_number(document: Json, chunk: bytearray) -> None:
    accessor = document["accessors"][primitives(document)[0]["attributes"]["POSITION"]]
    view = document["bufferViews"][accessor["bufferView"]]
    struct.pack_into("<f", chunk, view.get("byteOffset", 0) + accessor.get("byteOffset", 0) + 24, np.nan)


def cycle(document: Json, chunk: bytearray) -> None:
    last = len(document["nodes"]) - 1
    document["nodes"][0].setdefault("children", []).append(last)
    document["nodes"][last]["children"] = [0]


def ten_gigabytes(document: Json, chunk: bytearray) -> None:
    accessor = document["accessors"][primitives(document)[0]["attributes"]["POSITION"]]
    accessor["count"] = 10 * 2**30 // 12


def ten_gigabytes_of_nothing(document: Json, chunk: bytearray) -> None:
    """Targets without data are zeros, of which a few bytes of JSON claim any number."""
    accessors = document["accessors"]
    count = accessors[primitives(document)[0]["attributes"]["POSITION"]]["count"]
    accessors.append({"componentType": 5126, "count": count, "type": "VEC3"})
    target = {"POSITION": len(accessors) - 1}
    primitives(document)[0]["targets"] = [target] * (10 * 2**30 // (12 * count))


def ten_gigabytes_of_copies(document: Json, chunk: bytearray) -> None:
    """One mesh that stands in a scene many times."""
    mesh = next(node["mesh"] for node in document["nodes"] if "mesh" in node)
    first = len(document["nodes"])
    document["nodes"] += [{"mesh": mesh}] * 30_000
    document["scenes"][0]["nodes"] += range(first, first + 30_000)


def ten_gigabytes_on_disk(document: Json, chunk: bytearray) -> int:
    return 10 * 2**30


def cut(share: float) -> Damage:
    return lambda document, chunk: int(share * len(packed(document, bytes(chunk))))


GLTF: list[tuple[Damage, str]] = [
    (no_mesh, "no triangles; a rig needs a mesh"),
    (no_positions, "there is no accessors[None]"),
    (other_count, "elements, but"),
    (not_a_number, "NaN"),
    (cycle, "its own ancestor|two parents"),
    (ten_gigabytes, "more than 1; reduce them"),
    (ten_gigabytes_of_nothing, "more than 1; reduce them"),
    (ten_gigabytes_of_copies, "more than 1; reduce them"),
    (ten_gigabytes_on_disk, "larger than 1 GiB"),
    (cut(0.0), "no valid JSON"),
    (cut(0.001), "cut off"),
    (cut(0.9), "cut off"),
]
VRM: list[tuple[Damage, str]] = [GLTF[i] for i in (1, 3, 4, 11)]


def says(line: str, words: str) -> bool:
    return any(part in line for part in words.split("|"))


def write(path: Path, document: Json, chunk: bytearray, damage: Damage) -> Path:
    length = damage(document, chunk)
    path.write_bytes(packed(document, bytes(chunk)))
    if isinstance(length, int):
        os.truncate(path, length)
    return path


@pytest.mark.parametrize(("damage", "words"), GLTF)
def test_glb(tmp_path: Path, good: Path, damage: Damage, words: str) -> None:
    path = write(tmp_path / "bad.glb", *taken_apart(good / "face.glb"), damage)
    line = refused(tmp_path, "rig", "check", path)
    assert "bad.glb" in line and says(line, words), line


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(("damage", "words"), VRM)
def test_vrm(tmp_path: Path, good: Path, version: int, damage: Damage, words: str) -> None:
    document, chunk = taken_apart(good / "face.glb")
    document["extensions"] = {
        0: {"VRM": {"humanoid": {"humanBones": [{"bone": "head", "node": 10**9}, 3]}, "blendShapeMaster": []}},
        1: {"VRMC_vrm": {"humanoid": {"humanBones": {"head": {"node": -1}}}, "expressions": {"preset": 7}}},
    }[version]
    line = refused(tmp_path, "rig", "check", write(tmp_path / "bad.vrm", document, chunk, damage))
    assert "bad.vrm" in line and says(line, words), line


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def edit(name: str, change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        lines = (folder / name).read_text().splitlines(keepends=True)
        (folder / name).write_text("".join(change(lines)))

    return damage


def itself(folder: Path) -> None:
    (folder / "neutral.obj").unlink()
    (folder / "neutral.obj").symlink_to("neutral.obj")


OBJ: list[tuple[Callable[[Path], None], str]] = [
    (remove("neutral.obj"), "none of its 3 .obj files is a neutral"),
    (edit("jawOpen.obj", lambda lines: lines[2:]), "vertices, but neutral.obj has"),
    (edit("jawOpen.obj", lambda lines: ["v nan 0 0\n", *lines[1:]]), "not a number"),
    (edit("jawOpen.obj", lambda lines: [*lines[:99], "v 1.2"]), "three numbers"),
    (edit("neutral.obj", lambda lines: [line for line in lines if line[0] == "v"]), "no faces"),
    (edit("neutral.obj", lambda lines: []), "no vertices"),
    (edit("neutral.obj", lambda lines: [*lines, "f 1 2 99999999\n"]), "missing vertices"),
    (lambda folder: os.truncate(folder / "neutral.obj", 10 * 2**30), "larger than 128 MiB"),
    (lambda folder: os.truncate(folder / "jawOpen.obj", 10 * 2**30), "larger than 128 MiB"),
    (itself, "none of its 3 .obj files is a neutral"),
]


@pytest.mark.parametrize(("damage", "words"), OBJ)
def test_obj_folder(tmp_path: Path, good: Path, damage: Callable[[Path], None], words: str) -> None:
    (tmp_path / "bad").mkdir()
    for path in (good / "face").iterdir():
        (tmp_path / "bad" / path.name).write_bytes(path.read_bytes())
    damage(tmp_path / "bad")
    line = refused(tmp_path, "rig", "check", "bad")
    assert "bad" in line and says(line, words), line


FACE, SHAPE = "/face/mesh", "/face/mesh/jaw"


def usd(path: Path) -> Usd.Stage:
    """A sheet of 20 x 20 points whose lower half hangs down."""
    stage = Usd.Stage.CreateNew(str(path))
    stage.SetDefaultPrim(UsdSkel.Root.Define(stage, "/face").GetPrim())
    mesh = UsdGeom.Mesh.Define(stage, FACE)
    mesh.CreatePointsAttr([(x / 10, y / 10, 0) for y in range(20) for x in range(20)])
    quads = [(r * 20 + c, r * 20 + c + 1, r * 20 + c + 21, r * 20 + c + 20) for r in range(19) for c in range(19)]
    mesh.CreateFaceVertexCountsAttr([4] * len(quads))
    mesh.CreateFaceVertexIndicesAttr([corner for quad in quads for corner in quad])
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    shape = UsdSkel.BlendShape.Define(stage, SHAPE)
    shape.CreateOffsetsAttr([(0, -0.1, 0)] * 200)
    shape.CreatePointIndicesAttr(list(range(200)))
    binding.CreateBlendShapesAttr(["jawOpen"])
    binding.CreateBlendShapeTargetsRel().AddTarget(SHAPE)
    return stage


def value(where: str, new: Any) -> Callable[[Usd.Stage], None]:
    return lambda stage: stage.GetAttributeAtPath(where).Set(new) or None


def copies(stage: Usd.Stage) -> None:
    """Few bytes that show one mesh of 200,000 points and 50 shapes 100 times."""
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath(FACE))
    mesh.GetPointsAttr().Set([(0, 0, 0)] * 200_000)
    binding = UsdSkel.BindingAPI(mesh)
    binding.GetBlendShapesAttr().Set([f"s{i}" for i in range(50)])
    for i in range(50):
        UsdSkel.BlendShape.Define(stage, f"{FACE}/s{i}")
    binding.GetBlendShapeTargetsRel().SetTargets([Sdf.Path(f"{FACE}/s{i}") for i in range(50)])
    for i in range(100):
        stage.DefinePrim(f"/face/copy_{i}").GetReferences().AddInternalReference(FACE)


USD: list[tuple[Callable[[Usd.Stage], None], str]] = [
    (lambda stage: stage.RemovePrim(FACE) or None, "no visible mesh"),
    (value(f"{FACE}.points", []), "has no points"),
    (value(f"{SHAPE}.pointIndices", list(range(199))), "200 offsets for 199 points"),
    (value(f"{SHAPE}.offsets", [(np.nan, 0, 0)] * 200), "NaN"),
    (value(f"{FACE}.faceVertexCounts", [2_000_000_000] * 5), "is damaged"),
    (copies, "more than 1; reduce them"),
    (lambda stage: stage.GetPrimAtPath("/face").GetReferences().AddReference("./bad.usdc") or None, "refers to itself"),
]


@pytest.mark.parametrize(("damage", "words"), USD)
def test_usd(tmp_path: Path, damage: Callable[[Usd.Stage], None], words: str) -> None:
    stage = usd(tmp_path / "bad.usdc")
    damage(stage)
    stage.Save()
    line = refused(tmp_path, "rig", "check", "bad.usdc")
    assert "bad.usdc" in line and says(line, words), line


@pytest.mark.parametrize(("suffix", "length"), [("usdc", None), ("usda", None), ("usda", 10 * 2**30)])
def test_usd_cut_off_or_too_long(tmp_path: Path, suffix: str, length: int | None) -> None:
    path = tmp_path / f"bad.{suffix}"
    usd(path).Save()
    os.truncate(path, path.stat().st_size // 2 if length is None else length)
    assert path.name in refused(tmp_path, "rig", "check", path)
