"""Losses of the capture net. Shapes as in `model`; every loss is a mean over the batch.

Source: Navarro et al. 2021: FACS mean squared error, velocity, and acceleration of low weight; landmark RMSE and
equivariance on real images without annotation are in `engine.landmark_losses`.
"""

import torch
from torch import Tensor
from torch.nn import functional

from mien.systems.capture import spec
from mien.systems.capture.config import CaptureConfig

__all__ = [
    "acceleration_loss",
    "expression_losses",
    "facs_loss",
    "facs_scale",
    "rest_error",
    "seen_loss",
    "velocity_loss",
    "vertex_loss",
]


_GAZE_OF_LID = {
    spec.CHANNELS.index(f"eyeBlink{side}"): [
        spec.CHANNELS.index(f"eyeLook{where}{side}") for where in ("Down", "In", "Out", "Up")
    ]
    for side in ("Left", "Right")
}
_NO_GAZE = [float(not name.startswith("eyeLook")) for name in spec.CHANNELS]
_CLOSING, _CLOSED = 0.6, 0.9
"""Blink weights between which the loss of gaze fades out: at 0.6 half the iris shows, at 0.9 none."""


_RARE = (4.0, 9.0, 5.0)
"""How many times a hidden region counts, for each of `spec.REGIONS`: about the root of how many times more often the
region is in sight than hidden in the data, where 5 % of eyes, 1 % of brows and 2 % of mouths are hidden. With equal
weights 15 % of the hidden brows of held-out renders were recognised as hidden; with these weights 69 % were."""


def seen_loss(logit_NR: Tensor, share_NR: Tensor, known_N: Tensor | None = None) -> Tensor:
    """Cross entropy of the share of each region that is in sight; a hidden region counts `_RARE` times.

    Only images in `known_N`, by default all, are counted; the loss is their mean, and 0 where there are none.
    """
    weight_NR = torch.where(share_NR < 0.5, share_NR.new_tensor(_RARE), 1.0)
    if known_N is None:
        return functional.binary_cross_entropy_with_logits(logit_NR, share_NR, weight=weight_NR)
    weight_NR = weight_NR * known_N[:, None]
    whole = functional.binary_cross_entropy_with_logits(logit_NR, share_NR, weight=weight_NR, reduction="sum")
    return whole / (known_N.sum() * share_NR.shape[1]).clamp_min(1)


def facs_scale(true_BTA: Tensor, scale_A: Tensor) -> Tensor:
    """The weight of each channel in each frame [B, T, A]: `scale_A`, but none for the gaze of an eye that is shut.

    A picture does not show where a shut eye looks. With a loss there, the network predicted half a blink and half a
    look down.
    """
    scale_BTA = scale_A.expand_as(true_BTA).clone()
    for blink, gaze in _GAZE_OF_LID.items():
        open_BT1 = 1 - ((true_BTA[..., blink, None] - _CLOSING) / (_CLOSED - _CLOSING)).clamp(0, 1)
        scale_BTA[..., gaze] *= open_BT1
    return scale_BTA


def facs_loss(predicted_BTA: Tensor, true_BTA: Tensor, scale: Tensor) -> Tensor:
    """Mean squared error with weights `scale` [A] or [B, T, A] (inverse variance: small channels count as much)."""
    return ((predicted_BTA - true_BTA).square() * scale).mean()


def vertex_loss(predicted_BTA: Tensor, true_BTA: Tensor, gram_AA: Tensor) -> Tensor:
    """Mean squared displacement [mm^2] that the error makes on a face (`landmark_rig.vertex_gram`)."""
    error_BTA = predicted_BTA - true_BTA
    return (error_BTA @ gram_AA * error_BTA).sum(-1).mean()


def velocity_loss(predicted_BTA: Tensor, true_BTA: Tensor, scale_A: Tensor) -> Tensor:
    """`facs_loss` of frame-to-frame differences."""
    return facs_loss(predicted_BTA.diff(dim=1), true_BTA.diff(dim=1), scale_A)


def acceleration_loss(predicted_BTA: Tensor, true_BTA: Tensor, scale_A: Tensor) -> Tensor:
    """`facs_loss` of second differences."""
    return facs_loss(predicted_BTA.diff(n=2, dim=1), true_BTA.diff(n=2, dim=1), scale_A)


def expression_losses(
    still_NA: Tensor,
    still_truth_NA: Tensor,
    window_BTA: Tensor,
    window_truth_BTA: Tensor,
    scale_A: Tensor,
    gram_AA: Tensor,
    config: CaptureConfig,
) -> dict[str, Tensor]:
    """The weighted losses of FACS weights in stills and windows, by name."""
    both = torch.cat([still_NA, window_BTA.flatten(0, 1)])
    truth = torch.cat([still_truth_NA, window_truth_BTA.flatten(0, 1)])
    return {
        "facs": config.facs_weight * facs_loss(both, truth, facs_scale(truth, scale_A)),
        "vertex": config.vertex_weight * vertex_loss(both, truth, gram_AA),
        "velocity": config.velocity_weight * velocity_loss(window_BTA, window_truth_BTA, scale_A),
        "acceleration": config.acceleration_weight * acceleration_loss(window_BTA, window_truth_BTA, scale_A),
    }


def rest_error(predicted_NA: Tensor, scale_A: Tensor) -> Tensor:
    """[N] `facs_loss` of each resting real face, whose weights are zero but for the gaze.

    The rig's resting eyes look 6 degrees apart, a person's at the camera.
    """
    return (predicted_NA.square() * scale_A * scale_A.new_tensor(_NO_GAZE)).mean(dim=1)
