"""A rig as UsdSkel: mesh with sparse blendshapes, materials, display colours, skeleton.

    /name             SkelRoot, the default prim
    /name/mesh        Mesh in metres, one material per part, blendshapes below it (displacements of the moving points)
    /name/skeleton    Skeleton: the rig's joints, unrotated at rest, or one joint "root" for a rig without joints
    /name/animation   SkelAnimation that drives the skeleton; the rest pose when there is no clip
    /name/materials   a UsdPreviewSurface per part; its texture is a picture beside the file, name.texture.png

Vertices keep the rig's order and count (texture coordinates have separate indices, so no seam is split). A rig without
skinning weights is bound to its head joint, so that the head still turns. Correctives are blendshapes whose rule is in
their `customData`; their weights are computed and written, since UsdSkel has no combination shapes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien import __version__
from mien.core.mesh import Part, Topology, vertex_normals
from mien.core.rig import Joint, Rig
from mien.io.atomic import write_whole
from mien.io.gltf.rig import STILL, linear_from_srgb
from mien.io.pictures import encode, suffix
from mien.io.usd.stage import new_stage, prim_name, pxr, write

__all__ = ["M_PER_MM", "RigPrims", "add_mesh", "add_rig", "as_points", "write_pictures", "write_rig"]

M_PER_MM = np.float32(1e-3)


@dataclass(frozen=True)
class RigPrims:
    """The prims that `add_rig` added, as pxr schemas."""

    root: Any
    animation: Any
    joints: tuple[Joint, ...]
    """The skeleton's joints: the rig's, or one "root"."""
    shapes: tuple[str, ...]
    """Names of the blendshapes: the rig's shapes, then its correctives."""


def write_rig(rig: Rig, path: Path, *, morph_normals: bool = False) -> None:
    """Write `rig` at rest; `morph_normals` adds normal offsets (about twice the size).

    Raises MienError when the path cannot be written or OpenUSD is not installed.
    """
    stage = new_stage(f"mien {__version__}", rig.licence)
    pictures = write_pictures(rig.neutral.topology, path)
    add_rig(stage, rig, morph_normals=morph_normals, pictures=pictures)
    write(stage, path)


def add_rig(stage: Any, rig: Rig, *, morph_normals: bool = False, pictures: dict[str, str] | None = None) -> RigPrims:
    """Add mesh, materials, blendshapes and skeleton for `rig`; `pictures` are the files of its textures."""
    Sdf, UsdSkel = pxr("Sdf", "UsdSkel")
    path = Sdf.Path.absoluteRootPath.AppendChild(prim_name(rig.name, set()))
    root = UsdSkel.Root.Define(stage, path)
    stage.SetDefaultPrim(root.GetPrim())
    mesh = add_mesh(
        stage, path.AppendChild("mesh"), rig.neutral.vertices, rig.neutral.topology, rig.colors, pictures=pictures
    )
    joints = rig.joints or (Joint(name="root", position=(0.0, 0.0, 0.0)),)
    skeleton = _skeleton(stage, path.AppendChild("skeleton"), joints)
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    _bind(binding, rig, joints)
    shapes = _blendshapes(stage, mesh, binding, rig, morph_normals)
    animation = _animation(stage, path.AppendChild("animation"), joints, shapes)
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    return RigPrims(root, animation, joints, shapes)


def as_points(vertices: np.ndarray) -> Any:
    """A Vec3f array in metres from [V, 3] mm."""
    (Vt,) = pxr("Vt")
    return Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(vertices.astype(np.float32) * M_PER_MM))


