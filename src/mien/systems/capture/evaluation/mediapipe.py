"""MediaPipe's Face Landmarker on the same frames, for comparison.

The user installs it, as neither part comes with mien: `pip install mediapipe`, and the model file
(face_landmarker.task) from the publisher.
"""

from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import ARKIT, Clip, MienError

__all__ = ["MediaPipe", "arkit", "open_landmarker", "open_mediapipe", "tasks_of"]

_NEUTRAL = "_neutral"
"""A category of MediaPipe's that is no ARKit channel; the ARKit channel that MediaPipe lacks is tongueOut."""


def open_mediapipe(model: Path) -> "MediaPipe":
    """Open the landmarker. Raises MienError when package or model is missing, or the model cannot be used."""
    return MediaPipe(tasks_of(model), Path(model))


def tasks_of(model: Path) -> Any:
    """MediaPipe's `tasks`, which run a model; raises MienError when the package or the model file is not there."""
    if not Path(model).is_file():
        raise MienError(f"there is no model {model}; download face_landmarker.task from MediaPipe's model page")
    try:
        return import_module("mediapipe.tasks.python")
    except ImportError as error:
        raise MienError("the Face Landmarker needs the Python package mediapipe; run: pip install mediapipe") from error


def open_landmarker(tasks: Any, model: Path, mode: Literal["IMAGE", "VIDEO"], **options: Any) -> Any:
    """A `FaceLandmarker` of one face, with blendshapes; raises MienError when the model is none."""
    vision = tasks.vision
    try:
        return vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=tasks.BaseOptions(model_asset_path=str(model)),
                running_mode=getattr(vision.RunningMode, mode),
                num_faces=1,
                output_face_blendshapes=True,
                **options,
            )
        )
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0][:120]
        raise MienError(f"{model}: MediaPipe cannot use this model ({reason})") from error


class MediaPipe:
    """`FaceLandmarker` on one face in video mode: detection after every `reset`, then tracking.

    A video's first frame is detected as a still, so that videos of one frame need no tracker: creating a tracker takes
    longer than a frame.
    """

    def __init__(self, tasks: Any, model: Path) -> None:
        self._tasks, self._model = tasks, model
        self._still = open_landmarker(tasks, model, "IMAGE")
        self._video: Any = None
        self._frame = 0

    def reset(self) -> None:
        """Begin a new video."""
        self._frame = 0
        if self._video is not None:
            self._video.close()
            self._video = None

    def weights(self, image: UInt8[np.ndarray, "H W 3"], time: float) -> Float[np.ndarray, "52"] | None:
        """ARKit weights of the next frame, `time` [s]; None where no face is found."""
        mediapipe: Any = import_module("mediapipe")
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        if self._frame == 0:
            found = self._still.detect(picture)
        else:
            if self._video is None:
                self._video = open_landmarker(self._tasks, self._model, "VIDEO")
            found = self._video.detect_for_video(picture, round(1e3 * time))
        self._frame += 1
        return arkit(found.face_blendshapes[0]) if found.face_blendshapes else None

    def clip(self, video: Path) -> Clip:
        """A whole video's weights; NaN where no face is found."""
        from mien.io.video import open_video

        self.reset()
        with open_video(video) as frames:
            rows = [(frame.time, self.weights(frame.image, frame.time)) for frame in frames]
        weights = np.array([np.full(len(ARKIT), np.nan) if row is None else row for _, row in rows])
        seen = np.isfinite(weights).all(axis=1)
        return Clip(times=np.array([time for time, _ in rows]), weights=weights, confidence=seen.astype(float))


def arkit(categories: Any) -> Float[np.ndarray, "52"]:
    """Weights in ARKit order from named scores; raises MienError for a model with other shapes."""
    scores = {c.category_name: float(c.score) for c in categories if c.category_name != _NEUTRAL}
    unknown = sorted(set(scores) - set(ARKIT))
    if unknown or len(scores) < len(ARKIT) - 1:
        raise MienError(f"the MediaPipe model gives no ARKit shapes (one is '{(unknown or ['none'])[0]}')")
    return np.array([scores.get(name, 0.0) for name in ARKIT])
