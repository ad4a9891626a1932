"""Losses of the express network (Potamias et al. 2020, section 3): L1 of positions and L1 of their change in time.

Shapes: V vertices, B sequences, P pairs of adjacent frames.
"""

from torch import Tensor

__all__ = ["reconstruction_loss", "temporal_loss"]


def reconstruction_loss(predicted_VBP23: Tensor, true_VBP23: Tensor) -> Tensor:
    """Mean absolute error of a coordinate [mm]."""
    return (predicted_VBP23 - true_VBP23).abs().mean()


def temporal_loss(predicted_VBP23: Tensor, true_VBP23: Tensor) -> Tensor:
    """Mean absolute error of a coordinate's change from one frame to the next [mm]; axis 3 holds the two frames of a
    pair."""
    return ((predicted_VBP23 - true_VBP23).diff(dim=3)).abs().mean()
