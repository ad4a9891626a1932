"""Draw a performer with moderngl over EGL: on a GPU where there is one, else with Mesa's llvmpipe."""

import os
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import Camera, MienError
from mien.synth import shaders
from mien.synth.body import Body, body
from mien.synth.coarse import coarse
from mien.synth.lights import Lights
from mien.synth.looks import Look
from mien.synth.matrices import clip_matrix, data, depth_range, light_matrix, rigid
from mien.synth.noise import fractal, streaks
from mien.synth.solids import Solid, join

__all__ = ["Costume", "Picture", "Pose", "Renderer", "renderer"]

MAX_SIDE = 1024
"""Largest rendered side [px], including supersampling."""
SHADOW_SIDE = 128


_SHARED_UNIFORMS = (
    "clip_from_head", "turn", "eye", "lamp_dir", "lamp_color", "lamp_soft", "ambient", "shadow_from_head",
    "shadow_strength",
)  # fmt: skip
_FAINT = 0.2
"""Strength below which shadows are left out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Costume:
    """The textures and meshes of one performer that are uploaded once per identity."""

    look: Look
    face: UInt8[np.ndarray, "N N 4"]
    head: UInt8[np.ndarray, "M M 4"]
    lines: UInt8[np.ndarray, "N N 4"]
    mouth_colors: Float[np.ndarray, "C 4"]
    """Linear colour and `solids.Id` at each corner of the mouth's meshes."""
    beard: Float[np.ndarray, "C 2"]
    """Density and relative length of the beard at each corner; empty without a beard."""
    hair: Solid
    with_head: Solid
    """Things that move with the head: glasses, hats."""
    with_torso: Solid
    lenses: Solid
    """Transparent lenses of glasses."""
    lens_tint: Float[np.ndarray, "4"]
    """Linear colour and opacity of the lenses."""
    lens_coating: float
    """Share of an uncoated lens's reflection that remains."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """One frame's state."""

    vertices: Float[np.ndarray, "V 3"]
    normals: Float[np.ndarray, "V 3"]
    shade: Float[np.ndarray, "V"]
    """Ambient occlusion of the skin and brightness of the mouth's inside, in [0, 1]."""
    rotation: Float[np.ndarray, "3 3"]
    """camera_from_head."""
    translation: Float[np.ndarray, "3"]
    torso: Float[np.ndarray, "4 4"]
    """head_from_torso."""
    line_depth: Float[np.ndarray, "4"]
    eyes: Float[np.ndarray, "2 3"]
    axes: Float[np.ndarray, "2 3"]
    lid_curves: Float[np.ndarray, "2 2 3"]
    """(left, right) x (upper, lower) x polynomial coefficients of the lid's elevation over azimuth [rad]."""
    mouth_open: bool
    occluders: Solid = field(default_factory=lambda: join([]))
    """Occluders of this frame alone, in the head frame."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A rendering at `scale` samples per pixel side."""

    color: UInt8[np.ndarray, "H W 4"]
    """sqrt(linear / 2) in RGB, `solids.Id` in alpha; row 0 on top."""
    depth: Float[np.ndarray, "H W"]
    """Distance along the camera's axis [mm]; inf where nothing was drawn."""
    scale: float


@lru_cache(maxsize=1)
def renderer() -> "Renderer":
    """The process's one renderer. Raises MienError when there is no EGL."""
    return Renderer()


