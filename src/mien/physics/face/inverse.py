"""From a clip's weights to activations: bounded least squares on the face's linear response to its muscles.

The lids and the jaw are moved by their own actuators, whose controls a channel states directly. What remains of the
motion that the rig's shapes would make is explained by muscles: column i of the response is the displacement of the
skin that muscle i alone causes, and the activations in [0, 1] are those that come nearest, with a small price on effort
and on changes between frames (`rigs.bounded`). Several patterns of activation cause nearly the same face; the price on
effort chooses among them (minimum effort, Crowninshield and Brand 1981).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mien.core import ARKIT, Clip
from mien.core.channels import index
from mien.physics.face.face import Face
from mien.rigs.bounded import SolveSettings, solve

__all__ = ["Response", "activations", "direct", "respond", "target"]

_LEVEL = 0.5
"""Activation at which the response is measured; tissue stiffens above it."""
_FOLLOWS = 0.35
"""Share of a full blink by which the upper lid follows a full look down (Evinger, Manning and Sibony 1991)."""
_DIRECT: tuple[tuple[str, str], ...] = (
    ("eyeBlinkLeft", "orbicularis_oculi_palpebral_upper_left"),
    ("eyeBlinkRight", "orbicularis_oculi_palpebral_upper_right"),
    ("eyeSquintLeft", "orbicularis_oculi_palpebral_lower_left"),
    ("eyeSquintRight", "orbicularis_oculi_palpebral_lower_right"),
    ("eyeWideLeft", "levator_palpebrae_left"),
    ("eyeWideRight", "levator_palpebrae_right"),
    ("jawOpen", "jaw_open"),
    ("jawForward", "jaw_forward"),
    ("jawLeft", "jaw_left"),
    ("jawRight", "jaw_right"),
)
"""Channels that state a control of the lids or the jaw."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Response:
    """The linear response of a face."""

    columns: Float[np.ndarray, "C N 3"]
    """Displacement of the simulated skin at full activation of each control, extrapolated [mm]."""
    direct: tuple[int, ...]
    """Controls of lids and jaw, which are not solved for."""


def respond(face: Face) -> Response:
    """Measure the response of every control by one simulation each, of the left side; the right mirrors it."""
    columns = np.zeros((len(face.controls), len(face.mesh.vertices), 3))
    half = len(face.table)
    for c, name in enumerate(face.controls):
        if half <= c < 2 * half or name == "jaw_right":
            continue
        controls = np.zeros(len(face.controls))
        controls[c] = _LEVEL
        columns[c] = face.skin(face.pose(controls, rounds=2)) / _LEVEL
    twin, flip = face.mesh.twin, np.array([-1.0, 1.0, 1.0])
    columns[half : 2 * half] = columns[:half][:, twin] * flip
    right = face.controls.index("jaw_right")
    columns[right] = columns[face.controls.index("jaw_left")][twin] * flip
    at = index(face.controls)
    return Response(columns=columns, direct=tuple(at[control] for _, control in _DIRECT))


def direct(face: Face, clip: Clip) -> Float[np.ndarray, "T C"]:
    """The controls of lids and jaw that the clip's channels state; all others are 0."""
    weights = np.clip(clip.with_channels(ARKIT).weights.astype(np.float64), 0.0, 1.0)
    at, own = index(ARKIT), index(face.controls)
    out = np.zeros((len(clip), len(face.controls)))
    for channel, control in _DIRECT:
        out[:, own[control]] = weights[:, at[channel]]
    for side in ("Left", "Right"):
        blink = own[f"orbicularis_oculi_palpebral_upper_{side.lower()}"]
        out[:, blink] = np.maximum(out[:, blink], _FOLLOWS * weights[:, at[f"eyeLookDown{side}"]])
    return out


def target(face: Face, clip: Clip) -> Float[np.ndarray, "T N 3"]:
    """Displacement of the simulated skin that the rig's own shapes make of a clip [mm]."""
    chosen = face.mesh.vertices
    basis = face.rig.basis(clip.channels)[:, chosen].reshape(len(clip.channels), -1).astype(np.float64)
    return (np.clip(clip.weights, 0.0, 1.0) @ basis).reshape(len(clip), -1, 3)


def activations(face: Face, clip: Clip, response: Response | None = None) -> Float[np.ndarray, "T C"]:
    """Controls of every frame, in [0, 1]. Lost frames hold the last pose (`Clip.filled`)."""
    clip = clip.filled()
    response = response or respond(face)
    given = direct(face, clip)
    weight = np.sqrt(face.layers.area)[:, None]
    flat = (response.columns * weight).reshape(len(response.columns), -1)
    wanted = (target(face, clip) * weight).reshape(len(clip), -1) - given @ flat
    free = np.setdiff1d(np.arange(len(face.controls)), response.direct)
    columns = flat[free]
    settings = SolveSettings(sparsity=0.01, smoothness=0.02, ridge=1e-3)
    given[:, free] = solve(columns @ columns.T, wanted @ columns.T, settings, times=clip.times)
    return given
