from collections.abc import Callable

import numpy as np
import pytest

Surface = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="session")
def sphere() -> Callable[[int, int], Surface]:
    """A closed surface: (subdivisions, seed) -> jittered points on the unit sphere, and triangles."""

    def make(subdivisions: int, seed: int) -> Surface:
        import trimesh

        mesh = trimesh.creation.icosphere(subdivisions=subdivisions)
        points = mesh.vertices + np.random.default_rng(seed).normal(0, 0.15 / 2**subdivisions, mesh.vertices.shape)
        return points / np.linalg.norm(points, axis=1, keepdims=True), np.array(mesh.faces)

    return make


@pytest.fixture(scope="session")
def sheet() -> Callable[[int, int, int], Surface]:
    """An open surface: (rows, columns, seed) -> a jittered flat grid, counter-clockwise from above (+Z)."""

    def make(rows: int, columns: int, seed: int) -> Surface:
        y, x = np.mgrid[:rows, :columns].astype(float)
        points = np.stack([x, y, np.zeros_like(x)], axis=2).reshape(-1, 3)
        points[:, :2] += np.random.default_rng(seed).uniform(-0.2, 0.2, (len(points), 2))
        at = np.arange(rows * columns).reshape(rows, columns)
        a, b, c, d = (m.reshape(-1) for m in (at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]))
        return points, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])

    return make
