"""Render a clip, performed by a synthetic person before a webcam, as a video."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mien.core import ARKIT, Camera, Clip, MienError
from mien.core.frame_fields import REST_ROTATION
from mien.core.transforms import angles_from_quaternion, gaze_from_weights, quaternion_from_angles
from mien.io.video_writer import VideoWriter

if TYPE_CHECKING:
    from mien.synth.scene import Action, Scene

__all__ = ["render_take"]

_DISTANCE = 560.0
"""Distance from the camera to the eyes [mm], as people sit at a laptop."""
_FIELD = np.radians(50.0)
"""Horizontal field of view of the webcam."""
_BATCH = 24
_SCALE = 1.25
"""Supersampling: samples per pixel side."""


def render_take(clip: Clip, out_mp4: Path, *, seed: int, width: int, height: int, fps: float) -> Clip:
    """Render performer `seed` performing `clip` as a webcam-like video, and return the performance.

    The clip is resampled at steps of 1/fps from its first time (weights linearly). Head rotation is the clip's; its
    head translation is used as movement about its mean. The returned clip has the video's times, from 0.

    Raises MienError when the clip is empty, the picture too large, the path cannot be written, or EGL is missing.
    """
    import cv2

    from mien.synth.renderer import MAX_SIDE, renderer
    from mien.synth.scene import cast, film

    if not len(clip):
        raise MienError("the clip has no frames to perform")
    if not (min(width, height) >= 64 and max(width, height) * _SCALE <= MAX_SIDE):
        raise MienError(
            f"a take of {width}x{height} cannot be rendered; sides go from 64 to {int(MAX_SIDE / _SCALE)} px"
        )
    cv2.setNumThreads(1)
    taken = _resampled(clip, fps)
    gl, who = renderer(), cast(seed, seed)
    gl.wear(who.costume)
    rng = np.random.default_rng([0x7A, seed])
    scene, action = _webcam(rng, width, height), _action(taken)
    with VideoWriter(Path(out_mp4), width, height, fps) as writer:
        exposure: np.ndarray | None = None
        for first in range(0, len(taken), _BATCH):
            part = action.frames(first, first + _BATCH)
            for t, shot in enumerate(film(rng, gl, who, scene, part, scale=_SCALE, exposure=exposure)):
                exposure = shot.exposure
                writer.write(shot.image, float(taken.times[first + t]))
    return taken


def _resampled(clip: Clip, fps: float) -> Clip:
    """The clip at even times from 0, with all channels, head pose and gaze filled in."""
    whole = replace(clip.filled(), confidence=None).with_channels(ARKIT)  # every frame has a pose now
    count = max(int(np.floor(whole.duration * fps + 1e-6)) + 1, 1)
    times = np.arange(count) / fps
    taken = whole.at(whole.times[0] + times)
    weights = np.clip(taken.weights, 0, 1).astype(np.float32)
    rotation = np.tile(REST_ROTATION, (count, 1)) if taken.head_rotation is None else taken.head_rotation
    place = np.array([0.0, -40.0, -_DISTANCE - 90.0])
    shift = np.zeros((count, 3))
    if whole.head_translation is not None and taken.head_translation is not None:
        shift = taken.head_translation - whole.head_translation.mean(axis=0)
    return Clip(
        times=times,
        weights=weights,
        head_rotation=rotation,
        head_translation=place + shift,
        gaze=gaze_from_weights(weights.astype(np.float64)),
        confidence=np.ones(count),
        source=f"synthetic performer {clip.source}".strip(),
    )


def _action(taken: Clip) -> "Action":
    from mien.synth.scene import Action

    assert taken.head_rotation is not None and taken.head_translation is not None
    angles = angles_from_quaternion(taken.head_rotation)
    assert np.allclose(np.abs((quaternion_from_angles(angles) * taken.head_rotation).sum(1)), 1, atol=1e-6)
    return Action(times=taken.times, weights=taken.weights, angles=angles, translation=taken.head_translation)


def _webcam(rng: np.random.Generator, width: int, height: int) -> "Scene":
    """An ordinary room and webcam; the action sets the head's place."""
    from mien.synth.backgrounds import sample_background
    from mien.synth.cameras import View
    from mien.synth.lights import sample_lights
    from mien.synth.scene import Scene
    from mien.synth.sensor import Sensor

    camera = Camera(
        width=width,
        height=height,
        focal=width / 2 / np.tan(_FIELD / 2),
        centre=((width - 1) / 2, (height - 1) / 2),
    )
    background, surround = sample_background(rng, max(width, height))
    sensor = Sensor(
        target=0.2, balance=np.array([1.02, 1.0, 0.98]), contrast=1.05, lift=0.01, saturation=0.95, blur=0.5, noise=1.2,
        chroma_noise=0.3, grain=0.5, shrink=1.0, sharpen=0.3, quality=0, predicted=False,
        adapt=2.0, shutter=0.35, grey=False,
    )  # fmt: skip
    return Scene(
        view=View(camera=camera, translation=np.zeros(3)),
        lights=sample_lights(rng, surround, kinds=("window", "lamp", "ring")),
        background=np.ascontiguousarray(background[:height, :width]),
        sensor=sensor,
        held=None,
    )
