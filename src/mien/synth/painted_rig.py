"""A look for rigs without colours: a synthetic performer's painted skin on another rig's face.

Many rig files have geometry without textures. The training rig's charts are then transferred: the other rig's skin is
fitted to the training rig (`mien.rigs.retarget`), and every vertex takes the texture coordinate of the nearest place
there. Geometry, proportions and motion stay the other rig's own, and only the paint is shared.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from mien.core import MienError, Rig
from mien.rigs.check import FaceFrame, face_frame
from mien.rigs.ict_landmarks import EYE_RADIUS
from mien.rigs.retarget.correspondence import register
from mien.rigs.retarget.surface import Surface, components, eyeballs, skin, weld
from mien.synth.body import body
from mien.synth.filmed_rig import Dress, glossiness
from mien.synth.looks import Look
from mien.synth.renderer import Costume

__all__ = ["Fitting", "painted_dress"]

_EYE_SIDE = 128
"""Side of the eye's picture [px]."""
_LASH_REACH = 0.5
"""Distance from an eye [eye distances] within which small pieces are lashes."""
_OFF = 0.05
"""Distance [eye distances] from the training rig beyond which skin has no counterpart there, such as hair or the
mouth's lining."""
_LINING, _CLOTH = (0.10, 0.028, 0.025), (0.05, 0.06, 0.09)
"""Linear colours of the mouth's lining and of everything that is not the head."""
_ROUGH = {"skin": 0.55, "hair": 0.7, "eyes": 0.18, "other": 0.8}


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitting:
    """Texture coordinates of a rig's triangles; fitted once per rig, for the paint of any performer."""

    triangles: Int[np.ndarray, "F 3"]
    kind: Int[np.ndarray, "F"]
    """0 on the face's chart, 1 on the head's, 2 eye, 3 hair, 4 mouth's lining, 5 lash, 6 other."""
    uv: Float[np.ndarray, "F 3 2"]
    root: Float[np.ndarray, "F 3"]
    """Place along lashes, from 0 at the lid to 1 at the tip."""

    @classmethod
    def of(cls, rig: Rig) -> "Fitting":
        """Fit the training rig's charts on a rig. Raises MienError when the faces cannot be fitted to each other."""
        frame, balls = face_frame(rig), eyeballs(rig)
        if frame is None or len(balls) < 2:
            raise MienError(
                f"rig '{rig.name}' has no eyes that can be found, so it cannot be painted; choose another rig"
            )
        triangles = np.asarray(rig.neutral.topology.triangles)
        pieces, surface = components(rig), skin(rig)
        place = _places(rig, surface)
        charts, off = _charts(rig, surface, frame)
        kind = np.full(len(triangles), 6)
        at = place[triangles]
        on_skin = (at >= 0).all(axis=1)
        nearer = np.stack([c[1] for c in charts])[:, np.maximum(at, 0)].sum(axis=2).argmin(axis=0)
        kind[on_skin] = nearer[on_skin]
        lost = off[np.maximum(at, 0)].mean(axis=1) > 0.5
        kind[on_skin & lost] = np.where(_lining(rig, frame)[triangles].all(axis=1), 4, 3)[on_skin & lost]
        for ball in balls.values():
            kind[np.isin(triangles, ball).all(axis=1)] = 2
        lashes, loose = _loose(rig, pieces, frame, kind)
        kind[lashes[triangles].all(axis=1)] = 5
        kind[loose[triangles].all(axis=1)] = 3
        uv = np.zeros((len(triangles), 3, 2))
        for k, (places, _) in enumerate(charts):
            uv[kind == k] = places[np.maximum(at, 0)][kind == k]
        uv[kind == 2] = _eye_places(rig, balls)[triangles][kind == 2]
        return cls(triangles=triangles, kind=kind, uv=uv, root=_roots(rig, surface, triangles, kind))


def painted_dress(fitting: Fitting, costume: Costume) -> Dress:
    """A rig with a performer's skin, and eyes, hair and lashes in that performer's colours."""
    look = costume.look
    hair = np.clip(look.hair.color, 0, 1) * 0.8
    order = np.argsort(fitting.kind, kind="stable")
    kind = fitting.kind[order]
    colors = np.array([(1, 1, 1), (1, 1, 1), (1, 1, 1), hair, _LINING, look.brows.color * 0.3, _CLOTH])
    albedo = np.ones((len(kind), 3, 4))
    albedo[..., :3] = colors[kind][:, None]
    lash = kind == 5
    albedo[lash, :, 3] = (0.35 + 0.5 * look.lashes) * (1 - fitting.root[order][lash]) ** 1.5
    rough = np.array([_ROUGH[n] for n in ("skin", "skin", "eyes", "hair", "skin", "other", "other")])[kind]
    gloss = glossiness(rough)
    gloss[kind < 2, 0] *= 0.4 + 0.8 * look.oil
    pictures = (_opaque(costume.face), _opaque(costume.head), _opaque(_eye_picture(look)), None, None, None, None)
    ends = np.searchsorted(kind, np.arange(len(pictures) + 1))
    return Dress(
        triangles=fitting.triangles[order],
        albedo=albedo.astype(np.float32),
        gloss=np.repeat(gloss[:, None], 3, axis=1),
        uv=fitting.uv[order].astype(np.float32),
        textures=tuple((p, int(a), int(b)) for p, a, b in zip(pictures, ends[:-1], ends[1:], strict=True) if b > a),
    )


def _opaque(picture: np.ndarray) -> UInt8[np.ndarray, "N M 4"]:
    """The colours of a picture, made opaque; a fourth plane is ignored."""
    return np.dstack([picture[..., :3], np.full(picture.shape[:2], 255, np.uint8)])


