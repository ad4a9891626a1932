"""Random changes of a face image as cameras and surroundings cause them: light, colour, blur, noise, occlusion."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

__all__ = ["Patch", "photometric"]


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A flat rectangle in front of the face, in pixels of the picture: [top, bottom) x [left, right)."""

    top: int
    bottom: int
    left: int
    right: int
    color: UInt8[np.ndarray, "3"]

    def covers(self, points: Float[np.ndarray, "*batch 2"]) -> Bool[np.ndarray, "*batch"]:
        """Which points [px] lie behind the rectangle."""
        low, high = np.array([self.left, self.top]), np.array([self.right, self.bottom])
        return np.all((points >= low) & (points < high), axis=-1)


def photometric(
    rng: np.random.Generator, frames: list[np.ndarray], *, patches: bool = True
) -> tuple[list[np.ndarray], Patch | None]:
    """Random changes of gain, gamma, colour and blur and a patch before the face, the same for all frames of a window;
    only the noise differs from frame to frame.

    `frames` are RGB, uint8 [S, S, 3]. Returns the changed frames and the patch, or None when there is no patch.
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
    """Half of the patches are as wide or high as half a face; half have a colour of the picture, as a hand has."""
    side = len(image)
    height, width = rng.integers(side // 10, side // 3, 2)
    if rng.random() < 0.5:
        longer = int(rng.integers(side // 3, 2 * side // 3))
        height, width = (longer, width) if rng.random() < 0.5 else (height, longer)
    y, x = rng.integers(-height // 2, side - height // 2), rng.integers(-width // 2, side - width // 2)
    own = image[tuple(rng.integers(0, np.array(image.shape[:2])))]
    color = own if rng.random() < 0.5 else rng.integers(0, 256, 3, dtype=np.uint8)
    return Patch(top=max(0, int(y)), bottom=int(y + height), left=max(0, int(x)), right=int(x + width), color=color)
