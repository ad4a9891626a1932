"""Cameras: lens, distance, and the window of the frame that is rendered."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.core import Camera

__all__ = ["View", "sample_view"]

WINDOW_SPAN = 4.3
"""Side of the rendered window in eye distances: the crop with its margin spans 3.7, and the jitter of the face box is
added."""


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """The rendered window of a larger virtual frame, around the face."""

    camera: Camera
    """Camera of the window; its principal point is that of the whole frame and may lie outside the window."""
    translation: Float[np.ndarray, "3"]
    """Head origin in the camera frame [mm] at rest."""

    @property
    def size(self) -> int:
        """Side of the window [px]."""
        return self.camera.width


def sample_view(rng: np.random.Generator, eye_distance: float, eye_height: float) -> View:
    """A webcam close by, a phone, a portrait lens; eyes 34 to 64 px apart, so that the crop's scale is 1.3 to 0.68."""
    kind = rng.random()
    if kind < 0.6:  # webcam: 300-1000 mm
        distance = float(np.exp(rng.uniform(np.log(300), np.log(1000))))
    elif kind < 0.8:  # phone at arm's length
        distance = float(rng.uniform(250, 500))
    else:  # portrait lens, studio
        distance = float(rng.uniform(1000, 3000))
    pixels = float(np.exp(rng.uniform(np.log(34), np.log(64))))
    off = np.clip(rng.normal(0, 6.0 if kind < 0.8 else 2.0, 2), -14, 14)
    # The eyes lie about 90 mm before the head's origin, and the depth of the eyes determines their size.
    depth = max(distance, 220.0) + 90.0
    translation = depth * np.array([np.tan(np.radians(off[0])), np.tan(np.radians(off[1])), -1.0])
    focal = pixels * (depth - 90.0) / eye_distance
    size = int(min(np.ceil(WINDOW_SPAN * pixels / 8) * 8, 280))
    # The middle of the face (a little below the eyes) is near the window's middle.
    middle = np.array([0.0, eye_height - 0.35 * eye_distance, 80.0]) + translation
    wanted = np.array([(size - 1) / 2, (size - 1) / 2]) + rng.normal(0, 0.02, 2) * size
    centre = wanted - focal * np.array([middle[0], -middle[1]]) / -middle[2]
    camera = Camera(width=size, height=size, focal=focal, centre=(float(centre[0]), float(centre[1])))
    return View(camera=camera, translation=translation)
