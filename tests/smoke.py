"""A run of a few steps for each system, over data small enough for a test: what `tests/contract` trains.

A new system adds a builder of its `Smoke` to `SMOKE`; every contract test then runs on it.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mien.core.channels import ARKIT, mirrored
from mien.runtime import Bundle
from mien.systems import registry
from mien.systems.capture import spec as capture_spec
from mien.systems.capture.config import PRESETS as CAPTURE
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import BatchSource
from mien.systems.capture.training.real_faces import RealFaces
from mien.systems.capture.training.real_pairs import PairKind
from mien.systems.express import spec as express_spec
from mien.systems.express.config import PRESETS as EXPRESS
from mien.systems.express.config import ExpressConfig
from mien.systems.speak import spec as speak_spec
from mien.systems.speak.config import PRESETS as SPEAK
from mien.systems.speak.config import SpeakConfig

Actors = Callable[[int], tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]]
Frames = list[dict[str, np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class Smoke:
    """What the contract tests need of one system."""

    config: Any
    """A run of `steps` steps that goes through every stage of the training."""
    steps: int
    exported: Any
    """A run whose weights are tame enough for runtimes to agree on: no regression on a handful of samples."""
    data: tuple[str, ...]
    """Fields of the configuration that name folders of data."""
    alter: Callable[[Path], None]
    """Change what a copy of the first of these folders holds, so that it is other data of the same form."""
    frames: Callable[[Any], Frames]
    """Inputs of the exported network for the frames of one window; takes the configuration of the run."""
    whole: Callable[[Any, Frames], Mapping[str, np.ndarray]]
    """Outputs [T, ...] of the trained network for that window in one pass, as training runs it."""
    mirrored: Callable[[Path], tuple[Any, Any, Any]] | None = None
    """For a system that mirrors its data: a batch in which nothing is mirrored, the same with everything mirrored, and
    the same with nothing mirrored from data that were written mirrored into a folder."""
    pictures: frozenset[str] = frozenset()
    """Fields of a batch that hold pictures."""
    symmetric: frozenset[str] = frozenset()
    """Fields of a batch that a mirror leaves as they are."""


@pytest.fixture(scope="session")
def capture_smoke(tmp_path_factory: pytest.TempPathFactory, assets: Path) -> CaptureConfig:
    """A configuration of capture over tiny data: 32 stills, 4 windows and 18 real faces (`tiny_faces`)."""
    from mien.synth.dataset import write_dataset

    folder = tmp_path_factory.mktemp("capture")
    write_dataset(folder / "stills", shards=1, per_shard=32, frames=1, seed=1, workers=1, identities=(0, 100))
    write_dataset(folder / "sequences", shards=1, per_shard=4, frames=8, seed=2, workers=1, identities=(0, 100))
    tiny_faces(assets / "real", folder / "faces")
    return replace(
        CAPTURE["smoke"],
        stills=str(folder / "stills"),
        sequences=str(folder / "sequences"),
        faces=str(folder / "faces"),
        out=str(folder / "run"),
        threads=1,
        workers=0,
        save_every=2,
    )


def tiny_faces(source: Path, target: Path) -> None:
    """Write a folder of real faces in the form of `source`: neutral and smiling portraits of two people, four portraits
    of which two are held out, and ten frames of a clip."""
    chosen = {
        "london": lambda labels: np.flatnonzero([name[:3] in ("001", "002") for name in labels["image"]]),
        "canada": lambda _: np.arange(4),
        "grid__bbaf2n": lambda _: np.arange(0, 70, 7),
    }
    (target / "labels").mkdir(parents=True)
    for name, rows_of in chosen.items():
        with np.load(source / "labels" / f"{name}.npz") as labels:
            rows = rows_of(labels)
            kept = {key: labels[key] if key == "blendshape_names" else labels[key][rows] for key in labels.files}
        np.savez(target / "labels" / f"{name}.npz", **kept)
        folder, _, clip = name.partition("__")
        (target / folder).mkdir()
        for file in [f"{clip}.mpg"] if clip else kept["image"]:
            shutil.copy(source / folder / file, target / folder / file)


@pytest.fixture(scope="session")
def actor() -> Actors:
    """Subject -> neutral [V, 3] mm, expression -> full displacement [V, 3], triangles: ellipsoids that bulge in two
    places, the more the wider they are."""
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=4)

    def make(number: int) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        wide = np.random.default_rng(number).uniform(0.8, 1.2, 3)
        points = np.array(ball.vertices) * wide * 80
        up = np.exp(-((ball.vertices - (0, 1, 0)) ** 2).sum(1))[:, None] * np.array([0, 10.0, 0]) * wide[0] ** 4
        front = np.exp(-((ball.vertices - (0, 0, 1)) ** 2).sum(1))[:, None] * np.array([4.0, 0, 6.0]) * wide[2] ** 2
        return points, {"happiness": up, "surprise": front}, np.array(ball.faces)

    return make


@pytest.fixture(scope="session")
def express_smoke(actor: Actors, tmp_path_factory: pytest.TempPathFactory) -> ExpressConfig:
    """A configuration of express over scans: five subjects, two expressions, 15 frames each, as PLY files in metres,
    one subject as OBJ."""
    import trimesh

    root = tmp_path_factory.mktemp("scans")
    for number in range(5):
        neutral, shapes, triangles = actor(number)
        for name, shape in shapes.items():
            place = root / f"subject{number}" / name
            place.mkdir(parents=True)
            level = np.interp(np.arange(15), [1, 5, 9, 13], [0, 1, 1, 0])
            for t in range(15):
                vertices = (neutral + level[t] * shape) / 1000
                mesh = trimesh.Trimesh(vertices, triangles, process=False)
                mesh.export(place / f"scan.{t:06d}.{'obj' if number == 3 else 'ply'}")
    out = str(tmp_path_factory.mktemp("express") / "run")
    return replace(EXPRESS["smoke"], data=str(root), unit_mm=1000.0, train_subjects=4, out=out)


def _capture(request: pytest.FixtureRequest) -> Smoke:
    smoke: CaptureConfig = request.getfixturevalue("capture_smoke")

    def alter(folder: Path) -> None:
        path = folder / "shard-00000" / "shard.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "seed": 7}))

    def frames(config: CaptureConfig) -> Frames:
        rng, inner = np.random.default_rng(5), slice(capture_spec.MARGIN, capture_spec.MARGIN + capture_spec.CROP)
        faces = np.load(Path(config.stills) / "shard-00000" / "crops.npy")[::5, 0, inner, inner].astype(np.float32)
        rest = rng.normal(0, 1, (1, capture_spec.CODE)).astype(np.float32)
        return [
            {
                "crop": np.ascontiguousarray(faces[None, t].transpose(0, 3, 1, 2)),
                "fresh": np.full((1, 1), float(t == 0), np.float32),
                "step": np.full((1, 1), rng.uniform(0.01, 0.1), np.float32),
                "rest": rest,
                "known": np.ones((1, 1), np.float32),
            }
            for t in range(6)
        ]

    def whole(net: Any, window: Frames) -> Mapping[str, np.ndarray]:
        joined = {name: torch.from_numpy(np.concatenate([frame[name] for frame in window])) for name in window[0]}
        seen = net.encode(joined["crop"], joined["step"])
        weights = net.weigh(seen.code_NE[None], joined["rest"][:1], joined["known"][:1])[0]
        landmarks, sight = seen.landmarks_NL2.flatten(1), torch.sigmoid(seen.seen_NR)
        return {"landmarks": landmarks.numpy(), "weights": weights.numpy(), "seen": sight.numpy()}

    return Smoke(
        config=replace(smoke, samples=6 * smoke.batch, landmark_share=0.5),
        steps=6,
        exported=replace(smoke, samples=2 * smoke.batch, landmark_share=1.0),
        data=("stills", "sequences", "faces"),
        alter=alter,
        frames=frames,
        whole=whole,
        mirrored=lambda folder: _capture_mirrored(smoke, folder),
        pictures=frozenset({"crops"}),
        symmetric=frozenset({"steps", "seen", "known", "other_from_one", "pair_change"}) | _OF_A_PAIR,
    )


_OF_A_PAIR = frozenset(f"pair_{name}" for name in ("kind", "beside", "at_rest", "into_camera", "in_sight"))
"""Fields of capture's batch that a mirror leaves; changes of weights are drawn as a view shows them."""


