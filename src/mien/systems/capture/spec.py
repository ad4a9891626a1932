"""What the capture model takes and gives: sizes, channels, preprocessing and state. Knows no torch.

The net sees the aligned crop of `CROP` px (`mien.track.align`) and says of each of `REGIONS` (`mien.core.regions`)
whether it can be seen.
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
"""Landmarks the net predicts, in pixels of the crop."""

KEYS = MIEN70.count
"""The first points of `LAYOUT`, each read off a map of its own; the rest follow from them and the features."""

CHANNELS = ARKIT
"""Channels the net predicts."""

MIRROR = tuple(CHANNELS.index(mirrored(name)) for name in CHANNELS)
"""Index of the channel that a mirror turns each channel into."""

RESTING = CHANNELS[:-1]
"""Channels that are read against the face at rest. The last one, tongueOut, is not: a tongue that is in looks the same
in everybody, and its weights would exceed `PARAMETER_BUDGET`."""

FEATURES = 256
"""Length of the encoder's feature vector."""

CODE = FEATURES + 2 * KEYS + 1
"""Length of what the temporal head sees of a frame: the features, the key landmarks and the pace."""

USUAL_STEP = 1 / 30
"""Time between frames [s] at which the pace is 0; also given for a face's first frame."""

PACE_LIMIT = 2.0
"""The pace is log2(step / USUAL_STEP), cut off at this: from 7.5 to 120 frames a second."""

HIDDEN = 160
"""Length of the temporal head's hidden vector."""

PAST = 2
"""Past frames each of the two causal convolutions sees (kernel 3)."""

LEVEL_FLOOR = 25.0
"""Variance [grey levels^2] added when the net levels a crop: each colour to zero mean and unit variance over the crop.

Exposure and white balance are the camera's, not the face's; the floor keeps a black frame's noise from being blown up.
"""

PARAMETER_BUDGET = 1_100_000
MAC_BUDGET = 28_100_000
"""Limits of the source method: 1.1 M parameters and 28.1 M multiply-accumulates a frame (Navarro et al. 2021)."""
