"""The losses of expression weights on pairs of real faces, whose weights nobody knows.

What is known is a change: between two pictures of one person the teacher's measures change, and the predicted weights
must change the mean face as much; a moved face has changed by known weights. Nothing says of a face that it is at rest
unless it is. Shapes as in `model`, P pairs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mien.systems.capture import losses, spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.model import CaptureNet
from mien.systems.capture.training.mean_face import MeanFace
from mien.systems.capture.training.real_pairs import PairKind

__all__ = ["PairCodes", "change_loss", "gaze_loss", "pair_losses"]

_SCALE = (0.04, 0.04, 0.03, 0.012, 0.02, 0.06)
"""What a change of each measure is divided by: about what speech and smiles change it by."""
_TEACHER_SHORT = (1.0, 1.0, 1.0, 1.0, 1.3, 1.0)
"""The teacher's brows move 0.77 times as far as marks made by hand on 122 faces do (r = .94); here is the inverse."""
_OUTLIER = 3.0
"""Scaled change beyond which an error counts linearly: the teacher is wrong at times."""
_CONVERGED = 0.09
"""eyeLookIn of either eye that looks into a studio's camera: ICT-FaceKit's resting eyes are turned outwards."""
_GAZE = [k for k, name in enumerate(spec.CHANNELS) if name.startswith("eyeLook")]
_GAZE_INTO_CAMERA = [_CONVERGED if "LookIn" in spec.CHANNELS[k] else 0.0 for k in _GAZE]
_UNMOVED = [float(not name.startswith(("eyeLook", "eyeBlink"))) for name in spec.CHANNELS]


@dataclass(frozen=True, kw_only=True)
class PairCodes:
    """The codes of both pictures of P pairs and what is known of them (`data.Batch`)."""

    one_PE: Tensor
    other_PE: Tensor
    kind_P: Tensor
    measures_P6: Tensor
    change_PA: Tensor
    beside_P: Tensor
    at_rest_P2: Tensor
    into_camera_P2: Tensor

    def __len__(self) -> int:
        return len(self.one_PE)

    def __getitem__(self, chosen: Tensor) -> "PairCodes":
        """Some of the pairs."""
        return PairCodes(**{name: value[chosen] for name, value in vars(self).items()})


def change_loss(predicted_P6: Tensor, true_P6: Tensor) -> Tensor:
    """[P] squared error of a change of measures in units of `_SCALE`, mean over measures, linear beyond `_OUTLIER`."""
    scale_6, short_6 = (true_P6.new_tensor(values) for values in (_SCALE, _TEACHER_SHORT))
    far_P6 = ((predicted_P6 - true_P6 * short_6) / scale_6).abs()
    return torch.where(far_P6 < _OUTLIER, far_P6.square(), _OUTLIER * (2 * far_P6 - _OUTLIER)).mean(dim=1)


def gaze_loss(predicted_NA: Tensor, scale_A: Tensor) -> Tensor:
    """[N] squared error, weighed by `scale_A`, of the gaze of eyes that look into the camera; a mean over channels."""
    error_NG = predicted_NA[:, _GAZE] - predicted_NA.new_tensor(_GAZE_INTO_CAMERA)
    return (error_NG.square() * scale_A[_GAZE]).mean(dim=1)


def pair_losses(
    net: CaptureNet, pairs: PairCodes, scale_A: Tensor, face: MeanFace, config: CaptureConfig, consistency: float
) -> dict[str, Tensor]:
    """The weighted losses by name; each is a mean over the pairs or pictures that it says something of."""
    count, both = len(pairs), torch.cat([pairs.one_PE, pairs.other_PE])
    alone, known = torch.zeros_like(both), both.new_ones(2 * count, 1)
    one, other = net.weigh(both[:, None], alone, 0 * known)[:, 0].split(count)
    rest = torch.cat([pairs.other_PE, pairs.other_PE])
    one_beside, other_beside = net.weigh(both[:, None], rest, known)[:, 0].split(count)
    moved, same, beside = pairs.kind_P == PairKind.MOVED, pairs.kind_P == PairKind.VIEWS, pairs.beside_P

    def change_of_measures(first: Tensor, second: Tensor) -> Tensor:
        return change_loss(face.measures(first) - face.measures(second), pairs.measures_P6)

    def change_of_weights(change: Tensor) -> Tensor:
        return ((change - pairs.change_PA).square() * scale_A * scale_A.new_tensor(_UNMOVED)).mean(dim=1)

    weights, at_rest = torch.cat([one, other]), pairs.at_rest_P2.T.flatten()
    return {
        "pair": config.pair_weight * _mean(change_of_measures(one, other), ~moved),
        "pair_beside": config.pair_weight * _mean(change_of_measures(one_beside, other_beside), beside & ~moved),
        "moved": config.moved_weight * _mean(change_of_weights(one - other), moved),
        "moved_beside": config.moved_weight * _mean(change_of_weights(one_beside), beside & moved),
        "invariance": consistency * _mean(((one - other).square() * scale_A).mean(dim=1), same),
        "rest": config.rest_weight * _mean(losses.rest_error(weights, scale_A), at_rest),
        "rest_beside": config.rest_weight * _mean(losses.rest_error(other_beside, scale_A), beside),
        "gaze": config.gaze_weight * _mean(gaze_loss(weights, scale_A), pairs.into_camera_P2.T.flatten()),
    }


def _mean(values_N: Tensor, chosen_N: Tensor) -> Tensor:
    """The mean of the chosen values; 0 when there are none."""
    return (values_N * chosen_N).sum() / chosen_N.sum().clamp_min(1)
