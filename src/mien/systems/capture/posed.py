"""Renders made to ask one question each: does a shape answer for itself, does a turned neutral face stay neutral?"""

from dataclasses import dataclass

import numpy as np

from mien.core.channels import ARKIT
from mien.systems.capture import spec

__all__ = ["SHOWN", "Posed", "neutral_views", "single_shapes"]

SHOWN: tuple[str, ...] = tuple(name for name in spec.CHANNELS if not name.startswith("eyeLook"))
"""Channels shown one at a time. The eight eyeLook channels are left out: eyes turn together, never one alone."""

_LEVEL = 0.9
"""How far a single shape is on: extreme, and still within what people do."""

_TURNS = ((0, 0), (0, 0), (-25, 0), (25, 0), (0, -15), (0, 15))
"""Views of a neutral face (yaw, pitch) [degrees]: two frontal ones for reference, four turned."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Posed:
    """Samples of T = 1, arrays as in a shard."""

    arrays: dict[str, np.ndarray]
    label: np.ndarray
    """[N] index into `SHOWN`, or 1 where a neutral view is frontal and 0 where it is turned."""


def single_shapes(seed: int, identities: range) -> Posed:
    """Every channel of `SHOWN` alone, on each identity, facing the camera. `mouthClose` is shown with the jaw open."""
    rows = np.zeros((len(SHOWN), len(ARKIT)), np.float32)
    for row, name in zip(rows, SHOWN, strict=True):
        row[ARKIT.index(name)] = _LEVEL
        if name == "mouthClose":  # it is jawOpen's corrective and cannot be alone
            row[ARKIT.index("jawOpen")] = _LEVEL
    return _render(seed, identities, rows, np.zeros((len(SHOWN), 3)), np.arange(len(SHOWN)))


def neutral_views(seed: int, identities: range) -> Posed:
    """A neutral face from in front and turned."""
    angles = np.radians([(yaw, pitch, 0) for yaw, pitch in _TURNS])
    frontal = np.array([turn == (0, 0) for turn in _TURNS]).astype(int)
    return _render(seed, identities, np.zeros((len(_TURNS), len(ARKIT)), np.float32), angles, frontal)


def _render(seed: int, identities: range, weights: np.ndarray, angles: np.ndarray, label: np.ndarray) -> Posed:
    from mien.synth.dataset import make_posed
    from mien.synth.scene import Action

    actions = [
        Action(times=np.zeros(1), weights=w[None], angles=a[None], translation=np.zeros((1, 3)))
        for w, a in zip(weights, angles, strict=True)
    ]
    parts = [make_posed(seed, identity, actions) for identity in identities]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Posed(arrays=arrays, label=np.tile(label, len(identities)))
