"""Folders of registered 4D sequences: subject/expression/frame.ply or .obj, as CoMA, VOCASET and D3DFACS lay them out.

Deeper folders (subject/expression/take/frame) are separate takes. Frames are ordered by the last number in their names.
The timing is not annotated in such folders, so it is estimated from how far the mesh moves from its first frame.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mien.core.errors import MienError
from mien.io.frame_folder import frame_files, read_frames

__all__ = ["Recording", "estimate_timing", "read_folder"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """One registered sequence; its first frame is the neutral."""

    subject: str
    expression: str
    times: Float[np.ndarray, "T"]
    """Times of the frames [s]."""
    vertices: Float[np.ndarray, "T V 3"]
    """Vertex positions [mm]."""


def read_folder(folder: Path, *, unit_mm: float, fps: float) -> tuple[list[Recording], Int[np.ndarray, "F 3"]]:
    """Every sequence of at least three frames, sorted by subject and expression, and the triangles they share.

    Raises MienError when there is none, a file cannot be read, or a frame has another topology than the first.
    """
    places = sorted({path for path in folder.rglob("*") if path.is_dir()})
    recordings: list[Recording] = []
    triangles: np.ndarray | None = None
    for place in places:
        names = place.relative_to(folder).parts
        frames = frame_files(place)
        if len(names) < 2 or len(frames) < 3:
            continue
        vertices, topology = read_frames(frames)
        triangles = topology.triangles if triangles is None else triangles
        if not np.array_equal(topology.triangles, triangles):
            raise MienError(f"{place}: another topology than the sequences before; they must be registered")
        times = np.arange(len(frames)) / fps
        recordings.append(
            Recording(subject=names[0], expression=names[1], times=times, vertices=vertices * np.float32(unit_mm))
        )
    if triangles is None:
        raise MienError(f"{folder}: no sequences; it must hold subject/expression/frame.ply (or .obj)")
    return recordings, triangles


def estimate_timing(vertices: Float[np.ndarray, "T V 3"], times: Float[np.ndarray, "T"]) -> Float[np.ndarray, "4"]:
    """Onset, apex, end of the apex and end [s]: where the mean displacement passes 10 and 90 percent of its largest."""
    moved = np.linalg.norm(vertices - vertices[0], axis=2).mean(axis=1)
    level = moved / max(float(moved.max()), 1e-9)
    shown, full = np.flatnonzero(level >= 0.1), np.flatnonzero(level >= 0.9)
    step = float(times[1] - times[0])
    start, end = times[max(shown[0] - 1, 0)], times[min(shown[-1] + 1, len(times) - 1)]
    timing = np.array([start, times[full[0]], times[full[-1]], end])
    # A take that ends at its apex has no offset: the offset gets one frame, so that the ramp is not empty.
    timing[1] = max(timing[1], timing[0] + step)
    timing[2] = max(timing[2], timing[1])
    timing[3] = max(timing[3], timing[2] + step)
    return timing
