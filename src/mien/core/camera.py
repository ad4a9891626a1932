"""A pinhole camera without distortion."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError

__all__ = ["Camera"]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Pinhole camera; its frame is +X image right, +Y up, +Z towards the viewer, so visible points have z < 0."""

    width: int
    """Image width [px]."""
    height: int
    """Image height [px]."""
    focal: float
    """Focal length [px], equal on both axes."""
    centre: tuple[float, float]
    """Principal point [px]; pixel (0, 0) is the top-left pixel's centre, y grows downwards."""

    @classmethod
    def guess(cls, width: int, height: int, focal: float | None = None) -> "Camera":
        """A camera for footage whose calibration is unknown, with its principal point in the middle of the image.

        Without `focal` the focal length [px] is assumed to be 1.2 x the longer side (about 45 degrees across). Webcams
        measure 55-70 degrees and phones 60-70 diagonally; results for a face in the middle of the image depend weakly
        on the focal length. Raises MienError when `focal` is not a positive number.
        """
        focal = 1.2 * max(width, height) if focal is None else focal
        if not (math.isfinite(focal) and focal > 0):
            raise MienError(f"`focal`, the focal length, is a positive number of pixels, not {focal}")
        return cls(width=width, height=height, focal=focal, centre=((width - 1) / 2, (height - 1) / 2))

    def project(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 2"]:
        """Pixels of camera-frame points [mm]."""
        depth = -points[..., 2]
        x = self.centre[0] + self.focal * points[..., 0] / depth
        y = self.centre[1] - self.focal * points[..., 1] / depth
        return np.stack([x, y], axis=-1)

    @property
    def matrix(self) -> Float[np.ndarray, "3 3"]:
        """The intrinsic matrix in OpenCV's form (x right, y down, z forward)."""
        return np.array([[self.focal, 0, self.centre[0]], [0, self.focal, self.centre[1]], [0, 0, 1.0]])