def _places(rig: Rig, surface: Surface) -> Int[np.ndarray, "V"]:
    """Vertex of the skin's surface that each vertex of the rig is a copy of; -1 for none."""
    _, of = weld(rig.neutral.vertices, np.asarray(rig.neutral.topology.triangles))
    own = np.full(int(of.max()) + 1, -1)
    own[of[surface.origin]] = np.arange(len(surface.origin))
    return own[of]


def _charts(
    rig: Rig, surface: Surface, frame: FaceFrame
) -> tuple[list[tuple[np.ndarray, np.ndarray]], Bool[np.ndarray, "N"]]:
    """For the face's and the head's chart (uv [N, 2], distance [N] mm) of the skin's vertices; which lie on none."""
    trained = body()
    bent, fit = register(rig, trained.rig, surface, skin(trained.rig))
    corners = trained.neutral[trained.corners].astype(float)
    charts: list[tuple[np.ndarray, np.ndarray]] = []
    for part, shift in (("face", 0.0), ("head_neck", 1.0)):
        chart = Surface(corners, trained.parts[part], np.arange(len(corners)))
        hits = chart.nearest(bent.vertices, bent.normals)
        uv = np.einsum("nk,nkd->nd", hits.barycentric, trained.uv[trained.parts[part][hits.triangle]])
        charts.append((uv - (shift, 0.0), np.minimum(hits.distance, 1e3)))
    return charts, np.minimum(charts[0][1], charts[1][1]) > _OFF * frame.unit * fit.scale


def _lining(rig: Rig, frame: FaceFrame) -> Bool[np.ndarray, "V"]:
    """Vertices in the place of mouth and eye sockets, relative to the middle of the eyes."""
    x, y, z = ((rig.neutral.vertices - frame.centre) / frame.unit).T
    return (np.abs(x) < 0.75) & (y > -1.7) & (y < 0.4) & (z > -0.9)


def _loose(
    rig: Rig, pieces: np.ndarray, frame: FaceFrame, kind: np.ndarray
) -> tuple[Bool[np.ndarray, "V"], Bool[np.ndarray, "V"]]:
    """Vertices of small pieces about the eyes (lashes), and of other loose pieces of the head (hair)."""
    vertices, triangles = rig.neutral.vertices.astype(float), np.asarray(rig.neutral.topology.triangles)
    aside = np.array([frame.unit / 2, 0.0, 0.0])
    eyes = (frame.centre - aside, frame.centre + aside)
    known = np.unique(pieces[triangles[kind < 5]])
    lashes, hair = np.zeros(len(vertices), bool), np.zeros(len(vertices), bool)
    for piece in np.setdiff1d(np.unique(pieces[triangles]), known):
        inside = pieces == piece
        away = min(np.linalg.norm(vertices[inside] - eye, axis=1).max() for eye in eyes)
        top = float(vertices[inside, 1].max() - frame.centre[1]) / frame.unit
        lashes |= inside & (away < _LASH_REACH * frame.unit)
        hair |= inside & (away >= _LASH_REACH * frame.unit) & (top > -0.5)
    return lashes, hair


def _eye_places(rig: Rig, balls: dict[str, np.ndarray]) -> Float[np.ndarray, "V 2"]:
    """Coordinates in the eye's picture, which shows an eyeball from in front."""
    at = {j.name: np.asarray(j.position, float) for j in rig.joints}
    out = np.zeros((len(rig.neutral.vertices), 2))
    for side, ball in balls.items():
        away = rig.neutral.vertices[ball] - at[f"eye{side}"]
        out[ball] = 0.5 + 0.5 * away[:, :2] / np.linalg.norm(away, axis=1, keepdims=True)
    return out


def _roots(rig: Rig, surface: Surface, triangles: np.ndarray, kind: np.ndarray) -> Float[np.ndarray, "F 3"]:
    """How far the corners of lashes are from the skin, as a share of their length."""
    out = np.zeros((len(triangles), 3))
    ids = np.unique(triangles[kind == 5])
    if len(ids):
        away = np.zeros(len(rig.neutral.vertices))
        away[ids] = surface.nearest(rig.neutral.vertices[ids].astype(float)).distance
        out[kind == 5] = np.clip(away[triangles[kind == 5]] / max(float(np.quantile(away[ids], 0.95)), 1e-6), 0, 1)
    return out


def _eye_picture(look: Look) -> UInt8[np.ndarray, "N N 3"]:
    """A picture of an eyeball from in front: sclera, iris with its rim and rays, pupil; as the square root of
    linear."""
    y, x = (np.mgrid[0:_EYE_SIDE, 0:_EYE_SIDE] + 0.5) / _EYE_SIDE * 2 - 1
    r = EYE_RADIUS * np.arcsin(np.clip(np.hypot(x, y), 0, 1))
    around = np.arctan2(y, x)
    rays = 1 + 0.2 * np.sin(17 * around + 2 * np.sin(5 * around)) * np.sin(29 * around)

    def step(edge: float, width: float) -> np.ndarray:
        return np.clip((r - edge) / width + 0.5, 0, 1)[..., None]

    iris = look.iris * rays[..., None]
    iris = iris + (look.iris_ring - iris) * step(0.9 * look.iris_radius, 1.2)
    iris = iris * (0.02 + 0.98 * step(look.pupil, 0.5))
    white = look.sclera * (1 - 0.25 * np.clip((r - 9) / 9, 0, 1)[..., None] * (0.4, 1.0, 1.1))
    color = iris + (white - iris) * step(look.iris_radius, 0.9)
    color = color * (0.85 - 0.4 * np.clip((y - 0.05) / 0.3, 0, 1))[..., None]  # brow and upper lid shade the eye
    return (np.sqrt(np.clip(color, 0, 1)) * 255).astype(np.uint8)
