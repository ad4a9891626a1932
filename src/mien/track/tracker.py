"""Follows faces from frame to frame by O-Net alone; the cascade runs only when a face must be found.

The jitter of the five points is determined by the crop and the feedback of the box, and not by the network. The
network's points are off by up to 4 % of the eye distance when the face is elsewhere in its window, and by 0.1 % from
sensor noise. Therefore the tracker has five rules:
1. the crop is sub-pixel and area-filtered (`sampling.area_crop`);
2. the box is held until the network's refined box overlaps it by less than 0.85;
3. the held box moves with the eyes, so that a moving face keeps its place in the window: on a still image that is moved
   the error of the points is 0.25 % of the eye distance per frame instead of 0.9 %, and at rest it is not larger;
4. when the box is replaced, the network runs on both boxes in that frame, and the difference between their points,
   which is the network's bias and no motion, is faded out over time;
5. points that move less than the network's noise are averaged over time, points that move more are not.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from mien.track.boxes import Detection, pair_iou, square_boxes
from mien.track.cascade import Cascade
from mien.track.onet import ONet
from mien.track.sampling import check_image

__all__ = ["FaceTracker", "TrackedFace"]

HOLD_IOU = 0.85
"""The held box is replaced when the refined box overlaps it by less than this. Measured jitter on real video: 1.1e-3 of
the eye distance under sigma=3 noise; replacing the box in every frame gave 16e-3, and averaging the box over time lost
the face on fast shakes."""

_KEEP_SCORE = 0.5
"""Least probability from O-Net at which a face is followed further."""
_FOUND_SCORE = 0.8
"""Least probability from O-Net, on the box of the detected face, at which a detection is accepted; it is the cascade's
last threshold."""
_RETRY_SCORE = 0.7
"""Probability below which the face may be leaving the held box, so that the refined box is tried in the same frame."""
_FADE = 0.2
"""Time constant [s] with which the bias of a replaced box fades."""
_REST_TIME = 0.08
"""Averaging time [s] of points at rest."""
_REST_STEP = 0.015
"""Step, as a share of the eye distance, that counts as motion and is followed at once; noise gives less than 0.004."""
_EYE_SHARE = 0.37
"""Eye distance of a frontal face as a share of its box, used because the visible eye distance vanishes in profile."""
_STEADY_IOU = 0.7
"""Overlap of old and new box above which the old box's points are accurate enough to fade from."""
_MOST_MOVES = 2
"""Largest number of boxes tried in one frame after the held one; fast shakes need one, and none needed three."""
_CUT_STEP = 45.0
"""Mean change of grey level [0..255] over the frame that counts as a cut; fast head motion reaches some 20."""
_MEMORY = 3.0
"""Time for which a lost face keeps its id when several faces are followed [s]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrackedFace:
    """One face in one frame."""

    id: int
    """Number of the face, constant while it is followed; 0 is the first face found (of several, the largest)."""
    box: Float[np.ndarray, "4"]
    """Bounding box: x0, y0, x1, y1 [px]."""
    five_points: Float[np.ndarray, "5 2"]
    """The points of `landmarks.FIVE` [px]."""
    confidence: float
    """Face probability from O-Net in [0, 1]."""


class _Track:
    """The state of one face between frames."""

    def __init__(self, number: int) -> None:
        self.id = number

    def start(self, held: np.ndarray, face: Detection, time: float) -> None:
        """Begin, or begin again, with a face that was detected in the box `held`; all earlier state is discarded."""
        self.held = held
        """The square box on which O-Net runs."""
        self.face = face
        self.points = face.five_points
        self.fade = np.zeros((5, 2))
        """Remaining part of the difference between the previous box's points and this box's, in box sides."""
        self.time = time
        self.lost = False

    def hand_over(self, target: np.ndarray, before: Detection, after: Detection, *, steady: bool) -> None:
        """Hold `target` from now on. `before` and `after` are this frame's face in the old and in the new box.

        After a large move (`steady` false) there is no fading, because the old box's points are inaccurate.
        """
        shown = before.five_points + self.fade * (self.held[2] - self.held[0])
        self.held = target
        self.fade = (shown - after.five_points) / (target[2] - target[0]) if steady else np.zeros((5, 2))

    def settle(self, face: Detection, time: float) -> None:
        """Take this frame's face: average its points if they are at rest, and move the held box with the face."""
        side = float(self.held[2] - self.held[0])
        step = face.five_points + self.fade * side - self.points
        rest = 1.0 - math.exp(-max(time - self.time, 0.0) / _REST_TIME)
        moved = float(np.abs(step).max()) / (_REST_STEP * _EYE_SHARE * side)
        step *= min(max(rest, moved), 1.0)
        self.points = self.points + step
        # The box follows the position of the eyes, which do not move in speech, and not their distance, which shrinks
        # when the head turns.
        ride = (step[0] + step[1]) / 2
        self.held = self.held + np.concatenate([ride, ride])
        self.face, self.time = face, time


