"""One photo of a fitted person: where each vertex of the skin lies in it, whether it is seen, and how well."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import Camera, Rig
from mien.core.landmarks import OUTER_EYE_CORNERS, LandmarkLayout
from mien.core.mesh import vertex_normals
from mien.rigs.fit import Fit, head_position
from mien.rigs.ict_topology import SKIN
from mien.rigs.raster import Camera as Pinhole
from mien.rigs.raster import Raster

__all__ = ["Photo", "Seen", "linear", "problem", "sampled", "seen_in", "srgb"]

_DARKEST, _SMALLEST = 0.012, 60.0
"""Least median luminance of a face (linear, 1 is white; 0.012 is 28 of 255), and least distance of the outer corners of
the eyes [px], of a photo that is used for the texture: below, sensor noise and single pixels would show on the head.
Faces of dark skin in even light have 0.03 and more."""
_SIDE = 1024
"""Longer side of the depth picture that decides what is hidden [px]."""
_SLACK = 3.0
"""How much nearer another surface must lie to hide a vertex [mm]: the fit's error along the line of sight."""
_WARP_SMOOTHING = 4.0
"""Smoothing of the warp from fitted to observed landmarks, in pixels of landmark error on an eye distance of 200 px."""
_INSIDE = 0.96
"""Size of the openings of eyes and mouth that are left out, relative to their landmarks: lashes stay on the lids."""
_RIGID = 0.3
"""Weight of the warp at the jaw, whose observed points slide along the outline."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """A photo, or one frame of a video, of the person."""

    image: UInt8[np.ndarray, "H W 3"]
    """sRGB."""
    camera: Camera
    landmarks: Float[np.ndarray, "L 2"]
    """Observed landmarks [px]."""
    layout: LandmarkLayout
    name: str
    """What to call the photo in messages."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What a photo shows of a fitted head, vertex by vertex (all vertices of the rig)."""

    light: Float[np.ndarray, "H W 3"]
    """The photo, linear."""
    place: Float[np.ndarray, "V 2"]
    """Pixel of each vertex, warped so that the fitted landmarks lie on the observed ones."""
    facing: Float[np.ndarray, "V"]
    """Cosine of the normal with the direction to the camera; 0 where the vertex is hidden or outside of the photo."""
    normals: Float[np.ndarray, "V 3"]
    """Unit normals in the camera's frame."""
    skin: Float[np.ndarray, "H W"]
    """1, or 0 inside the openings of the eyes and the mouth, whose colours must not get onto lids and lips."""
    detail: float
    """Pixels per millimetre, times the photo's sharpness."""


