"""OpenCV's depth-buffered rasteriser, with positions in the viewer's frame and values interpolated over triangles.

`cv2.triangleRasterize` interpolates with perspective and compares depth at every pixel. Its pixel centres are at
integers, and its depth buffer holds the distance along the viewing axis, initialised with the far plane.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Camera", "Raster", "chart"]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole at the origin of the viewer's frame (x right, y up, z to the viewer), centred on the picture."""

    width: int
    height: int
    focal: float
    """Focal length [px]."""
    near: float
    """Nearest distance that is drawn [mm]."""
    far: float
    """Farthest distance that is drawn [mm]."""


class Raster:
    """Draws triangles into one pair of buffers after the other; the triangles' front is counter-clockwise."""

    def __init__(self, camera: Camera) -> None:
        """All pictures have the camera's size."""
        import cv2

        self._cv: Any = cv2
        self.camera = camera
        self._fov = float(2 * np.arctan(0.5 * camera.height / camera.focal))
        self._settings = cv2.TriangleRasterizeSettings()
        self._settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
        self._settings.setCullingMode(cv2.RASTERIZE_CULLING_CW)
        self._pose = np.eye(4, dtype=np.float32)

    def empty_depth(self) -> Float[np.ndarray, "H W"]:
        """A depth buffer with nothing in it."""
        return np.full((self.camera.height, self.camera.width), self.camera.far, np.float32)

    def draw(
        self,
        points: Float[np.ndarray, "V 3"],
        triangles: Int[np.ndarray, "F 3"],
        values: Float[np.ndarray, "V 3"],
        into: Float[np.ndarray, "H W 3"],
        depth: Float[np.ndarray, "H W"],
    ) -> None:
        """Interpolate `values` into `into` wherever a triangle is nearer than `depth`, which is updated.

        `points` are in the viewer's frame with the pinhole at the origin (z is negative), `triangles` int32.
        """
        if len(triangles):
            c = self.camera
            self._cv.triangleRasterize(
                points, triangles, values, into, depth, self._pose, self._fov, c.near, c.far, self._settings
            )

    def depth(
        self, points: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"], depth: Float[np.ndarray, "H W"]
    ) -> None:
        """Draw only the depth."""
        if len(triangles):
            c = self.camera
            self._cv.triangleRasterizeDepth(
                points, triangles, depth, self._pose, self._fov, c.near, c.far, self._settings
            )


def chart(
    uv: Float[np.ndarray, "U 2"],
    triangles: Int[np.ndarray, "F 3"],
    values: Float[np.ndarray, "U 3"],
    width: int,
    height: int,
) -> Float[np.ndarray, "height width 3"]:
    """Values interpolated over a texture: one per texel, the first row at v = 1, NaN where no triangle lies.

    `uv` are texture coordinates in [0, 1] and `triangles` refer to them; both windings are drawn.
    """
    # At a constant distance a perspective picture is an affine one, and texel centres lie at (k + 1/2) / width.
    points = np.column_stack([(uv[:, 0] - 0.5) * width, (uv[:, 1] - 0.5) * height, np.full(len(uv), -1.0)])
    raster = Raster(Camera(width=width, height=height, focal=1.0, near=0.5, far=2.0))
    out = np.full((height, width, 3), np.nan, np.float32)
    depth = raster.empty_depth()
    for winding in (triangles, triangles[:, ::-1]):
        raster.draw(
            points.astype(np.float32),
            np.ascontiguousarray(winding, np.int32),
            np.ascontiguousarray(values, np.float32),
            out,
            depth,
        )
    return out
