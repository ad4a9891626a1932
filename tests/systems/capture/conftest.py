import pytest

from mien.systems.capture.config import CaptureConfig


@pytest.fixture(scope="session")
def smoke(capture_smoke: CaptureConfig) -> CaptureConfig:
    """A configuration over a tiny rendered dataset."""
    return capture_smoke
