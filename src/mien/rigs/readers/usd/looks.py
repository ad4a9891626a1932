"""Appearance of USD meshes: visibility, texture coordinates, display colours, materials."""

from typing import Any

import numpy as np

from mien.core.mesh import Part
from mien.io.gltf.rig import srgb_from_linear
from mien.io.usd.stage import pxr

__all__ = ["part_of", "shown", "texture", "vertex_colors"]


def shown(prim: Any) -> bool:
    """Whether a renderer draws the prim."""
    (UsdGeom,) = pxr("UsdGeom")
    image = UsdGeom.Imageable(prim)
    hidden = image.ComputeVisibility() == UsdGeom.Tokens.invisible
    return not hidden and image.ComputePurpose() in (UsdGeom.Tokens.default_, UsdGeom.Tokens.render)


def texture(
    mesh: Any, triangles: np.ndarray, corners: np.ndarray, count: int
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray]:
    """(texture coordinates per split vertex, v downwards; the point of each split vertex; triangles of split vertices).

    A split vertex is a point with one pair of texture coordinates, as in a glTF file that mien wrote.
    """
    (UsdGeom,) = pxr("UsdGeom")
    api = UsdGeom.PrimvarsAPI(mesh)
    primvar = next((api.GetPrimvar(n) for n in ("st", "UVMap", "st0", "uv") if api.GetPrimvar(n).HasValue()), None)
    value: Any = None if primvar is None else primvar.ComputeFlattened()
    uv = None if value is None else np.array(value, np.float32)
    if uv is None or uv.ndim != 2 or uv.shape[1] != 2 or not np.isfinite(uv).all() or not len(triangles):
        return None, None, triangles
    uv = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)
    if len(uv) == count and primvar is not None and primvar.GetInterpolation() != UsdGeom.Tokens.faceVarying:
        return uv, None, triangles
    if primvar is None or primvar.GetInterpolation() != UsdGeom.Tokens.faceVarying or corners.max() >= len(uv):
        return None, None, triangles
    keys, first, at = np.unique(
        np.concatenate([triangles.reshape(-1, 1), uv[corners].reshape(-1, 2)], axis=1),
        axis=0,
        return_index=True,
        return_inverse=True,
    )
    source = triangles.reshape(-1)[first]
    lonely = np.setdiff1d(np.arange(count), source)  # points that belong to no triangle are kept
    uv = np.concatenate([keys[:, 1:], np.zeros((len(lonely), 2))]).astype(np.float32)
    return uv, np.concatenate([source, lonely]), at.reshape(-1, 3)


def vertex_colors(mesh: Any, triangles: np.ndarray, corners: np.ndarray, count: int) -> np.ndarray | None:
    """Linear display colours per point; where the corners at a point differ, that of the first corner."""
    (UsdGeom,) = pxr("UsdGeom")
    primvar = UsdGeom.PrimvarsAPI(mesh).GetPrimvar("displayColor")
    value: Any = primvar.ComputeFlattened()
    colors = np.array(() if value is None else value, np.float64).reshape(-1, 3)
    if not len(colors) or not np.isfinite(colors).all():
        return None
    where = primvar.GetInterpolation()
    if where == UsdGeom.Tokens.faceVarying and len(triangles) and corners.max() < len(colors):
        out = np.ones((count, 3))
        out[triangles.reshape(-1)[::-1]] = colors[corners.reshape(-1)[::-1]]
        return out
    return colors if len(colors) == count else None


def part_of(prim: Any, display: Any) -> tuple[Part, bool]:
    """(the material of a mesh or subset, whether it uses the mesh's display colours)."""
    (UsdShade,) = pxr("UsdShade")
    material = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0]
    colored = bool(display) and display.HasValue()
    constant: Any = display.Get() if colored and display.GetInterpolation() == "constant" else None
    color: Any = constant[0] if constant is not None and len(constant) else None
    rough, shows = 0.6, colored and color is None
    if material:
        surface = material.ComputeSurfaceSource()[0]
        diffuse = surface.GetInput("diffuseColor") if surface else None
        if diffuse:
            connected = diffuse.HasConnectedSource()
            shows = colored and connected
            color = None if connected else diffuse.Get()
        roughness: Any = surface.GetInput("roughness").Get() if surface and surface.GetInput("roughness") else None
        rough = float(np.clip(roughness, 0, 1)) if isinstance(roughness, float) else rough
    red, green, blue = srgb_from_linear(
        np.array((1, 1, 1) if shows else (0.6,) * 3 if color is None else color)
    ).tolist()
    name = material.GetPrim().GetName() if material else prim.GetName()
    return Part(name=name, start=0, stop=0, color=(red, green, blue), roughness=rough), shows
