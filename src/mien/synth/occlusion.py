"""Ambient occlusion of the skin per vertex, for any expression: the value at neutral and a change per channel."""

import zipfile
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from mien.core import ARKIT
from mien.io.cache import cache_folder
from mien.synth.body import body
from mien.synth.matrices import data, light_matrix

if TYPE_CHECKING:
    from mien.synth.renderer import Renderer

__all__ = ["occlusion"]

_VERSION = 2
_DIRECTIONS = 44


def occlusion() -> tuple[Float[np.ndarray, "V"], Float[np.ndarray, "52 V"]]:
    """The visible share of all directions at rest, and its change at full weight of each channel.

    It is computed once for the mean identity (some seconds) and stored in the user's cache.
    """
    return _load()


@lru_cache(maxsize=1)
def _load() -> tuple[np.ndarray, np.ndarray]:
    path = cache_folder() / f"ict-occlusion-{_VERSION}.npz"
    if path.is_file():
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return stored["rest"], stored["change"].astype(np.float32)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            pass  # a damaged cache is computed again
    from mien.io.atomic import write_whole

    rest, change = _bake()
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, rest=rest, change=change.astype(np.float16))
    return rest, change


def _bake() -> tuple[np.ndarray, np.ndarray]:
    from mien.synth.performer import Performer
    from mien.synth.renderer import renderer
    from mien.synth.shape import Normals

    b, performer = body(), Performer(np.zeros(1, np.float32))
    weights = np.vstack([np.zeros((1, len(ARKIT))), np.eye(len(ARKIT))]).astype(np.float32)
    vertices = performer.perform(weights).vertices
    directions = _sphere(_DIRECTIONS)
    count = len(b.parts["face"]) + len(b.parts["head_neck"])
    triangles = b.shaded[:count]
    normals = Normals()
    values = np.stack([_openness(renderer(), v, normals(v), triangles, directions) for v in vertices])
    return values[0], values[1:] - values[0]


def _openness(
    gl: "Renderer",
    vertices: Float[np.ndarray, "V 3"],
    normals: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "F 3"],
    directions: Float[np.ndarray, "D 3"],
) -> Float[np.ndarray, "V"]:
    """Cosine-weighted share of the directions from which each vertex is seen (ambient occlusion)."""
    positions = gl.ctx.buffer(np.ascontiguousarray(vertices, np.float32).tobytes())
    index = gl.ctx.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())
    vao = gl.ctx.vertex_array(gl.programs["depth"], [(positions, "3f", "position")], index)
    side = 256
    target = gl.ctx.depth_texture((side, side))
    frame = gl.ctx.framebuffer([], target)
    frame.use()
    gl.ctx.enable_only(gl.gl.DEPTH_TEST)
    gl.programs["depth"]["placed"].write(data(np.eye(4)))
    seen, total = np.zeros(len(vertices)), np.zeros(len(vertices))
    for towards in directions:
        matrix = light_matrix(towards)
        gl.programs["depth"]["clip_from_head"].write(data(matrix.T))
        frame.clear(depth=1.0)
        vao.render()
        z = np.frombuffer(frame.read(components=1, attachment=-1, dtype="f4"), "f4").reshape(side, side)
        lifted = (vertices + 1.2 * normals) @ matrix[:3, :3].T + matrix[:3, 3]
        at = np.clip(((lifted[:, :2] * 0.5 + 0.5) * side).astype(int), 0, side - 1)
        free = lifted[:, 2] * 0.5 + 0.5 <= z[at[:, 1], at[:, 0]] + 0.0035
        weight = np.maximum(normals @ towards, 0)
        seen += weight * free
        total += weight
    for thing in (vao, index, positions, frame, target):
        thing.release()
    return (seen / np.maximum(total, 1e-6)).astype(np.float32)


def _sphere(count: int) -> Float[np.ndarray, "D 3"]:
    """Evenly distributed directions by the golden angle, a few degrees apart."""
    k = np.arange(count) + 0.5
    y = 1 - 2 * k / count
    angle = np.pi * (1 + np.sqrt(5)) * k
    r = np.sqrt(1 - y * y)
    return np.stack([r * np.cos(angle), y, r * np.sin(angle)], axis=1)