class Renderer:
    """Owns the GL context, so it serves one thread of one process only."""

    def __init__(self) -> None:
        # Each process draws with one thread, since several processes make data side by side.
        os.environ.setdefault("LP_NUM_THREADS", "1")
        import moderngl

        try:
            options: dict[str, Any] = {"standalone": True, "backend": "egl", "require": 330}
            self.ctx: Any = moderngl.create_context(**options)
        except Exception as error:  # moderngl raises a bare Exception for a missing library or driver
            raise MienError(
                "no OpenGL context through EGL; install the Debian packages libegl1 libgl1 libgl1-mesa-dri"
            ) from error
        self.gl = moderngl
        self.body: Body = body()
        ctx = self.ctx
        self.programs: dict[str, Any] = {
            name: ctx.program(vertex_shader=v, fragment_shader=f)
            for name, (v, f) in {
                "skin": shaders.SKIN,
                "plain": shaders.PLAIN,
                "hair": shaders.HAIR,
                "mouth": shaders.MOUTH,
                "eye": shaders.EYE,
                "lash": shaders.LASH,
                "beard": shaders.BEARD,
                "glass": shaders.GLASS,
                "depth": shaders.DEPTH,
            }.items()
        }  # fmt: skip
        self._shared = [
            (name, program[name])
            for key, program in self.programs.items()
            for name in _SHARED_UNIFORMS
            if key != "depth" and name in program
        ]
        for program in self.programs.values():
            for unit, name in enumerate(("skin", "lines", "noise", "shadow_map")):
                if name in program:
                    program[name].value = unit
        self._buffers()
        self._targets()
        self._noise_textures()
        self._wear: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """Name of the device that draws."""
        return str(self.ctx.info["GL_RENDERER"])

    # -- set-up ---------------------------------------------------------------------------------------------------

    def _buffers(self) -> None:
        b, ctx = self.body, self.ctx
        count = len(b.corners)
        self.dynamic = ctx.buffer(reserve=count * 28, dynamic=True)
        uv = b.uv.astype(np.float32) - np.floor(b.uv[:, :1] * 0.999 + 1e-6) * (1.0, 0.0)
        self.uv = ctx.buffer(np.ascontiguousarray(uv, np.float32).tobytes())
        self.mouth = ctx.buffer(reserve=count * 16)
        self.beard = ctx.buffer(reserve=count * 8)
        drawn = {name: coarse(b, name) for name in b.parts}
        index = {name: ctx.buffer(t.tobytes()) for name, t in drawn.items()}
        mouth = np.concatenate([drawn[n] for n in ("mouth_socket", "gums_tongue", "teeth")])
        caster = np.concatenate([coarse(b, "face", 7.0, shadow=True), coarse(b, "head_neck", 12.0, shadow=True)])
        moving = (self.dynamic, "3f 4f", "position", "normal")
        p = self.programs
        self.vaos = {
            "face": ctx.vertex_array(p["skin"], [moving, (self.uv, "2f", "uv")], index["face"]),
            "head": ctx.vertex_array(p["skin"], [moving, (self.uv, "2f", "uv")], index["head_neck"]),
            "mouth": ctx.vertex_array(p["mouth"], [moving, (self.mouth, "4f", "color")], ctx.buffer(mouth.tobytes())),
            "eye0": ctx.vertex_array(p["eye"], [(self.dynamic, "3f 16x", "position")], index["sclera_left"]),
            "eye1": ctx.vertex_array(p["eye"], [(self.dynamic, "3f 16x", "position")], index["sclera_right"]),
            "lash": ctx.vertex_array(
                p["lash"], [(self.dynamic, "3f 16x", "position"), (self.uv, "2f", "uv")], index["lashes"]
            ),
            "shadow": ctx.vertex_array(
                p["depth"], [(self.dynamic, "3f 16x", "position")],
                ctx.buffer(caster.tobytes()),
            ),
        }  # fmt: skip

    def _targets(self, side: int = 384) -> None:
        """Create the frame buffers; clearing time depends on their size, so they start small and grow with larger
        pictures."""
        ctx = self.ctx
        self.side = side
        self.frame = ctx.framebuffer([ctx.texture((side, side), 4)], ctx.depth_texture((side, side)))
        self.shadow_map = ctx.depth_texture((SHADOW_SIDE, SHADOW_SIDE))
        self.shadow_map.compare_func = ""
        self.shadow_map.repeat_x = self.shadow_map.repeat_y = False
        self.shadow_frame = ctx.framebuffer([], self.shadow_map)

    def _noise_textures(self) -> None:
        rng = np.random.default_rng(5)
        strands = np.clip(0.5 + 0.15 * streaks(rng, 22.0) + 0.12 * streaks(rng, 9.0), 0, 1)
        fine = np.clip(0.5 + 0.25 * fractal(rng, 0.8, 6), 0, 1)[::2, ::2]
        self.strands, self.fine = (self._texture((255 * a).astype(np.uint8)[..., None]) for a in (strands, fine))
        # Minification is small and the pattern smooth; without mipmaps hair draws a third faster on the CPU.
        self.strands.filter = self.fine.filter = (self.gl.LINEAR, self.gl.LINEAR)

    def _texture(self, image: np.ndarray) -> Any:
        texture = self.ctx.texture(image.shape[1::-1], image.shape[2], np.ascontiguousarray(image).tobytes())
        texture.build_mipmaps()
        texture.filter = (self.gl.LINEAR_MIPMAP_NEAREST, self.gl.LINEAR)
        return texture

    # -- a performer ----------------------------------------------------------------------------------------------

    def wear(self, costume: Costume) -> None:
        """Upload a performer's costume, which is drawn until the next call."""
        for thing in self._wear.values():
            for piece in thing if isinstance(thing, tuple) else (thing,):
                if piece is not None and not isinstance(piece, Costume):
                    piece.release()
        self.mouth.write(np.ascontiguousarray(costume.mouth_colors, np.float32).tobytes())
        wear: dict[str, Any] = {"costume": costume}
        for name in ("face", "head", "lines"):
            wear[name] = self._texture(getattr(costume, name))
        for name in ("with_head", "with_torso"):
            wear[name] = self._solid(getattr(costume, name))
        wear["hair"] = self._solid(costume.hair, "hair")
        wear["lenses"] = self._solid(costume.lenses, "glass")
        if len(costume.beard):
            self.beard.write(costume.beard.astype(np.float32).tobytes())
            face = self.body.parts["face"]
            hairy = np.ascontiguousarray(face[(costume.beard[face, 0] > 0.02).any(axis=1)], np.int32)
            index = self.ctx.buffer(hairy.tobytes())
            moving = (self.dynamic, "3f 4f", "position", "normal")
            vao = self.ctx.vertex_array(
                self.programs["beard"], [moving, (self.uv, "2f", "uv"), (self.beard, "2f", "beard")], index
            )
            wear["beard"] = (vao, index)
        self._wear = wear

    def _solid(self, solid: Solid, program: str = "plain") -> tuple[Any, ...] | None:
        if not len(solid.triangles):
            return None
        vertices = self.ctx.buffer(np.ascontiguousarray(solid.vertices, np.float32).tobytes())
        index = self.ctx.buffer(np.ascontiguousarray(solid.triangles, np.int32).tobytes())
        layout = {
            "plain": ("3f 3f 3f 8x 4f", "position", "normal", "color", "params"),
            "hair": ("3f 3f 3f 2f 4f", "position", "normal", "color", "uv", "params"),
            "glass": ("3f 3f 36x", "position", "normal"),
        }[program]
        vao = self.ctx.vertex_array(self.programs[program], [(vertices, *layout)], index)
        shade = self.ctx.vertex_array(self.programs["depth"], [(vertices, "3f 48x", "position")], index)
        return (vao, shade, vertices, index)

    # -- a frame --------------------------------------------------------------------------------------------------

    def draw(self, pose: Pose, camera: Camera, lights: Lights, scale: float) -> Picture:
        """One frame of the performer that `wear` dressed, `scale` samples per pixel side."""
        width, height = round(camera.width * scale), round(camera.height * scale)
        if max(width, height) > MAX_SIDE:
            raise ValueError(f"a picture of {width}x{height} samples exceeds {MAX_SIDE}")
        if max(width, height) > self.side:
            self._targets(MAX_SIDE)
        self._upload(pose)
        near, far = depth_range(-float(pose.translation[2]))
        clip = clip_matrix(camera, near, far) @ rigid(pose.rotation, pose.translation)
        extra = self._solid(pose.occluders)
        shadow = self._cast_shadow(pose, lights, extra)
        self._uniforms(pose, lights, clip, shadow)
        ctx = self.ctx
        self.frame.use()
        self.frame.viewport = (0, 0, width, height)
        self.frame.clear(0, 0, 0, 0, depth=1.0)
        ctx.enable_only(self.gl.DEPTH_TEST)
        self._draw_head(pose)
        self._draw_solids(pose, extra)
        self._draw_clear(pose)
        if extra:
            for piece in extra:
                piece.release()
        color = np.frombuffer(self.frame.read(viewport=(0, 0, width, height), components=4), np.uint8)
        z = np.frombuffer(
            self.frame.read(viewport=(0, 0, width, height), components=1, attachment=-1, dtype="f4"), "f4"
        )
        z = z.reshape(height, width)
        distance = 2 * near * far / (far + near - (2 * z - 1) * (far - near))
        return Picture(
            color=color.reshape(height, width, 4), depth=np.where(z < 1, distance, np.inf), scale=width / camera.width
        )

    def _upload(self, pose: Pose) -> None:
        packed = np.empty((len(pose.vertices), 7), np.float32)
        packed[:, :3], packed[:, 3:6], packed[:, 6] = pose.vertices, pose.normals, pose.shade
        self.dynamic.write(packed[self.body.corners].tobytes())

    def _uniforms(self, pose: Pose, lights: Lights, clip: np.ndarray, shadow: np.ndarray) -> None:
        turn = pose.rotation
        values = {
            "clip_from_head": data(clip.T),
            "turn": data(turn.T),
            "eye": data(-turn.T @ pose.translation),
            "lamp_dir": data(lights.directions),
            "lamp_color": data(lights.colors),
            "lamp_soft": data(lights.softness),
            "ambient": data(lights.ambient),
            "shadow_from_head": data(shadow.T),
            "shadow_strength": data(np.array([lights.shadow if lights.shadow >= _FAINT else 0.0])),
        }
        for name, uniform in self._shared:
            uniform.write(values[name])

    def _cast_shadow(self, pose: Pose, lights: Lights, extra: tuple[Any, ...] | None) -> np.ndarray:
        """Draw the first lamp's shadow map; returns the matrix from the head frame to its clip space."""
        towards = pose.rotation.T @ lights.directions[0]
        matrix = light_matrix(towards)
        self.shadow_frame.use()
        self.shadow_frame.clear(depth=1.0)
        if lights.shadow < _FAINT or not lights.colors[0].any():
            return matrix
        self.ctx.enable_only(self.gl.DEPTH_TEST)
        program = self.programs["depth"]
        program["clip_from_head"].write(data(matrix.T))
        program["placed"].write(data(np.eye(4)))
        self.vaos["shadow"].render()
        for solid in (self._wear["with_head"], self._wear["hair"], extra):
            if solid:
                solid[1].render()
        return matrix

    def _draw_head(self, pose: Pose) -> None:
        wear, p = self._wear, self.programs
        self.strands.use(2)
        self.shadow_map.use(3)
        self.ctx.enable(self.gl.CULL_FACE)
        self.ctx.front_face = "cw"  # rows run downwards, which mirrors the winding
        p["skin"]["line_depth"].value = tuple(float(x) for x in pose.line_depth)
        wear["face"].use(0)
        wear["lines"].use(1)
        p["skin"]["with_lines"].value = 1.0
        self.vaos["face"].render()
        wear["head"].use(0)
        p["skin"]["with_lines"].value = 0.0
        self.vaos["head"].render()
        self.fine.use(2)
        self._eyes(pose)
        self.ctx.disable(self.gl.CULL_FACE)
        if pose.mouth_open:
            self.vaos["mouth"].render()

    def _eyes(self, pose: Pose) -> None:
        program, look = self.programs["eye"], self._wear["costume"].look
        for name, value in (
            ("iris_color", look.iris), ("ring_color", look.iris_ring), ("sclera", look.sclera),
            ("radii", (look.iris_radius, look.pupil)), ("seed", 0.37 * look.iris_radius),
        ):  # fmt: skip
            program[name].value = value if isinstance(value, float) else tuple(float(x) for x in value)
        for k in range(2):
            axis = pose.axes[k]
            side = np.cross([0.0, 1.0, 0.0], axis)
            program["centre"].value = tuple(pose.eyes[k].tolist())
            program["axis"].value = tuple(axis.tolist())
            program["side"].value = tuple((side / np.linalg.norm(side)).tolist())
            program["upper_lid"].value = tuple(pose.lid_curves[k, 0].tolist())
            program["lower_lid"].value = tuple(pose.lid_curves[k, 1].tolist())
            self.vaos[f"eye{k}"].render()

    def _draw_solids(self, pose: Pose, extra: tuple[Any, ...] | None) -> None:
        wear, plain = self._wear, self.programs["plain"]
        for solid, placed in ((wear["with_head"], np.eye(4)), (extra, np.eye(4)), (wear["with_torso"], pose.torso)):
            if solid:
                plain["placed"].write(data(placed.T))
                solid[0].render()
        if wear["hair"]:
            self.strands.use(2)
            wear["hair"][0].render()
        if "beard" in wear:
            program, look = self.programs["beard"], wear["costume"].look
            self.fine.use(2)
            program["beard_color"].value = tuple(look.beard_color.tolist())
            program["height"].value = float(look.beard_length)
            for layer in (0.35, 0.7, 1.0):
                program["layer"].value = layer
                wear["beard"][0].render()

    def _draw_clear(self, pose: Pose) -> None:
        """Draw lashes and lenses, blended over what is behind them; alpha keeps the id."""
        gl, look = self.gl, self._wear["costume"].look
        self.ctx.enable(gl.BLEND)
        self.ctx.blend_func = (gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ZERO, gl.ONE)
        self.frame.depth_mask = False
        lash = self.programs["lash"]
        lash["strength"].value = float(0.15 + 0.8 * look.lashes)
        lash["lash_color"].value = tuple((look.brows.color * 0.3).tolist())
        self.vaos["lash"].render()
        if self._wear["lenses"]:
            self.programs["glass"]["tint"].value = tuple(self._wear["costume"].lens_tint.tolist())
            self.programs["glass"]["coating"].value = self._wear["costume"].lens_coating
            self._wear["lenses"][0].render()
        self.frame.depth_mask = True
        self.ctx.disable(gl.BLEND)
