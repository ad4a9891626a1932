"""Capture: from the frames of a video to a `Clip`. Needs no torch.

For each frame: track the face (O-Net), cut the aligned crop, run the network one step, and solve the head pose from its
landmarks and a mean face with the captured expression. A network with a stored rest is given it in live capture through
`Capture.rest`, and for a whole video in a second pass, which uses the crops of the first.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from jaxtyping import Float, UInt8

from mien.core import ARKIT, MIEN70, Camera, Clip, FaceTrack, LandmarkLayout, MienError, Pose
from mien.core.frame_fields import with_gaps
from mien.core.transforms import gaze_from_weights
from mien.io.video import Frame, open_frames
from mien.runtime import Bundle
from mien.systems.capture import spec
from mien.systems.capture.runtime.calibration import Neutral, rest_frames
from mien.systems.capture.runtime.landmark_rig import LandmarkRig
from mien.systems.capture.runtime.network import Network
from mien.track import FaceTracker, TrackedFace
from mien.track.align import align_matrix, warp
from mien.track.pose import PoseSolver

__all__ = ["Capture", "CaptureResult", "CapturedFrame", "clean_weights", "pose_trust"]

_GROUP_TRUST = {"nose_bridge": 1.0, "nose_base": 1.0, "eye_right": 0.3, "eye_left": 0.3, "jaw": 0.3}
_EYE_CORNERS = [36, 39, 42, 45]


def pose_trust(layout: LandmarkLayout) -> np.ndarray:
    """How much each landmark counts for the head pose: fully at nose and eye corners, a tenth where skin slides.

    Lids, jaw line, and the points that the denser layout adds between those of the smaller one count 0.3. Chosen on
    renders of 60 held-out people who each turn their head through 16 frames, with known camera: the median errors of
    yaw and pitch are 1.00 and 1.58 degrees; 1.07 and 1.72 with the jaw at a tenth; 1.12 and 1.79 with the dense jaw at
    a tenth too.
    """
    trust = np.full(layout.count, 0.3)
    trust[: MIEN70.count] = 0.1
    for group, value in _GROUP_TRUST.items():
        trust[[point for point in layout.groups[group] if point < MIEN70.count]] = value
    trust[_EYE_CORNERS] = 1.0
    trust[[point for group, points in layout.groups.items() if group.startswith("iris") for point in points]] = 0.0
    return trust


_CLOSE, _OPEN = ARKIT.index("mouthClose"), ARKIT.index("jawOpen")


@dataclass(frozen=True, kw_only=True, eq=False)
class CapturedFrame:
    """The capture of one face in one frame."""

    face: TrackedFace
    weights: Float[np.ndarray, "52"]
    """In [0, 1], ARKit order."""
    landmarks: Float[np.ndarray, "L 2"]
    """Points of `Capture.layout` in pixels of the image."""
    rotation: Float[np.ndarray, "4"]
    """`camera_from_head`, xyzw."""
    translation: Float[np.ndarray, "3"]
    """Head joint in the camera frame [mm], for a face of mean size (or `person`) and the lens of `Capture.camera`."""
    raw: Float[np.ndarray, "52"]
    """The network's weights without clipping, which calibration (`calibration.find_levels`) needs."""
    code: Float[np.ndarray, "K E"]
    """The temporal head's input of this frame (and of its mirror image), which `Capture.rest` takes."""
    visibility: Float[np.ndarray, "3"] | None = None
    """Visibility of each of `spec.REGIONS` in [0, 1]; None from a network without this output."""

    def pose(self, time: float) -> Pose:
        """The frame at `time` [s] as a pose for any rig, with the gaze that its weights give."""
        return Pose(
            time=time,
            weights=self.weights,
            head_rotation=self.rotation,
            head_translation=self.translation,
            gaze=gaze_from_weights(self.weights.astype(np.float64)),
            confidence=self.face.confidence,
            visibility=self.visibility,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class CaptureResult:
    """A captured video."""

    clip: Clip
    track: FaceTrack
    milliseconds: Float[np.ndarray, "T"]
    """Processing time of each frame, without decoding."""
    raw: Float[np.ndarray, "T 52"]
    """The network's weights without clipping; NaN where no face was found."""
    codes: Float[np.ndarray, "T K E"]
    """`CapturedFrame.code` of each frame; NaN where no face was found."""


class Capture:
    """The capture system on one face. Keeps state between frames, so it serves one thread only."""

    def __init__(
        self,
        bundle: Bundle | str | Path | None = None,
        *,
        backend: str = "onnx",
        face: int = 0,
        threads: int = 1,
        mirror: bool = False,
        person: Float[np.ndarray, "L 3"] | None = None,
    ) -> None:
        """Load the network.

        Args:
            bundle: a bundle or its folder; None for the weights that ship with mien.
            backend: "onnx" or "ncnn".
            face: which face to follow when there are several; 0 is the largest.
            threads: CPU threads of the network.
            mirror: read each face and its mirror image and take the mean (`runtime.network`): more accurate and slower.
            person: `layout` of the performer's face at rest, from the head joint [mm] (`mien fit`), for head pose and
                distance; None for a mean face.

        Raises MienError when the bundle is damaged or made for another version of this system.
        """
        self.bundle = bundle if isinstance(bundle, Bundle) else Bundle.load(bundle or "capture")
        manifest = self.bundle.manifest
        if manifest.name != "capture" or not set(manifest.channels) <= set(ARKIT):
            raise MienError(f"{self.bundle.path}: not a bundle of this version's capture system")
        self.layout = manifest.layout
        self.rest: np.ndarray | None = None
        """The stored rest: the performer's `CapturedFrame.code` at rest, or the mean of several; None if unknown."""
        self.camera: Callable[[int, int], Camera] = Camera.guess
        """From width and height of the images [px] to the camera; called at the first frame of each video."""
        self._columns = [ARKIT.index(name) for name in manifest.channels]
        self._trust = pose_trust(self.layout)
        self._network = Network(self.bundle, backend=backend, threads=threads, mirror=mirror)
        self._rig = LandmarkRig.from_arrays(self.bundle.arrays)
        if person is not None:
            self._rig = replace(self._rig, neutral=person)
        self._face = face
        self.reset()

    def reset(self) -> None:
        """Forget the face that was followed; call this between videos."""
        self._tracker = FaceTracker(faces=self._face + 1)
        self._pose: PoseSolver | None = None
        self._fresh = True
        self._time = 0.0
        self._network.reset()

    def frame(self, image: UInt8[np.ndarray, "H W 3"], time: float) -> CapturedFrame | None:
        """The face in the next frame, or None where there is none; `time` [s] must grow from call to call."""
        faces = [face for face in self._tracker.update(image, time) if face.id == self._face]
        return self._read(image, faces[0] if faces else None, time)

    @property
    def takes_rest(self) -> bool:
        """Whether the network has an input for the stored rest."""
        return any(given.name == "rest" for given in self.bundle.manifest.inputs)

    def _read(self, image: np.ndarray, face: TrackedFace | None, time: float) -> CapturedFrame | None:
        if face is None:
            self._fresh = True
            return None
        matrix = align_matrix(face.five_points, spec.CROP)
        step = None if self._fresh else max(time - self._time, 1e-4)
        crop = warp(image, matrix, spec.CROP)
        answer = self._network.step(crop, step=step, rest=self.rest)
        self._time = time
        raw = np.zeros(len(ARKIT), np.float32)
        raw[self._columns] = answer.weights
        weights = clean_weights(raw)
        landmarks = (answer.landmarks - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        if self._pose is None:
            self._pose = PoseSolver(self.camera(image.shape[1], image.shape[0]))
        if self._fresh:
            self._pose.reset()
        self._fresh = False
        pose = self._pose.solve(landmarks, self._rig.points(weights[self._columns]), self._trust)
        return CapturedFrame(
            face=face,
            weights=weights,
            landmarks=landmarks,
            rotation=pose.quaternion,
            translation=pose.translation,
            raw=raw,
            code=answer.code,
            visibility=answer.seen,
        )

    def video(
        self,
        path: str | Path,
        *,
        neutral: Neutral = "off",
        progress: Callable[[int, int], None] | None = None,
    ) -> CaptureResult:
        """Capture a whole video, or an image as a clip of one frame.

        `neutral` is the frame that shows the performer at rest, or "auto" to find it in the take: a network with an
        input for the stored rest then reads the take a second time with it. `progress(done, estimated_total)` is called
        after every frame. Raises MienError when the file cannot be read, no frame shows a face, or the neutral frame
        shows none.
        """
        path = Path(path)
        self.reset()
        rows = self._rows(path, None, progress)
        if neutral == "off" or not self.takes_rest:
            return rows.result(path.name, self._face, self.layout)
        first = rows.result(path.name, self._face, self.layout)
        frames = rest_frames(replace(first.clip, weights=first.raw), None if neutral == "auto" else neutral)
        if not len(frames):
            return first
        self.rest = first.codes[frames].mean(axis=0)
        try:
            again = self._rows(path, rows, progress)
        finally:
            self.rest = None
        again.milliseconds = [sum(both) for both in zip(rows.milliseconds, again.milliseconds, strict=True)]
        return again.result(path.name, self._face, self.layout)

    def _rows(self, path: Path, before: "_Rows | None", progress: Callable[[int, int], None] | None) -> "_Rows":
        """Read every frame of a file; `before` holds the faces of an earlier pass, if there was one."""
        with open_frames(path) as frames:
            rows = self._collect(frames, frames.frames_estimate, before, progress)
        if all(captured is None for captured in rows.frames):
            raise MienError(f"{path}: no face found; it must be upright, at least 40 px wide and not hidden")
        return rows

    def _collect(
        self,
        frames: Iterable[Frame],
        total: int,
        before: "_Rows | None" = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> "_Rows":
        rows = _Rows()
        self._fresh, self._pose = True, None
        for done, frame in enumerate(frames, 1):
            start = perf_counter()
            if before is None:
                captured = self.frame(frame.image, frame.time)
            else:
                known = before.frames[frame.index]
                captured = self._read(frame.image, None if known is None else known.face, frame.time)
            rows.add(frame.time, captured, (perf_counter() - start) * 1e3)
            if progress is not None:
                progress(done, max(total, done))
        return rows


def clean_weights(raw: Float[np.ndarray, "*batch 52"]) -> Float[np.ndarray, "*batch 52"]:
    """Network output as ARKit weights: within [0, 1], and mouthClose at most jawOpen, which it corrects."""
    weights = np.clip(raw, 0.0, 1.0)
    weights[..., _CLOSE] = np.minimum(weights[..., _CLOSE], weights[..., _OPEN])
    return weights


@dataclass
class _Rows:
    """The values of a `CaptureResult`, collected frame by frame."""

    times: list[float] = field(default_factory=list[float])
    frames: list[CapturedFrame | None] = field(default_factory=list["CapturedFrame | None"])
    milliseconds: list[float] = field(default_factory=list[float])

    def add(self, time: float, captured: CapturedFrame | None, milliseconds: float) -> None:
        self.times.append(time)
        self.frames.append(captured)
        self.milliseconds.append(milliseconds)

    def result(self, source: str, face: int, layout: LandmarkLayout) -> CaptureResult:
        taken = zip(self.times, self.frames, strict=True)
        poses = [Pose.lost(time) if frame is None else frame.pose(time) for time, frame in taken]
        track = FaceTrack(
            id=face,
            times=np.array(self.times),
            boxes=self._column((4,), lambda f: f.face.box),
            five_points=self._column((5, 2), lambda f: f.face.five_points),
            confidence=np.array([0.0 if frame is None else frame.face.confidence for frame in self.frames]),
            landmarks=self._column((layout.count, 2), lambda f: f.landmarks),
        )
        code = next(frame.code.shape for frame in self.frames if frame is not None)
        return CaptureResult(
            clip=Clip.from_poses(poses, source=source),
            track=track,
            milliseconds=np.array(self.milliseconds),
            raw=self._column((len(ARKIT),), lambda f: f.raw).astype(np.float32),
            codes=self._column(code, lambda f: f.code).astype(np.float32),
        )

    def _column(self, shape: tuple[int, ...], take: Callable[[CapturedFrame], np.ndarray]) -> np.ndarray:
        return with_gaps([None if frame is None else take(frame) for frame in self.frames], shape)
