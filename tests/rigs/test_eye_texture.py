"""The painted eye: the iris lies where the landmarks of its rim are, and pictures show it."""

import numpy as np
import pytest

from mien.rigs.eye_texture import IRIS_COLOR
from mien.rigs.ict import load_ict
from mien.viewer.paint import Painter

pytestmark = pytest.mark.usefixtures("assets")


def test_the_pupil_lies_at_the_iris_landmarks_and_the_white_outside_of_the_rim() -> None:
    rig = load_ict()
    painter = Painter(rig, 900, 900, face=True, glow=False, supersample=1)
    image = painter.draw(rig.neutral.vertices).astype(float)
    marks = rig.landmarks["mien198"]
    at = painter.project(marks.positions(rig.neutral.vertices))[:, :2]
    for side in ("right", "left"):
        centre = at[marks.layout.groups[f"iris_{side}"][0]]
        rim = at[list(marks.layout.groups[f"iris_rim_{side}"])]

        def ring(share: float, centre: np.ndarray = centre, rim: np.ndarray = rim) -> np.ndarray:
            """Mean colour at the outer and the inner side of the iris, where no lid lies."""
            places = centre + share * (rim[[0, 2]] - centre)
            return np.mean([image[round(y), round(x)] for x, y in places], axis=0)

        assert ring(0.1).max() < 60, "the pupil is black"
        assert ring(1.3).min() > 100 > ring(0.65).mean() > ring(0.1).mean()
        assert ring(0.65)[0] > ring(0.65)[2], "a brown iris is redder than blue"


def test_the_texture_has_the_colours_that_it_is_given() -> None:
    from mien.rigs.ict import ict_eyes

    rig = load_ict()
    topology = rig.neutral.topology
    assert topology.uv is not None and topology.uv_triangles is not None
    mesh = (rig.neutral.vertices, topology.triangles, topology.uv, topology.uv_triangles)
    usual, blue = ict_eyes(*mesh), ict_eyes(*mesh, iris=(0.2, 0.4, 0.7))
    np.testing.assert_array_equal(usual, topology.textures["eyes"])
    changed = (usual != blue).any(axis=2)
    assert 0.01 < changed.mean() < 0.2, "the white and the pupil stay"
    assert blue[changed][:, 2].mean() > usual[changed][:, 2].mean() and IRIS_COLOR[0] > IRIS_COLOR[2]
