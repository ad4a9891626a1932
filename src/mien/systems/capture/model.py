"""The capture network: an unpadded MobileNetV2-like encoder, a landmark head and a causal temporal FACS head.

Follows Navarro et al. 2021, "Real Time Facial Animation for Avatars" (Roblox, SIGGRAPH talk): convolutions without
padding, residuals that slice the border off, channels in multiples of 8, landmarks and FACS weights from one shared
encoder, causal convolutions over its features in time. Landmarks are read off a map (Sun et al. 2018, "Integral Human
Pose Regression") instead of off the features alone, and are an input of the FACS head: the system's README has the
figures. The FACS head is also given the time since the last frame and, where it is known, the code of the same face at
rest.

Shapes: B clips, N images, T frames, C channels, H height, W width, D features, K hidden units, L landmarks, P key
landmarks, A FACS channels, E code (features, key landmarks and pace), R regions.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.systems.capture import spec

__all__ = ["CaptureNet", "CaptureStep", "Encoded"]

STEM = 16
BLOCKS: tuple[tuple[int, int, int], ...] = (
    # expansion, channels out, stride
    (1, 16, 1),
    (3, 24, 2),
    (4, 24, 1),
    (4, 48, 2),
    (4, 48, 1),
    (5, 72, 1),
    (5, 72, 1),
)
FINE_BLOCK = 2
"""The block whose output, of stride 4, is the fine map."""
FINE, DEEP = (9, 4, 28), (37, 8, 7)
"""First cell centre [px], stride [px] and side [cells] of the fine and of the last map; no layer pads."""
BLEND, HEAT = 24, 32
"""Channels of the two maps where they are added, and of the map from which landmarks are read."""
RESIDUE = spec.CROP / 16
"""Pixels per unit of the correction from the features, which reaches points that are hidden or beyond the map."""
MIDDLE = (spec.CROP - 1) / 2
"""The middle of the crop [px]."""
SQUEEZE = 32
"""Channels kept per position of the last map, which is flattened whole because landmarks depend on positions.

