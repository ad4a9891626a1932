"""docs/images/express_wrinkles.jpg: `python -m benchmarks.express_wrinkles [OUT]`.

A held-out person's apexes, without and with the wrinkle normal maps weighted by their signals, lit per pixel from above
and from the side, as in a game.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from benchmarks.command import IMAGES

from mien.cli.outputs import write_picture
from mien.core.mesh import vertex_normals
from mien.rigs.ict import load_ict
from mien.synth.performer import identity_coefficients
from mien.systems.express import spec
from mien.systems.express.predict import Express
from mien.systems.express.runtime.wrinkle_maps import SIZE, normal_map, wrinkle_heights
from mien.systems.express.runtime.wrinkles import REGIONS

PERSON, SEED, CELL = 163, 1, 300
SHOWN = ("surprise", "happiness", "anger", "disgust")
LIGHT = np.array([-0.55, 0.62, 0.56])
SKIN = np.array([0.78, 0.55, 0.45])


def raster(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(triangle [H, W], -1 for none; barycentric weights [H, W, 3]) of the nearest surface in the frontal view."""
    low, high = vertices[:, :2].min(axis=0), vertices[:, :2].max(axis=0)
    scale = 0.94 * CELL / (high - low).max()
    flat = (vertices[:, :2] - (low + high) / 2) * (scale, -scale) + CELL / 2
    face = np.full((CELL, CELL), -1)
    weight = np.zeros((CELL, CELL, 3))
    depth = np.full((CELL, CELL), -np.inf)
    for t, corners in enumerate(triangles):
        p, z = flat[corners], vertices[corners, 2]
        twice = (p[1, 0] - p[0, 0]) * (p[2, 1] - p[0, 1]) - (p[2, 0] - p[0, 0]) * (p[1, 1] - p[0, 1])
        if twice >= 0:  # faces away from the camera
            continue
        start = np.maximum(np.ceil(p.min(axis=0) - 0.5), 0).astype(int)
        end = np.minimum(np.floor(p.max(axis=0) - 0.5) + 1, CELL).astype(int)
        if (end <= start).any():
            continue
        x, y = np.meshgrid(np.arange(start[0], end[0]) + 0.5, np.arange(start[1], end[1]) + 0.5)
        b = ((p[2, 1] - p[0, 1]) * (x - p[0, 0]) - (p[2, 0] - p[0, 0]) * (y - p[0, 1])) / twice
        c = ((p[1, 0] - p[0, 0]) * (y - p[0, 1]) - (p[1, 1] - p[0, 1]) * (x - p[0, 0])) / twice
        w = np.stack([1 - b - c, b, c], axis=2)
        own = (slice(start[1], end[1]), slice(start[0], end[0]))
        near = (w >= -1e-9).all(axis=2) & (w @ z > depth[own])
        face[own][near], weight[own][near], depth[own][near] = t, w[near], (w @ z)[near]
    return face, weight


def draw(vertices: np.ndarray, express: Express, normals_uv: np.ndarray | None) -> np.ndarray:
    """The face lit per pixel, its normals bent by a tangent-space map."""
    rig = load_ict()
    topology, count = rig.neutral.topology, len(express.mean)
    assert topology.uv is not None and topology.uv_triangles is not None
    kept = (topology.triangles < count).all(axis=1)
    triangles, corners = topology.triangles[kept], topology.uv_triangles[kept]
    face, weight = raster(vertices, triangles)
    seen = face >= 0
    at, w = face[seen], weight[seen]
    smooth = vertex_normals(vertices, triangles)
    normal = np.einsum("nk,nkd->nd", w, smooth[triangles[at]])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    if normals_uv is not None:
        uv = topology.uv[corners].astype(float)
        edge, flat = vertices[triangles], uv
        e, d = edge[:, 1:] - edge[:, :1], flat[:, 1:] - flat[:, :1]
        inverse = np.linalg.pinv(d)
        along = inverse @ e  # rows: dP/du, dP/dv
        summed = np.zeros((count, 2, 3))
        for k in range(3):
            np.add.at(summed, triangles[:, k], along)
        frame = np.einsum("nk,nkij->nij", w, summed[triangles[at]])
        tangent = frame[:, 0] - (frame[:, 0] * normal).sum(1, keepdims=True) * normal
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        side = np.cross(normal, tangent)
        place = np.einsum("nk,nkd->nd", w, uv[at])
        bent = normals_uv[((1 - place[:, 1]) * SIZE).astype(int), (place[:, 0] * SIZE).astype(int)]
        normal = bent[:, :1] * tangent + bent[:, 1:2] * side + bent[:, 2:] * normal
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    light = LIGHT / np.linalg.norm(LIGHT)
    lit = np.clip((normal @ light + 0.15) / 1.15, 0, 1) * 0.85 + 0.18 + 0.1 * normal[:, 1]
    half = light + np.array([0, 0, 1])
    shine = 0.12 * np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** 24
    image = np.full((CELL, CELL, 3), 0.06)
    image[seen] = lit[:, None] * SKIN + shine[:, None]
    return np.rint(255 * np.clip(image, 0, 1) ** (1 / 2.2)).astype(np.uint8)


def main(arguments: list[str]) -> None:
    """Write the picture."""
    cv2.setNumThreads(1)
    out = Path(arguments[0]) if arguments else IMAGES / "express_wrinkles.jpg"
    express, rig = Express(), load_ict()
    assert rig.identity_modes is not None
    coefficients = identity_coefficients(SEED, PERSON)
    moved = np.tensordot(coefficients, rig.identity_modes[: len(coefficients)], axes=1)
    neutral = (rig.neutral.vertices + moved)[: len(express.mean)].astype(np.float32)
    maps = {name: normal_map(height).astype(float) / 127.5 - 1 for name, height in wrinkle_heights().items()}
    above, below = [], []
    for name in SHOWN:
        sequence = express.generate(neutral, f"{name} 0.1-0.5-1.0-1.4 @1")
        at = round(0.75 * spec.FPS)
        shown = express.wrinkles(sequence)[at]
        print(name, dict(zip(REGIONS, np.round(shown, 2).tolist(), strict=True)))
        mixed = np.tile(np.array([0.0, 0, 1]), (SIZE, SIZE, 1))
        for share, region in zip(shown, REGIONS, strict=True):
            mixed += share * (maps[region] - (0, 0, 1))
        above.append(draw(sequence.vertices[at], express, None))
        below.append(draw(sequence.vertices[at], express, mixed))
    write_picture(out, np.concatenate([np.concatenate(above, axis=1), np.concatenate(below, axis=1)]))


if __name__ == "__main__":
    main(sys.argv[1:])
