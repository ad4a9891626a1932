import numpy as np
import pytest

from mien.physics.face.face import Face, build_face
from mien.rigs.ict import load_ict


@pytest.fixture(scope="session")
def face() -> Face:
    """The simulated mean face, coarser than by default, so that a solve takes a tenth of a second."""
    return build_face(load_ict(), count=1000)


@pytest.fixture(scope="session")
def another() -> Face:
    """The simulated face of another identity."""
    mean = load_ict()
    rig = mean.with_identity(np.random.default_rng(5).normal(size=30).astype(np.float32) * 0.8)
    return build_face(rig, mean, count=1000)
