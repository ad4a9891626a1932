"""The capture network: an unpadded MobileNetV2-like encoder, a landmark head and a causal temporal FACS head.

Follows Navarro et al. 2021, "Real Time Facial Animation for Avatars" (Roblox, SIGGRAPH talk): convolutions without
padding, residuals that slice the border off, channels in multiples of 8, landmarks and FACS weights from one shared
encoder, causal convolutions over its features in time.

Shapes: B clips, T frames, C channels, H height, W width, D features, K hidden, L landmarks, A FACS channels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mien.systems.capture import spec

__all__ = ["CaptureNet", "CaptureStep", "Prediction"]

STEM = 16
BLOCKS: tuple[tuple[int, int, int], ...] = (
    # expansion, channels out, stride
    (1, 16, 1),
    (3, 24, 2),
    (4, 24, 1),
    (4, 48, 2),
    (4, 48, 1),
    (6, 72, 1),
    (6, 72, 1),
)
SQUEEZE = 32
"""Channels kept per position of the last map, which is flattened whole: where things are is what landmarks need.

Flattening through a 1x1 convolution instead of 2x2 average pooling took the landmark error from 2.26 to 1.71 px at
equal samples.
"""


@dataclass
class Prediction:
    """What the net says about B clips of T frames."""

    landmarks_BTL2: Tensor
    """Pixels of the crop."""
    weights_BTA: Tensor
    """Expression weights, not clipped."""


def _conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride=stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, momentum=0.02),
    ]


class InvertedResidual(nn.Module):
    """Expand, filter without padding, project; the input's border is sliced off before it is added back."""

    def __init__(self, inputs: int, expansion: int, outputs: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [*_conv(inputs, wide, 1), nn.ReLU(inplace=True)]
        layers += [*_conv(wide, wide, 3, stride=stride, groups=wide), nn.ReLU(inplace=True), *_conv(wide, outputs, 1)]
        self.body = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW = self.body(x_BCHW)
        return y_BCHW + x_BCHW[:, :, 1:-1, 1:-1] if self.residual else y_BCHW


class Encoder(nn.Module):
    """Crop to a feature vector."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.InstanceNorm2d(3, eps=spec.LEVEL_FLOOR)
        layers: list[nn.Module] = [*_conv(3, STEM, 3, stride=2), nn.ReLU(inplace=True)]
        channels = STEM
        for expansion, outputs, stride in BLOCKS:
            layers.append(InvertedResidual(channels, expansion, outputs, stride))
            channels = outputs
        layers += [*_conv(channels, SQUEEZE, 1), nn.ReLU(inplace=True)]
        self.map = nn.Sequential(*layers)
        with torch.no_grad():
            side = self.map.eval()(torch.zeros(1, 3, spec.CROP, spec.CROP)).shape[-1]
        self.map.train()
        self.flat = nn.Linear(SQUEEZE * side * side, spec.FEATURES)
        self.norm = nn.BatchNorm1d(spec.FEATURES, momentum=0.02)

    def forward(self, crops_BCHW: Tensor) -> Tensor:
        return torch.relu(self.norm(self.flat(self.map(self.level(crops_BCHW)).flatten(1))))


class TemporalHead(nn.Module):
    """Two causal convolutions of kernel 3 over time, written as linear maps of three stacked frames.

    Written so, training over a window and streaming with an explicit state are the same arithmetic. The past before the
    first frame is that frame repeated: a face that has held still.
    """

    def __init__(self) -> None:
        super().__init__()
        taps = spec.PAST + 1
        self.first = nn.Linear(taps * spec.FEATURES, spec.HIDDEN)
        self.second = nn.Linear(taps * spec.HIDDEN, spec.HIDDEN)
        self.skip = nn.Linear(spec.FEATURES, spec.HIDDEN)
        self.out = nn.Linear(spec.HIDDEN, len(spec.CHANNELS))

    def forward(self, features_BTD: Tensor) -> Tensor:
        hidden_BTK = torch.relu(self.first(_stacked(features_BTD)))
        again_BTK = torch.relu(self.second(_stacked(hidden_BTK)) + self.skip(features_BTD))
        return self.out(again_BTK)


def _stacked(x_BTD: Tensor) -> Tensor:
    """Each frame with its PAST predecessors, oldest first: [B, T, (PAST + 1) D]."""
    frames = x_BTD.shape[1]
    padded = torch.cat([x_BTD[:, :1]] * spec.PAST + [x_BTD], dim=1)
    return torch.cat([padded[:, k : k + frames] for k in range(spec.PAST + 1)], dim=-1)


class CaptureNet(nn.Module):
    """The whole network over windows of frames, as it is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.landmarks = nn.Linear(spec.FEATURES, 2 * spec.LAYOUT.count)
        self.temporal = TemporalHead()

    def encode(self, crops_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Features [N, D] in fp32 and landmarks [N, L, 2] in pixels of the crop."""
        features_ND = self.encoder(crops_NCHW).float()
        with torch.autocast(features_ND.device.type, enabled=False):  # heads in fp32: bf16 costs landmark precision
            return features_ND, _pixels(self.landmarks(features_ND))

    def weigh(self, features_BTD: Tensor) -> Tensor:
        """FACS weights [B, T, A] of windows of features, not clipped."""
        with torch.autocast(features_BTD.device.type, enabled=False):
            return self.temporal(features_BTD)

    def forward(self, crops_BTCHW: Tensor) -> Prediction:
        """Landmarks and weights of whole windows."""
        batch, frames = crops_BTCHW.shape[:2]
        features_ND, landmarks_NL2 = self.encode(crops_BTCHW.flatten(0, 1))
        weights_BTA = self.weigh(features_ND.unflatten(0, (batch, frames)))
        return Prediction(landmarks_NL2.unflatten(0, (batch, frames)), weights_BTA)


def _pixels(raw: Tensor) -> Tensor:
    """Head output (about unit scale) to crop pixels [..., L, 2]."""
    return raw.unflatten(-1, (spec.LAYOUT.count, 2)) * (spec.CROP / 4) + spec.CROP / 2


class CaptureStep(nn.Module):
    """The network over one frame with explicit state, as it is shipped. Same weights, same arithmetic.

    Inputs: crop [1, 3, CROP, CROP] in 0..255; fresh [1, 1], 1 at the first frame of a face (the past is then ignored)
    and 0 after; features_past [1, PAST * D] and hidden_past [1, PAST * K], oldest first.
    """

    inputs = ("crop", "fresh", "features_past", "hidden_past")
    outputs = ("landmarks", "weights", "features_next", "hidden_next")

    def __init__(self, net: CaptureNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, crop: Tensor, fresh: Tensor, features_past: Tensor, hidden_past: Tensor) -> tuple[Tensor, ...]:
        """`outputs` in their order: landmarks [1, 2 L] px, weights [1, A], and the two states of the next frame."""
        head = self.net.temporal
        features = self.net.encoder(crop)
        landmarks = self.net.landmarks(features) * (spec.CROP / 4) + spec.CROP / 2
        past = features_past * (1 - fresh) + torch.cat([features] * spec.PAST, dim=1) * fresh
        stacked = torch.cat([past, features], dim=1)
        hidden = torch.relu(head.first(stacked))
        hidden_before = hidden_past * (1 - fresh) + torch.cat([hidden] * spec.PAST, dim=1) * fresh
        hidden_stacked = torch.cat([hidden_before, hidden], dim=1)
        weights = head.out(torch.relu(head.second(hidden_stacked) + head.skip(features)))
        return landmarks, weights, stacked[:, spec.FEATURES :], hidden_stacked[:, spec.HIDDEN :]
