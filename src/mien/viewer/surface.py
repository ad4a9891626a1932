"""What the painter draws of a rig: vertices split where material or texture change, their materials, one atlas."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from mien.core.mesh import Part
from mien.core.rig import Rig
from mien.viewer.light import GAMMA, WET

__all__ = ["Surface", "shown_triangles", "solid_triangles", "surface_of"]

_UNSEEN = ("occlusion", "eye_blend", "lacrimal")
"""Parts that are not drawn: they blend or darken the eye in a renderer with transparency, and would cover it when drawn
opaque. The lashes (textured cards) of a rig without colours are not drawn for the same reason."""
_CLEAR = 0.5
"""Opacity below which a part is not drawn."""
_GLOSSY = 0.2
_IRIS, _PUPIL = 29.0, 12.0
"""Radii of iris and pupil as angles from the eye's axis [deg]: 6 and 2.5 mm on an eyeball with a radius of 12 mm."""
_PLASTER = (0.80, 0.78, 0.76)
"""Colour of white parts whose texture the file does not hold."""
_GUTTER = 8
"""Texels by which a texture is repeated beyond its borders in the atlas."""
_TALLEST = 16000
"""Most rows of the atlas; OpenCV looks up coordinates below 32,768."""
_SKIN_ALBEDO = 0.4
"""Typical albedo of a texture, by which the highlight is divided that the texture multiplies again."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """D drawn vertices and their F triangles; a surface that is two-sided is there twice, once turned inside out."""

    source: Int[np.ndarray, "D"]
    """The rig's vertex."""
    flip: Float[np.ndarray, "D 1"]
    """1, or -1 for the back of a surface, whose normal points the other way."""
    triangles: Int[np.ndarray, "F 3"]
    albedo: Float[np.ndarray, "D 3"]
    """Linear; a texture multiplies it."""
    gloss: Float[np.ndarray, "D"]
    """Strength of the highlight."""
    shine: Float[np.ndarray, "D"]
    """Blinn-Phong exponent of the highlight."""
    wet: Bool[np.ndarray, "D"]
    """Whether the highlight is a sharp spot, which is computed pixel by pixel."""
    at: Float[np.ndarray, "D 2"]
    """Place in the atlas [px]."""
    detailed: Int[np.ndarray, "G 3"]
    """The triangles with a texture or a wet surface, without cards."""
    cards: Int[np.ndarray, "C 3"]
    """The triangles whose texture has opacity; they are not in `triangles`."""
    atlas: UInt8[np.ndarray, "H W 4"]
    """All textures below each other; the texel at (0, 0) is white."""


def shown_triangles(rig: Rig) -> Bool[np.ndarray, "F"]:
    """Whether each triangle of the rig is drawn."""
    out = np.ones(len(rig.neutral.topology.triangles), bool)
    bare = rig.colors is None
    for part in rig.neutral.topology.parts:
        name = part.name.lower()
        hidden = any(word in name for word in _UNSEEN) or (bare and "lash" in name and not part.texture)
        if part.opacity < _CLEAR or hidden:
            out[part.start : part.stop] = False
    return out


def solid_triangles(rig: Rig) -> Bool[np.ndarray, "F"]:
    """Whether each triangle of the rig is drawn and hides light: cards (hair, lashes) let most of it through."""
    out = shown_triangles(rig)
    parts = rig.neutral.topology.parts
    for part, cut in zip(parts, _flags(parts, rig.neutral.topology.textures)[1], strict=True):
        if cut:
            out[part.start : part.stop] = False
    return out


def surface_of(rig: Rig, texels: float) -> Surface:
    """The surface of `rig`; `texels` is the largest useful number of texels from v = 0 to v = 1."""
    topology = rig.neutral.topology
    count = len(topology.triangles)
    parts = topology.parts or (Part(name="", start=0, stop=count),)
    part_of = np.zeros(count, np.int64)
    for number, part in enumerate(parts):
        part_of[part.start : part.stop] = number
    uv = np.zeros((1, 2), np.float32) if topology.uv is None else topology.uv
    uv_of = topology.triangles if topology.uv_triangles is None else topology.uv_triangles
    textured = np.array([bool(part.texture) for part in parts])[part_of]
    uv_of = np.where(textured[:, None] & (topology.uv is not None), uv_of, 0)
    keys = np.stack([topology.triangles, np.repeat(part_of[:, None], 3, 1), uv_of], axis=-1).reshape(-1, 3)
    kept = np.repeat(shown_triangles(rig), 3)
    pairs, inverse = np.unique(keys[kept], axis=0, return_inverse=True)
    triangles, owner = inverse.reshape(-1, 3).astype(np.int32), part_of[kept[::3]]
    atlas, places = _atlas(topology.textures, parts, texels)
    at = _placed(uv[pairs[:, 2]], triangles, owner, [places.get(part.texture) for part in parts])
    two, cut = _flags(parts, topology.textures)
    back = two[owner]
    turned = triangles[back][:, ::-1] + len(pairs)
    every = np.concatenate([triangles, turned]).astype(np.int32)
    owner = np.concatenate([owner, owner[back]])
    twice = np.concatenate([pairs, pairs]) if back.any() else pairs
    albedo, gloss, shine = _materials(rig, parts, twice[:, 0], twice[:, 1])
    wet = shine >= WET
    look = np.array([bool(part.texture) for part in parts])[owner] | wet[every[:, 0]]
    return Surface(
        source=twice[:, 0],
        flip=np.where(np.arange(len(twice)) < len(pairs), 1, -1).astype(np.float32)[:, None],
        triangles=np.ascontiguousarray(every[~cut[owner]]),
        albedo=albedo,
        gloss=gloss,
        shine=shine,
        wet=wet,
        at=np.concatenate([at, at])[: len(twice)],
        detailed=np.ascontiguousarray(every[look & ~cut[owner]]),
        cards=np.ascontiguousarray(every[cut[owner]]),
        atlas=atlas,
    )


