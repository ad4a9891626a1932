from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.core import MienError
from mien.io.gif import write_gif


def pictures(count: int = 7) -> list[np.ndarray]:
    """A bright square that wanders over a soft ramp."""
    ramp = np.tile(np.linspace(40, 90, 64).astype(np.uint8)[None, :, None], (48, 1, 3))
    out = []
    for step in range(count):
        image = ramp.copy()
        image[10:20, 5 + 6 * step : 15 + 6 * step] = (250, 120, 30)
        out.append(image)
    return out


def test_another_reader_sees_the_pictures(tmp_path: Path):
    images = pictures()
    write_gif(tmp_path / "a.gif", images, delay=4)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 7 and gif.info["loop"] == 0 and gif.info["duration"] == 40
        for number, image in enumerate(images):
            gif.seek(number)
            shown = np.asarray(gif.convert("RGB")).astype(int)
            assert np.abs(shown - image).mean() < 3 and np.abs(shown - image)[10:20].max() < 40


def test_what_cannot_be_written(tmp_path: Path):
    with pytest.raises(MienError, match=r"written as \.gif"):
        write_gif(tmp_path / "a.png", pictures())
    with pytest.raises(MienError, match="at least one"):
        write_gif(tmp_path / "a.gif", [])
    with pytest.raises(MienError, match="one size"):
        write_gif(tmp_path / "a.gif", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)])
    with pytest.raises(MienError, match="does not exist"):
        write_gif(tmp_path / "no" / "a.gif", pictures())
    assert list(tmp_path.iterdir()) == []
