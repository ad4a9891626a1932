"""Shards: determined by seed and index, resumable, whole, and consistent with each other."""

import json
from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, MienError
from mien.synth import dataset
from mien.synth.dataset import (
    FIELDS,
    SAMPLE_FIELDS,
    ShardSettings,
    _out_of_sight,
    frame_times,
    make_shard,
    sample_action,
    write_dataset,
)
from mien.track.align import MARGIN, STORED

STILLS = ShardSettings(seed=5, per_shard=10, frames=1, fps=(30.0, 30.0), identities=(0, 50))
TAKES = ShardSettings(seed=5, per_shard=2, frames=4, fps=(30.0, 30.0), identities=(7, 8))


@pytest.fixture(scope="module")
def stills() -> dict[str, np.ndarray]:
    return make_shard(0, STILLS)


@pytest.fixture(scope="module")
def takes() -> dict[str, np.ndarray]:
    return make_shard(1, TAKES)


def test_shapes(stills: dict[str, np.ndarray], takes: dict[str, np.ndarray]) -> None:
    for arrays, settings in ((stills, STILLS), (takes, TAKES)):
        for name, (dtype, shape) in FIELDS.items():
            assert arrays[name].shape == (settings.per_shard, settings.frames, *shape)
            assert arrays[name].dtype == dtype
        for name, (dtype, shape) in SAMPLE_FIELDS.items():
            assert arrays[name].shape == (settings.per_shard, *shape)
            assert arrays[name].dtype == dtype


def test_same_seed_same_bytes(stills: dict[str, np.ndarray]) -> None:
    again = make_shard(0, STILLS)
    for name, array in stills.items():
        assert array.tobytes() == again[name].tobytes(), name


def test_another_shard_differs(stills: dict[str, np.ndarray]) -> None:
    other = make_shard(1, ShardSettings(seed=5, per_shard=2, frames=1, fps=(30.0, 30.0), identities=(0, 50)))
    assert not np.array_equal(other["crops"], stills["crops"][:2])


def test_values(stills: dict[str, np.ndarray], takes: dict[str, np.ndarray]) -> None:
    for arrays in (stills, takes):
        assert arrays["weights"].min() >= 0
        assert arrays["weights"].max() <= 1
        assert np.isfinite(arrays["landmarks"]).all()
        np.testing.assert_allclose(np.linalg.norm(arrays["pose"][..., :4], axis=-1), 1, atol=1e-5)
        assert (arrays["pose"][..., 6] < -100).all()
        assert ((arrays["occluded"] >= 0) & (arrays["occluded"] <= 1)).all()
        assert set(np.unique(arrays["landmarks_visible"])) <= {0, 1}
        assert arrays["five_from_onet"].mean() > 0.7
        assert arrays["crops"].std(axis=(2, 3, 4)).min() > 4
    assert (takes["identity"] == 7).all()
    assert (takes["times"][:, 0] == 0).all()
    assert (np.diff(takes["times"], axis=1) > 0).all()


def test_crops_are_aligned(stills: dict[str, np.ndarray]) -> None:
    """The eyes of the truth lie near the template's, whoever found the five points."""
    eyes = np.stack([stills["landmarks"][:, 0, 36:42].mean(1), stills["landmarks"][:, 0, 42:48].mean(1)], 1)
    wanted = np.array([[0.33, 0.34], [0.67, 0.34]]) * (STORED - 2 * MARGIN) + MARGIN
    error = np.linalg.norm(np.median(eyes, axis=0) - wanted, axis=1)
    assert (error < 0.08 * STORED).all()


def test_what_leaves_the_crop_is_out_of_sight() -> None:
    points = np.full((198, 2), STORED / 2)
    hidden = np.array([0.0, 0.2, 0.0])
    np.testing.assert_allclose(_out_of_sight(hidden, points), hidden)
    points[17:22, 1] = MARGIN - 1  # one brow of the two
    np.testing.assert_allclose(_out_of_sight(hidden, points), [0, 1 - 0.8 * 0.5, 0])
    points[36:48, 0] = STORED - MARGIN
    np.testing.assert_allclose(_out_of_sight(hidden, points), [1, 1 - 0.8 * 0.5, 0])


def test_neutrals(stills: dict[str, np.ndarray]) -> None:
    """A resting face, aligned like the rest, of which the samples of one dressing share two shots."""
    weights = stills["neutral_weights"]
    assert weights.min() >= 0
    assert weights.max() <= 0.3  # a small gaze
    points = stills["neutral_landmarks"]
    eyes = np.stack([points[:, 36:42].mean(1), points[:, 42:48].mean(1)], 1)
    wanted = np.array([[0.33, 0.34], [0.67, 0.34]]) * (STORED - 2 * MARGIN) + MARGIN
    assert (np.linalg.norm(np.median(eyes, axis=0) - wanted, axis=1) < 0.08 * STORED).all()
    shots = [len(np.unique(stills["neutral"][rows], axis=0)) for rows in (slice(0, 8), slice(8, 10))]
    assert max(shots) <= 2
    assert not (stills["neutral"] == stills["crops"][:, 0]).all(axis=(1, 2, 3)).any()


