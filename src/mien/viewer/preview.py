"""Preview videos: footage with landmarks, the animated rig beside it, and the strongest curves below."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from mien.core.channels import ARKIT
from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.core.landmarks import IBUG68, MIEN70, MIEN198, LandmarkLayout
from mien.core.regions import HIDDEN, REGIONS
from mien.core.rig import Rig
from mien.io.video import open_frames
from mien.io.video_writer import VideoWriter
from mien.viewer.paint import Painter

__all__ = ["Preview", "readable", "write_preview"]

_PANE = 480
"""Height of both panes [px]."""
_STRIP = 120
_SAMPLES, _TEXTURED = 1.5, 1.0
"""Samples of a pixel along each side, of plain heads and of heads whose skin has a texture: a texture is a second pass,
and a preview is to be drawn faster than the video plays."""
_CELLS = (2, 6)
"""Numbers of rows and columns of curves."""
_HISTORY = 120
"""Number of frames that a curve shows: 4 s at 30 Hz."""
_CHALLENGE = 0.08
"""Weight by which a channel must have been stronger to replace another on the strip, so that it does not flicker."""
_PATCHES = ("cheek", "forehead", "chin", "philtrum")
"""Landmark groups that are scattered over the skin, and are drawn as points without a line."""
_WARN = (255, 150, 120)
_LINE, _DOT = (120, 235, 255), (255, 255, 255)
_PANEL, _TRACK, _BAR, _CURVE, _TEXT = (24, 26, 31), (46, 50, 58), (255, 176, 92), (120, 200, 255), (225, 228, 235)


def readable(channel: str) -> str:
    """A channel's name in words: "mouthSmileLeft" -> "mouth smile L"."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in channel)
    for side in ("left", "right"):
        if words.endswith(f" {side}"):
            words = f"{words[: -len(side)]}{side[0].upper()}"
    return words


