"""One take: a performer's look, camera, lights and action, all drawn from one random generator."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mien.core.transforms import quaternion_from_angles
from mien.synth.annotate import Truth, annotate
from mien.synth.backgrounds import sample_background
from mien.synth.body import smoothstep
from mien.synth.brows import brow_anchors
from mien.synth.cameras import View, sample_view
from mien.synth.hair import grow_hair
from mien.synth.lights import Lights, sample_lights
from mien.synth.looks import Look, sample_look
from mien.synth.occluders import Held, clothes, glasses, headgear, sample_held
from mien.synth.occlusion import occlusion
from mien.synth.painting import beard_mask, paint_face, paint_head, paint_lines
from mien.synth.performer import Performance, Performer, identity_coefficients
from mien.synth.renderer import Costume, Pose, Renderer
from mien.synth.sensor import Sensor, auto_exposure, develop, sample_sensor
from mien.synth.shape import Normals
from mien.synth.solids import Id, join
from mien.synth.uvmaps import FACE_SIZE

__all__ = ["Action", "Cast", "Scene", "Shot", "cast", "film", "set_scene"]

_SAMPLES = 300
"""Target side of the rendering [px]: supersampling is this over the window's side, at least 1.15, at most 1.8. Large
faces are reduced again by the aligned crop, and small ones are not."""
_FRINGE = 0.022
"""Width over which the edge of hair is blurred, in eye distances (1.4 mm)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cast:
    """A performer with a look for one or more takes."""

    identity: int
    performer: Performer
    costume: Costume