def linear(image: np.ndarray) -> Float[np.ndarray, "*n 3"]:
    """Linear light in [0, 1] from 8-bit sRGB (IEC 61966-2-1)."""
    table = np.arange(256) / 255
    table = np.where(table <= 0.04045, table / 12.92, ((table + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[image]


def srgb(light: np.ndarray) -> np.ndarray:
    """sRGB in [0, 1] from linear light."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def sampled(image: np.ndarray, place: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N *c"]:
    """Values of an image at pixels, bilinear; beyond its border those of the border."""
    import cv2

    x, y = (np.ascontiguousarray(place[:, k], np.float32)[:, None] for k in range(2))
    # OpenCV looks up at most 32,767 rows at once.
    spans = [slice(k, k + 30000) for k in range(0, max(len(x), 1), 30000)]
    out = [cv2.remap(image, x[s], y[s], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for s in spans if len(x[s])]
    return np.concatenate([part[:, 0] for part in out]) if out else np.zeros((0, *image.shape[2:]), np.float32)


def problem(photo: Photo) -> str | None:
    """Why a photo cannot be used for the texture, in words; None when it can."""
    marks = photo.landmarks
    right, left = OUTER_EYE_CORNERS
    apart = float(np.linalg.norm(marks[right] - marks[left]))
    if apart < _SMALLEST:
        return (
            f"the face is too small: {apart:.0f} px between the outer corners of the eyes, {_SMALLEST:.0f} are needed"
        )
    low, high = np.floor(np.nanmin(marks, axis=0)).astype(int), np.ceil(np.nanmax(marks, axis=0)).astype(int)
    face = photo.image[max(low[1], 0) : high[1], max(low[0], 0) : high[0]]
    bright = float(np.median(linear(face) @ [0.2126, 0.7152, 0.0722])) if face.size else 0.0
    if bright < _DARKEST:
        return f"the face is too dark: {bright:.3f} of white, {_DARKEST} are needed"
    return None


def seen_in(photo: Photo, fit: Fit, frame: int) -> Seen:
    """Where the fitted head lies in a photo that is frame number `frame` of the fit."""
    rig = fit.rig
    posed = rig.evaluate(fit.weights[frame].astype(np.float32)[None])[0].astype(np.float64)
    turn = _matrix(fit.rotation[frame])
    points = (posed - head_position(rig)) @ turn.T + fit.translation[frame]
    camera = Camera(
        width=photo.camera.width,
        height=photo.camera.height,
        focal=float(fit.focal[frame]),
        centre=photo.camera.centre,
    )
    normals = vertex_normals(points, rig.neutral.topology.triangles)
    towards = -points / np.linalg.norm(points, axis=1, keepdims=True)
    facing = np.einsum("vk,vk->v", normals, towards)
    straight = camera.project(points)
    place = straight + _warp(photo, rig, camera.project(rig.landmarks[photo.layout.name].positions(points)), straight)
    inside = (place >= 0).all(axis=1) & (place <= [camera.width - 1, camera.height - 1]).all(axis=1)
    facing = np.where(inside & (facing > 0) & _unhidden(points, rig, camera), facing, 0)
    return Seen(
        light=linear(photo.image),
        place=place.astype(np.float32),
        facing=facing.astype(np.float32),
        normals=normals.astype(np.float32),
        skin=_openings(photo),
        detail=float(camera.focal / -np.median(points[:, 2])) * _sharpness(photo),
    )


def _warp(photo: Photo, rig: Rig, fitted: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Displacement [px] of each place: a smooth interpolation of the landmarks' errors, none far from the face."""
    from scipy.interpolate import RBFInterpolator

    groups = photo.layout.groups
    jaw = {k for name, members in groups.items() if name.startswith("jaw") for k in members}
    iris = {k for name, members in groups.items() if name.startswith("iris") for k in members}
    used = np.array([k for k in range(photo.layout.count) if k not in iris and np.isfinite(photo.landmarks[k]).all()])
    share = np.where([k in jaw for k in used], _RIGID, 1.0)[:, None]
    error = (photo.landmarks[used] - fitted[used]) * share
    size = float(np.ptp(fitted[:, 0])) or 1.0
    ring = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rim = fitted.mean(axis=0) + 1.15 * size * np.stack([np.cos(ring), np.sin(ring)], axis=1)
    known = np.concatenate([fitted[used], rim])
    values = np.concatenate([error, np.zeros_like(rim)])
    known, first = np.unique(np.round(known, 3), axis=0, return_index=True)
    field = RBFInterpolator(known / size, values[first], smoothing=_WARP_SMOOTHING * 1e-3, neighbors=None)
    out = np.zeros_like(places)
    skin = places[:SKIN] / size
    out[:SKIN] = field(np.clip(skin, rim.min(axis=0) / size, rim.max(axis=0) / size))
    out[SKIN:] = field(np.clip(places[SKIN:] / size, rim.min(axis=0) / size, rim.max(axis=0) / size))
    return out


def _unhidden(points: np.ndarray, rig: Rig, camera: Camera) -> np.ndarray:
    share = min(1.0, _SIDE / max(camera.width, camera.height))
    wide, tall = max(1, round(camera.width * share)), max(1, round(camera.height * share))
    away = -points[:, 2]
    near, far = 0.5 * float(away.min()), 2.0 * float(away.max())
    raster = Raster(Pinhole(width=wide, height=tall, focal=camera.focal * share, near=max(near, 1.0), far=far))
    depth = raster.empty_depth()
    shown = np.concatenate(
        [rig.neutral.topology.triangles[part.start : part.stop] for part in rig.neutral.topology.parts if part.opacity]
    )
    raster.depth(points.astype(np.float32), np.ascontiguousarray(shown, np.int32), depth)
    at = np.rint((camera.project(points) + 0.5) * share - 0.5).astype(int)
    x, y = np.clip(at[:, 0], 0, wide - 1), np.clip(at[:, 1], 0, tall - 1)
    return away <= depth[y, x] + _SLACK


def _openings(photo: Photo) -> np.ndarray:
    import cv2

    out = np.ones(photo.image.shape[:2], np.float32)
    for name in ("eye_right", "eye_left", "lips_inner"):
        loop = photo.landmarks[list(photo.layout.groups[name])]
        if np.isfinite(loop).all():
            middle = loop.mean(axis=0)
            cv2.fillPoly(out, [np.rint(middle + _INSIDE * (loop - middle)).astype(np.int32)], 0.0, cv2.LINE_AA)
    return out


def _sharpness(photo: Photo) -> float:
    """How much fine detail the face has: 1 for a sharp photo, towards 0 for a blurred one."""
    import cv2

    low, high = np.nanmin(photo.landmarks, axis=0).astype(int), np.nanmax(photo.landmarks, axis=0).astype(int)
    face = photo.image[max(low[1], 0) : high[1] + 1, max(low[0], 0) : high[0] + 1]
    grey = cv2.cvtColor(cv2.resize(face, (256, 256), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    edges = float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean())
    return float(np.clip(edges / (edges + 4.0), 0.05, 1.0))


def _matrix(quaternion: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_quat(quaternion).as_matrix()