def write_preview(
    path: str | Path,
    source: str | Path,
    clip: Clip,
    rig: Rig,
    *,
    landmarks: Float[np.ndarray, "T L 2"] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the preview of a captured video or picture: an .mp4, whole or not at all, with the clip's times.

    Args:
        path: the file to write.
        source: the video or picture that was captured; it is read again.
        clip: the captured clip, with one frame for each frame of the source.
        rig: the rig that performs the clip.
        landmarks: the landmarks of each frame [px of the source]; none are drawn when None.
        progress: called after every frame with (frames done, total).

    Raises MienError when the source cannot be read or the path not written.
    """
    path = Path(path)
    with open_frames(source) as frames:
        composer = Preview(rig, frames.width, frames.height, clip.channels)
        with VideoWriter(path, composer.width, composer.height, frames.fps_nominal or 30.0) as writer:
            for row, frame in enumerate(frames):
                seen = bool(clip.seen[row])
                image = composer.compose(
                    frame.image,
                    landmarks[row] if seen and landmarks is not None else None,
                    rig.perform(clip, row) if seen else None,
                    clip.weights[row] if seen else None,
                    clip.visibility[row] if seen and clip.visibility is not None else None,
                )
                writer.write(image, frame.time)
                if progress is not None:
                    progress(row + 1, len(clip))


def _samples(rig: Rig) -> float:
    textured = sum(part.stop - part.start for part in rig.neutral.topology.parts if part.texture)
    return _TEXTURED if textured > 0.3 * len(rig.neutral.topology.triangles) else _SAMPLES


class Preview:
    """Composes preview frames of one size from footage of one size, and stores the last seconds for the curves."""

    def __init__(self, rig: Rig, width: int, height: int, channels: Sequence[str] = ARKIT) -> None:
        """`width` and `height` are those of the footage [px]; `channels` are the names of the weights for `compose`."""
        import cv2

        if width < 1 or height < 1:
            raise MienError(f"cannot preview a {width}x{height} video; both sides must be positive")
        self._cv: Any = cv2
        self._source = (height, width)
        self._pane = int(np.clip(2 * round(_PANE * width / height / 2), 240, 854))
        self._scale = min(self._pane / width, _PANE / height)
        self._painter = Painter(rig, max(self._pane, 400), _PANE, fill=0.94, supersample=_samples(rig))
        self._neutral = rig.neutral.vertices
        self._channels = tuple(channels)
        self._past: deque[np.ndarray] = deque(maxlen=_HISTORY)
        self._shown = list(range(min(_CELLS[0] * _CELLS[1], len(self._channels))))
        self.width = self._pane + self._painter.width
        """Width of the composed frames [px], even."""
        self.height = _PANE + _STRIP
        """Height of the composed frames [px], even."""

    def compose(
        self,
        frame_image: UInt8[np.ndarray, "H W 3"],
        landmarks: Float[np.ndarray, "L 2"] | None,
        vertices: Float[np.ndarray, "V 3"] | None,
        weights: Float[np.ndarray, "C"] | None,
        visibility: Float[np.ndarray, "R"] | None = None,
    ) -> UInt8[np.ndarray, "height width 3"]:
        """One preview frame; `landmarks` [px of the footage], `vertices` [mm] and `weights` are None without a face.

        `visibility` of (eyes, brows, mouth) is drawn as a mark for each region when it is known: filled when visible,
        hollow when hidden. Raises MienError when the picture's size is not that of the footage or the weights do not
        match the channels.
        """
        if frame_image.shape[:2] != self._source:
            want, got = self._source[::-1], frame_image.shape[1::-1]
            raise MienError(f"the preview expects {want[0]}x{want[1]} pictures, not {'x'.join(map(str, got))}")
        if weights is not None and len(weights) != len(self._channels):
            raise MienError(f"the preview got {len(weights)} weights for {len(self._channels)} channels")
        lost = weights is None or not np.isfinite(weights).all()
        out = np.empty((self.height, self.width, 3), np.uint8)
        out[:_PANE, : self._pane] = self._footage(frame_image, landmarks)
        seen = vertices is not None and bool(np.isfinite(vertices).all())
        out[:_PANE, self._pane :] = self._painter.draw(vertices if seen and vertices is not None else self._neutral)
        if lost:
            self._text(out, "no face", (14, 30), 0.7, _WARN)
        elif visibility is not None and np.isfinite(visibility).all():
            self._regions(out[:_PANE, : self._pane], np.asarray(visibility, float))
        self._past.append(np.full(len(self._channels), np.nan) if lost else np.asarray(weights, float))
        self._curves(out[_PANE:])
        return out

    def _footage(self, image: np.ndarray, landmarks: np.ndarray | None) -> np.ndarray:
        cv2 = self._cv
        height, width = (max(1, round(side * self._scale)) for side in self._source)
        method = cv2.INTER_AREA if self._scale < 1 else cv2.INTER_LINEAR
        pane = np.zeros((_PANE, self._pane, 3), np.uint8)
        top, left = (_PANE - height) // 2, (self._pane - width) // 2
        pane[top : top + height, left : left + width] = cv2.resize(image, (width, height), interpolation=method)
        if landmarks is not None:
            points = (np.asarray(landmarks, float) + 0.5) * self._scale - 0.5 + [left, top]
            self._marks(pane, points)
        return pane

    def _marks(self, pane: np.ndarray, points: np.ndarray) -> None:
        cv2 = self._cv
        seen = np.asarray(np.isfinite(points).all(axis=1))
        fixed = np.rint(np.clip(np.nan_to_num(points), -1e4, 1e4) * 16).astype(np.int32)
        layout: LandmarkLayout | None = next((k for k in (MIEN198, MIEN70, IBUG68) if k.count == len(points)), None)
        for name, members in layout.groups.items() if layout else ():
            run = [i for i in members if seen[i]]
            if len(run) > 1 and not name.startswith(_PATCHES):
                closed = layout is not None and name in layout.closed and len(run) == len(members)
                cv2.polylines(pane, [fixed[run]], closed, _LINE, 1, cv2.LINE_AA, 4)
        for point in fixed[seen].tolist():
            cv2.circle(pane, point, 22, _DOT, -1, cv2.LINE_AA, 4)

    def _regions(self, pane: np.ndarray, visibility: np.ndarray) -> None:
        """Draw a dot and a name for each region at the pane's lower left; the dot is filled as far as it is visible."""
        cv2 = self._cv
        for k, (name, share) in enumerate(zip(REGIONS, visibility.tolist(), strict=True)):
            x, y = 18 + 78 * k, _PANE - 20
            hidden = share < HIDDEN
            color = _WARN if hidden else _LINE
            cv2.rectangle(pane, (x - 12, y - 12), (x + 60, y + 10), _PANEL, -1)
            cv2.circle(pane, (x, y), 6, color, 1 if hidden else -1, cv2.LINE_AA)
            self._text(pane, name, (x + 11, y + 5), 0.42, _WARN if hidden else _TEXT)

    def _choose(self, past: np.ndarray) -> None:
        """Keep the channels that are shown unless others have clearly been stronger recently."""
        recent = np.nan_to_num(past[-45:]).max(axis=0)
        for _ in range(2):  # at most two changes per frame
            weakest = min(self._shown, key=lambda c: recent[c])
            rest = [c for c in range(len(self._channels)) if c not in self._shown]
            best = max(rest, key=lambda c: recent[c], default=weakest)
            if recent[best] <= recent[weakest] + _CHALLENGE:
                return
            self._shown[self._shown.index(weakest)] = best

    def _curves(self, strip: np.ndarray) -> None:
        strip[:] = _PANEL
        past = np.array(self._past)
        if not self._shown:
            return
        self._choose(past)
        rows, columns = _CELLS
        wide, tall = self.width // columns, _STRIP // rows
        for k, channel in enumerate(self._shown):
            x, y = (k % columns) * wide, (k // columns) * tall
            self._cell(strip[y : y + tall, x : x + wide], readable(self._channels[channel]), past[:, channel])

    def _cell(self, cell: np.ndarray, name: str, values: np.ndarray) -> None:
        cv2 = self._cv
        tall, wide = cell.shape[:2]
        left, right, top, floor = 8, wide - 8, 24, tall - 12
        cv2.rectangle(cell, (left, top), (right, floor + 6), _TRACK, -1)
        held = np.nan_to_num(np.clip(values, 0, 1))
        x = right - np.arange(len(held))[::-1] * (right - left) / (_HISTORY - 1)
        y = floor - held * (floor - top)
        path = np.rint(np.stack([x, y], axis=1) * 16).astype(np.int32)
        if len(path) > 1:
            cv2.polylines(cell, [path], False, _CURVE, 1, cv2.LINE_AA, 4)
        now = values[-1]
        if np.isfinite(now):
            end = left + round(float(held[-1]) * (right - left))
            cv2.rectangle(cell, (left, floor + 3), (end, floor + 6), _BAR, -1)
        size = min(0.42, 0.42 * (wide - 60) / max(1, cv2.getTextSize(name, 0, 0.42, 1)[0][0]))
        self._text(cell, name, (left, 17), size, _TEXT)
        label = f"{now:.2f}" if np.isfinite(now) else "-"
        self._text(cell, label, (right - 30, 17), 0.40, _BAR)

    def _text(
        self, image: np.ndarray, text: str, at: tuple[int, int], size: float, color: tuple[int, int, int]
    ) -> None:
        self._cv.putText(image, text, at, self._cv.FONT_HERSHEY_SIMPLEX, size, color, 1, self._cv.LINE_AA)
