from dataclasses import replace
from pathlib import Path

import pytest

from mien.systems.capture.config import PRESETS, CaptureConfig


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, assets: Path) -> CaptureConfig:
    """A configuration over a tiny rendered dataset: 32 stills and 4 windows."""
    from mien.synth.dataset import write_dataset

    folder = tmp_path_factory.mktemp("smoke")
    write_dataset(folder / "stills", shards=1, per_shard=32, frames=1, seed=1, workers=1, identities=(0, 100))
    write_dataset(folder / "sequences", shards=1, per_shard=4, frames=8, seed=2, workers=1, identities=(0, 100))
    return replace(
        PRESETS["smoke"],
        stills=str(folder / "stills"),
        sequences=str(folder / "sequences"),
        portraits=str(assets / "faces" / "webmorph_canada"),
        out=str(folder / "run"),
        threads=1,
        workers=0,
        save_every=2,
    )
