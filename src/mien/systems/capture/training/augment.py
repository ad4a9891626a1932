"""Random views of stored crops: where the aligner might have put the frame."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mien.systems.capture import spec
from mien.track.align import STORED

__all__ = ["View", "sample_view"]


@dataclass(frozen=True, kw_only=True)
class View:
    """A similarity (perhaps mirrored) from a stored crop to the net's crop."""

    matrix: Float[np.ndarray, "2 3"]
    """Stored pixels to crop pixels."""
    mirrored: bool

    def crop(self, image: UInt8[np.ndarray, "S S 3"], shift: Float[np.ndarray, "2"] | None = None) -> np.ndarray:
        """The crop this view shows; `shift` [px] moves it a little, as a tracker's jitter does from frame to frame."""
        matrix = self.matrix if shift is None else self.matrix + np.array([[0, 0, shift[0]], [0, 0, shift[1]]])
        return cv2.warpAffine(
            image, matrix, (spec.CROP, spec.CROP), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    def points(self, points: Float[np.ndarray, "*batch L 2"]) -> Float[np.ndarray, "*batch L 2"]:
        """Stored landmarks in the crop, re-numbered when the view is mirrored."""
        moved = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        return moved[..., list(spec.LAYOUT.mirror), :] if self.mirrored else moved


def sample_view(rng: np.random.Generator, *, mirrored: bool | None = None) -> View:
    """Draw a view: scale within 7 %, turn within 6 degrees, shift within 4 % (one sigma about half of each).

    O-Net's own scatter is in the stored crops already; this covers faces and cameras it scatters more on.
    """
    mirror = bool(rng.random() < 0.5) if mirrored is None else mirrored
    scale = np.exp(np.clip(rng.normal(0, 0.035), -0.07, 0.07))
    angle = np.clip(rng.normal(0, 3.0), -6, 6)
    shift = np.clip(rng.normal(0, 0.02 * spec.CROP, 2), -0.04 * spec.CROP, 0.04 * spec.CROP)
    middle = (STORED - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), angle, scale)
    matrix[:, 2] += (spec.CROP - 1) / 2 - middle + shift
    if mirror:
        flip = np.array([[-1, 0, STORED - 1], [0, 1, 0], [0, 0, 1.0]])
        matrix = matrix @ flip
    return View(matrix=matrix, mirrored=mirror)