def test_write_and_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    options = {"per_shard": 2, "frames": 1, "seed": 5, "workers": 1, "identities": (0, 50)}
    write_dataset(tmp_path, shards=1, **options)
    before = {p.name: p.read_bytes() for p in (tmp_path / "shard-00000").iterdir()}
    assert set(before) == {*(f"{n}.npy" for n in (*FIELDS, *SAMPLE_FIELDS)), "shard.json"}
    note = json.loads(before["shard.json"])
    assert (note["seed"], note["index"], note["frames"], note["identities"]) == (5, 0, 1, [0, 50])
    calls: list[int] = []
    real = dataset.write_shard
    monkeypatch.setattr(dataset, "write_shard", lambda out, k, s: (calls.append(k), real(out, k, s)))
    write_dataset(tmp_path, shards=2, **options, progress=lambda a, b: seen.append((a, b)))
    assert calls == [1]
    assert seen == [(1, 2), (2, 2)]
    assert {p.name: p.read_bytes() for p in (tmp_path / "shard-00000").iterdir()} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shard-00000", "shard-00001"]
    with pytest.raises(MienError, match="another seed"):
        write_dataset(tmp_path, shards=2, **{**options, "seed": 6})


def test_workers_write_the_same(tmp_path: Path) -> None:
    options = {"shards": 2, "per_shard": 1, "frames": 1, "seed": 5, "identities": (0, 50)}
    write_dataset(tmp_path / "one", workers=1, **options)
    write_dataset(tmp_path / "two", workers=2, **options)
    for path in sorted((tmp_path / "one").rglob("*.npy")):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes(), path.name


def test_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dataset.write_shard(
            tmp_path, 0, ShardSettings(seed=1, per_shard=1, frames=1, fps=(30.0, 30.0), identities=(0, 1))
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shards": 0}, "at least 1"),
        ({"identities": (5, 5)}, "identities"),
        ({"fps": (0.0, 30.0)}, "frame rates"),
        ({"fps": (30.0, 20.0)}, "frame rates"),
        ({"fps": (30.0, np.inf)}, "frame rates"),
    ],
)
def test_senseless_settings(tmp_path: Path, change: dict, message: str) -> None:
    options = {
        "shards": 1,
        "per_shard": 1,
        "frames": 1,
        "seed": 0,
        "workers": 1,
        "identities": (0, 1),
        "fps": (30.0, 30.0),
    }
    with pytest.raises(MienError, match=message):
        write_dataset(tmp_path, **{**options, **change})


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MienError, match="cannot make the folder"):
        write_dataset(tmp_path / "file" / "sub", shards=1, per_shard=1, frames=1, seed=0, workers=1, identities=(0, 1))


def test_frame_times_cover_the_rates_and_a_quarter_are_uneven() -> None:
    rng = np.random.default_rng(0)
    windows = [frame_times(rng, 8, (12.0, 60.0)) for _ in range(4000)]
    steps = np.diff(np.stack(windows), axis=1)
    assert all(times[0] == 0 for times in windows)
    assert steps.min() > 0.7 / 60 - 1e-9
    spread = steps.max(axis=1) / steps.min(axis=1)
    even = spread < 1 + 1e-6
    assert abs(1 - even.mean() - 0.25) < 0.02
    assert np.isclose(spread[~even], 2).any() and np.isclose(spread[~even], 3).any()  # frames lost
    rates = 1 / steps[even, 0]
    assert rates.min() >= 12 - 1e-6 and rates.max() < 60
    # Log-uniform: the median is the geometric mean of the ends.
    assert np.median(rates) == pytest.approx(np.sqrt(12 * 60), rel=0.05)
    fixed = np.stack([frame_times(rng, 5, (30.0, 30.0)) for _ in range(200)])
    assert (np.isclose(np.diff(fixed, axis=1), 1 / 30).all(axis=1)).mean() > 0.6


@pytest.mark.parametrize(("frames", "count"), [(1, 2500), (8, 900)])
def test_expressions_are_independent_of_the_heads_pose(frames: int, count: int) -> None:
    """No net may read brows, gaze or a sideways jaw off the head's angles: |r| < 0.1 for each of them."""
    rng = np.random.default_rng(4)
    actions = [sample_action(rng, frames, (12.0, 60.0)) for _ in range(count)]
    w = np.concatenate([a.weights for a in actions]).astype(float)
    angles = np.concatenate([a.angles for a in actions])

    def mean(*names: str) -> np.ndarray:
        return np.mean([w[:, ARKIT.index(name)] for name in names], axis=0)

    pitch, yaw, roll = angles[:, 1], angles[:, 0], angles[:, 2]
    for values, angle in (
        (mean("browInnerUp"), pitch),
        (mean("browOuterUpLeft", "browOuterUpRight"), pitch),
        (mean("browDownLeft", "browDownRight"), pitch),
        (mean("eyeLookUpLeft", "eyeLookUpRight") - mean("eyeLookDownLeft", "eyeLookDownRight"), pitch),
        (mean("eyeBlinkLeft", "eyeBlinkRight"), pitch),
        (mean("eyeLookOutLeft", "eyeLookInRight") - mean("eyeLookInLeft", "eyeLookOutRight"), yaw),
        (mean("jawLeft") - mean("jawRight"), roll),
        (mean("mouthLeft") - mean("mouthRight"), roll),
        (mean("jawLeft") - mean("jawRight"), yaw),
    ):
        assert abs(np.corrcoef(values, angle)[0, 1]) < 0.1
