"""The table of muscles, and how its points are found on any identity."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Fibre", "Muscle", "Spot", "muscles", "spots"]

_TABLE = Path(__file__).parent / "muscles.toml"
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


@dataclass(frozen=True, kw_only=True)
class Muscle:
    """One muscle of the subject's left side; that of the right side mirrors it."""

    name: str
    action: str
    """The FACS unit that it serves."""
    force: float = 0.0
    """Force at full activation [N]; 0 for muscles of the lids, which turn the tarsal plates."""
    fibres: tuple[Fibre, ...] = ()
    rings: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Arcs of a sphincter, each a run of places in the coordinates of `Fibre.at`."""
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
    """The 26 muscles of one side, from the table `muscles.toml`."""
    rows = tomllib.loads(_TABLE.read_text(encoding="utf-8"))["muscle"]
    return tuple(_muscle(row) for row in rows)


def _muscle(row: dict) -> Muscle:
    fibres = tuple(
        Fibre(bone=f["bone"], at=tuple(f["at"]), depth=f["depth"], insertions=tuple(map(tuple, f["insertions"])))
        for f in row.get("fibres", ())
    )
    rings = tuple(tuple(map(tuple, ring)) for ring in row.get("rings", ()))
    return Muscle(
        name=row["name"],
        action=row["action"],
        force=row.get("force", 0.0),
        fibres=fibres,
        rings=rings,
        lid=row.get("lid", ""),
    )


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
