"""Corrective shapes in glTF: baked for viewers, told apart from channels by readers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib
import pytest

from mien.core import ARKIT, Clip, Corrective, Rig
from mien.io.gltf.correctives import corrective_extras, correctives_of
from mien.io.gltf.rig import write_rig
from mien.rigs.readers.gltf.reader import load_glb

Make = Callable[..., Any]


@pytest.fixture(name="corrected")
def corrected_fixture(ball: Make) -> Rig:
    rig = ball()
    rng = np.random.default_rng(5)
    return replace(
        rig,
        correctives=(
            Corrective(name="jawOpen_mouthSmileLeft", channels=("jawOpen", "mouthSmileLeft")),
            Corrective(name="mouthClose_over_jawOpen", channels=("mouthClose", "jawOpen"), rule="excess"),
        ),
        corrective_shapes=rng.normal(size=(2, len(rig.neutral.vertices), 3)).astype(np.float32),
    )


def test_a_performance_with_correctives_comes_back(tmp_path: Path, corrected: Rig, performance: Make):
    clip = performance()
    clip.save(tmp_path / "a.glb", rig=corrected)
    rig, read = load_glb(tmp_path / "a.glb"), Clip.load(tmp_path / "a.glb")
    assert rig.correctives == corrected.correctives
    assert rig.shape_names == corrected.shape_names
    assert read.channels == corrected.shape_names
    np.testing.assert_allclose(read.with_channels(ARKIT).weights, clip.weights, atol=1e-6)
    np.testing.assert_allclose(rig.evaluate(read.weights, read.channels), corrected.evaluate(clip.weights), atol=2e-3)


def test_a_viewer_that_knows_no_correctives_shows_them(tmp_path: Path, corrected: Rig, performance: Make):
    clip = performance()
    clip.save(tmp_path / "a.glb", rig=corrected)
    gltf = pygltflib.GLTF2().load_binary(str(tmp_path / "a.glb"))
    names = gltf.meshes[0].extras["targetNames"]
    assert names[-2:] == ["jawOpen_mouthSmileLeft", "mouthClose_over_jawOpen"]
    assert len(gltf.meshes[0].primitives[0].targets) == len(names)
    animation = gltf.animations[0]
    (track,) = (c for c in animation.channels if c.target.path == "weights")
    accessor = gltf.accessors[animation.samplers[track.sampler].output]
    view = gltf.bufferViews[accessor.bufferView]
    raw = np.frombuffer(gltf.binary_blob(), "<f4", accessor.count, (view.byteOffset or 0) + (accessor.byteOffset or 0))
    baked = raw.reshape(len(clip), len(names))[:, -2:]
    np.testing.assert_allclose(baked, corrected.corrective_weights(clip.weights), atol=1e-6)


def test_the_rig_alone_keeps_its_correctives(tmp_path: Path, corrected: Rig):
    write_rig(corrected, tmp_path / "a.glb")
    rig = load_glb(tmp_path / "a.glb")
    assert rig.correctives == corrected.correctives
    np.testing.assert_allclose(rig.corrective_shapes, corrected.corrective_shapes, atol=2e-4)


def test_extras_round_trip_and_nonsense_is_left_out(corrected: Rig):
    extras = json.loads(json.dumps(corrective_extras(corrected)))
    assert correctives_of({"extras": extras}) == corrected.correctives
    good = extras["mien"]["correctives"][0]
    for bad in (
        None, 7, {}, {**good, "rule": "sum"}, {**good, "name": 3}, {**good, "channels": ["a"]},
        {**good, "channels": ["a", "a"]}, {**good, "rule": "excess", "channels": ["a", "b", "c"]},
    ):  # fmt: skip
        assert correctives_of({"extras": {"mien": {"correctives": [bad, good]}}}) == corrected.correctives[:1]
    for mesh in ({}, {"extras": 1}, {"extras": {"mien": []}}, {"extras": {"mien": {"correctives": {}}}}):
        assert correctives_of(mesh) == ()
