"""Real faces moved by the rig: a picture warped as the rig's landmarks move, so that the change of weights is known.

Portraits smile, and clips speak; brows, frowns, crooked mouths and eyes hardly move in either. A change of weights
moves the rig's landmarks; an affine camera, fitted to the picture's landmarks, shows how far in the picture; a
thin-plate spline (Bookstein 1989) carries the rest of the face along and leaves the picture's edge where it is.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mien.core.transforms import PUPIL_ARM, gaze_from_weights, weights_from_gaze
from mien.systems.capture import spec
from mien.systems.capture.runtime.landmark_rig import LandmarkRig
from mien.track.align import STORED

__all__ = ["GROUPS", "FaceMover", "draw_change"]

GROUPS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (3.0, ("browInnerUp",)),
    (2.0, ("browOuterUpLeft", "browOuterUpRight")),
    (3.0, ("browDownLeft", "browDownRight")),
    (3.0, ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")),
    (3.0, ("mouthSmileLeft", "mouthSmileRight")),
    (2.0, ("mouthFrownLeft", "mouthFrownRight")),
    (1.5, ("mouthLeft",)),
    (1.5, ("mouthRight",)),
    (1.0, ("mouthDimpleLeft", "mouthDimpleRight")),
    (1.0, ("mouthStretchLeft", "mouthStretchRight")),
    (1.0, ("mouthPucker",)),
    (0.7, ("jawLeft",)),
    (0.7, ("jawRight",)),
    (0.5, ("cheekSquintLeft", "cheekSquintRight")),
)
"""How often each is drawn, and channels that move together. Left out are those that open the mouth, whose inside the
picture does not show: the jaw, the upper lip, and with it a sneer."""
_ALONE = 0.35
"""Share of pairs of channels of which one side moves alone."""
_TURNED, _CROSSED = 0.5, 0.2
"""Share of changes that turn the eyes, and of those in which each eye turns by an angle of its own."""
_TURN = np.array([0.42, 0.25])
"""Largest yaw and pitch by which eyes are turned [rad]: the iris then touches the eye's corner, or its lids."""
_EVERY, _SOFT = 16, 6
"""Pixels between the points that hold the picture's edge, and over which the movement fades to nothing before it."""
_GRID = 65
"""Nodes a side of the grid on which the spline is computed: every 2.5 px. At 5 px an iris moved half as far as told."""
_SMOOTHING = 0.1
"""Added to the spline's diagonal, so that points side by side that part, as on two lips, do not tear the picture."""
_CHANCES = np.array([chance for chance, _ in GROUPS]) / sum(chance for chance, _ in GROUPS)


def draw_change(rng: np.random.Generator) -> Float[np.ndarray, "A"]:
    """A change of weights of one or two groups of channels by 0.2 to 1; a third of the pairs move on one side alone.

    Half of the changes turn the eyes too.
    """
    change = np.zeros(len(spec.CHANNELS))
    for drawn in rng.choice(len(GROUPS), size=rng.integers(1, 3), replace=False, p=_CHANCES):
        names, level = GROUPS[drawn][1], rng.uniform(0.2, 1.0)
        if names[0].endswith("Left") and len(names) == 2 and rng.random() < _ALONE:
            names = (names[rng.integers(2)],)
        for name in names:
            change[spec.CHANNELS.index(name)] += level
    if rng.random() < _TURNED:
        change += _turn_of_eyes(rng)
    return np.minimum(change, 1.0)


def _turn_of_eyes(rng: np.random.Generator) -> Float[np.ndarray, "A"]:
    """Weights of a gaze of up to `_TURN`; a few eyes cross."""
    turn = np.clip(rng.normal(0, _TURN / 2), -_TURN, _TURN)
    gaze = np.stack([turn, turn])
    if rng.random() < _CROSSED:
        gaze[:, 0] += np.array([-1, 1]) * rng.uniform(-0.05, 0.2)
    return weights_from_gaze(gaze)


