"""ICT-FaceKit (USC ICT 2020, MIT) as a `Rig`: the head of every synthetic performer.

The archive holds one Wavefront OBJ per shape and identity mode, all of one topology, in centimetres. They are parsed
once, and stored as displacements in millimetres in one .npz file in the user's cache.
"""

import os
import re
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from mien.core import IBUG68, MIEN70, Joint, LandmarkAnchors, Mesh, MienError, Part, Rig, Topology
from mien.core.channels import ARKIT
from mien.io import formats
from mien.io.assets import find
from mien.io.atomic import write_whole
from mien.io.cache import cache_folder
from mien.rigs.eye_texture import IRIS_COLOR, SCLERA_COLOR, eye_texture
from mien.rigs.ict_landmarks import dense_anchors
from mien.rigs.ict_topology import CLEAR, EYES, GROUPS, IBUG68_VERTICES, OPEN, PARTS, VERTICES

__all__ = ["EYE_AXES", "find_ict", "ict_eyes", "load_ict"]

MM_PER_UNIT = 10.0  # the OBJ files are in centimetres
CACHE_VERSION = 2  # a cache of another version is parsed again

_NECK = (0.0, -130.0, -45.0)
_HEAD = (0.0, -15.0, 0.0)
"""Positions of the joints at rest [mm]: the neck at the base of the neck (C7), and the head at the atlanto-occipital
joint, just below the ear canals and between them."""

EYE_AXES = {"left": (0.0993, 0.0228, 0.9948), "right": (-0.0993, 0.0228, 0.9948)}
"""Optical axis of each eyeball at rest, a unit vector: from the centre of the sphere fitted to the sclera to the
corneal pole. It points outwards by 5.7 degrees, as in real eyes, whose visual and optical axes differ by about 5
degrees."""

_WHERE = "run `mien assets get ict`, or set MIEN_ICT to the archive (or its extracted folder)"


def find_ict() -> Path:
    """The ICT-FaceKit archive or folder (`mien.io.assets.find`). Raises MienError when there is none."""
    return find("ict")


def load_ict(source: Path | None = None) -> Rig:
    """The rig "ict": 51 ARKit shapes (no tongueOut), four other shapes, 100 identity modes, 26,719 vertices [mm].

    `source` is the upstream zip or its extracted folder; by default the one that `find_ict` returns. The first load
    parses 154 OBJ files, which takes seconds, and writes a cache. Raises MienError when the archive is missing or is
    not ICT-FaceKit.
    """
    explicit = source is not None
    cache = cache_folder() / f"ict-rig-{CACHE_VERSION}.npz"
    if not explicit and not os.environ.get("MIEN_ICT") and cache.is_file():
        arrays = _read_cache(cache)
        if arrays is not None:
            return _build(arrays)
    source = Path(source) if source is not None else find_ict()
    stamp = _stamp(source)
    arrays = _read_cache(cache)
    if arrays is None or str(arrays["stamp"]) != stamp:
        arrays = {**_parse(source), "stamp": np.array(stamp)}
        _write_cache(cache, arrays)
    return _build(arrays)


def _stamp(source: Path) -> str:
    """A text that distinguishes archives without reading them: name and size."""
    if not source.exists():
        raise MienError(f"'{source}' does not exist; {_WHERE}")
    return f"{CACHE_VERSION}:{source.name}:{source.stat().st_size if source.is_file() else 0}"


def _read_cache(cache: Path) -> dict[str, np.ndarray] | None:
    if not cache.is_file():
        return None
    try:
        with cache.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile, KeyError):
        return None  # a damaged cache is rebuilt from the archive