def _mirror_shards(source: Path, target: Path) -> None:
    """Write a dataset of which every face is mirrored."""
    layout, side = capture_spec.LAYOUT, capture_spec.CROP + 2 * capture_spec.MARGIN
    channels = [ARKIT.index(mirrored(name)) for name in ARKIT]
    for shard in source.iterdir():
        own = target / shard.name
        shutil.copytree(shard, own)
        for name in ("crops", "neutral"):
            np.save(own / f"{name}.npy", np.load(shard / f"{name}.npy")[..., ::-1, :])
        for name in ("landmarks", "neutral_landmarks"):
            points = np.load(shard / f"{name}.npy") * np.float32([-1, 1]) + np.float32([side - 1, 0])
            np.save(own / f"{name}.npy", points[..., list(layout.mirror), :])
        np.save(own / "landmarks_visible.npy", np.load(shard / "landmarks_visible.npy")[..., list(layout.mirror)])
        np.save(own / "weights.npy", np.load(shard / "weights.npy")[..., channels])


def _capture_mirrored(config: CaptureConfig, folder: Path) -> tuple[Any, Any, Any]:
    """`Smoke.mirrored` of capture: a batch of stills, windows, resting faces and pairs of real faces of every kind."""
    config = replace(config, samples=10 * config.batch, landmark_share=0.1, faces_per_batch=12)
    places = {name: str(folder / name) for name in ("stills", "sequences")}
    for name, place in places.items():
        _mirror_shards(Path(getattr(config, name)), Path(place))
    plain, forced = (BatchSource(config, mirrored=mirror) for mirror in (False, True))
    there = BatchSource(replace(config, **places), mirrored=False)
    for source in (plain, forced, there):
        assert source.pairs is not None
        own = source.pairs.faces
        # The teacher is as sure of both sides: a lost mirror would not show.
        own = replace(own, spread=np.tile(np.linspace(0.001, 0.011, capture_spec.LAYOUT.count), (len(own), 1)))
        source.pairs.faces = _mirror_faces(own) if source is there else own
    batch = plain[3]
    assert set(batch.pair_kind.tolist()) == set(PairKind) and batch.pair_beside.any()
    return batch, forced[3], there[3]


