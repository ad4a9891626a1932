from pathlib import Path

import numpy as np
import pytest

from mien.systems.express.runtime.wrinkle_maps import SIZE, normal_map, wrinkle_heights
from mien.systems.express.runtime.wrinkles import REGIONS


@pytest.fixture(scope="module")
def heights(assets: Path) -> dict[str, np.ndarray]:
    return wrinkle_heights()


def test_every_region_has_its_own_place_and_is_flat_elsewhere(heights: dict[str, np.ndarray]) -> None:
    assert set(heights) == set(REGIONS)
    drawn = np.stack([np.abs(height) > 0.05 for height in heights.values()])
    assert (drawn.sum(axis=(1, 2)) > 300).all() and (drawn.mean(axis=(1, 2)) < 0.05).all()
    assert (drawn.sum(axis=0) > 1).sum() < 0.1 * drawn.sum()
    rows, columns = (np.array([np.nonzero(d)[k].mean() for d in drawn]) for k in (0, 1))
    at = {name: (columns[i] / SIZE, rows[i] / SIZE) for i, name in enumerate(heights)}
    assert at["forehead"][1] > at["noseBridge"][1] > at["nasolabialLeft"][1] > at["chin"][1]  # row 0 is v = 0
    assert at["crowsFeetLeft"][0] - 0.5 == pytest.approx(0.5 - at["crowsFeetRight"][0], abs=0.02)


def test_a_furrow_lies_deeper_than_its_ridges_rise_and_holds_as_much(heights: dict[str, np.ndarray]) -> None:
    for name, height in heights.items():
        assert abs(height.sum()) < 0.02 * np.abs(height).sum(), name
        assert name == "chin" or -2.0 < height.min() < -1.5 * height.max(), name


def test_normals_are_units_that_lean_away_from_the_rise() -> None:
    slope = np.tile(np.linspace(0, 20, SIZE, dtype=np.float32), (SIZE, 1))  # rises with u
    image = normal_map(slope)
    normal = image.astype(float) / 127.5 - 1
    np.testing.assert_allclose(np.linalg.norm(normal, axis=2), 1, atol=0.02)
    assert (normal[..., 0] < 0).mean() > 0.99 and np.abs(normal[..., 1]).max() < 0.02
    up = normal_map(slope.T.copy()).astype(float) / 127.5 - 1  # rises with v, which grows upwards
    assert (up[..., 1] < 0).mean() > 0.99
    assert (normal_map(np.zeros((SIZE, SIZE), np.float32)) == (128, 128, 255)).all()
