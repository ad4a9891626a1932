"""The passive tissue: epidermis and fascia over a skull surrogate, as the energies of `mien.physics.energies`.

The vertices of the model are those of the epidermis, then those of the fascia in the same order.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mien.core import Rig
from mien.core.mesh import vertex_normals
from mien.physics.energies.bending import Bending, bilaplacian
from mien.physics.energies.prisms import Prisms, volumes
from mien.physics.energies.sphere_contact import SphereContact
from mien.physics.energies.springs import Springs
from mien.physics.energies.ties import Ties
from mien.physics.face.depth import bone_depths, fascia_depths, inner_radii
from mien.physics.face.lids import Eye, Lids, find_eye
from mien.physics.face.mesh import FaceMesh
from mien.physics.face.settings import TissueSettings

__all__ = ["Layers", "Regions", "Tissue", "build_tissue", "layers", "regions"]

_REST_GAP = 0.1
"""Contacts begin this far below the gap at rest [mm], so that a face at rest touches nothing with force."""
_FAIR = 0.15
"""Least volume of a prism at rest as a share of its triangle's area times its height."""
_GUM = 0.5
"""Least thickness of the tissue between the surrogate and the rig's teeth or gums [mm]."""
_PLATED = 0.1
"""A triangle with a vertex that moves more than this with a tarsal plate has no prism."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layers:
    """The layers of one identity."""

    skin: Float[np.ndarray, "N 3"]
    """Epidermis [mm]."""
    fascia: Float[np.ndarray, "N 3"]
    bone: Float[np.ndarray, "N 3"]
    """The surrogate of skull, jaw and teeth below each vertex [mm]."""
    normals: Float[np.ndarray, "N 3"]
    """Unit normals of the skin."""
    area: Float[np.ndarray, "N"]
    """Area of the skin that belongs to each vertex [mm^2]."""
    depth: Float[np.ndarray, "N"]
    """Depth of the bone [mm]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Regions:
    """How far each vertex belongs to a region, 0 to 1, on the mean face."""

    forehead: Float[np.ndarray, "N"]
    cheek: Float[np.ndarray, "N"]
    mouth: Float[np.ndarray, "N"]
    chin: Float[np.ndarray, "N"]
    nose: Float[np.ndarray, "N"]
    border: Float[np.ndarray, "N"]
    lips: Float[np.ndarray, "N"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tissue:
    """Passive energies, and what moves them."""

    springs: Springs
    prisms: Prisms
    bending: Bending
    ties: Ties
    tie_rest: Float[np.ndarray, "N 3"]
    """Targets of the ties while the jaw is shut [mm]."""
    plates: Ties
    """The tarsal plates' hold of the lids: those of the left eye, then those of the right."""
    skull: SphereContact
    skull_rest: Float[np.ndarray, "N 3"]
    """Centres of the skull's spheres while the jaw is shut [mm]."""
    eyes: SphereContact
    lids: tuple[Lids, Lids]
    """Left, right."""


def layers(mean: Rig, rig: Rig, mesh: FaceMesh, neighbours: list[Int[np.ndarray, "_"]]) -> Layers:
    """Skin, fascia and bone of an identity. Normals are those of the rig's full mesh, which is smoother."""
    skin_triangles = _face_triangles(rig)
    x = rig.neutral.vertices.astype(np.float64)
    normals = vertex_normals(x, skin_triangles)[mesh.vertices]
    skin = x[mesh.vertices]
    depth = bone_depths(mean.neutral.vertices.astype(np.float64), skin_triangles, mesh.vertices)
    depth = np.minimum(depth, np.maximum(_teeth_distance(rig, skin) - _GUM, 0.5))
    radii = inner_radii(skin, normals)
    fascia = fascia_depths(depth, radii, neighbours)
    for side in ("left", "right"):  # the inner layer of a lid lies between its skin and the eyeball
        eye = find_eye(x[rig.neutral.topology.groups[f"sclera_{side}"]], side)
        gap = eye.gap(skin)
        near = np.linalg.norm(skin - eye.center, axis=1) < 1.6 * eye.radius
        fascia = np.where(near, np.minimum(fascia, np.maximum(0.6 * gap, 0.3)), fascia)
    corners = skin[mesh.triangles]
    face = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    area = np.bincount(mesh.triangles.reshape(-1), np.repeat(face / 3, 3), minlength=len(skin))
    return Layers(
        skin=skin,
        fascia=skin - fascia[:, None] * normals,
        bone=skin - np.maximum(depth, fascia + 0.5)[:, None] * normals,
        normals=normals,
        area=area,
        depth=depth,
    )


def _teeth_distance(rig: Rig, skin: np.ndarray) -> np.ndarray:
    """Distance of the skin from teeth and gums [mm], which the tissue rests on where they are near."""
    from scipy.spatial import KDTree

    groups = rig.neutral.topology.groups
    hard = np.concatenate([groups["teeth"], groups["gums_tongue"]])
    return KDTree(rig.neutral.vertices[hard].astype(np.float64)).query(skin)[0]


def _face_triangles(rig: Rig) -> np.ndarray:
    triangles = np.asarray(rig.neutral.topology.triangles)
    return triangles[(triangles < len(rig.neutral.topology.groups["face"])).all(axis=1)]


def regions(mean: Float[np.ndarray, "N 3"], mesh: FaceMesh) -> Regions:
    """The regions by places on the mean face, from the front [mm]."""
    x, y, z = mean[:, 0], mean[:, 1], mean[:, 2]
    side = np.abs(x)

    def bump(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
        t = np.sqrt(((side - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
        return np.clip(1.5 - t, 0.0, 1.0)

    from scipy.spatial import KDTree

    edge = KDTree(mean[mesh.outline]).query(mean)[0]
    lip = KDTree(mean[mesh.lips]).query(mean)[0]
    return Regions(
        forehead=np.clip((y - 48.0) / 10.0, 0.0, 1.0) * np.clip((92.0 - y) / 12.0, 0.0, 1.0),
        cheek=bump(42.0, -14.0, 26.0, 34.0),
        mouth=bump(0.0, -35.0, 32.0, 17.0),
        chin=bump(0.0, -66.0, 18.0, 14.0),
        nose=bump(0.0, 14.0, 12.0, 26.0),
        border=np.clip(1.0 - edge / 15.0, 0.0, 1.0),
        lips=np.clip(1.0 - lip / 16.0, 0.0, 1.0) * (z > 95.0),
    )


def build_tissue(layer: Layers, region: Regions, mesh: FaceMesh, rig: Rig, settings: TissueSettings) -> Tissue:
    """The passive energies of an identity."""
    count = len(layer.skin)
    rest = np.concatenate([layer.skin, layer.fascia])
    x = rig.neutral.vertices.astype(np.float64)
    eyes = [find_eye(x[rig.neutral.topology.groups[f"sclera_{side}"]], side) for side in ("left", "right")]
    left, right = (
        Lids.find(eye, *_lid_edges(rig, side), layer.skin, layer.fascia)
        for eye, side in zip(eyes, ("left", "right"), strict=True)
    )
    lid = np.zeros(2 * count)
    for lids in (left, right):
        lid[lids.members] = lids.share
    loose = np.maximum(left.loose, right.loose)
    corners = np.concatenate([mesh.triangles + count, mesh.triangles], axis=1)
    # A tarsal plate is stiff and thinner than the triangles of its edge: the plate holds its shape, and not its volume.
    corners = corners[(lid[mesh.triangles] < _PLATED).all(axis=1)]
    corners = corners[_whole(rest, corners)]
    plates = Ties(
        index=np.concatenate([left.members, right.members]),
        stiffness=settings.lid * np.concatenate([left.share, right.share]),
        targets=np.concatenate([left.points, right.points]),
    )
    stiffness = _tie_stiffness(layer, region, lid[:count], settings)
    skull, skull_rest = _skull(layer, lid[:count], settings, count)
    return Tissue(
        springs=_springs(layer, region, loose, mesh, settings),
        prisms=Prisms(
            corners=corners, rest=volumes(rest, corners), stiffness=settings.volume, barrier=settings.barrier
        ),
        bending=_bending(layer, np.tile(loose, 2), mesh, settings),
        ties=Ties(index=count + np.arange(count), stiffness=stiffness, targets=layer.fascia.copy()),
        tie_rest=layer.fascia,
        plates=plates,
        skull=skull,
        skull_rest=skull_rest,
        eyes=_eye_contact(rest, eyes, settings),
        lids=(left, right),
    )


def _whole(rest: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """True for prisms that hold a fair share of the volume of their triangle times their height.

    Where the skin is folded sharply (the rims of the nostrils, the corners of the mouth) the layers of a coarse mesh
    cross at rest: such a prism has no volume that could be kept.
    """
    x = rest[corners]
    area = np.linalg.norm(np.cross(x[:, 4] - x[:, 3], x[:, 5] - x[:, 3]), axis=1) / 2
    height = np.linalg.norm(x[:, 3:] - x[:, :3], axis=2).mean(axis=1)
    return volumes(rest, corners) > _FAIR * area * height


def _lid_edges(rig: Rig, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Points on the edges of the upper and the lower lid, both with the corners of the eye [mm]."""
    anchors = rig.landmarks["mien198"]
    loop = anchors.positions(rig.neutral.vertices).astype(np.float64)[list(anchors.layout.groups[f"eye_{side}"])]
    ends = sorted((int(loop[:, 0].argmin()), int(loop[:, 0].argmax())))
    one = loop[ends[0] : ends[1] + 1]
    two = np.concatenate([loop[ends[1] :], loop[: ends[0] + 1]])
    return (one, two) if one[:, 1].mean() > two[:, 1].mean() else (two, one)


def _tie_stiffness(layer: Layers, region: Regions, lid: np.ndarray, settings: TissueSettings) -> np.ndarray:
    factor = np.ones(len(lid))
    for name in ("forehead", "cheek", "chin", "nose", "mouth", "border"):
        share = getattr(region, name)
        factor = factor * (1 - share) + getattr(settings, name) * share
    factor *= 1 - 0.95 * lid  # the lids are held by their plates
    return settings.tie * factor * layer.area


def _springs(layer: Layers, region: Regions, lid: np.ndarray, mesh: FaceMesh, settings: TissueSettings) -> Springs:
    count = len(layer.skin)
    faces = np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]], mesh.triangles[:, [2, 0]]])
    edges, at = np.unique(np.sort(faces, axis=1), axis=0, return_inverse=True)
    corners = layer.skin[mesh.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    share = np.bincount(at.reshape(-1), np.tile(area / 3, 3), minlength=len(edges))

    def at_edge(values: np.ndarray) -> np.ndarray:
        return values[edges].mean(axis=1)

    factor = 1 + (settings.lip_skin - 1) * at_edge(region.lips) + (settings.nose_skin - 1) * at_edge(region.nose)
    factor = factor * (1 + (settings.lid_skin - 1) * at_edge(lid))
    thick = np.linalg.norm(layer.skin - layer.fascia, axis=1)
    columns = np.arange(count)
    ends, stiffness, rests = [], [], []
    whole = np.concatenate([layer.skin, layer.fascia])

    def put(pairs: np.ndarray, modulus_volume: np.ndarray) -> None:
        """Springs of k = E V / l^2 for elements of a volume V: their energy does not depend on the resolution."""
        length = np.linalg.norm(whole[pairs[:, 0]] - whole[pairs[:, 1]], axis=1)
        ends.append(pairs)
        rests.append(length)
        stiffness.append(modulus_volume / length**2)

    put(edges, settings.skin * settings.skin_thickness * share * factor)
    put(edges + count, settings.fascia * settings.fascia_thickness * share * factor)
    put(np.column_stack([columns, columns + count]), settings.fat * layer.area * thick)
    crossed = 0.5 * settings.fat * share * at_edge(thick) * factor
    put(np.column_stack([edges[:, 0], edges[:, 1] + count]), crossed)
    put(np.column_stack([edges[:, 1], edges[:, 0] + count]), crossed)
    return Springs(
        ends=np.concatenate(ends),
        rest=np.concatenate(rests),
        stiffness=np.concatenate(stiffness),
        ratio=settings.ratio,
        knee=settings.knee,
    )


def _bending(layer: Layers, lid: np.ndarray, mesh: FaceMesh, settings: TissueSettings) -> Bending:
    from scipy.sparse import block_diag, diags

    whole = np.concatenate([layer.skin, layer.fascia])
    # the skin's metric serves both layers: the fascia's triangles are tiny inside a lip
    plate = settings.bending * bilaplacian(layer.skin, mesh.triangles)
    soft = diags(np.sqrt(np.maximum(1 - lid, 0.02)))
    return Bending.of(whole, soft @ block_diag([plate, plate]) @ soft)


def _skull(layer: Layers, lid: np.ndarray, settings: TissueSettings, count: int) -> tuple[SphereContact, np.ndarray]:
    """For each vertex of the fascia the sphere through the bone below it, centred where the skin's curvature is."""
    from scipy.spatial import KDTree

    found = np.asarray(KDTree(layer.bone).query(layer.bone, k=13)[1])[:, 1:]
    apart = layer.bone[found] - layer.bone[:, None]
    drop = -np.einsum("nkd,nd->nk", apart, layer.normals)
    curvature = np.clip(np.median(2 * drop / (apart**2).sum(axis=2), axis=1), 1 / 500.0, 1 / 30.0)
    radius = 1 / curvature
    centers = layer.bone - radius[:, None] * layer.normals
    chosen = np.flatnonzero(lid < 0.3)
    gap = np.linalg.norm(layer.fascia - centers, axis=1)
    reach = np.minimum(radius, gap - _REST_GAP)
    contact = SphereContact(
        index=count + chosen,
        centers=centers[chosen].copy(),
        radii=reach[chosen],
        stiffness=np.full(len(chosen), settings.contact),
    )
    return contact, centers[chosen]


def _eye_contact(rest: np.ndarray, eyes: list[Eye], settings: TissueSettings) -> SphereContact:
    index, centers, radii = [], [], []
    for eye in eyes:
        near = np.flatnonzero(np.linalg.norm(rest - eye.center, axis=1) < 2.0 * eye.radius)
        for center, radius in ((eye.center, eye.radius), (eye.cornea, eye.cornea_radius)):
            index.append(near)
            centers.append(np.tile(center, (len(near), 1)))
            radii.append(np.minimum(radius, np.linalg.norm(rest[near] - center, axis=1) - _REST_GAP))
    every = np.concatenate(index)
    return SphereContact(
        index=every,
        centers=np.concatenate(centers),
        radii=np.concatenate(radii),
        stiffness=np.full(len(every), settings.contact),
    )
