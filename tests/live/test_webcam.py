"""A webcam as a source; no camera is needed, because OpenCV opens a file as it opens a camera."""

from pathlib import Path

import numpy as np
import pytest

from mien.core import MienError
from mien.io.video import open_video
from mien.live.webcam import Webcam


def test_a_webcam_gives_rgb_with_growing_times_and_none_is_one_clear_line(assets: Path) -> None:
    path = assets / "video" / "single_face.mp4"
    with Webcam(str(path)) as camera, open_video(path) as video:
        assert (camera.width, camera.height) == (video.width, video.height)
        pairs = [pair for pair, _ in zip(zip(camera, video, strict=False), range(5), strict=False)]
    times = [ours.time for ours, _ in pairs]
    assert times[0] == 0 and (np.diff(times) > 0).all()
    for ours, theirs in pairs:
        assert ours.index == theirs.index and ours.image.flags.c_contiguous
        assert np.abs(ours.image.astype(int) - theirs.image).mean() < 4, "the same pictures, the same order of colours"
    with pytest.raises(MienError, match="webcam 99 cannot be opened"):
        Webcam(99)
