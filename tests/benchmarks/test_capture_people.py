"""The benchmark of real people: what is compared with what, and every figure with its number or its reason."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks import capture_people, people_sheet, refs
from mien.core import Clip, MienError
from mien.engine.figures import Figure, Result
from mien.systems.capture.evaluation.amplitude import Followed
from mien.systems.capture.evaluation.face_curves import CURVES
from mien.systems.capture.evaluation.face_measures import MEASURES


def details() -> dict[str, Any]:
    cover = {"clear": 10, "eyes": 0.5, "brows": 0.2, "mouth": 0.0, "any": 0.6}
    row = {"clips": ["a", "b"], "r": 0.9, "gain": 0.9}
    return {
        "covers": {"canada": cover, "all": cover},
        "people": 21,
        "slopes": {who: dict.fromkeys(MEASURES, 0.5) for who in ("weights", "landmarks", "MediaPipe")},
        "at_rest": 41,
        "rest": {who: {"mean": 0.01, "worst": 0.09, "worst_channel": "jawOpen"} for who in ("ours", "MediaPipe")},
        "medians": {
            "ours": {"opening": row, "width": {**row, "gain": 1.2}, "corners": {**row, "gain": 0.84}},
            "MediaPipe": {"opening": {**row, "r": 0.8}, "width": {**row, "clips": ["a"]}},
        },
        "clips": {"a": {}, "b": {}, "c": {}},
        "alone": {"cheekPuff": {"ours": 0.7, "unlike": 0.1, "MediaPipe": 0.0}, "tongueOut": {"ours": 0.9, "unlike": 0}},
    }


def written(given: dict[str, Any]) -> dict[str, Figure]:
    """The figures as they come back from JSON, by name."""
    result = Result(name="capture_people", figures=tuple(capture_people.figures_of(given)), details=given)
    back = Result.from_json(json.loads(json.dumps(result.to_json(), allow_nan=False)))
    assert len({figure.name for figure in back.figures}) == len(back.figures)
    return {figure.name: figure for figure in back.figures}


def only(figures: dict[str, Figure], *words: str) -> Figure:
    (found,) = [figure for name, figure in figures.items() if all(word in name for word in words)]
    return found


def test_people_become_figures() -> None:
    figures = written(details())
    assert 5 <= sum(figure.short for figure in figures.values()) <= 10
    cover = only(figures, "from in front", "eyes, brows or mouth")
    assert cover.ours == 0.6 and cover.better == "lower" and cover.reached is False
    smile = only(figures, "Smiles of 21", "width")
    assert smile.ours == 0.5 and smile.target == 0.85
    assert smile.baselines == {"mien's landmarks": 0.5, "MediaPipe's blendshapes": 0.5}
    assert only(figures, "at rest", "worst channel (jawOpen)").target == 0.05
    opening = only(figures, "opening of the lips, correlation")
    assert opening.unit == "median of the 2 clips of 3 in which it moves" and opening.baselines == {
        "MediaPipe's blendshapes": 0.8
    }
    assert only(figures, "width of the mouth, correlation").baselines == {}, "over other clips"
    still = only(figures, "height of the brows, gain")
    assert still.ours is None and still.reason == "it moves in no clip" and still.target == 0.85
    assert (
        only(figures, "cheekPuff").baselines["MediaPipe"] == 0
        and "MediaPipe" not in only(figures, "tongueOut").baselines
    )


def test_a_gain_that_is_too_large_is_as_wrong_as_one_that_is_too_small() -> None:
    count = only(written(details()), "how many of 4 gains")
    assert count.ours == 1 and count.target == 4 and count.reached is False
    nothing = details() | {"medians": {"ours": {}}}
    assert only(written(nothing), "how many of 4 gains").ours is None


def test_medians_are_over_the_clips_that_move() -> None:
    clips = {
        "a": {"ours": {"brows": Followed(r=0.5, gain=1.0)}},
        "b": {"ours": {"brows": Followed(r=0.7, gain=2.0), "yaw": Followed(r=1.0, gain=1.0)}},
        "c": {"ours": {"brows": Followed(r=0.6, gain=9.0)}, "MediaPipe": {}},
        "d": {"ours": {}},
    }
    middle = capture_people.medians(clips, "ours")
    assert middle["brows"] == {"clips": ["a", "b", "c"], "r": 0.6, "gain": 2.0}
    assert middle["yaw"]["clips"] == ["b"]
    assert set(middle) == {"brows", "yaw"} and capture_people.medians(clips, "MediaPipe") == {}
    lines = capture_people.table(clips).splitlines()
    assert len(lines) == 2 + 5 and all(line.count("|") == len(CURVES) + 3 for line in lines)


@pytest.mark.parametrize("name", ["liveportrait_d3", "liveportrait_d9"])
def test_references_have_the_curves_signs(assets: Path, name: str) -> None:
    """Both trackers' curves agree in sign with each other, and the lids of the one that has rigid ones are left out."""
    curves = refs.load_refs(assets / "refs" / f"{name}.npz")
    first, second = (
        capture_people.curves_of_refs(curves, *which) for which in (("mediapipe", "_fr"), ("openseeface",))
    )
    assert set(first) == set(CURVES) and set(second) == set(CURVES) - {"lids", "gaze_x", "gaze_y"}
    for curve in ("width", "corners", "asymmetry", "brows", "yaw", "pitch"):
        known = np.isfinite(first[curve]) & np.isfinite(second[curve])
        assert np.corrcoef(first[curve][known], second[curve][known])[0, 1] > 0.3, curve
    left = curves["mediapipe_corner_up_L_fr"]
    np.testing.assert_allclose(first["corners"] + first["asymmetry"], 2 * left, atol=1e-6)
    down = (curves["mediapipe_gaze_y_L"] + curves["mediapipe_gaze_y_R"]) / 2
    open_eyes = np.isfinite(first["gaze_y"])
    np.testing.assert_allclose(first["gaze_y"][open_eyes], -down[open_eyes], atol=1e-6)


