"""Rendered performances on which `Capture` runs as on a user's video: tracked, aligned, frame by frame, in time.

There are two kinds of performers: identities of the training rig with numbers that training never draws, and unseen
rigs (`mien.synth.filmed_rig`), which no image of the training set shows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from mien.core import ARKIT, Camera
from mien.core.transforms import angles_from_quaternion
from mien.systems.capture import spec
from mien.systems.capture.predict import Capture
from mien.track.align import align_matrix

if TYPE_CHECKING:
    from mien.synth.filmed_rig import FilmedRig
    from mien.synth.scene import Action

__all__ = [
    "HELD_OUT",
    "SHOWN",
    "TURNS",
    "Shown",
    "Take",
    "Trial",
    "Watcher",
    "neutral_views",
    "performed",
    "performed_by_rigs",
    "shapes_alone",
    "single_shapes",
    "stills",
    "watch",
    "windows",
]

HELD_OUT = (1_000_000, 1_000_300)
"""Identity numbers of evaluation; training uses smaller numbers, and the number alone decides the coefficients."""
SHOWN: tuple[str, ...] = tuple(name for name in spec.CHANNELS if not name.startswith("eyeLook"))
"""Channels shown one at a time. The eight eyeLook channels are left out: both eyes turn together."""
_COLUMNS = [ARKIT.index(name) for name in spec.CHANNELS]
_LEVEL = 0.9
"""Weight of a single channel: extreme, but still within what people do."""
_JAW = {"mouthClose": _LEVEL, "tongueOut": 0.4}
"""Weight of jawOpen beside a channel that corrects an open jaw (mouthClose) or needs one (tongueOut)."""
TURNS = ((0, 0), (0, 0), (-25, 0), (25, 0), (0, -15), (0, 15))
"""Views of a neutral face (yaw, pitch) [degrees]: two frontal views for reference and four turned ones."""
_RATE = 30.0
"""Frames per second of the windows."""

Script = Callable[[np.random.Generator], "Sequence[Action]"]
"""Draws what a performer does, one action per take."""


class Watcher(Protocol):
    """Any tracker that gives ARKit weights for the frames of a video."""

    def reset(self) -> None:
        """Begin a new video."""

    def weights(self, image: UInt8[np.ndarray, "H W 3"], time: float) -> Float[np.ndarray, "52"] | None:
        """Weights for the next frame; None where no face is found."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """One frame and its truth."""

    image: UInt8[np.ndarray, "H W 3"]
    time: float
    weights: Float[np.ndarray, "52"]
    angles: Float[np.ndarray, "3"]
    """Head yaw, pitch, roll relative to the camera [rad]."""
    landmarks: Float[np.ndarray, "L 2"] | None
    """The rig's densest layout [px], which begins with the smaller ones; None where it has none."""
    visible: Float[np.ndarray, "R"] | None = None
    """Visible share of each of `spec.REGIONS`; None where nothing ever covers the face."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Take:
    """One rendered performance, frame by frame."""

    identity: int
    frames: Iterator[Shown]
    camera: Camera | None = None
    """The camera: a render is a window of a larger frame, so the lens cannot be guessed from its size."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """True and predicted values of N frames; NaN where no face was found."""

    truth: Float[np.ndarray, "N A"]
    answers: Mapping[str, Float[np.ndarray, "N A"]]
    """Predicted weights: "ours" and, by name, those of the other trackers."""
    identity: Int[np.ndarray, "N"]
    take: Int[np.ndarray, "N"]
    times: Float[np.ndarray, "N"]
    angles: Float[np.ndarray, "N 2 3"]
    """True and predicted head angles [rad]."""
    landmarks: Float[np.ndarray, "N 2 L 2"]
    """True and predicted, in pixels of the aligned crop."""
    visible: Float[np.ndarray, "N 2 R"]
    """Visible share of each of `spec.REGIONS`, true and predicted; NaN where unknown."""

    @property
    def found(self) -> Bool[np.ndarray, "N"]:
        """Frames in which every tracker found the face."""
        return np.logical_and.reduce([np.isfinite(rows).all(axis=1) for rows in self.answers.values()])

    def where(self, frames: Bool[np.ndarray, "N"]) -> "Trial":
        """The selected frames."""
        return Trial(
            truth=self.truth[frames],
            answers={name: rows[frames] for name, rows in self.answers.items()},
            identity=self.identity[frames],
            take=self.take[frames],
            times=self.times[frames],
            angles=self.angles[frames],
            landmarks=self.landmarks[frames],
            visible=self.visible[frames],
        )


def _always(camera: Camera) -> Callable[[int, int], Camera]:
    return lambda _width, _height: camera


def watch(capture: Capture, takes: Iterable[Take], beside: Mapping[str, Watcher] | None = None) -> Trial:
    """Run `capture`, and the other trackers in `beside`, on takes as on videos."""
    beside = beside or {}
    rows: list[tuple[np.ndarray, ...]] = []
    for number, take in enumerate(takes):
        capture.reset()
        capture.camera = Camera.guess if take.camera is None else _always(take.camera)
        for watcher in beside.values():
            watcher.reset()
        for shown in take.frames:
            others = [_seen(watcher.weights(shown.image, shown.time)) for watcher in beside.values()]
            rows.append((*_watched(capture, shown), np.array([take.identity, number, shown.time]), *others))
    capture.camera = Camera.guess
    truth, ours, angles, landmarks, visible, about, *others = (np.stack(column) for column in zip(*rows, strict=True))
    return Trial(
        truth=truth,
        answers={"ours": ours, **dict(zip(beside, others, strict=True))},
        identity=about[:, 0].astype(int),
        take=about[:, 1].astype(int),
        times=about[:, 2],
        angles=angles,
        landmarks=landmarks,
        visible=visible,
    )


def _watched(capture: Capture, shown: Shown) -> tuple[np.ndarray, ...]:
    """(true weights [A], predicted weights [A], angles [2, 3], landmarks [2, L, 2], visible [2, R]) of one frame."""
    frame = capture.frame(shown.image, shown.time)
    truth = shown.weights[_COLUMNS].astype(np.float64)
    count = capture.layout.count
    angles, landmarks = np.full((2, 3), np.nan), np.full((2, count, 2), np.nan)
    visible = np.full((2, len(spec.REGIONS)), np.nan)
    angles[0] = shown.angles
    if shown.visible is not None:
        visible[0] = shown.visible
    if frame is None:
        return truth, np.full(len(truth), np.nan), angles, landmarks, visible
    angles[1] = angles_from_quaternion(frame.rotation)
    matrix = align_matrix(frame.face.five_points, spec.CROP)
    for row, points in enumerate((shown.landmarks, frame.landmarks)):
        if points is not None and len(points) >= count:
            landmarks[row] = points[:count] @ matrix[:, :2].T + matrix[:, 2]
    if frame.visibility is not None:
        visible[1] = frame.visibility
    return truth, frame.weights[_COLUMNS].astype(np.float64), angles, landmarks, visible


def _seen(weights: np.ndarray | None) -> np.ndarray:
    return np.full(len(_COLUMNS), np.nan) if weights is None else weights[_COLUMNS].astype(np.float64)


def performed(
    seed: int, identities: Iterable[int], people: int, script: Script, *, bare: bool = False
) -> Iterator[Take]:
    """The first `people` performers of the training rig among `identities`, filmed as for the training set.

    With `bare`, those who wear glasses or a hat are left out and nothing covers the face: what is measured must be
    visible.
    """
    from mien.synth.renderer import renderer
    from mien.synth.scene import cast, film, set_scene

    gl = renderer()
    found = 0
    for identity in identities:
        who = cast(seed, identity)
        if bare and (len(who.costume.with_head.triangles) or len(who.costume.lenses.triangles)):
            continue
        if found == people:
            return
        found += 1
        rng = np.random.default_rng([seed, identity])
        gl.wear(who.costume)
        for action in script(rng):
            scene = set_scene(rng, who, occluders=not bare)
            shots = film(rng, gl, who, scene, action)
            yield Take(
                identity=identity,
                camera=scene.view.camera,
                frames=(
                    Shown(
                        image=shot.image,
                        time=float(time),
                        weights=shot.truth.weights,
                        angles=angles_from_quaternion(shot.truth.quaternion),
                        landmarks=shot.truth.landmarks,
                        visible=1.0 - shot.truth.hidden,
                    )
                    for shot, time in zip(shots, action.times, strict=True)
                ),
            )


def performed_by_rigs(seed: int, unseen_rigs: "Sequence[FilmedRig]", script: Script) -> Iterator[Take]:
    """Like `performed`, but with unseen rigs; each rig counts as an identity."""
    from mien.synth.filmed_rig import film_rig, set_rig_scene

    for identity, who in enumerate(unseen_rigs):
        rng = np.random.default_rng([seed, identity])
        for action in script(rng):
            scene = set_rig_scene(rng, who)
            shots = film_rig(rng, who, scene, action)
            yield Take(
                identity=identity,
                camera=scene.view.camera,
                frames=(
                    Shown(
                        image=shot.image,
                        time=float(time),
                        weights=shot.weights,
                        angles=shot.angles,
                        landmarks=max(shot.landmarks.values(), key=len, default=None),
                    )
                    for shot, time in zip(shots, action.times, strict=True)
                ),
            )


def stills(count: int) -> Script:
    """`count` single frames, drawn like the training set's stills."""

    def script(rng: np.random.Generator) -> "list[Action]":
        from mien.synth.motion import sample_still

        drawn = [sample_still(rng) for _ in range(count)]
        return _frames(np.stack([w for w, _ in drawn]), np.stack([a for _, a in drawn]))

    return script


