from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.systems.express.config import PRESETS, ExpressConfig

Actors = Callable[[int], tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]]


@pytest.fixture(scope="session")
def actor() -> Actors:
    """Subject -> neutral [V, 3] mm, expression -> full displacement [V, 3], triangles: ellipsoids that bulge in two
    places, the more the wider they are."""
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=4)

    def make(number: int) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        wide = np.random.default_rng(number).uniform(0.8, 1.2, 3)
        points = np.array(ball.vertices) * wide * 80
        up = np.exp(-((ball.vertices - (0, 1, 0)) ** 2).sum(1))[:, None] * np.array([0, 10.0, 0]) * wide[0] ** 4
        front = np.exp(-((ball.vertices - (0, 0, 1)) ** 2).sum(1))[:, None] * np.array([4.0, 0, 6.0]) * wide[2] ** 2
        return points, {"happiness": up, "surprise": front}, np.array(ball.faces)

    return make


@pytest.fixture(scope="session")
def folder(actor: Actors, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five subjects, two expressions, 15 frames each, as PLY files in metres, one subject as OBJ."""
    import trimesh

    root = tmp_path_factory.mktemp("scans")
    for number in range(5):
        neutral, shapes, triangles = actor(number)
        for name, shape in shapes.items():
            place = root / f"subject{number}" / name
            place.mkdir(parents=True)
            level = np.interp(np.arange(15), [1, 5, 9, 13], [0, 1, 1, 0])
            for t in range(15):
                vertices = (neutral + level[t] * shape) / 1000
                mesh = trimesh.Trimesh(vertices, triangles, process=False)
                mesh.export(place / f"scan.{t:06d}.{'obj' if number == 3 else 'ply'}")
    return root


@pytest.fixture(scope="session")
def smoke(folder: Path) -> ExpressConfig:
    """A configuration over those scans."""
    return replace(PRESETS["smoke"], data=str(folder), unit_mm=1000.0, train_subjects=4, out=str(folder / "run"))
