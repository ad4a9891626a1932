"""Random views of stored crops: where the aligner might have put the frame, and what a camera might have made of it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mien.systems.capture import spec
from mien.track.align import STORED

__all__ = ["Patch", "View", "photometric", "sample_view"]


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


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A flat rectangle in front of the face, in pixels of the crop: [top, bottom) x [left, right)."""

    top: int
    bottom: int
    left: int
    right: int
    color: UInt8[np.ndarray, "3"]


def photometric(
    rng: np.random.Generator, frames: list[np.ndarray], *, patches: bool = True
) -> tuple[list[np.ndarray], Patch | None]:
    """Camera changes that all frames of a window share: gain, gamma, colour, blur, a hidden patch; noise differs.

    Returns the frames and the patch, if any.
    """
    levels = np.arange(256) / 255.0
    gamma = np.exp(rng.normal(0, 0.2))
    gain = np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.05, 3))
    offset = rng.normal(0, 0.04)
    table = np.clip((levels[:, None] ** gamma) * gain + offset, 0, 1) * 255
    table = table.astype(np.uint8)[None]
    grey = rng.random() < 0.08
    blur = rng.uniform(0.4, 1.0) if rng.random() < 0.12 else 0.0
    sigma = rng.uniform(0, 6) if rng.random() < 0.25 else 0.0
    patch = _patch(rng, frames[0]) if patches and rng.random() < 0.2 else None
    out: list[np.ndarray] = []
    for source in frames:
        frame = cv2.LUT(source, table)
        if grey:
            frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if blur:
            frame = cv2.GaussianBlur(frame, (0, 0), blur)
        if sigma:
            noise = rng.standard_normal(frame.shape, dtype=np.float32) * sigma
            frame = np.clip(frame + noise, 0, 255).astype(np.uint8)
        if patch is not None:
            frame = frame.copy()
            frame[patch.top : patch.bottom, patch.left : patch.right] = patch.color
        out.append(frame)
    return out, patch


def _patch(rng: np.random.Generator, image: np.ndarray) -> Patch:
    """Half of them as wide or as high as half a face, and half in a colour of the picture: a hand is the face's own."""
    height, width = rng.integers(spec.CROP // 10, spec.CROP // 3, 2)
    if rng.random() < 0.5:
        longer = int(rng.integers(spec.CROP // 3, 2 * spec.CROP // 3))
        height, width = (longer, width) if rng.random() < 0.5 else (height, longer)
    y, x = rng.integers(-height // 2, spec.CROP - height // 2), rng.integers(-width // 2, spec.CROP - width // 2)
    own = image[tuple(rng.integers(0, np.array(image.shape[:2])))]
    color = own if rng.random() < 0.5 else rng.integers(0, 256, 3, dtype=np.uint8)
    return Patch(top=max(0, int(y)), bottom=int(y + height), left=max(0, int(x)), right=int(x + width), color=color)
