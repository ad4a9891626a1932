"""The sample clip that `mien demo` captures: ten seconds in which every region of the face moves on its own and with
others. `mien synth sample` renders it."""

from pathlib import Path

import numpy as np

from mien.core import ARKIT, Clip
from mien.core.transforms import quaternion_from_angles
from mien.synth.clip import render_take
from mien.synth.motion import plausible

__all__ = ["build", "performance"]

PERFORMER = 1_000_007
"""An identity of the held-out range."""
RATE, SIZE = 30.0, (640, 480)

SCRIPT: tuple[tuple[float, dict[str, float], tuple[float, float, float]], ...] = (
    # seconds, weights ("smile" stands for both sides), head yaw, pitch, roll [degrees]
    (0.0, {}, (0, 0, 0)),
    (0.5, {}, (2, 0, 0)),
    (0.65, {"eyeBlink": 1.0}, (2, 0, 0)),
    (0.85, {}, (2, 0, 0)),
    (1.4, {"mouthSmile": 0.9, "cheekSquint": 0.5, "eyeSquint": 0.3, "jawOpen": 0.15}, (-6, 3, -4)),
    (2.1, {"mouthSmile": 0.7, "cheekSquint": 0.4, "mouthUpperUp": 0.3}, (-8, 3, -5)),
    (2.6, {}, (-3, 0, 0)),
    (3.0, {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.7, "jawOpen": 0.6}, (0, 6, 0)),
    (3.6, {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.6, "jawOpen": 0.5}, (0, 6, 0)),
    (4.0, {"eyeBlink": 0.95}, (5, -2, 2)),
    (4.2, {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8}, (12, -2, 3)),
    (4.8, {"eyeLookOutLeft": 0.6, "eyeLookInRight": 0.6, "mouthPucker": 0.9}, (16, 0, 3)),
    (5.4, {"mouthFunnel": 0.8, "jawOpen": 0.3}, (6, 0, 0)),
    (5.7, {"mouthPress": 0.7, "mouthRollLower": 0.3, "mouthRollUpper": 0.3}, (0, -2, 0)),
    (6.0, {"jawOpen": 0.7, "mouthLowerDown": 0.4}, (-6, -4, 0)),
    (6.3, {"jawOpen": 0.1, "mouthStretch": 0.5}, (-10, -2, 2)),
    (6.7, {"browDown": 0.9, "noseSneer": 0.6, "eyeSquint": 0.6, "mouthFrown": 0.5}, (-10, -6, 2)),
    (
        7.4,
        {"browDown": 0.8, "noseSneer": 0.4, "eyeSquint": 0.5, "mouthFrown": 0.7, "mouthShrugLower": 0.4},
        (-4, -6, 0),
    ),
    (7.8, {"eyeBlinkLeft": 1.0, "mouthSmileLeft": 0.6, "cheekSquintLeft": 0.6}, (4, 0, 8)),
    (8.2, {"eyeBlinkLeft": 0.9, "mouthSmileLeft": 0.5, "cheekSquintLeft": 0.5}, (4, 0, 9)),
    (8.7, {"eyeLookUp": 0.8, "mouthLeft": 0.6}, (0, 4, -4)),
    (9.1, {"eyeLookDown": 0.7, "jawLeft": 0.5}, (0, -8, 0)),
    (9.5, {"eyeBlink": 1.0}, (0, 0, 0)),
    (9.7, {}, (0, 0, 0)),
    (10.0, {"mouthSmile": 0.4}, (0, 0, 0)),
)


def performance() -> Clip:
    """The script as a clip: smooth transitions between the poses, weights made anatomically plausible."""
    keys = np.array([time for time, _, _ in SCRIPT])
    poses = np.stack([_weights(pose) for _, pose, _ in SCRIPT])
    turns = np.radians([angles for _, _, angles in SCRIPT])
    times = np.arange(round(keys[-1] * RATE)) / RATE
    after = np.clip(np.searchsorted(keys, times, side="right"), 1, len(keys) - 1)
    x = (times - keys[after - 1]) / (keys[after] - keys[after - 1])
    ease = (x * x * (3 - 2 * x))[:, None]
    weights = plausible((poses[after - 1] * (1 - ease) + poses[after] * ease).astype(np.float32))
    angles = turns[after - 1] * (1 - ease) + turns[after] * ease
    return Clip(
        times=times,
        weights=weights,
        head_rotation=quaternion_from_angles(angles),
        head_translation=np.zeros((len(times), 3)),
        source="sample",
    )


def _weights(pose: dict[str, float]) -> np.ndarray:
    weights = np.zeros(len(ARKIT), np.float32)
    for name, value in pose.items():
        for channel in (name,) if name in ARKIT else (f"{name}Left", f"{name}Right"):
            weights[ARKIT.index(channel)] = value
    return weights


def build(folder: Path) -> tuple[Path, Path]:
    """Render the sample clip and its truth into a folder; returns the two files.

    Raises MienError when they cannot be written, or EGL or ICT-FaceKit is missing.
    """
    video, truth = folder / "sample.mp4", folder / "sample_truth.npz"
    performed = render_take(performance(), video, seed=PERFORMER, width=SIZE[0], height=SIZE[1], fps=RATE)
    performed.save(truth)
    return video, truth
