from pathlib import Path

import pytest

from mien.systems.express.config import ExpressConfig


@pytest.fixture(scope="session")
def smoke(express_smoke: ExpressConfig) -> ExpressConfig:
    """A configuration over a folder of small scans."""
    return express_smoke


@pytest.fixture(scope="session")
def folder(express_smoke: ExpressConfig) -> Path:
    """That folder."""
    return Path(express_smoke.data)
