"""Groups of the 52 ARKit channels: positions, mirror pairs, face regions and action units that move by themselves."""

import numpy as np

from mien.core.channels import ARKIT, index, mirrored, side_pairs
from mien.core.regions import region_of

__all__ = ["AT", "COUNT", "MIRROR", "REGION_COLUMNS", "UNITS", "expand", "mirror"]

AT: dict[str, int] = index(ARKIT)
"""Channel name -> column."""

COUNT: int = len(ARKIT)
"""Number of channels, 52."""

MIRROR: np.ndarray = np.array([AT[mirrored(name)] for name in ARKIT])
"""Columns of the mirror image: `weights[..., MIRROR]`."""


REGION_COLUMNS: dict[str, np.ndarray] = {
    region: np.array([i for i, name in enumerate(ARKIT) if region_of(name) == region])
    for region in ("brows", "eyes", "mouth")
}
"""Columns that a recombination moves together; cheeks, nose and jaw go with the mouth (they share muscles)."""


def expand(stem: str) -> tuple[str, ...]:
    """Channels of a stem: "mouthSmile" -> both sides, "jawOpen" -> itself. Raises KeyError for an unknown stem."""
    if stem in AT:
        return (stem,)
    pair = (stem + "Left", stem + "Right")
    if pair[0] not in AT:
        raise KeyError(stem)
    return pair


def mirror(weights: np.ndarray) -> np.ndarray:
    """Weights [..., 52] with left and right exchanged."""
    return weights[..., MIRROR]


def _units() -> tuple[tuple[str, ...], ...]:
    """Both eyes in each direction of gaze, every other channel by itself, and every left/right pair together."""
    gaze = (
        ("eyeLookUpLeft", "eyeLookUpRight"),
        ("eyeLookDownLeft", "eyeLookDownRight"),
        ("eyeLookOutLeft", "eyeLookInRight"),
        ("eyeLookInLeft", "eyeLookOutRight"),
    )
    rest = [name for name in ARKIT if not name.startswith("eyeLook")]
    # mouthClose only corrects an open jaw (ICT-FaceKit#5), so by itself it means an open jaw behind closed lips; and
    # the tongue needs an open mouth.
    singles = tuple((name,) for name in rest if name not in ("mouthClose", "tongueOut"))
    pairs = tuple((rest[left], rest[right]) for left, right in side_pairs(rest))
    combined = (
        ("jawOpen", "mouthClose"),
        ("jawOpen", "tongueOut"),
        ("mouthRollLower", "mouthRollUpper"),
        ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
        ("mouthPressLeft", "mouthPressRight", "mouthShrugLower"),
        ("cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight"),
    )
    return gaze + singles + pairs + combined


UNITS: tuple[tuple[str, ...], ...] = _units()
"""Sets of channels that move by themselves: single channels, FACS units on both sides, conjugate gaze."""