def add_mesh(
    stage: Any,
    path: Any,
    vertices: np.ndarray,
    topology: Topology,
    colors: np.ndarray | None = None,
    *,
    pictures: dict[str, str] | None = None,
) -> Any:
    """Add a polygon mesh with its materials, texture coordinates, normals and display colours at rest.

    `pictures` are the names of the files that hold its textures, beside the stage's file.
    """
    Sdf, UsdGeom, Vt = pxr("Sdf", "UsdGeom", "Vt")
    mesh = UsdGeom.Mesh.Define(stage, path)
    points = as_points(vertices)
    mesh.CreatePointsAttr(points)
    mesh.CreateExtentAttr(UsdGeom.PointBased.ComputeExtent(points))
    triangles = topology.triangles.astype(np.int32)
    mesh.CreateFaceVertexCountsAttr(_ints(np.full(len(triangles), 3)))
    mesh.CreateFaceVertexIndicesAttr(_ints(triangles))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateDoubleSidedAttr(True)  # lashes, brows and the inside of the mouth are open sheets
    normals = vertex_normals(vertices.astype(np.float32), triangles)
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(normals, np.float32)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    if topology.uv is not None:
        seams = topology.uv_triangles is not None
        where = UsdGeom.Tokens.faceVarying if seams else UsdGeom.Tokens.vertex
        st = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, where)
        st.Set(Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(topology.uv, np.float32)))
        if topology.uv_triangles is not None:
            st.SetIndices(_ints(topology.uv_triangles))
    parts = topology.parts or (Part(name=path.GetParentPath().name, start=0, stop=len(triangles)),)
    _paint(mesh, triangles, parts, colors)
    _materials(stage, mesh, parts, pictures or {}, painted=colors is not None)
    return mesh


def _paint(mesh: Any, triangles: np.ndarray, parts: tuple[Part, ...], colors: np.ndarray | None) -> None:
    """Set display colours: one per face, or, with vertex colours, their product with the part's colour; that needs one
    colour per face corner where parts meet."""
    UsdGeom, Vt = pxr("UsdGeom", "Vt")
    per_face = np.zeros(len(triangles), np.int64)
    for number, part in enumerate(parts):
        per_face[part.start : part.stop] = number
    base = linear_from_srgb(np.array([part.color for part in parts]))
    if colors is None:
        palette, index, where = base, per_face, UsdGeom.Tokens.uniform
    else:
        corners = triangles.astype(np.int64).reshape(-1) * len(parts) + np.repeat(per_face, 3)
        pairs, index = np.unique(corners, return_inverse=True)
        palette = linear_from_srgb(colors)[pairs // len(parts)] * base[pairs % len(parts)]
        where = UsdGeom.Tokens.faceVarying
    primvar = mesh.CreateDisplayColorPrimvar(where)
    primvar.Set(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(palette, np.float32)))
    primvar.SetIndices(_ints(index))


def _materials(stage: Any, mesh: Any, parts: tuple[Part, ...], pictures: dict[str, str], *, painted: bool) -> None:
    """Add a material per part, bound to the part's faces: it shows its texture, or with `painted` the display colour,
    or one colour."""
    Gf, Sdf, UsdGeom, UsdShade = pxr("Gf", "Sdf", "UsdGeom", "UsdShade")
    folder = mesh.GetPath().GetParentPath().AppendChild("materials")
    UsdGeom.Scope.Define(stage, folder)
    taken: set[str] = set()
    for part in parts:
        material = UsdShade.Material.Define(stage, folder.AppendChild(prim_name(part.name, taken)))
        surface = UsdShade.Shader.Define(stage, material.GetPath().AppendChild("surface"))
        surface.CreateIdAttr("UsdPreviewSurface")
        surface.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(float(part.roughness))
        surface.CreateInput("metallic", Sdf.ValueTypeNames.Float).Set(0.0)
        color = surface.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f)
        if part.opacity < 1:
            surface.CreateInput("opacity", Sdf.ValueTypeNames.Float).Set(float(part.opacity))
        if part.texture in pictures:
            _texture(stage, material, surface, color, part, pictures[part.texture])
        elif painted:
            reader = UsdShade.Shader.Define(stage, material.GetPath().AppendChild("color"))
            reader.CreateIdAttr("UsdPrimvarReader_float3")
            reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("displayColor")
            color.ConnectToSource(reader.CreateOutput("result", Sdf.ValueTypeNames.Float3))
        else:
            color.Set(Gf.Vec3f(*linear_from_srgb(np.array(part.color)).tolist()))
        material.CreateSurfaceOutput().ConnectToSource(surface.CreateOutput("surface", Sdf.ValueTypeNames.Token))
        faces = np.arange(part.start, part.stop)
        if len(parts) == 1:
            UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)
        elif len(faces):
            subset = UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).CreateMaterialBindSubset(
                material.GetPath().name, _ints(faces)
            )
            UsdShade.MaterialBindingAPI.Apply(subset.GetPrim()).Bind(material)