@dataclass(frozen=True, kw_only=True, eq=False)
class Action:
    """The performer's action in T frames."""

    times: Float[np.ndarray, "T"]
    weights: Float[np.ndarray, "T 52"]
    angles: Float[np.ndarray, "T 3"]
    """Head yaw, pitch, roll [rad]."""
    translation: Float[np.ndarray, "T 3"]
    """Offset from the view's place [mm]."""

    def frames(self, start: int, stop: int) -> "Action":
        """The frames `start` to `stop - 1`."""
        at = slice(start, stop)
        return Action(
            times=self.times[at], weights=self.weights[at], angles=self.angles[at], translation=self.translation[at]
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """The surroundings of the performer."""

    view: View
    lights: Lights
    background: UInt8[np.ndarray, "S S 3"]
    sensor: Sensor
    held: Held | None
    top: int = 0
    """Rows of the window above the picture's upper edge, as some people sit too high in the picture."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """One rendered frame and its truth."""

    image: UInt8[np.ndarray, "R S 3"]
    truth: Truth
    ids: UInt8[np.ndarray, "H W"]
    """`solids.Id` of the whole window, at the resolution of the rendering."""
    scale: float
    """Samples of `ids` per image pixel."""
    exposure: Float[np.ndarray, "3"]
    """Gain of each colour channel, by automatic exposure and white balance."""


def cast(seed: int, identity: int, variant: int = 0) -> Cast:
    """Performer number `identity`: the head depends on (seed, identity) alone, and look and clothes also on
    `variant`."""
    performer = Performer(identity_coefficients(seed, identity))
    rng = np.random.default_rng([0x100C, seed, identity])
    look = sample_look(rng)
    # Landmarks lie on the painted iris and brows.
    performer.iris_radius, performer.brows = look.iris_radius, brow_anchors(look.brows)
    rng = np.random.default_rng([0xD0, seed, identity, variant])
    hair = grow_hair(rng, look.hair, performer.neutral)
    worn = []
    gear = rng.random() < 0.11
    if gear:
        worn.append(headgear(rng, performer))
    lenses, tint = join([]), np.zeros(4)
    if rng.random() < 0.24:
        frame, lenses, tint = glasses(rng, performer)
        worn.append(frame)
    beard = beard_mask(rng, look)
    costume = Costume(
        look=look,
        face=paint_face(rng, look, beard),
        head=paint_head(rng, look),
        lines=paint_lines(rng),
        mouth_colors=_mouth_colors(performer, look),
        beard=_beard_cover(performer, look, beard),
        hair=hair,
        with_head=join(worn),
        with_torso=clothes(rng, performer),
        lenses=lenses,
        lens_tint=tint,
        lens_coating=float(rng.uniform(0.05, 1.0) ** 2),
    )
    return Cast(identity=identity, performer=performer, costume=costume)


def set_scene(rng: np.random.Generator, who: Cast, *, occluders: bool = True) -> Scene:
    """A scene for a take."""
    performer = who.performer
    view = sample_view(rng, performer.eye_distance, float(performer.eyes[:, 1].mean()))
    background, surround = sample_background(rng, view.size)
    held = sample_held(rng, performer, who.costume.look) if occluders and rng.random() < 0.12 else None
    lights = sample_lights(rng, surround)
    # The eyes lie a third of the eye distance above the window's middle, and the brows two thirds.
    pixels = view.camera.focal * performer.eye_distance / -float(view.translation[2])
    top = int(max(view.size / 2 - pixels * rng.uniform(0.5, 1.5), 0)) if occluders and rng.random() < 0.05 else 0
    return Scene(
        view=view,
        lights=lights,
        background=_lit(rng, background, lights),
        sensor=sample_sensor(rng),
        held=held,
        top=top,
    )


def _lit(rng: np.random.Generator, background: UInt8[np.ndarray, "S S 3"], lights: Lights) -> np.ndarray:
    """The background in the performer's light: usually the same lamps light both, and the camera balances their
    colour."""
    share = rng.uniform(0.55, 1.0)
    gains = np.sqrt(_tint(lights) ** share)  # pixels are encoded as square roots
    curves = np.clip(np.arange(256)[:, None] * gains, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(background, curves[None]))


def film(
    rng: np.random.Generator, gl: Renderer, who: Cast, scene: Scene, action: Action, *,
    performance: Performance | None = None, scale: float | None = None, exposure: Float[np.ndarray, "3"] | None = None,
) -> Iterator[Shot]:  # fmt: skip
    """Render the frames of an action; `who.costume` must have been uploaded with `gl.wear`.

    `performance` is `who.performer.perform(action.weights)`, for callers that computed several at once, which is
    faster; `exposure` continues an earlier shot.
    """
    performance = performance or who.performer.perform(action.weights)
    size = scene.view.size
    scale = scale or float(np.clip(_SAMPLES / size, 1.15, 1.8))
    before: np.ndarray | None = None
    reference: np.ndarray | None = None
    for t, pose in enumerate(_poses(who, scene, action, performance)):
        picture = gl.draw(pose, scene.view.camera, scene.lights, scale)
        eye_pixels = scene.view.camera.focal * who.performer.eye_distance / -float(pose.translation[2])
        light = _composite(picture.color, scene.background, eye_pixels)
        wanted = np.asarray(auto_exposure(scene.sensor, light) * _seen_balance(scene.lights))
        if exposure is None:
            exposure = wanted
        elif t:
            passed = float(action.times[t] - action.times[t - 1])
            exposure = np.asarray(exposure * (wanted / exposure) ** -np.expm1(-passed / scene.sensor.adapt))
        opacity = float(who.costume.lens_tint[3])
        picture.depth[: round(scene.top * picture.scale)] = -np.inf  # nothing beyond the picture's edge is visible
        truth = annotate(who.performer, pose, performance, t, scene.view.camera, picture, action.weights[t], opacity)
        middle = truth.landmarks[27:48].mean(axis=0)
        shift = middle - before if before is not None else rng.normal(0, 1.2, 2)
        before = middle
        light = np.ascontiguousarray(light[scene.top :])
        truth = replace(truth, landmarks=truth.landmarks - (0, scene.top))
        image, reference = develop(rng, scene.sensor, light, exposure, shift, reference)
        yield Shot(image=image, truth=truth, ids=picture.color[..., 3], scale=picture.scale, exposure=exposure)


_HAIR = np.zeros(256, np.uint8)
_HAIR[[Id.HAIR, Id.BEARD]] = 255


def _soften_hair(image: UInt8[np.ndarray, "S S 4"], ids: UInt8[np.ndarray, "H W"], eye_pixels: float) -> None:
    """Blur the edge of hair, in place: single hairs are thinner than a sample, so that edge is not sharp.

    Colours are premultiplied (undrawn samples are black with alpha 0), so that the blur mixes the colours of both
    sides.
    """
    hair = cv2.LUT(ids, _HAIR)
    if not hair.any():
        return
    share = cv2.resize(hair, image.shape[1::-1], interpolation=cv2.INTER_AREA)
    sigma = _FRINGE * eye_pixels
    share = cv2.GaussianBlur(share, (0, 0), 1.5 * sigma).astype(np.float32) / 255
    edge = np.minimum(5 * share * (1 - share), 1)[..., None]
    soft = cv2.GaussianBlur(image, (0, 0), sigma)
    image[:] = cv2.add(image, ((soft.astype(np.float32) - image) * edge), dtype=cv2.CV_8U)


def _composite(color: np.ndarray, background: np.ndarray, eye_pixels: float) -> np.ndarray:
    """Average samples to pixels and fill what was not drawn with the background."""
    size = (background.shape[1], background.shape[0])
    samples = color.copy()
    np.minimum(samples[..., 3], 1, out=samples[..., 3])
    samples[..., 3] *= 255
    small = cv2.resize(samples, size, interpolation=cv2.INTER_AREA)
    _soften_hair(small, color[..., 3], eye_pixels)
    hole = cv2.cvtColor(255 - small[..., 3], cv2.COLOR_GRAY2RGB)
    return cv2.add(cv2.cvtColor(small, cv2.COLOR_RGBA2RGB), cv2.multiply(background, hole, scale=1 / 255))


_NORMALS: list[Normals] = []


def _poses(who: Cast, scene: Scene, action: Action, performance: Performance) -> Iterator[Pose]:
    from scipy.spatial.transform import Rotation

    if not _NORMALS:
        _NORMALS.append(Normals())
    body = who.performer.body
    rest, change = occlusion()
    look = who.costume.look
    rotations = Rotation.from_quat(quaternion_from_angles(action.angles)).as_matrix()
    torsos = Rotation.from_quat(quaternion_from_angles(action.angles * (0.35, 0.15, 0.2))).as_matrix()
    shades = np.clip(rest + action.weights @ change, 0.02, 1.0)
    pivot = np.array([0.0, -45.0, -15.0])
    neck = np.flatnonzero(body.skin < 1)
    for t, vertices in enumerate(performance.vertices):
        relative = rotations[t].T @ torsos[t]
        placed = np.eye(4)
        placed[:3, :3], placed[:3, 3] = relative, pivot - relative @ pivot
        bent = vertices.copy()
        loose = vertices[neck]
        with_torso = loose @ relative.T.astype(np.float32) + placed[:3, 3].astype(np.float32)
        bent[neck] += (1 - body.skin[neck, None]).astype(np.float32) * (with_torso - loose)
        weights = action.weights[t]
        shade = shades[t].astype(np.float32)
        gap = float(performance.mouth_gap[t])
        _shade_mouth(who.performer, bent, shade, gap)
        yield Pose(
            vertices=bent,
            normals=_NORMALS[0](bent),
            shade=shade,
            rotation=rotations[t],
            translation=scene.view.translation + action.translation[t],
            torso=placed,
            line_depth=look.lines * _line_depth(weights),
            eyes=who.performer.eyes,
            axes=performance.axes[t],
            lid_curves=_lid_curves(who.performer, bent),
            mouth_open=gap > 0.4,
            occluders=scene.held.at(float(action.times[t] - action.times[0])) if scene.held else join([]),
        )


def _shade_mouth(performer: Performer, vertices: np.ndarray, shade: np.ndarray, gap: float) -> None:
    """Shade the mouth's inside: light that enters between the lips falls with depth and grows with the opening."""
    inside = _inside_mouth(performer)
    lips_z = float(vertices[performer.body.lips.upper, 2].max())
    depth = np.maximum(lips_z - 3 - vertices[inside, 2], 0)
    openness = float(np.clip(0.15 + gap / 8, 0, 1))
    shade[inside] = np.clip(openness * np.exp(-depth / (9 + 0.7 * min(gap, 35))), 0.015, 1)


_INSIDE: list[np.ndarray] = []


def _inside_mouth(performer: Performer) -> np.ndarray:
    if not _INSIDE:
        b = performer.body
        parts = np.concatenate([b.parts[n] for n in ("mouth_socket", "gums_tongue", "teeth")])
        face = np.unique(b.corners[b.parts["face"]])
        _INSIDE.append(np.setdiff1d(np.unique(b.corners[parts]), face))
    return _INSIDE[0]


def _line_depth(w: np.ndarray) -> Float[np.ndarray, "4"]:
    """Depth of each group of lines (`painting.LINES`) in an expression."""
    from mien.core import ARKIT

    at = ARKIT.index

    def mean(*names: str) -> float:
        return float(np.mean([w[at(n)] for n in names]))

    raised = max(w[at("browInnerUp")], mean("browOuterUpLeft", "browOuterUpRight"))
    drawn = mean("browDownLeft", "browDownRight")
    narrowed = mean("cheekSquintLeft", "cheekSquintRight", "eyeSquintLeft", "eyeSquintRight")
    smiling = max(mean("mouthSmileLeft", "mouthSmileRight"), mean("noseSneerLeft", "noseSneerRight"))
    return np.array([0.05 + 0.65 * raised, 0.04 + 0.7 * drawn, 0.05 + 0.6 * narrowed, 0.06 + 0.4 * smiling])


def _lid_curves(performer: Performer, vertices: np.ndarray) -> Float[np.ndarray, "2 2 3"]:
    """Quadratic curves through the lid margins, for the shadow of the lids on the eye."""
    out = np.zeros((2, 2, 3))
    for k, lids in enumerate(performer.body.lids):
        for m, margin in enumerate((lids.upper, lids.lower)):
            p = vertices[margin] - performer.eyes[k]
            azimuth = np.arctan2(p[:, 0], p[:, 2])
            elevation = np.arctan2(p[:, 1], np.hypot(p[:, 0], p[:, 2]))
            system = np.stack([np.ones_like(azimuth), azimuth, azimuth**2], axis=1)
            out[k, m] = np.linalg.lstsq(system, elevation, rcond=None)[0]
    return out


def _mouth_colors(performer: Performer, look: Look) -> Float[np.ndarray, "C 4"]:
    b = performer.body
    colors = np.zeros((len(b.corners), 4), np.float32)
    deep = np.clip(look.lips * 0.55 + 0.03, 0, 1) * (1.0, 0.75, 0.75)
    paints = {
        "mouth_socket": (deep, Id.MOUTH),
        "gums_tongue": (np.array([0.46, 0.16, 0.15]), Id.MOUTH),
        "teeth": (look.teeth, Id.TEETH),
    }
    for name, (color, part) in paints.items():
        colors[np.unique(b.parts[name])] = (*color, float(part))
    return colors


def _beard_cover(performer: Performer, look: Look, mask: Float[np.ndarray, "N N"]) -> Float[np.ndarray, "C 2"]:
    if look.beard == "none":
        return np.zeros((0, 2))
    b = performer.body
    cover = np.zeros((len(b.corners), 2))
    corners = np.unique(b.parts["face"])
    at = np.clip((b.uv[corners] * FACE_SIZE).astype(int), 0, FACE_SIZE - 1)
    # Small beards are trimmed thin, so that skin shows through them.
    thin = {"chin": 0.62, "goatee": 0.74, "moustache": 0.9}.get(look.beard, 0.95)
    cover[corners, 0] = thin * mask[at[:, 1], at[:, 0]]
    # A moustache is short, and hair on the cheeks is shorter than on the chin.
    below = performer.neutral[b.lips.lower, 1].mean() - performer.neutral[b.corners[corners], 1]
    cover[corners, 1] = np.clip(0.3 + 0.7 * smoothstep(2.0, 26.0, below), 0, 1)
    short = np.minimum(cover[corners, 1] * look.beard_length, np.where(below < 4, 5.0, 99.0))
    cover[corners, 1] = short / look.beard_length
    return cover


def _seen_balance(lights: Lights) -> Float[np.ndarray, "3"]:
    """Gains of an automatic white balance that removes most of the light's tint."""
    gains = _tint(lights) ** -0.86
    return gains / gains.mean()


def _tint(lights: Lights) -> Float[np.ndarray, "3"]:
    """Colour of the light on a surface that faces the camera, with mean 1."""
    facing = np.clip(lights.directions[:, 2:], 0.1, 1.0)
    total = lights.ambient[4:].mean(axis=0) + (facing * lights.colors).sum(axis=0)
    return total / total.mean()
