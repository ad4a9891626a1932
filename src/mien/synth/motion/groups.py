"""Groups of the 52 ARKit channels: positions, mirror pairs, face regions and action units that move alone."""

import numpy as np

from mien.core.channels import ARKIT, index, mirrored, side_pairs
from mien.core.regions import region_of

__all__ = ["AT", "COUNT", "MIRROR", "REGION_COLUMNS", "UNITS", "expand", "mirror"]

AT: dict[str, int] = index(ARKIT)
"""Channel name -> column."""

COUNT: int = len(ARKIT)
"""52."""

MIRROR: np.ndarray = np.array([AT[mirrored(name)] for name in ARKIT])
"""Columns of the face seen in a mirror: `weights[..., MIRROR]`."""


REGION_COLUMNS: dict[str, np.ndarray] = {
    region: np.array([i for i, name in enumerate(ARKIT) if region_of(name) == region])
    for region in ("brows", "eyes", "mouth")
}
"""Columns that a recombination moves together; cheeks, nose and jaw go with the mouth (they share muscles)."""


def expand(stem: str) -> tuple[str, ...]:
    """Channels of a stem: "mouthSmile" -> both sides, "jawOpen" or "mouthSmileLeft" -> itself. KeyError if unknown."""
    if stem in AT:
        return (stem,)
    pair = (stem + "Left", stem + "Right")
    if pair[0] not in AT:
        raise KeyError(stem)
    return pair


def mirror(weights: np.ndarray) -> np.ndarray:
    """Left and right exchanged, [..., 52]."""
    return weights[..., MIRROR]


def _units() -> tuple[tuple[str, ...], ...]:
    """Gaze turns both eyes together; every other channel alone, and every left/right pair together."""
    gaze = (
        ("eyeLookUpLeft", "eyeLookUpRight"),
        ("eyeLookDownLeft", "eyeLookDownRight"),
        ("eyeLookOutLeft", "eyeLookInRight"),
        ("eyeLookInLeft", "eyeLookOutRight"),
    )
    rest = [name for name in ARKIT if not name.startswith("eyeLook")]
    # mouthClose only corrects an open jaw (ICT-FaceKit#5), so alone it means "jaw down behind closed lips"; nor does a
    # tongue come out of a shut mouth.
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
"""What a person can move "alone" in calisthenics: single channels, FACS units on both sides, conjugate gaze."""