@dataclass(frozen=True, kw_only=True)
class FaceMover:
    """The rig's landmarks [mm], made symmetric: a mirrored picture is moved as the picture's mirror image."""

    neutral: Float[np.ndarray, "L 3"]
    shapes: Float[np.ndarray, "A L 3"]

    @classmethod
    def of(cls, rig: LandmarkRig) -> "FaceMover":
        """From the rig that training uses."""
        order, flip = list(spec.LAYOUT.mirror), np.array([-1.0, 1.0, 1.0])
        channels = list(spec.MIRROR)
        neutral, shapes = rig.neutral.astype(np.float64), rig.shapes.astype(np.float64)
        return cls(
            neutral=(neutral + neutral[order] * flip) / 2, shapes=(shapes + shapes[channels][:, order] * flip) / 2
        )

    def displacements(
        self, landmarks: Float[np.ndarray, "L 2"], change: Float[np.ndarray, "A"]
    ) -> Float[np.ndarray, "L 2"]:
        """How far a change of weights moves the landmarks of a picture [px], by the affine camera that lays the rig's
        resting landmarks on them best."""
        rig = np.c_[self.neutral, np.ones(len(self.neutral))]
        camera = np.linalg.lstsq(rig, landmarks, rcond=None)[0][:3]
        move = np.tensordot(change, self.shapes, axes=1)
        for side, turn in zip(("left", "right"), gaze_from_weights(change), strict=True):
            irises = [*spec.LAYOUT.groups[f"iris_{side}"], *spec.LAYOUT.groups[f"iris_rim_{side}"]]
            move[irises, :2] += PUPIL_ARM * np.sin(turn)
        return move @ camera

    def moved(
        self, picture: UInt8[np.ndarray, "S S 3"], landmarks: Float[np.ndarray, "L 2"], change: Float[np.ndarray, "A"]
    ) -> tuple[UInt8[np.ndarray, "S S 3"], Float[np.ndarray, "L 2"]]:
        """The picture [stored crop] and its landmarks [px] after a change of weights."""
        move = self.displacements(landmarks, change)
        if not move.any():
            return picture, landmarks
        back = _field(landmarks + move, -move)
        y, x = np.mgrid[:STORED, :STORED].astype(np.float32)
        warped = cv2.remap(
            picture, x + back[..., 0], y + back[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return warped, landmarks + move


def _field(places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """float32 [S, S, 2] a thin-plate spline with `values` [L, 2] at `places` [L, 2] px, zero at the picture's edge."""
    last = STORED - 1
    steps = np.linspace(0, last, -(-STORED // _EVERY) + 1)
    edge = np.array([(x, y) for x in steps for y in steps if {x, y} & {0.0, float(last)}])
    centres, known = np.r_[places, edge], np.r_[values, np.zeros_like(edge)]
    plane = np.c_[np.ones(len(centres)), centres / last]
    system = np.block(
        [[_bending(centres, centres) + _SMOOTHING * np.eye(len(centres)), plane], [plane.T, np.zeros((3, 3))]]
    )
    solved = np.linalg.solve(system, np.r_[known, np.zeros((3, 2))])
    axis = np.linspace(0, last, _GRID)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    bending = _bending(grid.astype(np.float32), centres.astype(np.float32))  # in double it takes three times as long
    nodes = np.c_[bending, np.ones(len(grid)), grid / last] @ solved
    place = np.arange(STORED, dtype=np.float32) * np.float32((_GRID - 1) / last)
    along = np.broadcast_to(place, (STORED, STORED))
    nodes = nodes.reshape(_GRID, _GRID, 2).astype(np.float32)
    dense = cv2.remap(nodes, along.copy(), along.T.copy(), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    fade = np.clip(np.minimum(np.arange(STORED), np.arange(STORED)[::-1]) / _SOFT, 0, 1).astype(np.float32)
    return dense * np.minimum(fade[:, None], fade[None])[..., None]


def _bending(places: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """r^2 log r of the distances r between places and centres [px]."""
    square = np.square(places).sum(axis=1)[:, None] + np.square(centres).sum(axis=1) - 2 * places @ centres.T
    return 0.5 * square * np.log(np.maximum(square, 1e-6))