def _mirror_faces(faces: RealFaces) -> RealFaces:
    order, side = list(capture_spec.LAYOUT.mirror), capture_spec.CROP + 2 * capture_spec.MARGIN
    return replace(
        faces,
        crops=np.ascontiguousarray(faces.crops[:, :, ::-1]),
        landmarks=(faces.landmarks * (-1, 1) + (side - 1, 0))[:, order],
        spread=faces.spread[:, order],
        measures=faces.measures * (1, 1, 1, -1, 1, 1),
        gaze=faces.gaze * (-1, 1),
    )


def _express(request: pytest.FixtureRequest) -> Smoke:
    smoke: ExpressConfig = request.getfixturevalue("express_smoke")

    def alter(folder: Path) -> None:
        take = folder / "subject0" / "surprise"
        shutil.copy(take / "scan.000002.ply", take / "scan.000007.ply")

    def frames(config: ExpressConfig) -> Frames:
        rng = np.random.default_rng(5)
        code = rng.normal(0, 1, (1, config.code)).astype(np.float32)
        shape = rng.normal(0, 0.3, (1, 2562, express_spec.LOCAL)).astype(np.float32)
        rows = rng.uniform(0, 1, (6, 1, 2)).astype(np.float32)
        return [{"label": row, "code": code, "shape": shape} for row in rows]

    def whole(net: Any, window: Frames) -> Mapping[str, np.ndarray]:
        signal = torch.from_numpy(np.concatenate([frame["label"] for frame in window]))[None]
        person = [torch.from_numpy(window[0][name]) for name in ("code", "shape")]
        moved = net(signal, torch.arange(len(window))[None], *person)[:, 0]
        return {"displacements": moved.transpose(0, 1).numpy()}

    return Smoke(
        config=replace(smoke, epochs=3),
        steps=6,
        exported=smoke,
        data=("data",),
        alter=alter,
        frames=frames,
        whole=whole,
    )


@pytest.fixture(scope="session")
def speak_smoke(tmp_path_factory: pytest.TempPathFactory) -> SpeakConfig:
    """A configuration of speak over three speakers with two short takes each."""
    from mien.synth.speech import write_speech

    folder = tmp_path_factory.mktemp("speech")
    write_speech(folder, speakers=3, takes=2, seconds=4.0)
    return replace(SPEAK["smoke"], data=str(folder), out=str(tmp_path_factory.mktemp("speak") / "run"))


@pytest.fixture(scope="session")
def small(speak_smoke: SpeakConfig, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle of a speak network that was trained for six steps: enough for everything but quality."""
    system = registry.find("speak")
    return system.export(system.train(speak_smoke), tmp_path_factory.mktemp("small") / "bundle")


def _speak(request: pytest.FixtureRequest) -> Smoke:
    smoke: SpeakConfig = request.getfixturevalue("speak_smoke")

    def alter(folder: Path) -> None:
        with np.load(folder / "speaker-0000.npz") as data:
            arrays = {name: data[name] for name in data.files}
        arrays["angles_0"] = arrays["angles_0"] + np.float32(0.01)
        np.savez(folder / "speaker-0000.npz", **arrays)

    def frames(_: SpeakConfig) -> Frames:
        rng = np.random.default_rng(5)
        style = rng.uniform(-1, 1, (1, speak_spec.STYLE)).astype(np.float32)
        sounds = rng.integers(15, size=24)
        return [
            {
                "visemes": np.eye(15, dtype=np.float32)[np.repeat(sounds[k : k + 2], speak_spec.CHUNK // 2)].T[None],
                "style": style,
                "residual": rng.normal(0, 1, (1, speak_spec.RESIDUAL)).astype(np.float32),
                "noise": rng.gumbel(size=(1, speak_spec.NOISE)).astype(np.float32),
            }
            for k in range(12)
        ]

    def whole(net: Any, window: Frames) -> Mapping[str, np.ndarray]:
        visemes = torch.from_numpy(np.concatenate([chunk["visemes"] for chunk in window], axis=2))
        drawn = [torch.from_numpy(np.stack([chunk[n] for chunk in window], axis=2)) for n in ("residual", "noise")]
        made = net(visemes, torch.from_numpy(window[0]["style"]), *drawn)
        return {name: part[0].T.numpy() for name, part in zip(("face", "eyes_head", "raw"), made, strict=True)}

    return Smoke(config=smoke, steps=6, exported=smoke, data=("data",), alter=alter, frames=frames, whole=whole)


SMOKE: Mapping[str, Callable[[pytest.FixtureRequest], Smoke]] = {
    "capture": _capture,
    "express": _express,
    "speak": _speak,
}
"""System -> what builds its `Smoke`."""
