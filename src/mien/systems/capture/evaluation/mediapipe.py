"""MediaPipe's Face Landmarker answering to the same frames, for comparison. Its package and its model are the user's.

Neither comes with mien: `pip install mediapipe`, and the model file (face_landmarker.task) that its makers publish.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import ARKIT, Clip, MienError

__all__ = ["MediaPipe", "open_mediapipe"]

_NEUTRAL = "_neutral"
"""A category of MediaPipe's that is no ARKit channel; tongueOut is the one it lacks."""


def open_mediapipe(model: Path) -> "MediaPipe":
    """The landmarker, ready to watch. Raises MienError when package or model is not there, or they do not agree."""
    if not Path(model).is_file():
        raise MienError(f"there is no model {model}; download face_landmarker.task from MediaPipe's model page")
    try:
        tasks = import_module("mediapipe.tasks.python")
    except ImportError as error:
        raise MienError("`mediapipe` needs the package of that name; run: pip install mediapipe") from error
    return MediaPipe(tasks, Path(model))


class MediaPipe:
    """One face, as `FaceLandmarker` sees it in video: a fresh detection after every `reset`, then tracking.

    A video's first frame is detected as a still, so that videos of one frame need no tracker of their own: making one
    takes longer than a frame.
    """

    def __init__(self, tasks: Any, model: Path) -> None:
        self._tasks, self._model = tasks, model
        self._still = self._open("IMAGE")
        self._video: Any = None
        self._frame = 0

    def _open(self, mode: str) -> Any:
        vision = self._tasks.vision
        try:
            return vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=self._tasks.BaseOptions(model_asset_path=str(self._model)),
                    running_mode=getattr(vision.RunningMode, mode),
                    num_faces=1,
                    output_face_blendshapes=True,
                )
            )
        except (RuntimeError, ValueError, OSError) as error:
            reason = str(error).splitlines()[0][:120]
            raise MienError(f"{self._model}: MediaPipe cannot use this model ({reason})") from error

    def reset(self) -> None:
        """A new video begins."""
        self._frame = 0
        if self._video is not None:
            self._video.close()
            self._video = None

    def weights(self, image: UInt8[np.ndarray, "H W 3"], time: float) -> Float[np.ndarray, "52"] | None:
        """ARKit weights of the next frame, `time` [s]; None where no face is found."""
        picture = _picture(image)
        if self._frame == 0:
            found = self._still.detect(picture)
        else:
            if self._video is None:
                self._video = self._open("VIDEO")
            found = self._video.detect_for_video(picture, round(1e3 * time))
        self._frame += 1
        return arkit(found.face_blendshapes[0]) if found.face_blendshapes else None

    def close(self) -> None:
        """Let go of the model; nothing can be asked after."""
        self.reset()
        self._still.close()

    def points(self, image: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, "478 3"] | None:
        """Points of a still picture [px, y down, z away from the viewer]; None where no face is found."""
        found = self._still.detect(_picture(image))
        if not found.face_landmarks:
            return None
        height, width = image.shape[:2]
        rows = [(p.x * width - 0.5, p.y * height - 0.5, p.z * width) for p in found.face_landmarks[0]]
        return np.array(rows)

    def clip(self, video: Path) -> Clip:
        """A whole video's weights; NaN where no face is found."""
        from mien.io.video import open_video

        self.reset()
        with open_video(video) as frames:
            rows = [(frame.time, self.weights(frame.image, frame.time)) for frame in frames]
        weights = np.array([np.full(len(ARKIT), np.nan) if row is None else row for _, row in rows])
        seen = np.isfinite(weights).all(axis=1)
        return Clip(times=np.array([time for time, _ in rows]), weights=weights, confidence=seen.astype(float))


def _picture(image: np.ndarray) -> Any:
    mediapipe: Any = import_module("mediapipe")
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))


def arkit(categories: Any) -> Float[np.ndarray, "52"]:
    """Weights in ARKit order from named scores; raises MienError for a model that names other shapes."""
    scores = {c.category_name: float(c.score) for c in categories if c.category_name != _NEUTRAL}
    unknown = sorted(set(scores) - set(ARKIT))
    if unknown or len(scores) < len(ARKIT) - 1:
        raise MienError(f"the MediaPipe model answers no ARKit shapes (one is '{(unknown or ['none'])[0]}')")
    return np.array([scores.get(name, 0.0) for name in ARKIT])