def write_pictures(topology: Topology, path: Path) -> dict[str, str]:
    """Write the textures that parts show beside `path`, as pictures named after it; returns texture -> file name.

    USD's text and binary files cannot hold pictures. Raises MienError when a picture cannot be written.
    """
    out: dict[str, str] = {}
    for name in dict.fromkeys(part.texture for part in topology.parts if part.texture):
        picture = topology.textures[name]
        plain = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
        file = f"{path.stem}.{plain}{suffix(picture)}"
        with write_whole(path.with_name(file)) as temporary:
            temporary.write_bytes(encode(picture))
        out[name] = file
    return out


def _texture(stage: Any, material: Any, surface: Any, color: Any, part: Part, file: str) -> None:
    """Let a surface show a picture, multiplied by the part's colour."""
    Gf, Sdf, UsdShade = pxr("Gf", "Sdf", "UsdShade")
    reader = UsdShade.Shader.Define(stage, material.GetPath().AppendChild("st"))
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
    texture = UsdShade.Shader.Define(stage, material.GetPath().AppendChild("picture"))
    texture.CreateIdAttr("UsdUVTexture")
    texture.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(f"./{file}")
    texture.CreateInput("sourceColorSpace", Sdf.ValueTypeNames.Token).Set("sRGB")
    for side in ("wrapS", "wrapT"):
        texture.CreateInput(side, Sdf.ValueTypeNames.Token).Set("repeat")
    scale = [*linear_from_srgb(np.array(part.color)).tolist(), 1.0]
    texture.CreateInput("scale", Sdf.ValueTypeNames.Float4).Set(Gf.Vec4f(*scale))
    st = texture.CreateInput("st", Sdf.ValueTypeNames.Float2)
    st.ConnectToSource(reader.CreateOutput("result", Sdf.ValueTypeNames.Float2))
    color.ConnectToSource(texture.CreateOutput("rgb", Sdf.ValueTypeNames.Float3))
    if file.endswith(".png"):  # a picture with opacity is stored as PNG; an opaque one reads as 1
        alpha = texture.CreateOutput("a", Sdf.ValueTypeNames.Float)
        if part.opacity >= 1:
            surface.CreateInput("opacity", Sdf.ValueTypeNames.Float).ConnectToSource(alpha)


def _skeleton(stage: Any, path: Any, joints: tuple[Joint, ...]) -> Any:
    Gf, UsdSkel = pxr("Gf", "UsdSkel")
    skeleton = UsdSkel.Skeleton.Define(stage, path)
    skeleton.CreateJointsAttr(_paths(joints))

    def moved(offset: np.ndarray) -> Any:
        return Gf.Matrix4d(1.0).SetTranslate(Gf.Vec3d(*offset.tolist()))

    at = [np.asarray(joint.position, float) * 1e-3 for joint in joints]
    skeleton.CreateBindTransformsAttr([moved(place) for place in at])
    skeleton.CreateRestTransformsAttr([moved(offset) for offset in offsets(joints)])
    return skeleton


def offsets(joints: tuple[Joint, ...]) -> list[np.ndarray]:
    """Position of each joint relative to its parent [m]."""
    at = {joint.name: np.asarray(joint.position, float) * 1e-3 for joint in joints}
    return [at[j.name] - (at[j.parent] if j.parent is not None else 0.0) for j in joints]


def _paths(joints: tuple[Joint, ...]) -> list[str]:
    """The joints' paths, by which UsdSkel states their parents: "neck/head"."""
    out: dict[str, str] = {}
    for joint in joints:
        out[joint.name] = joint.name if joint.parent is None else f"{out[joint.parent]}/{joint.name}"
    return list(out.values())


def _bind(binding: Any, rig: Rig, joints: tuple[Joint, ...]) -> None:
    """Set the joint influences: every weight above 1e-6, strongest first, in rows of equal length.

    A mesh without skinning weights is bound to one joint.
    """
    Gf, UsdGeom, Vt = pxr("Gf", "UsdGeom", "Vt")
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1.0))
    if rig.joint_weights is None:
        names = [joint.name for joint in joints]
        head = names.index("head") if "head" in names else 0
        for primvar, value in (
            (binding.CreateJointIndicesPrimvar(True, 1), Vt.IntArray([head])),
            (binding.CreateJointWeightsPrimvar(True, 1), Vt.FloatArray([1.0])),
        ):
            primvar.SetInterpolation(UsdGeom.Tokens.constant)
            primvar.Set(value)
        return
    weights = np.where(rig.joint_weights > 1e-6, rig.joint_weights, 0).astype(np.float64)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    width = max(int((weights > 0).sum(axis=1).max()), 1)
    order = np.argsort(-weights, axis=1, kind="stable")[:, :width]
    picked = np.take_along_axis(weights, order, axis=1).astype(np.float32)
    binding.CreateJointIndicesPrimvar(False, width).Set(_ints(np.where(picked > 0, order, 0)))
    binding.CreateJointWeightsPrimvar(False, width).Set(Vt.FloatArray.FromNumpy(picked.reshape(-1)))


