"""A webcam as a source of frames, each with the time of its arrival."""

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np

from mien.core.errors import MienError
from mien.io.video import Frame

__all__ = ["Webcam"]


class Webcam:
    """The frames of a camera: `with Webcam(0) as frames`. Times count from the first frame [s].

    OpenCV gives no access to the time stamps of a webcam's driver, so each frame gets the time of its arrival, from a
    monotonic clock; these times show when the frame rate varies with the light.
    """

    def __init__(self, device: int | str = 0) -> None:
        """Open a camera by its number or a stream by its address.

        Raises MienError when there is none or it is in use.
        """
        import cv2

        logging: Any = cv2.utils.logging  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
        level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # the MienError below reports the failure
        try:
            self._camera: Any = cv2.VideoCapture(device)
        finally:
            logging.setLogLevel(level)
        if not self._camera.isOpened():
            self._camera.release()
            raise MienError(
                f"webcam {device} cannot be opened: check that it is plugged in and no other program uses it"
            )
        self.device = device
        self.width = int(self._camera.get(cv2.CAP_PROP_FRAME_WIDTH))
        """Width of the picture [px]."""
        self.height = int(self._camera.get(cv2.CAP_PROP_FRAME_HEIGHT))
        """Height of the picture [px]."""

    def __enter__(self) -> "Webcam":
        return self

    def __exit__(self, *_: object) -> None:
        self._camera.release()

    def __iter__(self) -> Iterator[Frame]:
        """RGB frames until the camera provides no more."""
        start, last, index = perf_counter(), -1.0, 0
        while True:
            good, image = self._camera.read()
            if not good:
                return
            now = perf_counter()
            start = now if index == 0 else start
            time = max(now - start, np.nextafter(last, np.inf))
            yield Frame(index=index, time=time, image=np.ascontiguousarray(image[..., ::-1]))
            last, index = time, index + 1
