"""The benchmarks of capture against what is known: delays that were made, bars that are measured, peers read back."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import capture_real, capture_sight, capture_speed, capture_time, plots, refs, track
from mien.core import ARKIT, Clip, MienError
from mien.engine.figures import Figure, Result
from mien.runtime import Bundle

BLINK, JAW = ARKIT.index("eyeBlinkLeft"), ARKIT.index("jawOpen")


def test_the_performance_blinks_and_opens_its_jaw_fully_and_comes_to_rest() -> None:
    clip = capture_time.performance(3)
    for column in (BLINK, JAW):
        curve = clip.weights[:, column]
        assert curve.max() == pytest.approx(1, abs=1e-3) and curve[0] == curve[-1] == 0
        starts = np.flatnonzero((curve[:-1] == 0) & (curve[1:] > 0))
        assert len(starts) >= 3
        assert len(np.unique(np.round(clip.times[starts] * 60 % 1, 2))) > 1  # no frame of 60 a second hits them all
    assert np.array_equal(clip.weights[:, BLINK], clip.weights[:, ARKIT.index("eyeBlinkRight")])
    assert not np.array_equal(clip.weights, capture_time.performance(4).weights)


@pytest.mark.parametrize("late", [0.0, 0.012, 0.05])
@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_a_delay_is_measured_to_a_part_of_a_frame(late: float, fps: float) -> None:
    dense = capture_time.performance(1)
    times = np.arange(round(fps * 3.5)) / fps + 0.1
    truth, answer = (
        Clip(
            times=times,
            weights=np.stack([np.interp(times - shift, dense.times, column) for column in dense.weights.T], axis=1),
        )
        for shift in (0.0, late)
    )
    assert capture_time.delays(answer, truth) == pytest.approx(1e3 * late, abs=3.0)
    rows = capture_time.moving(answer, truth, None)
    assert rows["off"]["lag_ms_median"] == pytest.approx(1e3 * late, abs=3.0)
    assert rows["live"]["lag_ms_median"] >= rows["off"]["lag_ms_median"] - 1
    assert abs(rows["ahead"]["lag_ms_median"] - rows["off"]["lag_ms_median"]) < 2


def report() -> dict:
    rest = {name: {"jitter_mean": j, "jitter_worst_channel": 2 * j, "head_degrees": 0.1}
            for name, j in (("off", 1e-3), ("live", 3e-4), ("ahead", 4e-5))}  # fmt: skip
    late = {name: {"blink_lag_ms": 20.0, "jaw_lag_ms": 5.0} for name in rest}
    real = {name: {"lag_ms_worst": 4.0, "blink_loss_worst": 0.01} for name in rest}
    return {
        "rest": {"filters": rest, "five_points_eye_distances": 2e-4},
        "rendered": {"30": late, "60": late},
        "real": {"a": real},
    }


def test_jitter_and_delay_stand_in_one_row() -> None:
    lines = capture_time.table(report()).splitlines()
    live = next(line for line in lines if line.startswith("| live"))
    assert live.count("|") == lines[0].count("|") == 11
    assert "3.0e-04" in live and "20.0" in live and "5.0" in live
    figures = capture_time.figures_of(report())
    assert len({figure.name for figure in figures}) == len(figures) == 3 * 6
    assert all(figure.ours is not None for figure in figures)


def written(name: str, details: dict, figures: list[Figure]) -> dict[str, Figure]:
    """The figures as they come back from JSON, which has no NaN, by name."""
    result = Result(name=name, figures=tuple(figures), details=details)
    back = Result.from_json(json.loads(json.dumps(result.to_json(), allow_nan=False)))
    assert len({figure.name for figure in back.figures}) == len(figures)
    return {figure.name: figure for figure in back.figures}


def test_real_videos_and_portraits_become_figures() -> None:
    details = {
        "scores": {"one": {"blink": 0.9, "yaw": float("nan")}},
        "medians": {"blink": 0.9, "yaw": float("nan"), "blink_precision": 0.5},
        "medians_beside": {"MediaPipe": {"blink": 0.8}},
        "portraits": {
            "portraits": 20, "nme": 0.0123, "nme_of_mean_face": 0.03,
            "neutral_bias_worst": 0.06, "neutral_bias": {"jawOpen": 0.01, "browInnerUp": 0.06},
        },
    }  # fmt: skip
    figures = written("capture_real", details, capture_real.figures_of(details))
    assert len(figures) == 2 * len(refs.WHAT) + 2
    blink, yaw = figures["Real video: closing of the eyes"], figures["Real video: head turned sideways"]
    assert blink.unit == "correlation, median of 1 videos" and blink.target == refs.TARGETS["blink"]
    assert blink.ours == 0.9 and blink.baselines == {"MediaPipe": 0.8} and blink.reached
    assert yaw.ours is None and yaw.reason == "the reference never moves" and yaw.reached is None
    assert figures["Real video: share of reported blinks that are real"].unit.startswith("precision")
    assert figures["Real video one: closing of the eyes"].ours == 0.9
    (bias,) = [figure for name, figure in figures.items() if "browInnerUp" in name]
    assert bias.ours == 0.06 and bias.reached is False
    (nme,) = [figure for name, figure in figures.items() if "landmark error" in name]
    assert nme.ours == 0.0123 and nme.baselines == {"mean portrait on the same five points": 0.03} and nme.short


def test_speed_and_tracking_become_figures() -> None:
    looks = {"once": {"median_ms": 1.25}, "with mirror": {"median_ms": 2.5}}
    frame = {f"{backend} {look}": values for backend in ("onnx", "ncnn") for look, values in looks.items()}
    details = {"whole_frame": {"640x480": frame, "1280x720": frame}}
    figures = written("capture_speed", details, capture_speed.figures_of(details))
    assert [figure.target for figure in figures.values()] == [2, 2, 3, 3]
    assert [figure.short for figure in figures.values()] == [True, False, False, False]
    assert all(f.ours == 1.25 and list(f.baselines.values()) == [2.5] and f.reached for f in figures.values())
    clip = {"frames": 10, "missed": [3], "still_jitter_eye_distances": 0.0012}
    details = {
        "speed": {"640x480 a": {"track_ms": 0.5, "cascade_40_ms": 10.0, "faster_than_cascade_40": 20.0}},
        "quality": {"a.mp4": clip, "b.mp4": {**clip, "missed": []}, "no_face.mp4": {"frames_with_a_face": []},
                    "face_noface.mov": {"missed": 0, "invented": 0}},
    }  # fmt: skip
    figures = written("track", details, track.figures_of(details))
    assert figures["Frames missed, of 20 with a face in 2 real videos"].ours == 1
    jitter = "Jitter of the five points under noise (sigma 3), worst video"
    assert figures[jitter].ours == pytest.approx(1.2)
    assert figures["Following a face against finding it anew, slowest clip: times faster"].ours == 20
    for values in details["quality"].values():
        values["still_jitter_eye_distances"] = None
    short = written("track", details, track.figures_of(details))[jitter]
    assert short.ours is None and short.reason == "no video is long enough"


def test_covers_become_figures() -> None:
    covers = {"a mask": {"region": "mouth", "held": 0.9, "held_without": 0.1}}
    details = {"frames": 30, "covers": covers}
    ((name, figure),) = written("capture_sight", details, capture_sight.figures_of(details)).items()
    assert "mouth behind a mask" in name and "30 real frames" in name
    assert figure.ours == 0.9 and figure.baselines == {"nothing before the face": 0.1}


def test_bars_are_as_long_as_they_say() -> None:
    series = {"mien": {"jawOpen": 1.0, "cheekPuff": 0.5}, "ridge": {"jawOpen": 0.25, "cheekPuff": None}}
    image = plots.channel_chart(series, "title").image
    below_legend = 2 * 56
    ours, other = ((image == color).all(axis=2)[below_legend:].sum(axis=1) for color in plots._COLORS[:2])
    full = ours.max()
    assert full == 2 * 520
    assert set(ours.tolist()) == {0, full, full // 2}
    assert set(other.tolist()) == {0, full // 4}
    assert plots.time_chart(report()).image.shape[2] == 3


def test_a_peers_curves_stand_beside(assets: Path, tmp_path: Path) -> None:
    """Curves that another tool made, as Live Link CSV, one for each video."""
    name = "liveportrait_d9"
    reference = refs.load_refs(assets / "refs" / f"{name}.npz")
    frames = len(reference["valid"])
    weights = np.zeros((frames, 52))
    opening = reference["mediapipe_mouth_open"]
    weights[:, JAW] = (opening - np.nanmin(opening)) / (np.nanmax(opening) - np.nanmin(opening))
    Clip(times=np.arange(frames) / float(reference["fps"]), weights=weights).save(tmp_path / f"{name}.csv")
    clips = capture_real.peer_clips(tmp_path, {name: Path("unused.mp4")})
    score = refs.score(clips[name], reference)
    assert score["mouth_open/mediapipe"] > 0.999 and "yaw" not in score
    shown = refs.table({name: score}, None, {"MediaPipe": refs.medians({name: score})})
    heads, _, first, *_ = shown.splitlines()
    assert heads.split(" | ")[-2] == "median, MediaPipe"
    assert first.count("|") == heads.count("|")
    with pytest.raises(MienError, match=r"no liveportrait_d3\.csv"):
        capture_real.peer_clips(tmp_path, {"liveportrait_d3": Path("unused.mp4")})


@pytest.mark.parametrize("cover", capture_sight.COVERS, ids=lambda cover: cover.name)
@pytest.mark.parametrize("turn", [0.0, 15.0])
def test_a_cover_hides_its_own_region_alone(cover: capture_sight.Cover, turn: float) -> None:
    face = Bundle.load("capture").arrays["landmarks_neutral"][:, :2] * (1.0, -1.0)
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    points = 2.0 * face @ np.array([[c, s], [-s, c]]) + 250.0
    image = np.full((500, 500, 3), 120, np.uint8)
    covered = cover.draw(image, points)
    regions = {"eyes": [*range(36, 48)], "brows": [*range(17, 27)], "mouth": [*range(48, 68)]}
    for region, ids in regions.items():
        x, y = points[ids].round().astype(int).T
        inside = y < len(covered)
        hidden = ~inside
        hidden[inside] = (covered[y[inside], x[inside]] != 120).any(axis=1)
        assert hidden.mean() > 0.7 if region == cover.region else hidden.mean() < 0.3, region
