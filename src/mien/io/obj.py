"""Wavefront OBJ of bare geometry: what point caches and folders of frames need beside them.

Millimetres, positions with seven digits (float32 survives exactly with nine; seven are a ten-thousandth of a
millimetre on a head), 1-based triangles, vertices in order. `mien.rigs.readers.obj` reads the OBJ files of other
programs as rigs.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mien.core.errors import MienError
from mien.io.atomic import write_whole

__all__ = ["faces_text", "parse_obj", "read_obj", "vertices_text", "write_obj"]


def vertices_text(vertices: Float[np.ndarray, "V 3"]) -> str:
    """The "v" lines."""
    return "".join(f"v {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in np.asarray(vertices, np.float64).tolist())


def faces_text(triangles: Int[np.ndarray, "F 3"]) -> str:
    """The "f" lines."""
    return "".join(f"f {a} {b} {c}\n" for a, b, c in (triangles.astype(np.int64) + 1).tolist())


def write_obj(path: Path, vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"]) -> None:
    """One mesh [mm]; raises MienError when the path cannot be written."""
    with write_whole(path) as temporary:
        temporary.write_text(
            f"# millimetres, +Y up\n{vertices_text(vertices)}{faces_text(triangles)}", encoding="ascii"
        )


def read_obj(path: Path) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """Vertices in the file's unit and triangles (fans of larger faces); raises MienError when missing or damaged."""
    try:
        text = path.read_bytes().decode("utf-8", "replace")
        vertices, triangles = parse_obj(text)
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, IndexError):
        raise MienError(f"{path} is damaged or no .obj mesh") from None
    return vertices, triangles


def parse_obj(text: str) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """The same of a file's text; raises ValueError or IndexError for what is no mesh."""
    vertices: list[list[float]] = []
    triangles: list[tuple[int, int, int]] = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(words[1]), float(words[2]), float(words[3])])
        elif words[0] == "f":
            corners = [int(word.split("/", 1)[0]) for word in words[1:]]
            face = [i - 1 if i > 0 else len(vertices) + i for i in corners]
            triangles.extend((face[0], face[k], face[k + 1]) for k in range(1, len(face) - 1))
    points = np.array(vertices, np.float64).reshape(-1, 3)
    faces = np.array(triangles, np.int64).reshape(-1, 3)
    if not len(points) or not np.isfinite(points).all():
        raise ValueError("no vertices")
    if faces.size and not 0 <= faces.min() <= faces.max() < len(points):
        raise ValueError("faces point to vertices that are not there")
    return points, faces