def test_only_held_out_clips_and_videos_with_a_judge_are_shown(
    assets: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chosen = Namespace(assets=assets, teacher=None, mediapipe=None)
    judged = {clip.name: clip for clip in capture_people.clips(chosen)}
    assert {"sbia1a", "swiz3n", "bird", "milk", "please", "sorry", "liveportrait_d3"} <= set(judged)
    assert not {"bbaf2n", "again", "single_face"} & set(judged)
    assert judged["sbia1a"].labels is not None and judged["liveportrait_d3"].labels is None
    assert "single_face: nothing to judge it by" in capsys.readouterr().out
    with pytest.raises(MienError, match=r"no single_face\.npz"):
        list(capture_people.clips(Namespace(assets=assets, teacher=tmp_path, mediapipe=None)))


def test_frames_that_differ_most_are_chosen() -> None:
    line = np.array([[0.0], [1.0], [2.0], [np.nan], [10.0], [9.0]])
    assert people_sheet.far_apart(line, 1) == [4]
    assert people_sheet.far_apart(line, 3) == [0, 2, 4]
    assert people_sheet.far_apart(line, 9) == [0, 1, 2, 4, 5]
    assert people_sheet.far_apart(np.full((3, 2), np.nan), 2) == []


def test_a_sheet_shows_each_face_beside_mo(tmp_path: Path) -> None:
    image = np.full((200, 300, 3), 40, np.uint8)
    image[50:150, 100:200] = (250, 20, 20)
    clip = Clip(times=np.zeros(1), weights=np.zeros((1, 52)))
    shown = [people_sheet.Shown(image=image, box=np.array([100.0, 50, 200, 150]), clip=clip)] * 7
    people_sheet.draw_sheet(tmp_path / "sheet.png", shown)
    side, across = people_sheet.SIDE, people_sheet.ACROSS
    sheet = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1]
    assert sheet.shape == (2 * side + 28, 2 * side * across, 3)
    assert sheet[side // 2, side // 2].tolist() == [250, 20, 20] and sheet[3, 3].tolist() == [40, 40, 40]
    assert not sheet[side : 2 * side, 2 * side :].any() and sheet[side : 2 * side, : 2 * side].any()
