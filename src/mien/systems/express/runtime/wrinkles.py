"""Skin wrinkles as signals: the compression of each region, which fades in its normal map. Needs no torch.

A game face has one normal map per expression group and a mask per region, and a number per region and frame controls
how much of the map shows (Oat 2007, "Animated Wrinkle Maps", SIGGRAPH course). That number is measured here on the
mesh: the strain across the fold, which also includes what blendshape weights do not, such as a smile that pushes up a
full cheek.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from mien.io.atomic import write_whole

__all__ = ["REGIONS", "Region", "Wrinkles", "write_csv"]


class Region(NamedTuple):
    """Where a wrinkle map lies and when it shows."""

    shapes: tuple[str, ...]
    """The region is where all of these shapes move the skin."""
    across: tuple[float, float, float]
    """Direction across the region's folds in the frame of the face: raised brows fold the forehead across, but leave
    the furrow between knit brows alone."""
    full: float
    """Compression at which the map shows fully: about what the strongest of the six expressions reaches on the mean
    face."""
    above: bool = False
    """Whether the region is only above where the first shape moves the skin most: foreheads fold over raised brows, not
    under drawn ones."""


_UP, _ASIDE = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)

REGIONS: Mapping[str, Region] = MappingProxyType(
    {
        "forehead": Region(("browInnerUp",), _UP, 0.10, above=True),
        "glabella": Region(("browDownLeft", "browDownRight"), _ASIDE, 0.09),
        "noseBridge": Region(("noseSneerLeft", "noseSneerRight"), _UP, 0.10),
        "crowsFeetLeft": Region(("eyeSquintLeft", "cheekSquintLeft"), _UP, 0.15),
        "crowsFeetRight": Region(("eyeSquintRight", "cheekSquintRight"), _UP, 0.15),
        "nasolabialLeft": Region(("mouthSmileLeft", "cheekSquintLeft"), _ASIDE, 0.07),
        "nasolabialRight": Region(("mouthSmileRight", "cheekSquintRight"), _ASIDE, 0.07),
        "chin": Region(("mouthShrugLower",), _UP, 0.06),
    }
)


class Wrinkles:
    """Measures compression against one neutral."""

    def __init__(
        self,
        neutral: Float[np.ndarray, "V 3"],
        triangles: Int[np.ndarray, "F 3"],
        shapes: Mapping[str, Float[np.ndarray, "V 3"]],
    ) -> None:
        """`shapes` holds the shapes that `REGIONS` names. Raises KeyError when one is missing."""
        self._triangles = triangles
        edges = _edges(neutral, triangles)
        self._rest, area = _metric(edges)
        corners = triangles.reshape(-1)
        self._total = np.maximum(np.bincount(corners, area.repeat(3), minlength=len(neutral)), 1e-12)
        self._area = area
        masks, ways = [], []
        for region in REGIONS.values():
            mask = np.prod([_size(shapes[name]) for name in region.shapes], axis=0) ** (1.0 / len(region.shapes))
            mask = np.where(mask > 0.3 * mask.max(), mask, 0.0)
            if region.above:
                most = int(_size(shapes[region.shapes[0]]).argmax())
                mask = np.where(neutral[:, 1] > neutral[most, 1], mask, 0.0)
            masks.append(mask)
            # `across` projected into each triangle's plane, in terms of the triangle's edges
            ways.append(np.linalg.solve(self._rest, (edges @ np.asarray(region.across))[..., None])[..., 0])
        self._masks = np.stack([m / max(float(m.sum()), 1e-9) for m in masks])
        self._ways = np.stack(ways)

    def compression(self, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "R V"]:
        """Per region and vertex, the share of its length that the skin has lost across the region's folds; 0 outside
        the region."""
        now, _ = _metric(_edges(vertices, self._triangles))
        length, before = (np.einsum("rfi,fij,rfj->rf", self._ways, form, self._ways) for form in (now, self._rest))
        stretch = np.sqrt(np.maximum(length, 0.0) / np.maximum(before, 1e-12))
        lost = np.where(before > 1e-6, np.clip(1.0 - stretch, 0.0, 1.0), 0.0) * self._area
        corners = self._triangles.reshape(-1)
        summed = [np.bincount(corners, row.repeat(3), minlength=len(self._total)) for row in lost]
        return np.stack(summed) / self._total

    def __call__(self, vertices: Float[np.ndarray, "T V 3"]) -> Float[np.ndarray, "T R"]:
        """How much of each region's wrinkle map shows, in [0, 1], in the order of `REGIONS`."""
        lost = np.stack([(self.compression(frame) * self._masks).sum(axis=1) for frame in vertices])
        return np.clip(lost / [region.full for region in REGIONS.values()], 0.0, 1.0)


def _size(shape: np.ndarray) -> np.ndarray:
    """How far each vertex moves, as a share of the vertex that moves most."""
    size = np.linalg.norm(shape, axis=1)
    return size / max(float(size.max()), 1e-9)


def _edges(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Two edges [F, 2, 3] of each triangle."""
    corners = np.asarray(vertices, np.float64)[triangles]
    return corners[:, 1:] - corners[:, :1]


def _metric(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First fundamental forms [F, 2, 2] of triangles and their areas; forms of triangles without area are replaced by
    invertible ones."""
    form = edges @ edges.transpose(0, 2, 1)
    area = 0.5 * np.sqrt(np.maximum(np.linalg.det(form), 0.0))
    flat = area <= 1e-9 * max(float(area.max(initial=0.0)), 1e-30)
    form[flat] = np.eye(2)
    return form, np.where(flat, 0.0, area)


def write_csv(path: Path, times: Float[np.ndarray, "T"], signal: Float[np.ndarray, "T R"]) -> None:
    """Write time [s] and a column per region; raises MienError when the path cannot be written."""
    rows = ["time," + ",".join(REGIONS)]
    rows += [
        ",".join(f"{value:.5f}" for value in [time, *row])
        for time, row in zip(times.tolist(), signal.tolist(), strict=True)
    ]
    with write_whole(path) as temporary:
        temporary.write_text("\n".join(rows) + "\n", encoding="utf-8")
