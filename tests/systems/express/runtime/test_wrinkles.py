from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.rigs.ict import load_ict
from mien.rigs.ict_topology import FACE
from mien.systems.express.runtime.wrinkles import REGIONS, Wrinkles, write_csv


@pytest.fixture(scope="module")
def sheet() -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """A flat grid; the forehead's shape moves its upper half, every other shape the lower."""
    x, y = (c.reshape(-1) for c in np.meshgrid(np.arange(9.0), np.arange(9.0), indexing="ij"))
    at = np.arange(81).reshape(9, 9)
    quads = np.stack([at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]], axis=-1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])
    vertices = np.stack([x, y, 0 * x], axis=1)
    half = np.stack([0 * x, (y > 5).astype(float), 0 * x], axis=1)
    names = {name for region in REGIONS.values() for name in region.shapes}
    return vertices, triangles, {name: half if name == "browInnerUp" else half[:, ::-1] + 1 - half for name in names}


@given(squeeze=st.floats(0.5, 1.0), turn=st.floats(-3, 3), stretch=st.floats(1.0, 1.5))
def test_compression_is_the_length_lost_across_the_folds_whatever_way_the_sheet_lies(
    squeeze, turn, stretch, sheet
) -> None:
    vertices, triangles, shapes = sheet
    c, s = np.cos(turn), np.sin(turn)
    moved = vertices * (stretch, squeeze, 1) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + 5
    lost = Wrinkles(vertices, triangles, shapes).compression(moved)
    for region, own in zip(REGIONS.values(), lost, strict=True):
        np.testing.assert_allclose(own, 1 - squeeze if region.across[1] else 0, atol=1e-6)


def test_each_side_folds_by_its_own_shapes(assets: Path) -> None:
    rig = load_ict()
    names = {name for region in REGIONS.values() for name in region.shapes}
    triangles = rig.neutral.topology.triangles
    face, triangles = rig.neutral.vertices[:FACE], triangles[(triangles < FACE).all(axis=1)]
    wrinkles = Wrinkles(face, triangles, {name: rig.shape(name)[:FACE] for name in names})
    moving = ("eyeSquint", "cheekSquint", "mouthSmile")
    shown = {
        side: dict(
            zip(REGIONS, wrinkles((face + sum(rig.shape(n + side)[:FACE] for n in moving))[None])[0], strict=True)
        )
        for side in ("Left", "Right")
    }
    for region in ("crowsFeet", "nasolabial"):
        for side, other in (("Left", "Right"), ("Right", "Left")):
            assert shown[side][region + side] > max(0.2, 2 * shown[side][region + other]), (region, side)


def test_a_region_sees_its_own_folds_only_and_the_signal_is_written(sheet, tmp_path: Path) -> None:
    vertices, triangles, shapes = sheet
    folded = vertices.copy()
    folded[:, 1] = np.where(vertices[:, 1] > 5, 5 + 0.89 * (vertices[:, 1] - 5), vertices[:, 1])
    signal = Wrinkles(vertices, triangles, shapes)(np.stack([vertices, folded]))
    assert signal.shape == (2, len(REGIONS)) and not signal[0].any()
    assert signal[1, 0] == 1.0 and (signal[1, 1:] < 0.75).all()  # of the whole sheet three eighths fold
    write_csv(tmp_path / "w.csv", np.array([0.0, 0.5]), signal)
    table = np.genfromtxt(tmp_path / "w.csv", delimiter=",", names=True)
    np.testing.assert_allclose(table["forehead"], signal[:, 0], atol=1e-5)
    assert table.dtype.names is not None and table.dtype.names[1:] == tuple(REGIONS)
