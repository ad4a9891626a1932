"""Inputs and outputs of the capture network: sizes, channels, preprocessing and state. Does not import torch.

The input is the aligned crop of `CROP` px (`mien.track.align`); one output is the visibility of each of `REGIONS`
(`mien.core.regions`).
"""

from mien.core.channels import ARKIT, mirrored
from mien.core.landmarks import MIEN70, MIEN198
from mien.core.regions import REGIONS
from mien.track.align import CROP, MARGIN

__all__ = [
    "CHANNELS",
    "CODE",
    "CROP",
    "FEATURES",
    "HIDDEN",
    "KEYS",
    "LAYOUT",
    "LEVEL_FLOOR",
    "MAC_BUDGET",
    "MARGIN",
    "MIRROR",
    "PACE_LIMIT",
    "PARAMETER_BUDGET",
    "PAST",
    "REGIONS",
    "RESTING",
    "USUAL_STEP",
]

LAYOUT = MIEN198
"""Landmarks that the network predicts, in pixels of the crop."""

KEYS = MIEN70.count
"""The first points of `LAYOUT`, each predicted by a map of its own; the others follow from these and the features."""

CHANNELS = ARKIT
"""Channels that the network predicts."""

MIRROR = tuple(CHANNELS.index(mirrored(name)) for name in CHANNELS)
"""Index of the channel that a mirror turns each channel into."""

RESTING = CHANNELS[:-1]
"""Channels that use the stored rest. The last one, tongueOut, does not: a tongue inside the mouth looks the same in
everybody, and its weights would exceed `PARAMETER_BUDGET`."""

FEATURES = 256
"""Length of the encoder's feature vector."""

CODE = FEATURES + 2 * KEYS + 1
"""Length of the temporal head's input for a frame, its code: the features, the key landmarks and the pace."""

USUAL_STEP = 1 / 30
"""Time between frames [s] at which the pace is 0; also used for a face's first frame."""

PACE_LIMIT = 2.0
"""The pace is log2(step / USUAL_STEP), limited to this in both directions: from 7.5 to 120 frames a second."""

HIDDEN = 160
"""Length of the temporal head's hidden vector."""

PAST = 2
"""Past frames that each of the two causal convolutions uses (kernel 3)."""

LEVEL_FLOOR = 25.0
"""Variance [grey levels^2] added when a crop is normalised: each colour to zero mean and unit variance over the crop.

Exposure and white balance are the camera's, not the face's; this floor keeps the noise of a black frame from being
amplified.
"""

PARAMETER_BUDGET = 1_100_000
MAC_BUDGET = 28_100_000
"""Limits of the source method: 1.1 M parameters and 28.1 M multiply-accumulates a frame (Navarro et al. 2021)."""