class FaceTracker:
    """Follows up to `faces` faces through the frames of one video, in order.

    With `faces=1` (the default) the largest face is followed with id 0: when it is lost, the next largest face that
    appears continues with id 0. With more faces, a face that returns within three seconds near its last position keeps
    its id, any other gets a new one, and the whole frame is searched again every `search_interval` seconds.
    """

    def __init__(
        self,
        *,
        faces: int = 1,
        min_face: float = 40.0,
        search_interval: float = 0.5,
        cascade: Cascade | None = None,
        onet: ONet | None = None,
    ) -> None:
        """Load the networks, or share given ones.

        Args:
            faces: largest number of faces to follow at a time.
            min_face: side of the smallest face to search [px].
            search_interval: time between searches for further faces [s]; not used with one face.
            cascade: the detector, when several trackers share one.
            onet: the tracking network, when several trackers share one.
        """
        self._cascade = cascade or Cascade.load()
        self._onet = onet or ONet.load()
        self._most = faces
        self._min_face = min_face
        self._interval = search_interval
        self._tracks: list[_Track] = []
        self._next_id = 0
        self._searched = -np.inf
        self._thumbnail: np.ndarray | None = None

    def update(self, image: UInt8[np.ndarray, "H W 3"], time: float) -> list[TrackedFace]:
        """The faces in the next frame, by id; `time` [s] must increase from call to call. Lost faces are left out.

        Raises MienError when the image is not RGB uint8.
        """
        check_image(image)
        cut = self._is_cut(image)
        active = [track for track in self._tracks if not track.lost]
        for track in active:
            track.lost = cut or not self._follow(track, image, time)
        self._drop_doubles()
        if self._must_search(time, lost_now=any(track.lost for track in active)):
            self._search(image, time)
        return [
            TrackedFace(id=t.id, box=t.face.box, five_points=t.points, confidence=t.face.score)
            for t in self._tracks
            if not t.lost
        ]

    def _is_cut(self, image: np.ndarray) -> bool:
        # Only every n-th pixel is compared, because a filtered thumbnail would cost as much as the tracking.
        down, right = (max(n // 24, 1) for n in image.shape[:2])
        thumbnail = image[down // 2 :: down, right // 2 :: right, 1].astype(np.int16)
        previous, self._thumbnail = self._thumbnail, thumbnail
        if previous is None:
            return False
        return previous.shape != thumbnail.shape or float(np.abs(thumbnail - previous).mean()) > _CUT_STEP

    def _follow(self, track: _Track, image: np.ndarray, time: float) -> bool:
        """Find the face near its last position; False when it is no longer there."""
        face = self._onet.refine(image, track.held, _KEEP_SCORE)
        if face is None or not _plausible(face):
            return False
        track.fade *= math.exp(-max(time - track.time, 0.0) / _FADE)
        for _ in range(_MOST_MOVES):
            target = square_boxes(face.box)
            overlap = pair_iou(track.held, target)
            if overlap >= HOLD_IOU and face.score >= _RETRY_SCORE:
                break
            moved = self._onet.refine(image, target, _KEEP_SCORE)
            if moved is None or not _plausible(moved):
                return False
            track.hand_over(target, face, moved, steady=overlap > _STEADY_IOU)
            face = moved
        track.settle(face, time)
        return True

    def _drop_doubles(self) -> None:
        """Of two tracks that follow the same face, end the younger one."""
        active = [track for track in self._tracks if not track.lost]
        for i, track in enumerate(active):
            if any(pair_iou(track.held, old.held) > 0.5 for old in active[:i] if not old.lost):
                track.lost = True

    def _must_search(self, time: float, *, lost_now: bool) -> bool:
        active = sum(not track.lost for track in self._tracks)
        if active >= self._most:
            return False
        return active == 0 or lost_now or not 0 <= time - self._searched < self._interval

    def _search(self, image: np.ndarray, time: float) -> None:
        """Run the cascade; give each face that no track has to a lost track or to a new one, the largest first."""
        self._searched = time
        active = [track for track in self._tracks if not track.lost]
        if self._most > 1:
            self._tracks = [t for t in self._tracks if not t.lost or time - t.time <= _MEMORY]
        for found in self._cascade.detect(image, self._min_face):
            if len(active) >= self._most:
                break
            confirmed = self._onet.refine(image, found.box, _FOUND_SCORE)
            if confirmed is None or not _plausible(confirmed):
                continue
            box = square_boxes(confirmed.box)
            face = self._onet.refine(image, box, _KEEP_SCORE)  # on the box that will be held, as later frames
            if face is None or not _plausible(face):
                continue
            if any(pair_iou(box, track.held) > 0.3 for track in active):
                continue
            track = self._continued(box)
            if track is None:
                track = _Track(self._next_id)
                self._next_id += 1
                self._tracks.append(track)
            track.start(box, face, time)
            active.append(track)
        self._tracks.sort(key=lambda track: track.id)

    def _continued(self, box: np.ndarray) -> _Track | None:
        """The lost track that a face found at `box` continues: the nearest one within a face width and a factor of two
        in size."""
        lost = [track for track in self._tracks if track.lost]
        if self._most == 1:
            return lost[0] if lost else None
        side = box[2] - box[0]
        best, nearest = None, 1.0
        for track in lost:
            old = track.held[2] - track.held[0]
            away = float(np.linalg.norm(box[:2] + box[2:] - track.held[:2] - track.held[2:])) / 2 / max(side, old)
            if away < nearest and 0.5 < side / old < 2.0:
                best, nearest = track, away
        return best


def _plausible(face: Detection) -> bool:
    """Whether the five points can be those of a face: the mouth below the eye line, not folded, and inside the box."""
    # This runs on every frame and uses plain numbers, because numpy would take ten times as long on so few.
    (rx, ry), (lx, ly), _, (rmx, rmy), (lmx, lmy) = face.five_points.tolist()
    x0, y0, x1, y1 = face.box.tolist()
    side, x, y = max(x1 - x0, y1 - y0), (x0 + x1) / 2, (y0 + y1) / 2
    eyes_x, eyes_y = lx - rx, ly - ry
    below = (eyes_x * (rmy + lmy - ry - ly) - eyes_y * (rmx + lmx - rx - lx)) / 2
    reach = max(max(abs(px - x), abs(py - y)) for px, py in face.five_points.tolist())
    return (
        below > 0.01 * side * side  # a frontal face has 0.14; the sign changes when the mouth is above the eyes
        and eyes_x * (lmx - rmx) + eyes_y * (lmy - rmy) > 0
        and reach < 0.75 * side
    )
