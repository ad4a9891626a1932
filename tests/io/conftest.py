"""A small rig, a small performance, and its file taken apart; fixtures hand out the functions that make them."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core import ARKIT, Clip, Joint, Mesh, Part, Rig, Topology
from mien.core.transforms import quaternion_from_angles


def _ball(rows: int = 12) -> Rig:
    """A sphere of 80 mm with random local shapes, two eyes' worth of joints, colours, two materials and a UV seam."""
    rng = np.random.default_rng(0)
    polar, around = np.meshgrid(np.linspace(0.1, np.pi - 0.1, rows), np.arange(rows) * 2 * np.pi / rows, indexing="ij")
    unit = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    vertices = (80 * unit.reshape(-1, 3)).astype(np.float32)
    at = np.arange(rows * rows).reshape(rows, rows)
    a, b, c, d = at[:-1], np.roll(at, -1, 1)[:-1], at[1:], np.roll(at, -1, 1)[1:]
    triangles = np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, c, b), (b, c, d))])
    # Texture coordinates on a grid one column wider, so that the first column of vertices has two sets.
    wide = np.arange(rows * (rows + 1)).reshape(rows, rows + 1)
    e, f, g, h = wide[:-1, :-1], wide[:-1, 1:], wide[1:, :-1], wide[1:, 1:]
    uv_triangles = np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((e, g, f), (f, g, h))])
    u, v = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(1, 0, rows))
    shapes = np.zeros((53, len(vertices), 3), np.float32)
    for shape in shapes[:-1]:
        shape[rng.integers(0, len(vertices), 15)] = rng.normal(size=(15, 3)) * 5
    shapes[5] = rng.normal(size=vertices.shape)  # moves everything: dense is smaller; the last one moves nothing
    weights = rng.random((len(vertices), 4)).astype(np.float32) ** 4
    weights[:20, 2:] = 0
    half = len(triangles) // 2
    return Rig(
        name="ball",
        neutral=Mesh(
            vertices=vertices,
            topology=Topology(
                triangles=triangles,
                uv=np.stack([u.reshape(-1), v.reshape(-1)], axis=1),
                uv_triangles=uv_triangles,
                parts=(
                    Part(name="skin", start=0, stop=half, color=(0.9, 0.5, 0.1), roughness=0.4),
                    Part(name="cap", start=half, stop=len(triangles)),
                ),
            ),
        ),
        shape_names=(*ARKIT, "nothing"),
        shapes=shapes,
        joints=(
            Joint(name="neck", position=(0.0, -90.0, -20.0)),
            Joint(name="head", position=(0.0, -40.0, 0.0), parent="neck"),
            Joint(name="eyeLeft", position=(30.0, 20.0, 60.0), parent="head"),
            Joint(name="eyeRight", position=(-30.0, 20.0, 60.0), parent="head"),
        ),
        joint_weights=weights / weights.sum(axis=1, keepdims=True),
        colors=rng.random((len(vertices), 3)).astype(np.float32),
        licence="CC0",
    )


def _performance(frames: int = 20) -> Clip:
    rng = np.random.default_rng(3)
    return Clip(
        times=np.cumsum(rng.uniform(0.01, 0.07, frames)),
        weights=rng.random((frames, 52)).astype(np.float32),
        head_rotation=quaternion_from_angles(rng.normal(size=(frames, 3)) * 0.4),
        head_translation=rng.normal(size=(frames, 3)) * 50 + (0, 0, -600),
        gaze=rng.normal(size=(frames, 2, 2)) * 0.2,
        source="take.mp4",
    )


def _written(folder: Path) -> tuple[dict[str, Any], bytes]:
    """JSON and binary chunk of a small performance."""
    _performance(3).save(folder / "good.glb", rig=_ball(6), translation=True)
    data = (folder / "good.glb").read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def _pack(document: dict[str, Any], chunk: bytes, path: Path) -> Path:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    path.write_bytes(
        struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(chunk))
        + struct.pack("<I4s", len(text), b"JSON")
        + text
        + struct.pack("<I4s", len(chunk), b"BIN\0")
        + chunk
    )
    return path


@pytest.fixture(scope="session", name="ball")
def ball_fixture() -> Callable[..., Any]:
    return _ball


@pytest.fixture(scope="session", name="performance")
def performance_fixture() -> Callable[..., Any]:
    return _performance


@pytest.fixture(scope="session", name="written")
def written_fixture() -> Callable[..., Any]:
    return _written


@pytest.fixture(scope="session", name="pack")
def pack_fixture() -> Callable[..., Any]:
    return _pack
