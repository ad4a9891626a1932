"""Windows of performances and stills: limits, smoothness, statistics, coverage, determinism."""

from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core import ARKIT, Clip, MienError
from mien.synth.motion import motion_at, prepare_takes, sample_motion, sample_still
from mien.synth.motion.brows import brow_pose, brow_track
from mien.synth.motion.calisthenics import calisthenics_track
from mien.synth.motion.expressions import EMOTIONS, EXPRESSIONS, expression_apex
from mien.synth.motion.eyes import NATURAL_BLINK_INTERVAL, blink_onsets, blink_track, gaze_track
from mien.synth.motion.groups import AT, MIRROR, REGION_COLUMNS, UNITS, expand
from mien.synth.motion.head import ANGLE_LIMITS, head_track
from mien.synth.motion.plausible import plausible
from mien.synth.motion.recorded import STATISTICS_FILE, Take, rom_track, take_track
from mien.synth.motion.speech import close_lips, speech_track
from mien.synth.motion.statistics import autoregression, derive, main


@pytest.fixture(scope="module")
def takes(assets) -> tuple[Take, ...]:
    return prepare_takes([Clip.load(assets / "motion" / f"alex_rom_{n}.csv") for n in (3, 4)])


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([12.0, 23.976, 30.0, 60.0, 120.0]))
def test_every_window_is_plausible(assert_plausible, seed: int, frames: int, fps: float) -> None:
    motion = sample_motion(np.random.default_rng(seed), frames, fps)
    assert_plausible(motion.weights)
    assert motion.weights.shape == (frames, 52)
    np.testing.assert_allclose(motion.times, np.arange(frames) / fps)
    assert motion.angles.shape == motion.translation.shape == (frames, 3)
    assert (np.abs(motion.angles) <= ANGLE_LIMITS).all()
    assert np.isfinite(motion.translation).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_still_is_plausible(assert_plausible, seed: int) -> None:
    weights, angles = sample_still(np.random.default_rng(seed))
    assert_plausible(weights)
    assert angles.shape == (3,)


