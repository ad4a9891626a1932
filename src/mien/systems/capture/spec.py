"""What the capture model takes and gives: sizes, channels, preprocessing and state. Knows no torch."""

from mien.core.channels import ARKIT
from mien.core.landmarks import MIEN70

__all__ = [
    "CHANNELS",
    "CROP",
    "FEATURES",
    "HIDDEN",
    "LAYOUT",
    "MAC_BUDGET",
    "MARGIN",
    "PARAMETER_BUDGET",
    "PAST",
    "PIXEL_MEAN",
    "PIXEL_SCALE",
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

HIDDEN = 128
"""Length of the temporal head's hidden vector."""

PAST = 2
"""Past frames each of the two causal convolutions sees (kernel 3)."""

PIXEL_MEAN = 127.5
PIXEL_SCALE = 1.0 / 64.0
"""Pixels enter as (p - PIXEL_MEAN) * PIXEL_SCALE, inside the model: about unit variance for photographs of faces."""

PARAMETER_BUDGET = 1_100_000
MAC_BUDGET = 28_100_000
"""Limits of the source method: 1.1 M parameters and 28.1 M multiply-accumulates a frame (Navarro et al. 2021)."""