def windows(count: int, frames: int) -> Script:
    """`count` windows of motion, drawn like those of the training set, at 30 frames per second."""

    def script(rng: np.random.Generator) -> "list[Action]":
        from mien.synth.motion import sample_motion
        from mien.synth.scene import Action

        drawn = [sample_motion(rng, frames, _RATE) for _ in range(count)]
        return [Action(times=m.times, weights=m.weights, angles=m.angles, translation=m.translation) for m in drawn]

    return script


def single_shapes(rng: np.random.Generator) -> "Sequence[Action]":
    """Every channel of `SHOWN` alone, facing the camera; those that need an open jaw with one (`_JAW`)."""
    return shapes_alone(*SHOWN)(rng)


def shapes_alone(*channels: str) -> Script:
    """Each of some channels alone, in that order, as `single_shapes` shows them."""

    def script(rng: np.random.Generator) -> "list[Action]":
        rows = np.zeros((len(channels), len(ARKIT)), np.float32)
        for row, name in zip(rows, channels, strict=True):
            row[ARKIT.index(name)] = _LEVEL
            row[ARKIT.index("jawOpen")] = max(row[ARKIT.index("jawOpen")], _JAW.get(name, 0.0))
        return _frames(rows, np.zeros((len(channels), 3)))

    return script


def neutral_views(rng: np.random.Generator) -> "list[Action]":
    """A neutral face in the views of `TURNS`: two frontal, four turned."""
    angles = np.radians([(yaw, pitch, 0) for yaw, pitch in TURNS])
    return _frames(np.zeros((len(TURNS), len(ARKIT)), np.float32), angles)


def _frames(weights: np.ndarray, angles: np.ndarray) -> "list[Action]":
    from mien.synth.scene import Action

    return [
        Action(times=np.zeros(1), weights=w[None], angles=a[None], translation=np.zeros((1, 3)))
        for w, a in zip(weights, angles, strict=True)
    ]