def test_same_seed_same_motion(takes) -> None:
    for given_takes in ((), takes):
        a, b = (sample_motion(np.random.default_rng(7), 30, 30, takes=given_takes) for _ in range(2))
        c = sample_motion(np.random.default_rng(8), 30, 30, takes=given_takes)
        assert np.array_equal(a.weights, b.weights) and np.array_equal(a.angles, b.angles)
        assert not np.array_equal(a.weights, c.weights)
    first, second = (sample_still(np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


@pytest.mark.parametrize("bad", [(0, 30.0), (8, 0.0), (8, -1.0), (8, float("nan")), (8, float("inf"))])
def test_bad_windows_are_refused(bad) -> None:
    with pytest.raises(MienError, match="at least one frame"):
        sample_motion(np.random.default_rng(0), *bad)


@pytest.mark.parametrize("recorded", [False, True])
def test_speeds_stay_within_what_faces_do(recorded: bool, takes) -> None:
    """Largest speeds of the takes at 30 Hz [1/s]: lids 15.8, gaze 17.3, mouth 11.9; at 240 Hz true peaks are higher."""
    rng = np.random.default_rng(11)
    speed = np.zeros(52)
    accelerations = []
    for _ in range(60):
        w = sample_motion(rng, 120, 240.0, takes=takes if recorded else ()).weights.astype(float)
        speed = np.maximum(speed, np.abs(np.diff(w, axis=0)).max(axis=0) * 240)
        accelerations.append(np.abs(np.diff(w, 2, axis=0)))
    eyes = np.array([name.startswith("eye") for name in ARKIT])
    assert speed[eyes].max() < 90  # A 55 ms closing peaks at 34 / s; eyeWide gives way 2.5 times as fast.
    assert speed[~eyes].max() < 40
    assert np.median(speed[~eyes]) < 15
    # Smooth: hardly any frame at 240 Hz bends by more than a few percent.
    assert np.percentile(np.concatenate(accelerations), 99.9) < 0.06


def test_slow_sampling_sees_the_same_curve() -> None:
    """Motion is a function of time: a 30 fps window is every fourth frame of nothing random per frame."""
    for seed in range(30):
        w = sample_motion(np.random.default_rng(seed), 2, 2000.0).weights
        assert np.abs(np.diff(w, axis=0)).max() < 0.08


def test_blink_intervals_are_log_normal() -> None:
    rng = np.random.default_rng(0)
    onsets = blink_onsets(rng, 0.0, 6000.0, NATURAL_BLINK_INTERVAL)
    intervals = np.diff(onsets)
    assert np.median(intervals) == pytest.approx(NATURAL_BLINK_INTERVAL, rel=0.06)
    assert np.log(intervals).std() == pytest.approx(0.7, rel=0.06)
    assert 12 < 60 * len(onsets) / 6000 < 20  # Blinks a minute at rest.
    # Stationary: the first second of many windows holds as many as any other second.
    first = np.mean([len(blink_onsets(rng, 0.0, 1.0, NATURAL_BLINK_INTERVAL)) for _ in range(4000)])
    assert first == pytest.approx(len(onsets) / 6000, rel=0.12)


def test_blinks_close_fast_fully_and_together() -> None:
    t = np.arange(0, 600, 1 / 240)
    lids = blink_track(np.random.default_rng(1), t, NATURAL_BLINK_INTERVAL)
    both = lids.min(axis=1)
    closed = lids.max(axis=1) > 0.05
    edges = np.flatnonzero(np.diff(closed.astype(int)))
    starts, ends = edges[::2], edges[1::2]
    depth = np.array([lids[a : b + 1].max() for a, b in zip(starts, ends, strict=False)])
    assert np.mean(depth > 0.95) > 0.8
    closing = []
    for a, b in zip(starts, ends, strict=False):
        peak = a + np.argmax(both[a : b + 1])
        if both[peak] > 0.9:
            low = a + np.argmax(both[a : peak + 1] > 0.1 * both[peak])
            high = a + np.argmax(both[a : peak + 1] > 0.9 * both[peak])
            closing.append((high - low) / 240)
    # 10-90 % of a minimum-jerk ramp of 75 ms takes 0.51 of it.
    assert np.median(closing) == pytest.approx(0.51 * 0.075, rel=0.25)
    winks = [np.ptp(lids[a : b + 1].max(axis=0)) > 0.5 for a, b in zip(starts, ends, strict=False)]
    assert 0.02 < np.mean(winks) < 0.18


def test_gaze_reflex_keeps_looking_at_the_camera() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(0, 4, 1 / 60)
    angles = np.zeros((len(t), 3))
    angles[:, 0] = 0.4 * np.sin(2 * t)
    correlations = [correlation(gaze_track(rng, t, angles)[:, 0], angles[:, 0]) for _ in range(40)]
    assert min(correlations) < -0.95
    assert np.mean(np.array(correlations) < -0.9) > 0.1


def test_looking_down_lowers_the_lids() -> None:
    rng = np.random.default_rng(3)
    stills = np.stack([sample_still(rng)[0] for _ in range(3000)])
    down, blink = stills[:, AT["eyeLookDownLeft"]], stills[:, AT["eyeBlinkLeft"]]
    assert np.median(blink[down > 0.5]) > np.median(blink[down == 0]) + 0.05


def test_lips_meet_at_every_closure() -> None:
    t = np.arange(0, 20, 1 / 60)
    for seed in range(10):
        w, closure = speech_track(np.random.default_rng(seed), t)
        noisy = np.clip(w + 0.3 * (np.arange(52) == AT["jawOpen"]), 0, 1)
        shut = plausible(close_lips(noisy, closure))
        gap = shut[:, AT["jawOpen"]] - shut[:, AT["mouthClose"]]
        at = closure > 0.999
        assert at.any()
        assert gap[at].max() < 1e-3
        assert shut[at, AT["jawOpen"]].max() < 0.4
        assert shut[at, AT["mouthPressLeft"]].min() > 0.3
        assert shut[at][:, [AT["mouthLowerDownLeft"], AT["mouthUpperUpRight"], AT["mouthFunnel"]]].max() < 1e-3
        assert gap[closure == 0].max() > 0.3


def test_speech_repeats_syllables() -> None:
    """The jaw opens 2.5-7 times a second within phrases: its spectrum peaks in the syllable band."""
    t = np.arange(0, 60, 1 / 60)
    peaks = []
    for seed in range(8):
        jaw = speech_track(np.random.default_rng(seed), t)[0][:, AT["jawOpen"]]
        rising = (jaw[1:-1] > jaw[:-2]) & (jaw[1:-1] >= jaw[2:]) & (jaw[1:-1] > 0.1)
        peaks.append(rising.sum() / 60)
    assert 1.5 < np.mean(peaks) < 6.0


def test_calisthenics_move_one_unit_at_a_time() -> None:
    t = np.arange(0, 400, 1 / 30)
    w = calisthenics_track(np.random.default_rng(0), t)
    assert {name for name in AT if w[:, AT[name]].max() > 0.6} == set(AT)
    units = [np.array([AT[name] for name in unit]) for unit in UNITS]
    on = w > 0.02
    alone = np.array([any(set(np.flatnonzero(row)) <= set(unit) for unit in units) for row in on])
    assert alone.mean() > 0.6


def test_expressions_name_real_channels_and_differ_by_side() -> None:
    assert set(EMOTIONS) <= set(EXPRESSIONS)
    for shape in EXPRESSIONS.values():
        for stem, (low, high) in shape.items():
            assert expand(stem) and 0 <= low < high <= 1
    rng = np.random.default_rng(0)
    apexes = np.stack([expression_apex(rng) for _ in range(500)])
    uneven = np.abs(apexes - apexes[:, MIRROR]).max(axis=1)
    assert np.mean(uneven > 0.3) > 0.2
    assert np.mean(uneven < 0.25) > 0.15


def test_still_coverage() -> None:
    rng = np.random.default_rng(0)
    stills = np.stack([sample_still(rng)[0] for _ in range(6000)])
    active = (stills > 0.05).mean(axis=0)
    for name in AT:
        values = stills[:, AT[name]]
        assert active[AT[name]] > (0.05 if name == "tongueOut" else 0.08), name
        assert np.mean(values[values > 0.05] > 0.5) > 0.1, name
        assert values.max() > 0.95, name
    assert 0.08 < (stills == 0).all(axis=1).mean() < 0.13


def test_short_windows_move_every_channel() -> None:
    rng = np.random.default_rng(1)
    windows = np.stack([sample_motion(rng, 8, 30.0).weights for _ in range(2000)])
    moving = (np.ptp(windows, axis=1) > 0.05).mean(axis=0)
    assert min(moving[AT[name]] for name in AT) > 0.015
    assert (windows[:, :, AT["eyeBlinkLeft"]].max(axis=1) > 0.8).mean() > 0.1


def test_rom_track_looks_like_the_takes(takes) -> None:
    """Means, spreads and correlations of the fitted generator follow the recordings it was fitted to."""
    rng = np.random.default_rng(0)
    fake = np.concatenate([rom_track(rng, np.arange(0, 60, 1 / 30)) for _ in range(20)])
    real = np.concatenate([take.weights for take in takes])
    names = ("mouthSmileLeft", "jawOpen", "browInnerUp", "browDownLeft", "noseSneerLeft", "mouthLowerDownLeft")
    columns = [AT[name] for name in names]
    fake_r, real_r = np.corrcoef(fake[:, columns].T), np.corrcoef(real[:, columns].T)
    upper = np.triu_indices(len(names), 1)
    assert correlation(fake_r[upper], real_r[upper]) > 0.8
    assert correlation(fake.std(axis=0)[columns], real.std(axis=0)[columns]) > 0.7
    smile = (AT["mouthSmileLeft"], AT["mouthSmileRight"])
    assert correlation(fake[:, smile[0]], fake[:, smile[1]]) > 0.9


def test_take_windows_come_from_the_take() -> None:
    t = np.arange(0, 40, 1 / 30)
    weights = np.zeros((len(t), 52))
    weights[:, AT["jawOpen"]] = 0.5 + 0.5 * np.sin(t)
    weights[:, AT["browDownLeft"]] = 0.5 + 0.5 * np.cos(3 * t)
    weights[100:110] = np.nan
    (take,) = prepare_takes([Clip(times=t, weights=weights, source="made up")])
    assert np.isfinite(take.weights).all()
    rng = np.random.default_rng(0)
    windows = np.concatenate([take_track(rng, np.arange(8) / 30, (take,)) for _ in range(100)])
    moved = {ARKIT[i] for i in np.flatnonzero(windows.max(axis=0) > 0.05)}
    assert moved == {"jawOpen", "browDownLeft", "browDownRight"}  # The right brow by mirroring.


def test_a_take_without_a_face_is_refused() -> None:
    empty = Clip(times=np.arange(3.0), weights=np.full((3, 52), np.nan), source="dark.csv")
    with pytest.raises(MienError, match=r"dark\.csv"):
        prepare_takes([empty])


def test_statistics_recover_a_known_process() -> None:
    """AR(2) seen through any monotone curve gives its coefficients back: scores are rank-normalised first."""
    rng = np.random.default_rng(0)
    first, second = 1.6, -0.68
    z = np.zeros((40000, 1))
    for i in range(2, len(z)):
        z[i] = first * z[i - 1] + second * z[i - 2] + rng.standard_normal()
    scores = np.exp(0.7 * z / z.std())
    np.testing.assert_allclose(autoregression([scores[:15000], scores[15000:]])[0], [first, second], atol=0.02)


def test_statistics_recover_a_known_component() -> None:
    rng = np.random.default_rng(0)
    level = np.clip(rng.standard_normal(4000), 0, 3) / 3
    weights = 1e-4 * rng.random((len(level), 52))
    weights[:, AT["jawOpen"]], weights[:, AT["mouthStretchLeft"]] = level, 0.5 * level
    arrays = derive([Clip(times=np.arange(len(level)) / 30.0, weights=weights)])
    channels = arrays["channels"].tolist()
    expected = np.zeros(len(channels))
    expected[channels.index("jawOpen")], expected[channels.index("mouthStretchLeft")] = 1.0, 0.5
    np.testing.assert_allclose(np.abs(arrays["components"][0]), expected / np.linalg.norm(expected), atol=0.01)
    assert float(arrays["explained"]) > 0.999
    with pytest.raises(MienError, match="at least 10 s"):
        derive([Clip(times=np.arange(5) / 30.0, weights=np.zeros((5, 52)), source="short.csv")])


def test_statistics_command_writes_what_the_package_holds(assets, tmp_path) -> None:
    out = tmp_path / "statistics.npz"
    takes = [str(assets / "motion" / f"alex_rom_{n}.csv") for n in (3, 4)]
    main([*takes, "--out", str(out)])
    with np.load(out) as made, resources.files("mien.synth.motion").joinpath(STATISTICS_FILE).open("rb") as file:
        packaged = np.load(file)
        assert set(made.files) == set(packaged.files)
        for name in made.files:
            if made[name].dtype.kind == "f":
                # Singular vectors are defined up to sign, which another LAPACK may choose otherwise.
                np.testing.assert_allclose(np.abs(made[name]).sum(), np.abs(packaged[name]).sum(), rtol=1e-3)
            else:
                np.testing.assert_array_equal(made[name], packaged[name])


def test_head_stays_in_its_band_and_range() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(0, 30, 1 / 60)
    rest = []
    for _ in range(100):
        angles, translation = head_track(rng, t, speaking=True)
        assert (np.abs(angles) < ANGLE_LIMITS).all()
        assert np.abs(np.diff(translation, axis=0)).max() * 60 < 400  # mm/s
        rest.append(angles.mean(axis=0))
    assert np.degrees(np.std(rest, axis=0)[0]) > 10


def test_motion_is_seen_at_the_times_asked_for() -> None:
    """Uneven frames show the very performance that even ones do, but for the tone of randomness that none has."""
    times = np.array([0.0, 0.02, 0.09, 0.1, 0.21])
    uneven = motion_at(np.random.default_rng(3), times)
    dense = motion_at(np.random.default_rng(3), np.round(np.arange(0, 0.2101, 0.01), 2))
    assert np.array_equal(uneven.times, times)
    np.testing.assert_allclose(uneven.angles, dense.angles[[0, 2, 9, 10, 21]], atol=1e-9)
    assert np.abs(uneven.weights - dense.weights[[0, 2, 9, 10, 21]]).max() < 0.05


def test_brows_take_every_pattern_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    poses = np.stack([brow_pose(rng) for _ in range(2000)])
    others = np.setdiff1d(np.arange(52), REGION_COLUMNS["brows"])
    assert not poses[:, others].any()
    assert (poses[:, REGION_COLUMNS["brows"]].max(axis=0) > 0.95).all()
    inner, outer = poses[:, AT["browInnerUp"]], poses[:, AT["browOuterUpLeft"]]
    assert ((inner > 0.3) & (outer == 0)).mean() > 0.1 < ((inner == 0) & (outer > 0.3)).mean()
    track = brow_track(rng, np.arange(0, 60, 1 / 30))
    assert not track[:, others].any() and track.min() >= 0 and track.max() <= 1


def test_brows_lids_and_a_resting_face_are_seen_alone() -> None:
    rng = np.random.default_rng(2)
    face = np.setdiff1d(np.arange(52), REGION_COLUMNS["eyes"])
    still = np.setdiff1d(face, REGION_COLUMNS["brows"])
    stills = np.stack([sample_still(rng)[0] for _ in range(1500)])
    assert (
        (stills[:, REGION_COLUMNS["brows"]].max(axis=1) > 0.25) & (stills[:, still].max(axis=1) < 0.05)
    ).mean() > 0.05
    lids = stills[:, [AT["eyeBlinkLeft"], AT["eyeBlinkRight"]]]
    assert (lids.min(axis=1) > 0.8).mean() > 0.025
    assert (np.abs(np.diff(lids, axis=1)) > 0.5).mean() > 0.025
    windows = np.stack([sample_motion(rng, 8, 30.0).weights for _ in range(500)])
    moved = np.ptp(windows, axis=1)
    assert ((moved[:, REGION_COLUMNS["brows"]].max(axis=1) > 0.1) & (moved[:, still].max(axis=1) < 0.02)).mean() > 0.02
    assert (moved[:, face].max(axis=1) < 0.02).mean() > 0.02
