"""Render any `Rig` that has colours or a texture with the cameras of the training set.

It serves tests on unseen rigs. Cameras, lights, backgrounds and sensor are those of training, and only the face
differs. Light is computed per pixel here, since such rigs have few vertices.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from mien.core import Clip, MienError, Rig
from mien.core.mesh import vertex_normals
from mien.core.transforms import gaze_from_weights, quaternion_from_angles
from mien.rigs.check import face_frame
from mien.rigs.retarget.surface import weld
from mien.synth.backgrounds import sample_background
from mien.synth.cameras import sample_view
from mien.synth.lights import Lights, sample_lights
from mien.synth.matrices import clip_matrix, data, depth_range
from mien.synth.renderer import renderer
from mien.synth.scene import Action, Scene
from mien.synth.sensor import auto_exposure, develop, sample_sensor

__all__ = ["Dress", "FilmedRig", "RigShot", "film_rig", "glossiness", "own_dress", "set_rig_scene"]

_SAMPLES = 2.0
"""Supersampling: samples per pixel side."""
_SHADOW_SIDE, _SHADOW_REACH = 512, 170.0
"""Side of the shadow map [px], and half the side of the volume that it covers about the eyes [mm]."""
_CLEAR = 0.98
"""Corners below this opacity are blended."""

_VERTEX = """#version 330
in vec3 position; in vec3 normal; in vec4 albedo; in vec2 gloss; in vec2 uv;
out vec3 p; out vec3 n; out vec4 tint; out vec2 shine; out vec2 place;
uniform mat4 clip_from_camera;
void main() {
    p = position; n = normal; tint = albedo; shine = gloss; place = uv;
    gl_Position = clip_from_camera * vec4(position, 1.0);
}"""
_FRAGMENT = """#version 330
in vec3 p; in vec3 n; in vec4 tint; in vec2 shine; in vec2 place; out vec4 pixel;
uniform vec3 lamp_dir[3]; uniform vec3 lamp_color[3]; uniform float lamp_soft[3]; uniform vec3 ambient[6];
uniform sampler2D skin; uniform sampler2D shadow_map; uniform mat4 shadow_from_camera; uniform float shadow_strength;
float open_to_lamp(vec3 facing) {
    vec3 q = (shadow_from_camera * vec4(p + facing * 2.0, 1.0)).xyz * 0.5 + 0.5;
    float open = 0.0;
    for (int k = 0; k < 9; ++k)
        open += q.z - 0.004 <= texture(shadow_map, q.xy + (vec2(k % 3, k / 3) - 1.0) * 0.006).r ? 1.0 / 9.0 : 0.0;
    return 1.0 - shadow_strength * (1.0 - open);
}
void main() {
    vec4 texel = texture(skin, place);
    if (texel.a < 0.5) discard;
    vec3 colour = tint.rgb * texel.rgb * texel.rgb, view = normalize(-p), facing = normalize(n);
    if (dot(facing, view) < 0.0) facing = -facing;
    vec3 side = facing * facing;
    vec3 light = side.x * ambient[facing.x < 0.0 ? 1 : 0] + side.y * ambient[facing.y < 0.0 ? 3 : 2]
        + side.z * ambient[facing.z < 0.0 ? 5 : 4];
    float rim = 0.04 + 0.5 * pow(1.0 - max(dot(facing, view), 0.0), 5.0);
    vec3 glint = 0.3 * rim * light;
    for (int k = 0; k < 3; ++k) {
        // light wraps round the terminator, red most (under the skin) and the more the larger the lamp
        vec3 wrap = vec3(0.26, 0.1, 0.06) + 0.45 * lamp_soft[k];
        vec3 level = clamp((dot(facing, lamp_dir[k]) + wrap) / (1.0 + wrap), 0.0, 1.0);
        float open = k == 0 ? open_to_lamp(facing) : 1.0;
        light += lamp_color[k] * level * (0.6 + 0.4 * level) * open;
        float aligned = max(dot(facing, normalize(lamp_dir[k] + view)), 0.0);
        float power = shine.y / (1.0 + 3.0 * lamp_soft[k]);
        glint += lamp_color[k] * open * rim * (power + 8.0) / 8.0 * pow(aligned, power);
    }
    pixel = vec4(sqrt(clamp((colour * light + glint * shine.x) * 0.5, 0.0, 1.0)), tint.a);
}"""
_DEPTH = """#version 330
in vec3 position; uniform mat4 shadow_from_camera;
void main() { gl_Position = shadow_from_camera * vec4(position, 1.0); }"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Dress:
    """The look of a rig's surface per corner of the drawn triangles. Runs of triangles share a texture."""

    triangles: Int[np.ndarray, "F 3"]
    """Triangles of the rig that are drawn."""
    albedo: Float[np.ndarray, "F 3 4"]
    """Linear colour and opacity; the colour is multiplied by the texture."""
    gloss: Float[np.ndarray, "F 3 2"]
    """Strength and exponent of the specular highlight."""
    uv: Float[np.ndarray, "F 3 2"]
    """Texture coordinates, v upwards."""
    textures: tuple[tuple[UInt8[np.ndarray, "N M 4"] | None, int, int], ...]
    """(image, first triangle, one past the last). Colours are the square root of linear; the fourth plane is opacity,
    where texels below one half are not drawn. Row 0 is at v = 0; None is white."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RigShot:
    """One rendered frame and its truth."""

    image: UInt8[np.ndarray, "S S 3"]
    weights: Float[np.ndarray, "52"]
    landmarks: dict[str, Float[np.ndarray, "L 2"]]
    """Landmarks of every layout that the rig has [px]."""
    angles: Float[np.ndarray, "3"]
    """Head yaw, pitch, roll [rad]."""


def own_dress(rig: Rig, pictures: Mapping[str, UInt8[np.ndarray, "N M 4"]] | None = None) -> Dress | None:
    """A rig in its vertex colours, its materials' colours and, by the names of its parts, the `pictures` on them (sRGB
    and opacity, row 0 on top). None when everything has one colour, which would not show a face.
    """
    topology, pictures = rig.neutral.topology, pictures or {}
    triangles = np.asarray(topology.triangles)
    color, rough = np.full((len(triangles), 1, 3), 0.8), np.full(len(triangles), 0.6)
    for part in topology.parts:
        color[part.start : part.stop], rough[part.start : part.stop] = part.color, part.roughness
    if rig.colors is not None:
        color = color * rig.colors[triangles]
    color = np.broadcast_to(color, (len(triangles), 3, 3))
    named = [(pictures.get(part.name), part.start, part.stop) for part in topology.parts]
    if topology.uv is None or not any(picture is not None and np.ptp(picture[..., :3]) > 5 for picture, *_ in named):
        if np.ptp(color) < 0.02:
            return None
        named = [(None, 0, len(triangles))]
    uv = np.zeros((len(triangles), 3, 2))
    if topology.uv is not None:
        uv = topology.uv[triangles if topology.uv_triangles is None else topology.uv_triangles]
    return Dress(
        triangles=triangles,
        albedo=np.concatenate([color**2.2, np.ones((len(triangles), 3, 1))], axis=2).astype(np.float32),
        gloss=np.repeat(glossiness(rough)[:, None], 3, axis=1),
        uv=uv.astype(np.float32),
        textures=tuple((None if p is None else _encoded(p), a, b) for p, a, b in named),
    )


def _encoded(picture: np.ndarray) -> UInt8[np.ndarray, "N M 4"]:
    """A picture in the form that the shader reads: row 0 at v = 0, colour as the square root of linear."""
    out = np.ascontiguousarray(picture[::-1])
    out[..., :3] = cv2.LUT(out[..., :3], (255 * (np.arange(256) / 255) ** 1.1 + 0.5).astype(np.uint8))
    return out


def glossiness(rough: Float[np.ndarray, "F"]) -> Float[np.ndarray, "F 2"]:
    """(strength, exponent) of a highlight: 2 / r^4 - 2 for a roughness r (Walter et al. 2007), within limits."""
    power = np.clip(2 / np.maximum(rough, 0.05) ** 4 - 2, 8, 600)
    return np.stack([np.clip(1.1 - rough, 0, 1), power], axis=1).astype(np.float32)


class FilmedRig:
    """A rig prepared for rendering: its surface, head, eyes and seams."""

    def __init__(self, rig: Rig, dress: Dress) -> None:
        frame = face_frame(rig)
        if frame is None:
            raise MienError(
                f"rig '{rig.name}' lacks eye joints, landmarks or blinks, so its eyes cannot be found; use another rig"
            )
        self.rig, self.dress = rig, dress
        joint = {j.name: np.asarray(j.position, float) for j in rig.joints}.get("head")
        # Without a head joint: the usual centre of rotation, about 90 mm behind and below a human's eyes.
        self.origin = frame.centre - (0.0, 1.45 * frame.unit, 1.3 * frame.unit) if joint is None else joint
        self.eye_distance, self.eyes = frame.unit, frame.centre - self.origin
        _, self._seam = weld(rig.neutral.vertices, np.asarray(rig.neutral.topology.triangles))
        self._welded = self._seam[np.asarray(rig.neutral.topology.triangles)]

    def vertices(self, weights: Float[np.ndarray, "52"], angles: Float[np.ndarray, "3"]) -> Float[np.ndarray, "V 3"]:
        """Vertices relative to the head joint [mm] under weights, eye rotations and the head's rotation on its neck."""
        clip = Clip(
            times=np.zeros(1),
            weights=weights[None],
            gaze=gaze_from_weights(weights[None].astype(np.float64)),
            head_rotation=quaternion_from_angles(angles)[None],
        )
        posed = self.rig.perform(clip, 0).astype(np.float64) - self.origin
        if self.rig.joint_weights is not None and any(j.name == "head" for j in self.rig.joints):
            return posed
        return posed @ _matrix(angles).T

    def normals(self, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        """Vertex normals, smooth across texture seams."""
        places = np.zeros((int(self._seam.max()) + 1, 3))
        places[self._seam] = vertices
        return vertex_normals(places, self._welded)[self._seam]


def set_rig_scene(rng: np.random.Generator, who: FilmedRig) -> Scene:
    """A scene for a take, drawn like those of the training set, with nothing in front of the face."""
    view = sample_view(rng, who.eye_distance, float(who.eyes[1]))
    background, surround = sample_background(rng, view.size)
    return Scene(
        view=view, lights=sample_lights(rng, surround), background=background, sensor=sample_sensor(rng), held=None
    )


def film_rig(rng: np.random.Generator, who: FilmedRig, scene: Scene, action: Action) -> Iterator[RigShot]:
    """Render the frames of an action."""
    exposure: np.ndarray | None = None
    before: np.ndarray | None = None
    reference: np.ndarray | None = None
    for weights, angles, offset in zip(action.weights, action.angles, action.translation, strict=True):
        vertices = who.vertices(weights, angles) + scene.view.translation + offset
        eyes = _matrix(angles) @ who.eyes + scene.view.translation + offset
        light = _composite(_studio().draw(who, vertices, eyes, scene), scene.background)
        if exposure is None:
            exposure = auto_exposure(scene.sensor, light) * _balance(scene.lights)
        middle = scene.view.camera.project(eyes[None])[0]
        shift = np.zeros(2) if before is None else middle - before
        before = middle
        image, reference = develop(rng, scene.sensor, light, exposure, shift, reference)
        yield RigShot(
            image=image,
            weights=weights,
            landmarks={n: scene.view.camera.project(a.positions(vertices)) for n, a in who.rig.landmarks.items()},
            angles=angles,
        )


class _Studio:
    """GL programs and render targets beside those of the renderer."""

    def __init__(self) -> None:
        self.gl = renderer()
        ctx = self.gl.ctx
        self.program = ctx.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        self.depth = ctx.program(vertex_shader=_DEPTH, fragment_shader="#version 330\nvoid main() {}")
        self.program["skin"].value, self.program["shadow_map"].value = 0, 3
        self.shadow_map = ctx.depth_texture((_SHADOW_SIDE, _SHADOW_SIDE))
        self.shadow_map.compare_func = ""
        self.shadow_map.repeat_x = self.shadow_map.repeat_y = False
        self.shadow = ctx.framebuffer([], self.shadow_map)
        self.white = ctx.texture((1, 1), 4, b"\xff" * 4)
        self.side = 0
        self.worn: tuple[Dress, list[Any], Any, Any, Any] | None = None

    def wear(self, dress: Dress) -> tuple[list[Any], Any, Any, Any]:
        """(textures, moving buffer, vertex array, depth's vertex array), cached until another dress is used."""
        if self.worn is None or self.worn[0] is not dress:
            if self.worn is not None:
                for thing in (*self.worn[1], *self.worn[2:]):
                    if thing is not self.white:
                        thing.release()
            ctx = self.gl.ctx
            textures = [self.white if image is None else self._texture(image) for image, _, _ in dress.textures]
            still = np.concatenate([dress.albedo, dress.gloss, dress.uv], axis=2).reshape(-1, 8)
            moving = ctx.buffer(reserve=len(still) * 24, dynamic=True)
            fixed = (ctx.buffer(data(still)), "4f 2f 2f", "albedo", "gloss", "uv")
            vao = ctx.vertex_array(self.program, [(moving, "3f 3f", "position", "normal"), fixed])
            caster = ctx.vertex_array(self.depth, [(moving, "3f 12x", "position")])
            self.worn = (dress, textures, moving, vao, caster)
        return self.worn[1:]

    def _texture(self, image: np.ndarray) -> Any:
        texture = self.gl.ctx.texture(image.shape[1::-1], 4, np.ascontiguousarray(image).tobytes())
        texture.build_mipmaps()
        texture.filter = (self.gl.gl.LINEAR_MIPMAP_LINEAR, self.gl.gl.LINEAR)
        return texture

    def draw(
        self, who: FilmedRig, vertices: Float[np.ndarray, "V 3"], eyes: Float[np.ndarray, "3"], scene: Scene
    ) -> UInt8[np.ndarray, "H W 4"]:
        """sqrt(linear / 2) in RGB, coverage in alpha, for vertices in the camera frame [mm]; row 0 on top."""
        ctx, gl, camera, lights = self.gl.ctx, self.gl.gl, scene.view.camera, scene.lights
        width, height = round(camera.width * _SAMPLES), round(camera.height * _SAMPLES)
        if max(width, height) > self.side:
            self.side = max(width, height)
            whole = (self.side, self.side)
            self.frame = ctx.framebuffer([ctx.texture(whole, 4)], ctx.depth_texture(whole))
        textures, moving, vao, caster = self.wear(who.dress)
        corners = who.dress.triangles.reshape(-1)
        moving.write(data(np.concatenate([vertices[corners], who.normals(vertices)[corners]], axis=1)))
        lamp = _lamp_matrix(lights.directions[0], eyes)
        self.depth["shadow_from_camera"].write(data(lamp.T))
        near, far = depth_range(-float(eyes[2]))
        for name, value in (
            ("clip_from_camera", clip_matrix(camera, near, far).T), ("shadow_from_camera", lamp.T),
            ("lamp_dir", lights.directions), ("lamp_color", lights.colors), ("lamp_soft", lights.softness),
            ("ambient", lights.ambient), ("shadow_strength", np.array([lights.shadow])),
        ):  # fmt: skip
            self.program[name].write(data(value))
        opaque, clear = _runs(who.dress)
        ctx.enable_only(gl.DEPTH_TEST)
        self.shadow.use()
        self.shadow.clear(depth=1.0)
        self._render(caster, opaque, None)
        self.frame.use()
        self.frame.viewport = (0, 0, width, height)
        self.frame.clear(0, 0, 0, 0, depth=1.0)
        self.shadow_map.use(3)
        self._render(vao, opaque, textures)
        ctx.enable(gl.BLEND)
        ctx.blend_func = (gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
        self._render(vao, clear, textures)
        ctx.disable(gl.BLEND)
        read = self.frame.read(viewport=(0, 0, width, height), components=4)
        return np.frombuffer(read, np.uint8).reshape(height, width, 4)

    @staticmethod
    def _render(vao: Any, runs: list[tuple[int, int, int]], textures: list[Any] | None) -> None:
        for start, stop, texture in runs:
            if textures is not None:
                textures[texture].use(0)
            vao.render(vertices=3 * (stop - start), first=3 * start)


@lru_cache(maxsize=1)
def _studio() -> _Studio:
    return _Studio()


def _runs(dress: Dress) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    """(opaque, blended) runs as (first triangle, one past the last, texture)."""
    opaque: list[tuple[int, int, int]] = []
    clear: list[tuple[int, int, int]] = []
    for k, (_, start, stop) in enumerate(dress.textures):
        seen_through = bool((dress.albedo[start:stop, :, 3] < _CLEAR).any())
        (clear if seen_through else opaque).append((start, stop, k))
    return opaque, clear


def _lamp_matrix(towards: np.ndarray, middle: np.ndarray) -> Float[np.ndarray, "4 4"]:
    """Matrix to the orthographic clip space of a lamp about a point of the camera frame."""
    helper = np.array([0.0, 1.0, 0.0]) if abs(towards[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    right = np.cross(helper, towards)
    right /= np.linalg.norm(right)
    out = np.eye(4)
    out[:3, :3] = np.stack([right, np.cross(towards, right), -towards]) / _SHADOW_REACH
    out[:3, 3] = -out[:3, :3] @ middle
    return out


def _composite(color: np.ndarray, background: np.ndarray) -> UInt8[np.ndarray, "S S 3"]:
    """Average samples to pixels and fill what was not drawn with the background."""
    small = cv2.resize(color, (background.shape[1], background.shape[0]), interpolation=cv2.INTER_AREA)
    cover = small[..., 3:].astype(np.float32) / 255
    return np.clip(small[..., :3] + background * (1 - cover) + 0.5, 0, 255).astype(np.uint8)


def _balance(lights: Lights) -> Float[np.ndarray, "3"]:
    """Gains of a white balance that removes three quarters of the light's tint, as in training."""
    seen = lights.ambient.mean(axis=0) + 0.5 * lights.colors.sum(axis=0)
    gains = (seen.mean() / seen) ** 0.75
    return gains / gains.mean()


def _matrix(angles: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_quat(quaternion_from_angles(angles)).as_matrix()