Flattening through a 1x1 convolution instead of 2x2 average pooling took the landmark error from 2.26 to 1.71 px at an
equal number of samples.
"""
DENSE = 48
"""Width of the layer that predicts the landmarks between the key ones; narrow, as they lie on the same few curves."""
CODE_LIMIT = 8.0
"""Standard deviations at which whitened landmarks are clipped, which limits the code where there is no face."""


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
    """From a crop to its fine map, its last map and a feature vector."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.InstanceNorm2d(3, eps=spec.LEVEL_FLOOR)
        blocks: list[nn.Module] = []
        channels = STEM
        for expansion, outputs, stride in BLOCKS:
            blocks.append(InvertedResidual(channels, expansion, outputs, stride))
            channels = outputs
        stem = [*_conv(3, STEM, 3, stride=2), nn.ReLU(inplace=True)]
        self.fine = nn.Sequential(*stem, *blocks[: FINE_BLOCK + 1])
        self.deep = nn.Sequential(*blocks[FINE_BLOCK + 1 :])
        self.squeeze = nn.Sequential(*_conv(channels, SQUEEZE, 1), nn.ReLU(inplace=True))
        self.flat = nn.Linear(SQUEEZE * DEEP[2] ** 2, spec.FEATURES)
        self.norm = nn.BatchNorm1d(spec.FEATURES, momentum=0.02)

    def forward(self, crops_NCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine_NCHW = self.fine(self.level(crops_NCHW))
        deep_NCHW = self.deep(fine_NCHW)
        features_ND = torch.relu(self.norm(self.flat(self.squeeze(deep_NCHW).flatten(1))))
        return fine_NCHW, deep_NCHW, features_ND


class LandmarkHead(nn.Module):
    """Key landmarks as the expectation of one probability map each, plus a correction from the features.

    The last map holds what is where, and the fine map exactly where: the last map is upsampled to the fine map's cells
    and added to it. An expectation over cells is continuous, so points move by less than a cell (Sun et al. 2018, eq.
    2).

    The other points are a linear map of the key landmarks and of a few combinations of features: they lie between key
    landmarks or on skin without an edge, and maps of their own would take a sixth of the budget.
    """

    grid_G2: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.edge = nn.Sequential(*_conv(BLOCKS[FINE_BLOCK][1], BLEND, 1))
        self.part = nn.Sequential(*_conv(BLOCKS[-1][1], BLEND, 1))
        blend = [*_conv(BLEND, BLEND, 3, groups=BLEND), *_conv(BLEND, HEAT, 1)]
        self.blend = nn.Sequential(nn.ReLU(), *blend, nn.ReLU())
        self.heat = nn.Conv2d(HEAT, spec.KEYS, 1)
        self.residue = nn.Linear(spec.FEATURES, 2 * spec.KEYS)
        self.narrow = nn.Linear(spec.FEATURES, DENSE)
        self.dense = nn.Linear(2 * spec.KEYS + DENSE, 2 * (spec.LAYOUT.count - spec.KEYS))
        with torch.no_grad():
            self.residue.weight.mul_(0.3)  # the map dominates at the start of training
        start, stride, side = FINE
        axis = start + stride * torch.arange(1, side - 1).float()  # the 3x3 filter removes one cell at each border
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        self.register_buffer("grid_G2", torch.stack([x, y], dim=-1).reshape(-1, 2), persistent=False)

    def forward(self, fine_NCHW: Tensor, deep_NCHW: Tensor, features_ND: Tensor) -> Tensor:
        """Landmarks [N, L, 2] in pixels of the crop."""
        heat_NPHW = self.heat(self.blend(self.edge(fine_NCHW) + _spread(self.part(deep_NCHW))))
        with torch.autocast(features_ND.device.type, enabled=False):  # in fp32, since bf16 costs landmark precision
            features_ND = features_ND.float()
            place_NPG = torch.softmax(heat_NPHW.float().flatten(2), dim=-1)
            residue_NP2 = self.residue(features_ND).unflatten(1, (spec.KEYS, 2))
            keys_NP2 = place_NPG @ self.grid_G2 + residue_NP2 * RESIDUE
            of_face = torch.cat([(keys_NP2 - MIDDLE).flatten(1) / RESIDUE, self.narrow(features_ND)], dim=1)
            rest_NL2 = self.dense(of_face).unflatten(1, (-1, 2)) * RESIDUE + MIDDLE
            return torch.cat([keys_NP2, rest_NL2], dim=1)


def _spread(deep_NCHW: Tensor) -> Tensor:
    """The last map at the fine map's cells: its border is replicated, then it is interpolated bilinearly."""
    (start, stride, _), (fine_start, fine_stride, fine_side) = DEEP, FINE
    more = -(-(start - fine_start) // stride)
    padded = functional.pad(deep_NCHW, (more, more, more, more), mode="replicate")
    side = (padded.shape[-1] - 1) * (stride // fine_stride) + 1
    dense = functional.interpolate(padded, size=(side, side), mode="bilinear", align_corners=True)
    first = (fine_start - (start - more * stride)) // fine_stride
    return dense[:, :, first : first + fine_side, first : first + fine_side]


class TemporalHead(nn.Module):
    """Two causal convolutions of kernel 3 over time, written as linear maps of three stacked frames, and beside them a
    linear map of the frame itself. Where the face at rest is known, it adds to both.

    In this form, training over a window and streaming with an explicit state are the same arithmetic. Before the first
    frame of a face, that frame is repeated, as if the face had held still.
    """

    def __init__(self) -> None:
        super().__init__()
        taps = spec.PAST + 1
        self.first = nn.Linear(taps * spec.CODE, spec.HIDDEN)
        self.second = nn.Linear(taps * spec.HIDDEN, spec.HIDDEN)
        self.skip = nn.Linear(spec.CODE, spec.HIDDEN)
        self.out = nn.Linear(spec.HIDDEN, len(spec.CHANNELS))
        self.direct = nn.Linear(spec.CODE, len(spec.CHANNELS), bias=False)
        self.moved = nn.Linear(spec.CODE, spec.HIDDEN)
        self.rested = nn.Linear(2 * spec.CODE, len(spec.RESTING))

    def forward(self, code_BTE: Tensor, rest_BE: Tensor, known_B1: Tensor) -> Tensor:
        """Weights [B, T, A] of windows of codes; `rest_BE` is used where `known_B1` is 1 and ignored where it is 0."""
        hidden_BTK = torch.relu(self.first(_stacked(code_BTE)))
        return self.read(code_BTE, _stacked(hidden_BTK), rest_BE[:, None].expand_as(code_BTE), known_B1[:, None])

    def read(self, code: Tensor, hidden_stacked: Tensor, rest: Tensor, known: Tensor) -> Tensor:
        """Weights of frames [..., A] from their codes and from `hidden_stacked`, the last hidden vectors."""
        again = torch.relu(self.second(hidden_stacked) + self.skip(code) + known * self.moved(code - rest))
        weights, count = self.out(again) + self.direct(code), len(spec.RESTING)
        resting = weights[..., :count] + known * self.rested(torch.cat([code, rest], dim=-1))
        return torch.cat([resting, weights[..., count:]], dim=-1)


def _stacked(x_BTD: Tensor) -> Tensor:
    """Each frame stacked with its PAST predecessors, oldest first: [B, T, (PAST + 1) D]."""
    frames = x_BTD.shape[1]
    padded = torch.cat([x_BTD[:, :1]] * spec.PAST + [x_BTD], dim=1)
    return torch.cat([padded[:, k : k + frames] for k in range(spec.PAST + 1)], dim=-1)


@dataclass
class Encoded:
    """The encoder's outputs for single images."""

    code_NE: Tensor
    landmarks_NL2: Tensor
    """Pixels of the crop."""
    seen_NR: Tensor
    """Logits."""


class CaptureNet(nn.Module):
    """The whole network over windows of frames, as it is trained."""

    points_mean: Tensor
    points_white: Tensor

    def __init__(self) -> None:
        super().__init__()
        count = 2 * spec.KEYS
        self.register_buffer("points_mean", torch.full((count,), spec.CROP / 2))
        self.register_buffer("points_white", torch.eye(count) * (4 / spec.CROP))
        self.encoder = Encoder()
        self.landmarks = LandmarkHead()
        self.temporal = TemporalHead()
        self.seen = nn.Linear(spec.FEATURES, len(spec.REGIONS))

    def encode(self, crops_NCHW: Tensor, step_N1: Tensor) -> Encoded:
        """Encode single images; `step_N1` is the time since the previous frame [s]. Outputs are fp32."""
        fine_NCHW, deep_NCHW, features_ND = self.encoder(crops_NCHW)
        landmarks_NL2 = self.landmarks(fine_NCHW, deep_NCHW, features_ND)
        with torch.autocast(features_ND.device.type, enabled=False):
            features_ND = features_ND.float()
            code_NE = self._code(features_ND, landmarks_NL2[:, : spec.KEYS], step_N1)
            return Encoded(code_NE, landmarks_NL2, self.seen(features_ND))

    def _code(self, features_ND: Tensor, keys_NP2: Tensor, step_N1: Tensor) -> Tensor:
        """The temporal head's input for a frame [N, E]: features, whitened key landmarks and pace.

        Landmarks vary mostly by head pose and person; a raised brow is a hundredth of that. After whitening
        (`data.whitening`), expressions vary as much as the rest, and are learnt first instead of last. The gradients of
        the FACS losses do not reach the landmarks, which have a loss of their own.
        """
        points_N2P = (keys_NP2.detach().flatten(1) - self.points_mean) @ self.points_white
        pace_N1 = torch.log(step_N1 / spec.USUAL_STEP) * (1 / math.log(2))
        limited = points_N2P.clamp(-CODE_LIMIT, CODE_LIMIT), pace_N1.clamp(-spec.PACE_LIMIT, spec.PACE_LIMIT)
        return torch.cat([features_ND, *limited], dim=1)

    def mixing(self) -> list[Tensor]:
        """The 1x1 kernels and the feature matrix, which map channels to channels in the encoder and landmark head."""
        layers = [m for part in (self.encoder, self.landmarks) for m in part.modules()]
        pointwise = [m.weight for m in layers if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
        return [w for w in pointwise if w is not self.landmarks.heat.weight] + [self.encoder.flat.weight]

    def weigh(self, code_BTE: Tensor, rest_BE: Tensor, known_B1: Tensor) -> Tensor:
        """FACS weights [B, T, A] of windows of codes, not clipped (`TemporalHead`)."""
        with torch.autocast(code_BTE.device.type, enabled=False):
            return self.temporal(code_BTE, rest_BE, known_B1)


class CaptureStep(nn.Module):
    """The network over one frame with explicit state, as it is shipped. Same weights, same arithmetic.

    Inputs: crop [1, 3, CROP, CROP] in 0..255; fresh [1, 1], 1 at the first frame of a face (the states are then
    ignored) and 0 after; step [1, 1], the time since the previous frame [s]; rest [1, E], the code of the same face at
    rest, and known [1, 1], 1 when rest is given and 0 when it is unknown; code_past [1, PAST * E] and hidden_past [1,
    PAST * K], oldest first.
    """

    inputs = ("crop", "fresh", "step", "rest", "known", "code_past", "hidden_past")
    outputs = ("landmarks", "weights", "seen", "code_next", "hidden_next")

    def __init__(self, net: CaptureNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self,
        crop: Tensor,
        fresh: Tensor,
        step: Tensor,
        rest: Tensor,
        known: Tensor,
        code_past: Tensor,
        hidden_past: Tensor,
    ) -> tuple[Tensor, ...]:
        """`outputs` in their order: landmarks [1, 2 L] px, weights [1, A], visibility of regions [1, R] in 0..1, and
        the two states of the next frame; the first state ends with this frame's code."""
        head = self.net.temporal
        seen = self.net.encode(crop, step)
        code = seen.code_NE
        past = code_past * (1 - fresh) + torch.cat([code] * spec.PAST, dim=1) * fresh
        stacked = torch.cat([past, code], dim=1)
        hidden = torch.relu(head.first(stacked))
        hidden_before = hidden_past * (1 - fresh) + torch.cat([hidden] * spec.PAST, dim=1) * fresh
        hidden_stacked = torch.cat([hidden_before, hidden], dim=1)
        weights = head.read(code, hidden_stacked, rest, known)
        states = stacked[:, spec.CODE :], hidden_stacked[:, spec.HIDDEN :]
        return seen.landmarks_NL2.flatten(1), weights, torch.sigmoid(seen.seen_NR), *states
