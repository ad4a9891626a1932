"""Takes, contact sheets, and what happens without EGL."""

from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, Clip, MienError
from mien.core.transforms import angles_from_quaternion, gaze_from_weights, quaternion_from_angles
from mien.io.video import open_video, read_image
from mien.synth.clip import render_take
from mien.synth.preview import contact_sheet
from mien.synth.renderer import Renderer


def _clip() -> Clip:
    """A jaw that opens over 0.2 s while the head turns, at uneven times."""
    times = np.array([1.0, 1.03, 1.1, 1.2])
    weights = np.zeros((4, 52), np.float32)
    weights[:, ARKIT.index("jawOpen")] = [0.0, 0.12, 0.4, 0.8]
    weights[:, ARKIT.index("tongueOut")] = 0.5
    angles = np.stack([np.linspace(0, 0.3, 4), np.zeros(4), np.zeros(4)], axis=1)
    return Clip(times=times, weights=weights, head_rotation=quaternion_from_angles(angles))


def test_a_take_performs_the_clip(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    taken = render_take(_clip(), path, seed=2, width=192, height=144, fps=25)
    frames = list(open_video(path))
    assert len(frames) == len(taken) == 6
    np.testing.assert_allclose([f.time for f in frames], taken.times, atol=1e-3)
    assert {f.image.shape for f in frames} == {(144, 192, 3)}
    np.testing.assert_allclose(taken.times, np.arange(6) / 25)
    jaw = np.interp(1 + taken.times, _clip().times, _clip().curve("jawOpen"))
    np.testing.assert_allclose(taken.curve("jawOpen"), jaw, atol=1e-6)
    np.testing.assert_allclose(taken.curve("tongueOut"), 0.5)
    assert taken.head_rotation is not None
    yaw = angles_from_quaternion(taken.head_rotation)[:, 0]
    assert (np.diff(yaw) > 0).all()
    np.testing.assert_allclose(taken.gaze, gaze_from_weights(taken.weights))
    # The lower half of the face moves more than the empty corners.
    change = np.abs(frames[-1].image.astype(int) - frames[0].image).mean(axis=2)
    assert change[72:120, 70:122].mean() > 3 * change[:20, :20].mean()


def test_a_take_that_cannot_be(tmp_path: Path) -> None:
    empty = Clip(times=np.zeros(0), weights=np.zeros((0, 52), np.float32))
    with pytest.raises(MienError, match="no frames"):
        render_take(empty, tmp_path / "x.mp4", seed=0, width=128, height=96, fps=30)
    with pytest.raises(MienError, match="cannot be rendered"):
        render_take(_clip(), tmp_path / "x.mp4", seed=0, width=4000, height=96, fps=30)
    with pytest.raises(MienError):
        render_take(_clip(), tmp_path / "nowhere" / "x.mp4", seed=0, width=128, height=96, fps=30)
    assert not list(tmp_path.iterdir())


def test_a_contact_sheet(tmp_path: Path) -> None:
    contact_sheet(tmp_path / "sheet.png", 1, 1, 2)
    image = read_image(tmp_path / "sheet.png")
    assert image.shape == (192, 384, 3)
    green = (image == (0, 255, 0)).all(axis=-1)
    assert green[:, 192:].any()
    assert not green[:, :192].any()
    with pytest.raises(MienError, match="at least one"):
        contact_sheet(tmp_path / "none.png", 1, 0, 2)
    with pytest.raises(MienError, match="png"):
        contact_sheet(tmp_path / "sheet.txt", 1, 1, 1)


def test_without_egl_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import moderngl

    def missing(**_: object) -> None:
        raise Exception("libEGL.so not loaded")  # what glcontext raises

    monkeypatch.setattr(moderngl, "create_context", missing)
    with pytest.raises(MienError, match="libegl1 libgl1 libgl1-mesa-dri"):
        Renderer()
