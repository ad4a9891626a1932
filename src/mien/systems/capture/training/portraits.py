"""Real annotated portraits: the webmorph_canada set and the map from its 189 points to mien's 70 landmarks.

Source: DeBruine & Jones, webmorph (CC BY 4.0). A .tem file holds the number of points, then "x y" per line.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import ARKIT, Camera, MienError, Rig
from mien.core.landmarks import OUTER_EYE_CORNERS
from mien.io.assets import find
from mien.rigs.fit import fit_identity
from mien.systems.capture import spec

__all__ = [
    "WEBMORPH_TO_MIEN70",
    "Portrait",
    "landmarks_from_template",
    "load_portraits",
    "read_template",
    "split",
]

_DIRECT = {
    # eyes: outer corner, upper lid, inner corner, lower lid; the subject's right eye first
    36: 18, 37: 19, 38: 21, 39: 22, 40: 30, 41: 28,
    42: 23, 43: 24, 44: 26, 45: 27, 46: 33, 47: 31,
    # outer lips clockwise from the subject's right corner, then the inner edge
    48: 87, 49: 88, 50: 89, 51: 90, 52: 91, 53: 92, 54: 93, 55: 108, 56: 107, 57: 106, 58: 105, 59: 104,
    61: 95, 62: 96, 63: 97, 65: 102, 66: 101, 67: 100,
    33: 55, 68: 0, 69: 1,
}  # fmt: skip
_BETWEEN = {
    # the bridge runs between the two sides that the template marks
    27: (50, 56), 28: (52, 58), 29: (53, 59), 30: (54, 60),
    31: (64, 64), 32: (180, 179), 34: (181, 182), 35: (69, 69),
    60: (87, 87), 64: (93, 93),
    8: (129, 129),
}  # fmt: skip
_ALIKE = 0.25
"""Trust in points that the two sets define alike but not the same: means over aligned portraits and over renders of
neutral faces differ by 1-4 px there, by less than 2 px at eyes and lips. Brows and jaw line differ by up to 9 px of a
128 px crop (ICT-FaceKit marks the brow's upper edge, the jaw at other angles) and are left out."""

WEBMORPH_TO_MIEN70: dict[int, tuple[int, int, float]] = {
    **{point: (source, source, 1.0) for point, source in _DIRECT.items()},
    **{point: (a, b, _ALIKE) for point, (a, b) in _BETWEEN.items()},
}
"""mien70 point -> two template points whose middle it is, and how far the two definitions agree (a loss weight)."""

_SLIDE = {
    38: 0.038, 39: 0.021, 40: 0.030, 61: 0.023, 65: -0.032, 68: 0.014,
    43: -0.038, 42: -0.021, 47: -0.030, 63: -0.023, 67: 0.032, 69: -0.014,
}  # fmt: skip
"""How far along the eye line (towards the subject's left, in distances of the outer eye corners) a template point lies
from mien70's: mean over the 20 training portraits against ICT-FaceKit's mean face, fitted on corners and nose, where it
exceeds 1 mm and the portraits agree on it (deviation at most 1 mm). Both sets number these points evenly along lids and
lips, but not at the same places; ICT-FaceKit's resting eyes are turned outwards by 5.7 degrees."""

_INFERRED = 0.25
"""Trust in a point that the template lacks and a fitted head has (`_inferred`). Without, asked for nothing but to agree
in two views, such points were learnt too near the middle: brows on the upper lids."""
_LENS = 4.0
"""Focal length of the portraits in picture widths: a studio's, far enough off for faces without perspective."""


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """One real face with the points known of it."""

    name: str
    crop: UInt8[np.ndarray, "S S 3"]
    """Aligned crop with margin, `mien.track.align.STORED` px wide."""
    landmarks: Float[np.ndarray, "L 2"]
    """Pixels of that crop."""
    trust: Float[np.ndarray, "L"]
    """Weight per point: 1 where the template has it, less where it is like it or inferred."""


def read_template(path: Path) -> Float[np.ndarray, "P 2"]:
    """The points [px] of a .tem file; raises MienError when it is not one."""
    try:
        lines = path.read_text().split("\n")
        count = int(lines[0])
        points = np.array([[float(v) for v in line.split()] for line in lines[1 : 1 + count]])
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise MienError(f"{path}: not a webmorph template (a count, then one 'x y' per line)") from error
    if points.shape != (189, 2):
        raise MienError(f"{path}: has {len(points)} points; only the 189-point template is known")
    return points


def landmarks_from_template(
    points: Float[np.ndarray, "189 2"],
) -> tuple[Float[np.ndarray, "L 2"], Float[np.ndarray, "L"]]:
    """mien70 landmarks [px] and the trust in each."""
    landmarks = np.zeros((spec.LAYOUT.count, 2))
    trust = np.zeros(spec.LAYOUT.count)
    for point, (a, b, weight) in WEBMORPH_TO_MIEN70.items():
        landmarks[point] = (points[a] + points[b]) / 2
        trust[point] = weight
    right, left = OUTER_EYE_CORNERS
    eye_line = landmarks[left] - landmarks[right]
    for point, share in _SLIDE.items():
        landmarks[point] -= share * eye_line
    return landmarks, trust


def split(folder: Path | None = None, *, held_out: bool) -> list[Path]:
    """Every other portrait by name, or the others, which are never trained on; MienError when there are none.

    Without a `folder` they are those that MIEN_PORTRAITS names or `mien assets get portraits` downloaded.
    """
    folder = find("portraits") if folder is None else folder
    pictures = sorted(folder.glob("*.jpg"))
    if not pictures:
        raise MienError(
            f"{folder} holds no portraits (.jpg, each with its .tem); get some: 'mien assets get portraits'"
        )
    return pictures[1 if held_out else 0 :: 2]


def load_portraits(folder: Path | None = None, *, held_out: bool) -> list[Portrait]:
    """Find, align and crop one half of the set, exactly as capture does at run time; faceless pictures are left out.

    Without a `folder` the set is that of `mien assets get portraits`.
    Points that the templates lack are those of a head fitted to the points they have. Needs ICT-FaceKit.
    """
    from mien.io.video import read_image
    from mien.rigs.ict import load_ict
    from mien.track.align import CROP, MARGIN, STORED, align_matrix, warp
    from mien.track.cascade import Cascade

    cascade, rig = Cascade.load(), load_ict()
    portraits: list[Portrait] = []
    for path in split(folder, held_out=held_out):
        image = read_image(path)
        found = cascade.detect(image, min_face=min(image.shape[:2]) // 4)
        if not found:
            continue
        matrix = align_matrix(found[0].five_points, CROP, margin=MARGIN)
        crop = warp(image, matrix, STORED)
        known, trust = landmarks_from_template(read_template(path.with_suffix(".tem")))
        landmarks = np.where(trust[:, None] > 0, known, _inferred(known, trust, rig, image.shape[1], image.shape[0]))
        trust = np.where(trust > 0, trust, _INFERRED)
        portraits.append(
            Portrait(name=path.stem, crop=crop, landmarks=landmarks @ matrix[:, :2].T + matrix[:, 2], trust=trust)
        )
    return portraits


def _inferred(
    landmarks: Float[np.ndarray, "L 2"], trust: Float[np.ndarray, "L"], rig: Rig, width: int, height: int
) -> Float[np.ndarray, "L 2"]:
    """Every landmark [px] of a resting head of the rig's identity space, fitted to those that are known."""
    camera = Camera(width=width, height=height, focal=_LENS * width, centre=((width - 1) / 2, (height - 1) / 2))
    at_rest = np.zeros((1, len(ARKIT)))
    return fit_identity(
        landmarks[None], [camera], rig, spec.LAYOUT.name, trust=trust[None], expected=at_rest
    ).reprojected[0]
