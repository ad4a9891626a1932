"""A small trained network of speak, and sentences."""

from pathlib import Path

import pytest

from mien.runtime import Bundle
from mien.systems import registry
from mien.systems.speak.config import SpeakConfig


@pytest.fixture(scope="session")
def small(speak_smoke: SpeakConfig, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle of a network trained for six steps: enough for everything but quality."""
    system, folder = registry.find("speak"), tmp_path_factory.mktemp("small")
    return system.export(system.train(speak_smoke), Path(folder) / "bundle")
