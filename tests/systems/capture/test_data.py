"""What stands beside what in a batch: the same performer at rest, the times of a window, what a patch covers."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.core.regions import region_points
from mien.systems.capture import spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import Batch, BatchSource
from mien.systems.capture.training.head_fit import codes_of

JAW = spec.CHANNELS.index("jawOpen")


@pytest.fixture(scope="module")
def joined(smoke: CaptureConfig) -> CaptureConfig:
    """Windows and resting faces join after one step; there are no real faces."""
    sizes = {"stills_per_batch": 6, "known_stills": 4, "known_sequences": 1}
    config = replace(smoke, **sizes, faces="none")
    return replace(config, samples=10 * config.batch, landmark_share=0.1)


def copied(config: CaptureConfig, folder: Path) -> tuple[CaptureConfig, list[Path]]:
    """The configuration on a copy of its shards, and the folder of each shard."""
    for name in ("stills", "sequences"):
        shutil.copytree(getattr(config, name), folder / name)
    moved = replace(config, stills=str(folder / "stills"), sequences=str(folder / "sequences"))
    return moved, [folder / name / "shard-00000" for name in ("stills", "sequences")]


def test_beside_a_face_stands_the_same_performer_at_rest(joined: CaptureConfig, tmp_path: Path) -> None:
    """Samples are marked by their weights, and at rest by the ratio of two distances, which no view changes."""
    config, shards = copied(joined, tmp_path)
    for kind, shard in enumerate(shards):
        weights, rest = np.load(shard / "weights.npy"), np.load(shard / "neutral_landmarks.npy")
        marks = (np.arange(len(weights)) + 1 + 100 * kind).astype(np.float32)
        weights[:] = marks[:, None, None] / 1000
        rest[:, :3] = [[40, 40], [120, 40], [40, 40]]
        rest[:, 2, 1] += 80 * marks / 1000
        np.save(shard / "weights.npy", weights)
        np.save(shard / "neutral_landmarks.npy", rest)
    source = BatchSource(config, mirrored=False)
    for step in range(1, 5):
        batch = source[step]
        told = torch.cat([batch.still_weights, batch.window_weights[:, 0]])[batch.known, JAW]
        points = batch.landmarks[-int(batch.known.sum()) :]
        aside, up = (points[:, 1] - points[:, 0]).norm(dim=1), (points[:, 2] - points[:, 0]).norm(dim=1)
        torch.testing.assert_close(up / aside, told, atol=1e-4, rtol=1e-3)
        assert len(told) == 5 and len(told.unique()) > 2


def test_a_step_is_the_time_since_the_frame_before(joined: CaptureConfig) -> None:
    source = BatchSource(joined, mirrored=False)
    for step in range(1, 5):
        batch = source[step]
        stills = len(batch.still_weights)
        window = batch.window_weights[0].numpy()
        (times,) = [s.times for s in map(source.sequences.__getitem__, range(4)) if np.array_equal(s.weights, window)]
        steps = batch.steps[stills : stills + len(times), 0].numpy()
        np.testing.assert_allclose(steps, [spec.USUAL_STEP, *np.diff(times)], rtol=1e-5)
        np.testing.assert_allclose(batch.steps[:stills, 0], spec.USUAL_STEP)


def test_what_a_patch_covers_is_out_of_sight_and_trusted_less(joined: CaptureConfig, tmp_path: Path) -> None:
    config, shards = copied(joined, tmp_path)
    for shard in shards:  # nothing is hidden but by patches
        for name, value in (("landmarks_visible", 1), ("occluded", 0)):
            np.save(shard / f"{name}.npy", np.full_like(np.load(shard / f"{name}.npy"), value))
    source, shares = BatchSource(config, mirrored=False), list[np.ndarray]()
    for step in range(1, 25):  # every fifth picture has a patch, and few of them lie on a region
        batch = source[step]
        full = batch.trust.max(dim=0).values
        in_front = (batch.trust / full > 0.5).numpy()[: len(batch.seen)]
        expected = np.stack([in_front[:, points].mean(axis=1) for points in region_points(spec.LAYOUT).values()], 1)
        at_rest = int(batch.known.sum())
        assert (in_front[-at_rest:]).all() and (batch.seen[-at_rest:] == 1).all()
        np.testing.assert_allclose(batch.seen, expected, atol=1e-6)
        shares.append(expected)
    assert (np.concatenate(shares) < 1).any()


def test_another_seed_draws_other_batches(joined: CaptureConfig) -> None:
    one, other = (BatchSource(replace(joined, seed=seed))[1] for seed in (1, 2))
    for name in ("crops", "landmarks", "still_weights"):
        assert not torch.equal(getattr(one, name), getattr(other, name)), name


def test_other_windows_and_other_faces_are_noticed(smoke: CaptureConfig, tmp_path: Path) -> None:
    config, (_, windows) = copied(replace(smoke, samples=10 * smoke.batch, landmark_share=0.1), tmp_path)
    shutil.copytree(smoke.faces, tmp_path / "faces")
    config = replace(config, faces=str(tmp_path / "faces"))
    before = BatchSource(config)
    assert set(before.fingerprints(1)) == {"stills", "faces"}  # windows may be rendered until they join
    assert before.fingerprints(2) == BatchSource(smoke).fingerprints(10**6)  # wherever they lie

    def changed() -> set[str]:
        now, then = BatchSource(config).fingerprints(2), before.fingerprints(2)
        assert now.keys() == then.keys() == {"stills", "sequences", "faces"}
        return {name for name, mark in now.items() if mark != then[name]}

    weights = np.load(windows / "weights.npy")
    np.save(windows / "weights.npy", weights[::-1])
    assert changed() == {"sequences"}
    np.save(windows / "weights.npy", weights)
    assert changed() == set()
    with (tmp_path / "faces" / "london" / "001_03.jpg").open("ab") as picture:
        picture.write(b"more")
    assert changed() == {"faces"}


def test_codes_at_rest_go_to_their_own_images() -> None:
    """2 stills, 2 windows of 3 frames, 2 resting faces, of the second still and the first window; 1 pair of faces."""
    code = torch.arange(12.0)[:, None].expand(12, spec.CODE)
    empty = torch.zeros(0)
    batch = Batch(
        crops=torch.zeros(12, 1),
        steps=empty,
        landmarks=empty,
        trust=empty,
        seen=empty,
        still_weights=torch.zeros(2, len(spec.CHANNELS)),
        window_weights=torch.zeros(2, 3, len(spec.CHANNELS)),
        known=torch.tensor([False, True, True, False]),
        pair_kind=torch.zeros(1),
        pair_measures=empty,
        pair_change=empty,
        pair_beside=empty,
        pair_at_rest=empty,
        pair_into_camera=empty,
        pair_gaze=empty,
        pair_in_sight=empty,
        other_from_one=torch.zeros(1, 2, 3),
    )
    codes = codes_of(code, batch)
    assert codes.still_NE[:, 0].tolist() == [0, 1]
    assert codes.window_BTE[..., 0].tolist() == [[2, 3, 4], [5, 6, 7]]
    assert codes.still_rest_NE[:, 0].tolist() == [0, 8] and codes.still_known_N1[:, 0].tolist() == [0, 1]
    assert codes.window_rest_BE[:, 0].tolist() == [9, 0] and codes.window_known_B1[:, 0].tolist() == [1, 0]
    assert (codes.pairs.one_PE[:, 0].tolist(), codes.pairs.other_PE[:, 0].tolist()) == ([10], [11])
