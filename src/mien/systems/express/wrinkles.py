"""Skin wrinkles as signals: how far each region is pressed together, to fade its wrinkle normal map in. Knows no torch.

A game face carries one normal map per expression group and a mask per region, and a number per region and frame says
how much of it shows (Oat 2007, "Animated Wrinkle Maps", SIGGRAPH course). That number is measured here on the mesh: the
strain across the fold, which also sees what blendshape weights do not, such as a smile that pushes up a full cheek.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Int

from mien.io.atomic import write_whole

__all__ = ["REGIONS", "Wrinkles", "write_csv"]

REGIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "forehead": ("browInnerUp",),
        "glabella": ("browDownLeft", "browDownRight"),
        "noseBridge": ("noseSneerLeft", "noseSneerRight"),
        "crowsFeetLeft": ("eyeSquintLeft", "cheekSquintLeft"),
        "crowsFeetRight": ("eyeSquintRight", "cheekSquintRight"),
        "nasolabialLeft": ("mouthSmileLeft", "cheekSquintLeft"),
        "nasolabialRight": ("mouthSmileRight", "cheekSquintRight"),
        "chin": ("mouthShrugLower",),
    }
)
"""Region -> the shapes that together say where it is: where all of them move the skin."""

FULL = 0.3
"""Compression at which a wrinkle shows fully: skin that has lost 30 % of its length across the fold. Raised brows of
ICT's mean face reach 0.2 to 0.4 there."""


class Wrinkles:
    """Measures compression against one neutral."""

    def __init__(
        self,
        neutral: Float[np.ndarray, "V 3"],
        triangles: Int[np.ndarray, "F 3"],
        shapes: Mapping[str, Float[np.ndarray, "V 3"]],
    ) -> None:
        """`shapes` holds those that `REGIONS` names. Raises KeyError when one is missing."""
        self._triangles = triangles
        self._rest, area = _metric(np.asarray(neutral, np.float64)[triangles])
        corners = triangles.reshape(-1)
        self._total = np.maximum(np.bincount(corners, area.repeat(3), minlength=len(neutral)), 1e-12)
        self._area = area
        masks = []
        for names in REGIONS.values():
            size = [np.linalg.norm(shapes[name], axis=1) for name in names]
            mask = np.prod([s / max(float(s.max()), 1e-9) for s in size], axis=0) ** (1.0 / len(names))
            masks.append(np.where(mask > 0.3 * mask.max(), mask, 0.0))
        self._masks = np.stack([m / max(float(m.sum()), 1e-9) for m in masks])

    def compression(self, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V"]:
        """Per vertex, the share of its length that skin has lost along the direction that lost most; 0 where none."""
        now, _ = _metric(np.asarray(vertices, np.float64)[self._triangles])
        # Squared stretches are the eigenvalues of rest^-1 now, a 2 x 2 matrix with real ones.
        stretch = np.linalg.solve(self._rest, now)
        half = 0.5 * (stretch[:, 0, 0] + stretch[:, 1, 1])
        determinant = stretch[:, 0, 0] * stretch[:, 1, 1] - stretch[:, 0, 1] * stretch[:, 1, 0]
        least = half - np.sqrt(np.maximum(half**2 - determinant, 0.0))
        lost = np.clip(1.0 - np.sqrt(np.maximum(least, 0.0)), 0.0, 1.0) * self._area
        return np.bincount(self._triangles.reshape(-1), lost.repeat(3), minlength=len(self._total)) / self._total

    def __call__(self, vertices: Float[np.ndarray, "T V 3"]) -> Float[np.ndarray, "T R"]:
        """How much of each region's wrinkle map shows, in [0, 1], in the order of `REGIONS`."""
        lost = np.stack([self.compression(frame) for frame in vertices])
        return np.clip(lost @ self._masks.T / FULL, 0.0, 1.0)


def _metric(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First fundamental forms [F, 2, 2] of triangles and their areas; forms of flat ones are made harmless."""
    edges = corners[:, 1:] - corners[:, :1]
    form = edges @ edges.transpose(0, 2, 1)
    area = 0.5 * np.sqrt(np.maximum(np.linalg.det(form), 0.0))
    flat = area <= 1e-9 * max(float(area.max(initial=0.0)), 1e-30)
    form[flat] = np.eye(2)
    return form, np.where(flat, 0.0, area)


def write_csv(path: Path, times: Float[np.ndarray, "T"], signal: Float[np.ndarray, "T R"]) -> None:
    """Time [s] and a column per region; raises MienError when the path cannot be written."""
    rows = ["time," + ",".join(REGIONS)]
    rows += [
        ",".join(f"{value:.5f}" for value in [time, *row])
        for time, row in zip(times.tolist(), signal.tolist(), strict=True)
    ]
    with write_whole(path) as temporary:
        temporary.write_text("\n".join(rows) + "\n", encoding="utf-8")