def _blendshapes(stage: Any, mesh: Any, binding: Any, rig: Rig, morph_normals: bool) -> tuple[str, ...]:
    UsdSkel, Vt = pxr("UsdSkel", "Vt")
    corrective = rig.corrective_shapes if rig.corrective_shapes is not None else rig.shapes[:0]
    names = (*rig.shape_names, *(entry.name for entry in rig.correctives))
    normals = rig.neutral.normals if morph_normals else None
    # The material subsets are children of the mesh, too, so their names are taken.
    taken = {child.GetName() for child in mesh.GetPrim().GetChildren()}
    targets: list[Any] = []
    for number, name in enumerate(names):
        shape = rig.shapes[number] if number < len(rig.shapes) else corrective[number - len(rig.shapes)]
        blend = UsdSkel.BlendShape.Define(stage, mesh.GetPath().AppendChild(prim_name(name, taken)))
        _fill(blend, rig, shape, normals)
        if number >= len(rig.shapes):
            entry = rig.correctives[number - len(rig.shapes)]
            blend.GetPrim().SetCustomDataByKey("mien:channels", Vt.StringArray(entry.channels))
            blend.GetPrim().SetCustomDataByKey("mien:rule", entry.rule)
        targets.append(blend.GetPath())
    if names:
        binding.CreateBlendShapesAttr(list(names))
        binding.CreateBlendShapeTargetsRel().SetTargets(targets)
    return names


def _fill(blend: Any, rig: Rig, shape: np.ndarray, normals: np.ndarray | None) -> None:
    """Set the offsets of the points that move; a shape without motion gets one, because no indices mean all points."""
    (Vt,) = pxr("Vt")
    moving = np.abs(shape).max(axis=1) > STILL
    turn = None
    if normals is not None:
        moved = vertex_normals(rig.neutral.vertices + shape, rig.neutral.topology.triangles)
        turn = np.where((moved != 0).any(axis=1, keepdims=True), moved - normals, 0).astype(np.float32)
        moving |= np.abs(turn).max(axis=1) > 1e-6
    at = np.flatnonzero(moving) if moving.any() else np.zeros(1, np.int64)
    blend.CreatePointIndicesAttr(_ints(at))
    blend.CreateOffsetsAttr(as_points(shape[at]))
    blend.CreateNormalOffsetsAttr(
        Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(turn[at] if turn is not None else np.zeros((len(at), 3), "f4")))
    )


def _animation(stage: Any, path: Any, joints: tuple[Joint, ...], shapes: tuple[str, ...]) -> Any:
    """An animation that holds the rest pose."""
    UsdSkel, Vt = pxr("UsdSkel", "Vt")
    animation = UsdSkel.Animation.Define(stage, path)
    animation.CreateJointsAttr(_paths(joints))
    place = np.array(offsets(joints), np.float32)
    animation.CreateTranslationsAttr(Vt.Vec3fArray.FromNumpy(place))
    identity = np.tile(np.array([0, 0, 0, 1], np.float32), (len(joints), 1))
    animation.CreateRotationsAttr(Vt.QuatfArray.FromNumpy(identity))
    animation.CreateScalesAttr(Vt.Vec3hArray.FromNumpy(np.ones((len(joints), 3), np.float16)))
    if shapes:
        animation.CreateBlendShapesAttr(list(shapes))
        animation.CreateBlendShapeWeightsAttr(Vt.FloatArray.FromNumpy(np.zeros(len(shapes), np.float32)))
    return animation


def _ints(values: np.ndarray) -> Any:
    (Vt,) = pxr("Vt")
    return Vt.IntArray.FromNumpy(np.ascontiguousarray(values.reshape(-1), np.int32))
