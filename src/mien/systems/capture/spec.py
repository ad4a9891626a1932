"""What the capture model takes and gives: sizes, channels, preprocessing and state. Knows no torch."""

from mien.core.channels import ARKIT
from mien.core.landmarks import MIEN70

__all__ = [
    "CHANNELS",
    "CODE",
    "CROP",
    "FEATURES",
    "HIDDEN",
    "LAYOUT",
    "LEVEL_FLOOR",
    "MAC_BUDGET",
    "MARGIN",
    "PARAMETER_BUDGET",
    "PAST",
    "REGIONS",
]

CROP = 128
"""Side of the aligned square crop the net sees [px] (`mien.track.align`)."""

MARGIN = 16
"""Border that stored training crops have around it [px], from which augmentation draws."""

LAYOUT = MIEN70
"""Landmarks the net predicts, in pixels of the crop."""

CHANNELS: tuple[str, ...] = tuple(name for name in ARKIT if name != "tongueOut")
"""Channels the net predicts: all of ARKit's but tongueOut, which the training rig (ICT-FaceKit) does not have."""

FEATURES = 256
"""Length of the encoder's feature vector."""

CODE = FEATURES + 2 * LAYOUT.count
"""Length of what the temporal head sees of a frame: the features and the frame's landmarks."""

HIDDEN = 160
"""Length of the temporal head's hidden vector."""

REGIONS = ("eyes", "brows", "mouth")
"""Parts of the face of which the net says whether they can be seen."""

PAST = 2
"""Past frames each of the two causal convolutions sees (kernel 3)."""

LEVEL_FLOOR = 25.0
"""Variance [grey levels^2] added when the net levels a crop: each colour to zero mean and unit variance over the crop.

Exposure and white balance are the camera's, not the face's; the floor keeps a black frame's noise from being blown up.
"""

PARAMETER_BUDGET = 1_100_000
MAC_BUDGET = 28_100_000
"""Limits of the source method: 1.1 M parameters and 28.1 M multiply-accumulates a frame (Navarro et al. 2021)."""
