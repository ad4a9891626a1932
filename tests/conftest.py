"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real test material; tests that need it fail in CI and skip elsewhere when it is absent."""
    folder = Path(os.environ.get("MIEN_TEST_ASSETS", REPOSITORY.parent / "shared" / "assets"))
    if not folder.is_dir():
        pytest.skip(f"no test material at {folder}; set MIEN_TEST_ASSETS")
    return folder
