"""Nets loaded once, and real frames, for all tests of tracking."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from mien.io.video import Frame, open_video
from mien.track import Cascade, ONet


@pytest.fixture(scope="session")
def onet() -> ONet:
    return ONet.load()


@pytest.fixture(scope="session")
def cascade() -> Cascade:
    return Cascade.load()


@pytest.fixture(scope="session")
def clip(assets: Path) -> Callable[[str], list[Frame]]:
    """All frames of one of the real videos, read once."""

    @cache
    def read(name: str) -> list[Frame]:
        return list(open_video(assets / "video" / name))

    return read


@pytest.fixture(scope="session")
def still(clip: Callable[[str], list[Frame]]) -> np.ndarray:
    """One real frame with one face."""
    return clip("single_face.mp4")[20].image
