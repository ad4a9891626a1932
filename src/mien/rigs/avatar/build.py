"""Builds a person's avatar from a fit and the photos it was fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mien.core import MienError, Rig
from mien.core.mesh import Part
from mien.rigs.avatar.eyes import eye_colors
from mien.rigs.avatar.hair import hair_color, hairline_of, with_cap
from mien.rigs.avatar.photo import Photo, problem, seen_in, srgb
from mien.rigs.avatar.texture import skin_of
from mien.rigs.eye_texture import IRIS_COLOR, SCLERA_COLOR
from mien.rigs.fit import Fit
from mien.rigs.ict import ict_eyes
from mien.rigs.ict_topology import EYES

__all__ = ["Avatar", "Hair", "build_avatar"]

Hair = Literal["cap", "none"]
_BRIGHTER = 1.1
"""Factor on the colour of the irises in a photo: lids and lashes shade them there, and again in every renderer."""
_WHITE_RANGE = (0.35, 0.85)
"""Range of the brightness of the white of the eye, sRGB."""
_IRIS_RANGE = (0.05, 0.62)
"""Range of the sRGB of an iris that is believed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Avatar:
    """A person's own head, and how it came about."""

    rig: Rig
    """The head at rest with its shapes, textures and hair; the landmarks are those of ICT-FaceKit."""
    sources: tuple[str, ...]
    """Names of the photos that the texture is made from."""
    unused: dict[str, str]
    """Photos that were left out of the texture, and why."""
    coverage: float
    """Share of the face's texels that a photo shows; 0 without a texture."""
    skin: tuple[float, float, float]
    """sRGB of the skin, in [0, 1]."""
    iris: tuple[float, float, float]
    """sRGB of the irises, in [0, 1]."""
    hair: tuple[float, float, float] | None
    """sRGB of the hair, in [0, 1]; None for a head without."""


def build_avatar(fit: Fit, photos: Sequence[Photo], *, hair: Hair = "cap", name: str = "avatar") -> Avatar:
    """The avatar of a person.

    Args:
        fit: the fit of ICT-FaceKit to the person.
        photos: the frames of the fit, in its order.
        hair: "cap" for a plain cap in the colour of the hair, when the photos show any; "none" for a bare head.
        name: name of the rig.

    A photo that is too dark or too small is left out of the texture; without any other one the avatar has no texture.
    Raises MienError when the numbers of photos and frames differ.
    """
    if len(photos) != len(fit.rotation):
        raise MienError(f"the fit has {len(fit.rotation)} frames, and there are {len(photos)} photos")
    reasons = {k: why for k, photo in enumerate(photos) if (why := problem(photo))}
    used = [k for k in range(len(photos)) if k not in reasons]
    rig = replace(fit.rig, name=name, identity_modes=None)
    unused = {photos[k].name: why for k, why in reasons.items()}
    if not used:
        plain = next(part.color for part in rig.neutral.topology.parts if part.name == "face")
        return Avatar(rig=rig, sources=(), unused=unused, coverage=0.0, skin=plain, iris=IRIS_COLOR, hair=None)
    views = [seen_in(photos[k], fit, k) for k in used]
    skin = skin_of(fit.rig, views)
    seen, white = eye_colors([photos[k] for k in used])
    iris = IRIS_COLOR if seen is None else _rgb(np.clip(srgb(_BRIGHTER * seen), *_IRIS_RANGE))
    sclera = _white(white)
    line = hairline_of(fit.rig, views, skin.median)
    strands = hair_color(fit.rig, views, skin.median, line) if hair == "cap" else None
    textures = {"face": skin.face, "head": skin.head, EYES: _eyes(rig, iris, sclera)}
    rig = _textured(rig, textures, min(1.0, sclera[1] / SCLERA_COLOR[1]))
    shade = None if strands is None else _rgb(srgb(strands))
    return Avatar(
        rig=rig if shade is None else with_cap(rig, np.array(shade), line),
        sources=tuple(dict.fromkeys(photos[k].name for k in used)),
        unused=unused,
        coverage=skin.coverage,
        skin=_rgb(srgb(skin.median)),
        iris=iris,
        hair=shade,
    )


def _rgb(color: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = (round(float(value), 4) for value in color)
    return red, green, blue


def _white(seen: np.ndarray | None) -> tuple[float, float, float]:
    """sRGB of the white of the eye: as bright as in the photos, because their exposure is that of the skin's texture,
    and nearly without colour, because what tints it there is the light."""
    if seen is None:
        return SCLERA_COLOR
    color = srgb(seen)
    grey = float(np.clip(color.mean(), *_WHITE_RANGE))
    return _rgb(grey * np.array(SCLERA_COLOR) / np.mean(SCLERA_COLOR))


def _eyes(rig: Rig, iris: tuple[float, float, float], sclera: tuple[float, float, float]) -> np.ndarray:
    topology = rig.neutral.topology
    assert topology.uv is not None and topology.uv_triangles is not None
    return ict_eyes(rig.neutral.vertices, topology.triangles, topology.uv, topology.uv_triangles, iris, sclera)


def _textured(rig: Rig, textures: dict[str, np.ndarray], exposure: float) -> Rig:
    """The rig with textures; teeth are darkened by `exposure`, the brightness of the photos' white relative to ours."""
    shown = {"face": "face", "head_neck": "head"}

    def dressed(part: Part) -> Part:
        texture = shown.get(part.name, part.texture)
        if not texture:
            inside = part.name in ("teeth", "gums_tongue", "mouth_socket")
            return replace(part, color=_rgb(exposure * np.array(part.color))) if inside else part
        return replace(part, texture=texture, color=(1.0, 1.0, 1.0))

    topology = rig.neutral.topology
    parts = tuple(dressed(part) for part in topology.parts)
    topology = replace(topology, parts=parts, textures=textures)
    return replace(rig, neutral=replace(rig.neutral, topology=topology))