def _write_cache(cache: Path, arrays: dict[str, np.ndarray]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(cache) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


@contextmanager
def _opened(source: Path) -> Generator[tuple[list[str], Callable[[str], bytes]]]:
    """Names of the OBJ files in a folder or zip (without extension), and a function that reads one."""
    if source.is_dir():
        paths = {p.stem: p for p in source.rglob(f"*{formats.OBJ}")}
        yield list(paths), lambda name: paths[name].read_bytes()
        return
    try:
        with zipfile.ZipFile(source) as archive:
            entries = {Path(n).stem: n for n in archive.namelist() if n.endswith(formats.OBJ)}
            yield list(entries), lambda name: archive.read(entries[name])
    except zipfile.BadZipFile:
        raise MienError(f"'{source}' is not a zip archive; download it again with `mien assets get ict`") from None


def _rows(data: bytes, key: bytes) -> np.ndarray:
    """The numbers of the one contiguous block of lines that start with `key`."""
    start = data.find(b"\n" + key + b" ")
    last = data.rfind(b"\n" + key + b" ")
    stop = data.find(b"\n", last + 1)
    block = data[start : stop if stop >= 0 else None]
    width = 3 if key == b"v" else 2
    return np.fromstring(block.replace(b"\n" + key, b" ").decode("ascii"), sep=" ").reshape(-1, width)


def _positions(data: bytes, name: str) -> Float[np.ndarray, "V 3"]:
    rows = _rows(data, b"v")
    if len(rows) != VERTICES:
        raise MienError(f"'{name}.obj' has {len(rows)} vertices, not ICT-FaceKit's {VERTICES}; {_WHERE}")
    return rows * MM_PER_UNIT


def _parse(source: Path) -> dict[str, np.ndarray]:
    """The contents of the archive as arrays."""
    with _opened(source) as (names, read):
        if "generic_neutral_mesh" not in names:
            raise MienError(f"'{source}' holds no generic_neutral_mesh.obj: not ICT-FaceKit; {_WHERE}")
        base = read("generic_neutral_mesh")
        neutral = _positions(base, "generic_neutral_mesh")
        modes = sorted(n for n in names if re.fullmatch(r"identity\d+", n))
        shapes: dict[str, np.ndarray] = {}
        for name in sorted(set(names) - set(modes) - {"generic_neutral_mesh"}):
            ours = _our_name(name)
            moved = (_positions(read(name), name) - neutral).astype(np.float32)
            # browInnerUp and cheekPuff come in two halves, each with the displacements of its side: their sum is used.
            shapes[ours] = shapes[ours] + moved if ours in shapes else moved
        identity = [(_positions(read(n), n) - neutral).astype(np.float32) for n in modes]
    order = [c for c in ARKIT if c in shapes] + sorted(set(shapes) - set(ARKIT))
    return {
        "neutral": neutral.astype(np.float32),
        "shape_names": np.array(order),
        "shapes": np.stack([shapes[n] for n in order]),
        "identity_modes": np.stack(identity),
        **_faces(base),
    }


def _our_name(name: str) -> str:
    name = name[0].lower() + name[1:]  # PupilDilate_L
    if name.startswith(("browInnerUp", "cheekPuff")):
        return name[:-2]
    return re.sub("_R$", "Right", re.sub("_L$", "Left", name))


def _faces(base: bytes) -> dict[str, np.ndarray]:
    """Triangles, their texture coordinate indices, and the number of triangles up to the end of each part, from the
    file's polygons."""
    lines = [line.split()[1:] for line in base.decode("ascii").splitlines() if line.startswith("f ")]
    triangles: list[list[int]] = []
    corners: list[list[int]] = []
    stops: list[int] = []
    part_stops = [stop for _, stop, _, _ in PARTS]
    for number, line in enumerate(lines, start=1):
        pairs = [[int(x) - 1 for x in corner.split("/")[:2]] for corner in line]
        for k in range(1, len(pairs) - 1):
            fan = (pairs[0], pairs[k], pairs[k + 1])
            triangles.append([p[0] for p in fan])
            corners.append([p[1] for p in fan])
        if number in part_stops:
            stops.append(len(triangles))
    return {
        "triangles": np.array(triangles, np.int32),
        "uv": _rows(base, b"vt").astype(np.float32),
        "uv_triangles": np.array(corners, np.int32),
        "part_stops": np.array(stops, np.int32),
    }


def _anchors(neutral: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"]) -> dict[str, LandmarkAnchors]:
    """Anchors of all layouts. An iris centre is the corneal pole of the sclera, where the visible iris is painted."""
    first = np.array(IBUG68_VERTICES)[:, None]
    anchors = {"ibug68": LandmarkAnchors(layout=IBUG68, indices=first, weights=np.ones((68, 1)))}
    count = 4  # vertices next to the pole, because the pole itself is no vertex
    indices = np.repeat(first, count, axis=1)
    weights = np.zeros((68, count))
    weights[:, 0] = 1
    eyes: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for side in ("right", "left"):
        span = GROUPS[f"sclera_{side}"]
        points, axis = neutral[slice(*span)].astype(np.float64), np.array(EYE_AXES[side])
        centre = _sphere(points)
        nearest = np.argsort(-(points - centre) @ axis)[:count]
        indices = np.vstack([indices, nearest + span[0]])
        weights = np.vstack([weights, np.full(count, 1 / count)])
        eyes[side] = (_within(triangles, *span), centre, axis)
    anchors["mien70"] = LandmarkAnchors(layout=MIEN70, indices=indices, weights=weights)
    anchors["mien198"] = dense_anchors(anchors["mien70"], neutral, _within(triangles, *GROUPS["face"]), eyes)
    return anchors


def _within(triangles: Int[np.ndarray, "F 3"], start: int, stop: int) -> Int[np.ndarray, "G 3"]:
    """The triangles whose vertices all lie in a range."""
    return triangles[((triangles >= start) & (triangles < stop)).all(axis=1)]


def _sphere(points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "3"]:
    """Centre of the sphere that fits points best (linear least squares)."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    return np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3]


def _skin(vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 4"]:
    """Weights of (neck, head, eyeLeft, eyeRight); head blends into neck between the jaw line and the collar."""
    y, z = vertices[:, 1], vertices[:, 2]
    # The skull ends higher behind (nape, y = -45 mm) than in front (under the chin, y = -95 mm).
    top = np.interp(z, [-40.0, 60.0], [-45.0, -95.0])
    t = np.clip((y - (top - 75.0)) / 75.0, 0.0, 1.0)
    head = t * t * (3 - 2 * t)
    head[GROUPS["mouth_socket"][0] :] = 1.0  # all parts inside the head follow the head joint
    weights = np.stack([1 - head, head, np.zeros_like(head), np.zeros_like(head)], axis=1)
    for column, side in ((2, "left"), (3, "right")):
        start, stop = GROUPS[f"eyeball_{side}"]
        weights[start:stop] = 0
        weights[start:stop, column] = 1
    return weights.astype(np.float32)


def ict_eyes(
    neutral: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "F 3"],
    uv: Float[np.ndarray, "U 2"],
    uv_triangles: Int[np.ndarray, "F 3"],
    iris: tuple[float, float, float] = IRIS_COLOR,
    sclera: tuple[float, float, float] = SCLERA_COLOR,
) -> UInt8[np.ndarray, "N N 3"]:
    """The texture of both eyeballs, painted on the mean face's left one; `iris` and `sclera` are sRGB in [0, 1]."""
    start, stop = GROUPS["sclera_left"]
    own = ((triangles >= start) & (triangles < stop)).all(axis=1)
    toward = np.zeros((len(uv), 3))
    points = neutral.astype(np.float64) - _sphere(neutral[start:stop].astype(np.float64))
    toward[uv_triangles[own]] = points[triangles[own]]
    return eye_texture(uv, uv_triangles[own], toward, np.array(EYE_AXES["left"]), iris, sclera)


def _parts(stops: Int[np.ndarray, "P"]) -> tuple[Part, ...]:
    starts = [0, *stops[:-1].tolist()]
    return tuple(
        Part(
            name=name,
            start=start,
            stop=stop,
            color=color,
            roughness=roughness,
            opacity=0.0 if name in CLEAR else 1.0,
            two_sided=name in OPEN,
            texture=EYES if name.startswith("eyeball") else "",
        )
        for (name, _, color, roughness), start, stop in zip(PARTS, starts, stops.tolist(), strict=True)
    )


def _build(arrays: dict[str, np.ndarray]) -> Rig:
    neutral = arrays["neutral"]
    topology = Topology(
        triangles=arrays["triangles"],
        uv=arrays["uv"],
        uv_triangles=arrays["uv_triangles"],
        parts=_parts(arrays["part_stops"]),
        groups={name: np.arange(*span) for name, span in GROUPS.items()},
        textures={EYES: ict_eyes(neutral, arrays["triangles"], arrays["uv"], arrays["uv_triangles"])},
    )
    sclera = {side: neutral[slice(*GROUPS[f"sclera_{side}"])].astype(np.float64) for side in ("left", "right")}

    def eye(side: str) -> tuple[float, float, float]:
        x, y, z = _sphere(sclera[side]).tolist()
        return (x, y, z)

    return Rig(
        name="ict",
        neutral=Mesh(vertices=neutral, topology=topology),
        shape_names=tuple(arrays["shape_names"].tolist()),
        shapes=arrays["shapes"],
        joints=(
            Joint(name="neck", position=_NECK),
            Joint(name="head", position=_HEAD, parent="neck"),
            Joint(name="eyeLeft", position=eye("left"), parent="head"),
            Joint(name="eyeRight", position=eye("right"), parent="head"),
        ),
        joint_weights=_skin(neutral),
        landmarks=_anchors(neutral, arrays["triangles"]),
        identity_modes=arrays["identity_modes"],
        licence="MIT, (c) 2020 USC Institute for Creative Technologies (ICT-FaceKit)",
    )
