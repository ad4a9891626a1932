"""The table of muscles, and how its points are found on any identity."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Fibre", "Muscle", "Spot", "moved", "muscles", "spots", "uncalibrated"]

_TABLE = Path(__file__).parent / "muscles.toml"
_CALIBRATION = Path(__file__).parent / "calibration.toml"
Bone = Literal["skull", "jaw", "neck"]


@dataclass(frozen=True, kw_only=True)
class Fibre:
    """A bundle of a muscle from one point of bone to points of the skin."""

    bone: Bone
    at: tuple[float, float]
    """Place of the origin on ICT-FaceKit's mean face, from the front [mm]."""
    depth: float
    """Depth of the origin below the skin as a share of the tissue's depth: 1 is on the bone."""
    insertions: tuple[tuple[float, float], ...]
    """Places of the insertions, in the same coordinates."""
    push: bool = False
    """Whether it pushes its insertions from its origin, as the belly of a muscle does that thickens."""


@dataclass(frozen=True, kw_only=True)
class Muscle:
    """One muscle of the subject's left side; that of the right side mirrors it."""

    name: str
    action: str
    """The FACS unit that it serves."""
    force: float = 0.0
    """Force of all fibres together at full activation [N]; 0 for muscles of the lids, which turn the tarsal plates."""
    fibres: tuple[Fibre, ...] = ()
    rings: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Arcs of a sphincter, each a run of places in the coordinates of `Fibre.at`."""
    ring_force: float = 0.0
    """Tension of each arc at full activation [N]."""
    lid: Literal["", "blink", "squint", "wide"] = ""
    """The movement of the lids that it makes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Spot:
    """A place on the skin: a triangle of the rig and the barycentric weights in it."""

    corners: Int[np.ndarray, "3"]
    weights: Float[np.ndarray, "3"]

    def on(self, values: Float[np.ndarray, "V C"]) -> Float[np.ndarray, "C"]:
        """Values of the rig's vertices, interpolated at the place."""
        return self.weights @ values[self.corners]


def muscles() -> tuple[Muscle, ...]:
    """The 26 muscles of one side: the table `muscles.toml`, moved as `calibration.toml` states."""
    moves = tomllib.loads(_CALIBRATION.read_text(encoding="utf-8"))
    weaker = (moved(muscle, **moves["common"]) for muscle in uncalibrated())
    return tuple(moved(muscle, **moves.get(muscle.name, {})) for muscle in weaker)


def uncalibrated() -> tuple[Muscle, ...]:
    """The muscles as they were placed by hand, in the order of `muscles`."""
    return tuple(_muscle(row) for row in tomllib.loads(_TABLE.read_text(encoding="utf-8"))["muscle"])


def moved(
    muscle: Muscle,
    *,
    insertions: Sequence[float] = (0.0, 0.0),
    origins: Sequence[float] = (0.0, 0.0),
    depth: float = 1.0,
    force: float = 1.0,
    rings: float = 1.0,
) -> Muscle:
    """A muscle whose insertions and origins are shifted [mm], and whose depth and forces are multiplied."""
    fibres = tuple(
        replace(
            fibre,
            at=_shifted(fibre.at, origins),
            depth=fibre.depth * depth,
            insertions=tuple(_shifted(place, insertions) for place in fibre.insertions),
        )
        for fibre in muscle.fibres
    )
    return replace(muscle, fibres=fibres, force=muscle.force * force, ring_force=muscle.ring_force * force * rings)


def _shifted(place: tuple[float, float], by: Sequence[float]) -> tuple[float, float]:
    return place[0] + by[0], place[1] + by[1]


def _muscle(row: dict[str, Any]) -> Muscle:
    made: dict[str, Any] = {**row}
    made["fibres"] = tuple(_fibre(fibre) for fibre in row.get("fibres", ()))
    made["rings"] = tuple(tuple(map(tuple, ring)) for ring in row.get("rings", ()))
    return Muscle(**made)


def _fibre(row: dict[str, Any]) -> Fibre:
    made: dict[str, Any] = {**row}
    made["at"], made["insertions"] = tuple(row["at"]), tuple(map(tuple, row["insertions"]))
    return Fibre(**made)


def spots(
    places: Float[np.ndarray, "P 2"], vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"]
) -> list[Spot]:
    """The frontmost triangle of the skin at each place seen from the front, [x, y] in mm.

    A place beside the face takes the triangle whose middle is nearest to it.
    """
    a, b, c = (vertices[triangles[:, k], :2] for k in range(3))
    doubled = _cross(b - a, c - a)
    facing = np.flatnonzero(doubled > 1e-9)
    a, b, c, doubled = a[facing], b[facing], c[facing], doubled[facing]
    middle = (a + b + c) / 3
    found = []
    for place in np.asarray(places, np.float64):
        share = np.stack([_cross(b - place, c - place), _cross(c - place, a - place)], axis=1) / doubled[:, None]
        share = np.column_stack([share, 1 - share.sum(axis=1)])
        hit = np.flatnonzero((share >= -1e-9).all(axis=1))
        if len(hit):
            depth = (vertices[triangles[facing[hit]], 2] * share[hit]).sum(axis=1)
            best = hit[depth.argmax()]
            weights = share[best]
        else:
            best = int(np.linalg.norm(middle - place, axis=1).argmin())
            weights = np.full(3, 1 / 3)
        found.append(Spot(corners=triangles[facing[best]], weights=np.clip(weights, 0.0, None)))
    return found


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
