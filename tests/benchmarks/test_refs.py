"""The reference score on clips made from the references themselves: perfect scores 1, flipped -1."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mien.core import ARKIT, Clip, MienError
from mien.core.channels import index, mirrored
from mien.core.transforms import quaternion_from_angles, weights_from_gaze
from mien.engine.figures import Result

AT = index(ARKIT)
NAMES = ("WolfgangLanger_Pexels", "liveportrait_d3", "liveportrait_d9", "liveportrait_d18")
SIDES = {"L": "Left", "R": "Right"}


@pytest.fixture(scope="module")
def refs_module() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "refs.py"
    spec = importlib.util.spec_from_file_location("mien_benchmarks_refs", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unit(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / np.ptp(values)


def perfect_clip(refs: dict[str, np.ndarray], *, sign: float = 1.0) -> Clip:
    """A capture that follows MediaPipe's curves exactly (sign 1) or exactly wrongly (sign -1)."""
    frames = len(refs["valid"])

    def curve(name: str, direction: float = 1.0) -> np.ndarray:
        return unit(sign * direction * refs["mediapipe_" + name].astype(float))

    weights = np.zeros((frames, 52))
    gaze = np.zeros((frames, 2, 2))
    weights[:, AT["jawOpen"]] = curve("mouth_open")
    weights[:, AT["mouthPucker"]] = curve("mouth_width", -1)
    for eye, (short, side) in enumerate(SIDES.items()):
        weights[:, AT["eyeBlink" + side]] = curve(f"ear_{short}", -1)
        corner = curve(f"corner_up_{short}") - 0.4
        weights[:, AT["mouthSmile" + side]] = np.maximum(corner, 0)
        weights[:, AT["mouthFrown" + side]] = np.maximum(-corner, 0)
        brow = curve(f"brow_{short}") - 0.5
        weights[:, AT["browOuterUp" + side]] = np.maximum(brow, 0)
        weights[:, AT["browDown" + side]] = np.maximum(-brow, 0)
        gaze[:, eye, 0] = 0.3 * (curve(f"gaze_x_{short}") - 0.5)
        gaze[:, eye, 1] = -0.3 * (curve(f"gaze_y_{short}") - 0.5)
    weights += weights_from_gaze(gaze)
    angles = np.radians(np.stack([sign * refs["mediapipe_" + n] for n in ("yaw", "pitch", "roll")], axis=1))
    times = np.arange(frames) / float(refs["fps"])
    return Clip(times=times, weights=weights, head_rotation=quaternion_from_angles(angles.astype(float)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_perfect_and_flipped(name: str, sign: float, assets, refs_module) -> None:
    refs = refs_module.load_refs(assets / "refs" / f"{name}.npz")
    figures = refs_module.score(perfect_clip(refs, sign=sign), refs)
    names = ["mouth_open/mediapipe", "mouth_width/mediapipe", "blink_L", "blink_R", "gaze_x", "gaze_y"]
    names += [f"{n}/mediapipe" for n in ("yaw", "pitch", "roll")]
    names += [f"{n}_{side}/mediapipe" for n in ("corner_up", "brow") for side in "LR"]
    for figure in names:
        assert figures[figure] == pytest.approx(sign, abs=1e-4), figure
    assert sign * figures["blink"] > 0.98  # The mean of two sides, each scaled to its own range.
    agreement = refs_module.agreement(refs)
    for figure in ("mouth_open", "mouth_width", "yaw", "pitch", "roll"):
        # Following one tracker, the other is followed as far as the two agree; the figure is the median of both.
        assert figures[f"{figure}/openseeface"] == pytest.approx(sign * agreement[figure], abs=1e-4)
        assert figures[figure] == pytest.approx((sign + sign * agreement[figure]) / 2, abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_blinks_from_the_reference_are_all_found(name: str, assets, refs_module) -> None:
    refs = refs_module.load_refs(assets / "refs" / f"{name}.npz")
    clip = perfect_clip(refs)
    weights = clip.weights.copy()
    lids = [AT["eyeBlinkLeft"], AT["eyeBlinkRight"]]
    weights[:, lids] = 0
    for first, last, lowest in refs["blinks"]:
        assert first <= lowest <= last
        weights[first : last + 1, lids] = 1
    figures = refs_module.score(replace(clip, weights=weights), refs)
    assert figures["blink_precision"] == figures["blink_recall"] == 1.0
    weights[:, lids] = 0
    figures = refs_module.score(replace(clip, weights=weights), refs)
    assert np.isnan(figures["blink_precision"]) and figures["blink_recall"] == 0.0 and figures["blink"] == 0.0


def test_a_mirrored_capture_is_found_out(assets, refs_module) -> None:
    """Swapping left and right lowers corners and turns horizontal gaze around."""
    refs = refs_module.load_refs(assets / "refs" / "liveportrait_d3.npz")
    clip = perfect_clip(refs)
    swapped = replace(clip, weights=clip.weights[:, [AT[mirrored(name)] for name in ARKIT]])
    right, wrong = refs_module.score(clip, refs), refs_module.score(swapped, refs)
    assert wrong["corner_up"] < right["corner_up"] - 0.05
    assert wrong["gaze_x"] < -0.5 < 0.9 < right["gaze_x"]


def test_a_mouth_is_as_wide_as_all_weights_make_it(assets, refs_module) -> None:
    """Smiles that follow the reference's width count there, and not where puckers alone are asked."""
    refs = refs_module.load_refs(assets / "refs" / "liveportrait_d18.npz")
    weights = np.zeros((len(refs["valid"]), 52))
    wide = unit(refs["mediapipe_mouth_width"].astype(float))
    weights[:, [AT["mouthSmileLeft"], AT["mouthSmileRight"]]] = wide[:, None]
    clip = replace(perfect_clip(refs), weights=weights)
    figures = refs_module.score(clip, refs)
    assert figures["mouth_width_shown/mediapipe"] > 0.98 and figures["mouth_width"] == 0.0
    weights[:, [AT["mouthSmileLeft"], AT["mouthSmileRight"]]] = 0
    weights[:, AT["mouthPucker"]] = 1 - wide
    figures = refs_module.score(replace(clip, weights=weights), refs)
    assert figures["mouth_width_shown/mediapipe"] > 0.98


def test_lost_frames_are_left_out(assets, refs_module) -> None:
    refs = refs_module.load_refs(assets / "refs" / "liveportrait_d9.npz")
    clip = perfect_clip(refs)
    weights = clip.weights.copy()
    weights[::7] = np.nan
    figures = refs_module.score(replace(clip, weights=weights), refs)
    assert figures["mouth_open/mediapipe"] == pytest.approx(1.0, abs=1e-4)


def test_without_head_pose_there_is_no_pose_figure(assets, refs_module) -> None:
    refs = refs_module.load_refs(assets / "refs" / "liveportrait_d9.npz")
    figures = refs_module.score(replace(perfect_clip(refs), head_rotation=None), refs)
    assert "yaw" not in figures
    assert "| yaw | nan |" in refs_module.table({"d9": figures})


def test_trackers_agree_as_documented(assets, refs_module) -> None:
    """The assets' README: mouth 0.94-0.95, corners 0.9, yaw 0.93, pitch 0.85; lids disagree."""
    middle = refs_module.medians(
        {n: refs_module.agreement(refs_module.load_refs(assets / "refs" / f"{n}.npz")) for n in NAMES}
    )
    assert middle["mouth_open"] > 0.9 and middle["corner_up"] > 0.85 and middle["yaw"] > 0.9
    assert middle["brow"] > 0.65 and middle["pitch"] > 0.8 and middle["blink"] < 0.5


def test_wrong_video_and_wrong_file(assets, refs_module, tmp_path) -> None:
    refs = refs_module.load_refs(assets / "refs" / "liveportrait_d9.npz")
    clip = perfect_clip(refs).select(np.arange(len(refs["valid"])) < 100)
    with pytest.raises(MienError, match="100 frames and its reference 587"):
        refs_module.score(clip, refs)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for name in ("other.npz", "missing.npz"):
        with pytest.raises(MienError):
            refs_module.load_refs(tmp_path / name)
    (tmp_path / "text.npz").write_text("no arrays")
    with pytest.raises(MienError, match=r"text\.npz"):
        refs_module.load_refs(tmp_path / "text.npz")


def test_command_prints_a_table_and_writes_json(assets, refs_module, tmp_path, capsys) -> None:
    paths = []
    for name in NAMES[:2]:
        refs = refs_module.load_refs(assets / "refs" / f"{name}.npz")
        paths.append(tmp_path / f"{name}.npz")
        perfect_clip(refs).save(paths[-1])
    refs_module.main([*map(str, paths), "--assets", str(assets), "--json", str(tmp_path / "scores.json"), "--dirty"])
    printed = capsys.readouterr().out
    assert "| mouth_open | " in printed and ">= 0.90" in printed
    result = Result.read(tmp_path / "scores.json")
    assert set(result.details["scores"]) == set(NAMES[:2])
    assert result.details["medians"]["mouth_open"] > 0.9
    assert result.figures[0].ours == result.details["medians"]["mouth_open"]
    with pytest.raises(SystemExit) as stop:
        refs_module.main([str(tmp_path / "nothing.npz"), "--assets", str(assets)])
    assert stop.value.code == 2