def _flags(parts: tuple[Part, ...], textures: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(whether each part is two-sided, whether its texture has places that are not opaque)."""
    cut = [
        p.texture != "" and textures[p.texture].shape[2] == 4 and textures[p.texture][..., 3].min() < 250 for p in parts
    ]
    return np.array([part.two_sided for part in parts]), np.array(cut, bool)


def _atlas(
    textures: dict[str, np.ndarray], parts: tuple[Part, ...], texels: float
) -> tuple[np.ndarray, dict[str, tuple[int, int, int]]]:
    """(the textures that parts show, reduced to what a picture resolves; texture -> its first row, width, height)."""
    import cv2

    cells, places, row = [np.full((2, 2, 4), 255, np.uint8)], dict[str, tuple[int, int, int]](), 2
    for name in dict.fromkeys(part.texture for part in parts if part.texture):
        picture = textures[name]
        share = min(1.0, texels / max(picture.shape[:2]), _TALLEST / 8 / picture.shape[0])
        height, width = (max(1, round(side * share)) for side in picture.shape[:2])
        if share < 1:
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        if picture.shape[2] == 3:
            picture = np.concatenate([picture, np.full((*picture.shape[:2], 1), 255, np.uint8)], axis=2)
        padded = np.pad(picture, ((_GUTTER, _GUTTER), (_GUTTER, _GUTTER), (0, 0)), mode="wrap")
        places[name] = (row + _GUTTER, width, height)
        row += len(padded)
        cells.append(np.asarray(padded, np.uint8))
    wide = max(cell.shape[1] for cell in cells)
    return np.concatenate([np.pad(c, ((0, 0), (0, wide - c.shape[1]), (0, 0)), mode="edge") for c in cells]), places


def _placed(
    uv: np.ndarray, triangles: np.ndarray, owner: np.ndarray, cells: list[tuple[int, int, int] | None]
) -> np.ndarray:
    """Places in the atlas [px]. A triangle's texture coordinates are moved by whole numbers into [0, 1]; what then
    lies beyond 1 is looked up in the gutter."""
    at = np.zeros((len(uv), 2), np.float32)
    first = np.full(len(uv), np.inf)
    low = np.floor(uv[triangles].mean(axis=1) + 1e-9)
    shift = np.zeros((len(uv), 2))
    for axis in range(2):
        first[:] = np.inf
        np.minimum.at(first, triangles.reshape(-1), np.repeat(low[:, axis], 3))
        shift[:, axis] = np.where(np.isfinite(first), first, 0)
    for number, cell in enumerate(cells):
        if cell is None:
            continue
        members = np.unique(triangles[owner == number])
        row, width, height = cell
        own = uv[members] - shift[members]
        x = np.clip(own[:, 0] * width - 0.5, -_GUTTER, width - 1 + _GUTTER) + _GUTTER
        y = np.clip((1 - own[:, 1]) * height - 0.5, -_GUTTER, height - 1 + _GUTTER) + row
        at[members] = np.stack([x, y], axis=1)
    return at


def _materials(
    rig: Rig, parts: tuple[Part, ...], source: np.ndarray, owner: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per drawn vertex: linear albedo, highlight strength, highlight exponent."""

    def color_of(part: Part) -> tuple[float, float, float]:
        white = min(part.color) > 0.97 and part.roughness >= _GLOSSY and not part.texture
        return _PLASTER if white else part.color

    colors = _painted_eyes(rig) if rig.colors is None else np.asarray(rig.colors, np.float32)
    rough = np.array([part.roughness for part in parts], np.float32)[owner]
    textured = np.array([bool(part.texture) for part in parts])[owner]
    color = np.array([color_of(part) for part in parts], np.float32)[owner] * colors[source]
    # Blinn-Phong exponent for a roughness, 2 / r^4 - 2 (Walter et al. 2007), kept within what vertices can resolve
    shine = np.clip(2 / np.maximum(rough, 0.05) ** 4 - 2, 4, WET).astype(np.float32)
    gloss = (0.9 * np.clip(1 - rough, 0, 1) ** 3).astype(np.float32)
    albedo = color**GAMMA
    # dark colours mean that a surface lies in shadow (the inside of a mouth) and has no highlight
    gloss = np.where(shine < WET, gloss * np.clip(albedo.max(axis=1) / 0.12, 0, 1), gloss)
    return albedo, np.where(textured & (shine < WET), gloss / _SKIN_ALBEDO, gloss).astype(np.float32), shine


def _painted_eyes(rig: Rig) -> np.ndarray:
    """Vertex colours: white, with an iris and a pupil by angle from the axis on eyeballs without colours or texture."""
    colors = np.ones((len(rig.neutral.vertices), 3), np.float32)
    if any(part.texture and "eye" in part.name.lower() for part in rig.neutral.topology.parts):
        return colors
    for name, members in rig.neutral.topology.groups.items():
        if name in ("sclera_left", "sclera_right"):
            ball = rig.neutral.vertices[members]
            toward = ball - (ball.min(axis=0) + ball.max(axis=0)) / 2
            toward = toward / np.linalg.norm(toward, axis=1, keepdims=True)
            angle = np.degrees(np.arccos(np.clip(toward[:, 2], -1, 1)))
            iris = np.where(angle[:, None] < _PUPIL, 0.03, np.array([0.36, 0.25, 0.16], np.float32))
            colors[members] = np.where(angle[:, None] < _IRIS, iris, 1.0)
    return colors
