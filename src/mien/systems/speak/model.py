"""The speak network: visemes and a style to the signals of a whole face (Paier et al. 2023).

Shapes: B takes, T frames, K chunks of `spec.CHUNK` frames, C channels, S signals, Z numbers of a code.

A causal CNN reads visemes that run `spec.LOOK_AHEAD` frames ahead and gives the face. The style vector scales and
shifts its channels. Eyes and head are only weakly tied to speech, so for them the CNN's features steer a prior: a
sequence auto-encoder has learnt how lids, gaze and head move and writes each chunk as one of some hundred codes; a
recurrent network predicts the next codes' probabilities from the codes so far, the style and the features of speech;
random numbers choose, and the auto-encoder's decoder turns codes into movement. All parts carry explicit state, so
that chunks give what a whole take gives.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.visemes import VISEMES
from mien.systems.speak import spec

__all__ = ["CausalConv", "Decoded", "SpeakNet", "SpeakStep", "StyleEncoder"]

_DILATIONS = (1, 2, 4, 8, 2, 1)
_KERNEL = 5
"""Receptive field: 1 + 4 * 18 = 73 frames, of which the look-ahead takes half."""
_GRU = 128
_GROUPS = {"lids": (0, 2), "gaze": (2, 4), "head": (4, 7)}
"""Columns of each prior in the signals of eyes and head."""
_SCALE = torch.tensor([1.0, 1.0, 2.0, 2.0, 6.0, 6.0, 6.0])
"""Factors that bring eyes and head [rad] to a like size."""


class CausalConv(nn.Conv1d):
    """A convolution over the past; before the first frame there are zeros."""

    def __init__(self, before: int, after: int, kernel: int = _KERNEL, dilation: int = 1) -> None:
        super().__init__(before, after, kernel, dilation=dilation)
        self.past = (kernel - 1) * dilation

    def step(self, x_BCT: Tensor, held_BCP: Tensor) -> tuple[Tensor, Tensor]:
        """(output of a chunk, frames to hold for the next chunk), from the chunk and the frames held."""
        joined = torch.cat([held_BCP, x_BCT], dim=2)
        return super().forward(joined), joined[:, :, joined.shape[2] - self.past :]


class _Block(nn.Module):
    """A residual block whose channels the style scales and shifts (Perez et al. 2018, "FiLM")."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.conv = CausalConv(width, width, dilation=dilation)
        self.film = nn.Linear(spec.STYLE, 2 * width)
        self.mix = nn.Conv1d(width, width, 1)

    def forward(self, x_BCT: Tensor, style_BS: Tensor, held_BCP: Tensor) -> tuple[Tensor, Tensor]:
        y, held = self.conv.step(x_BCT, held_BCP)
        scale, shift = self.film(style_BS)[:, :, None].chunk(2, dim=1)
        return x_BCT + self.mix(functional.silu(y * (1 + scale) + shift)), held


class _Blocks(nn.ModuleList):
    """Blocks one after another, with their type known."""

    def __iter__(self) -> "Iterator[_Block]":
        """The blocks in order."""
        return cast("Iterator[_Block]", super().__iter__())


def _blocks(width: int, dilations: Sequence[int]) -> _Blocks:
    return _Blocks(_Block(width, dilation) for dilation in dilations)


class StyleEncoder(nn.Module):
    """A CNN over a take's signals: [B, S, T] -> style [B, `spec.STYLE`], from means and spreads over time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = (2 * len(spec.SIGNALS), width, width, width)
        self.convs = nn.ModuleList(nn.Conv1d(a, b, 5, stride=2) for a, b in pairwise(sizes))
        self.out = nn.Linear(2 * width, spec.STYLE)

    def forward(self, signals_BST: Tensor) -> Tensor:
        """The style of each take."""
        speed = signals_BST.diff(dim=2, prepend=signals_BST[:, :, :1]) * 10.0
        x = torch.cat([signals_BST, speed], dim=1)
        for conv in self.convs:
            x = functional.silu(conv(x))
        spread = ((x - x.mean(dim=2, keepdim=True)) ** 2).mean(dim=2).add(1e-6).sqrt()
        return torch.tanh(self.out(torch.cat([x.mean(dim=2), spread], dim=1)))


def _quantised(z_BZK: Tensor, levels: tuple[int, ...]) -> Tensor:
    """Numbers rounded to as many even steps in [-1, 1] as `levels` say; gradients pass straight through."""
    half = torch.tensor([(n - 1) / 2 for n in levels])[None, :, None].to(z_BZK)
    bounded = torch.tanh(z_BZK)
    return bounded + (torch.round(bounded * half) / half - bounded).detach()


def _codes(levels: tuple[int, ...]) -> Tensor:
    """The numbers of every code, [codes, Z]."""
    return torch.cartesian_prod(*(torch.linspace(-1, 1, n) for n in levels))


def _code_of(z_BZK: Tensor, levels: tuple[int, ...]) -> Tensor:
    """The index of each code [B, K] in the order of `_codes`."""
    index = torch.zeros_like(z_BZK[:, 0], dtype=torch.long)
    for k, n in enumerate(levels):
        index = index * n + torch.round((z_BZK[:, k] + 1) * (n - 1) / 2).long()
    return index


class Gru(nn.Module):
    """A gated recurrent unit (Cho et al. 2014) of one step, in operations that ONNX has."""

    def __init__(self, before: int, hidden: int) -> None:
        super().__init__()
        self.gates = nn.Linear(before + hidden, 2 * hidden)
        self.new = nn.Linear(before + hidden, hidden)

    def forward(self, x_BI: Tensor, hidden_BG: Tensor) -> Tensor:
        """The next hidden state."""
        keep, reset = torch.sigmoid(self.gates(torch.cat([x_BI, hidden_BG], dim=1))).chunk(2, dim=1)
        new = torch.tanh(self.new(torch.cat([x_BI, reset * hidden_BG], dim=1)))
        return keep * hidden_BG + (1 - keep) * new


class Prior(nn.Module):
    """A sequence auto-encoder of one group of signals, a code for each chunk."""

    codes: Tensor
    """The numbers of every code, [codes, Z]."""

    def __init__(self, signals: int, levels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.levels, self.width = levels, width
        self.enter = nn.Conv1d(signals, width, 5, padding=2)
        self.chunk = nn.Conv1d(width, width, 3 * spec.CHUNK, stride=spec.CHUNK, padding=spec.CHUNK)
        self.code = nn.Linear(width + spec.STYLE, len(levels))
        self.spread = nn.Linear(len(levels), width * spec.CHUNK)
        self.blocks = _blocks(width, (1, 2, 4))
        self.leave = nn.Conv1d(width, signals, 1)
        self.register_buffer("codes", _codes(levels))

    def encode(self, x_BST: Tensor, style_BS: Tensor) -> Tensor:
        """Codes [B, Z, K] of signals [B, S, K CHUNK]."""
        y = functional.silu(self.chunk(functional.silu(self.enter(x_BST))))
        style = style_BS[:, :, None].expand(-1, -1, y.shape[2])
        return _quantised(self.code(torch.cat([y, style], dim=1).transpose(1, 2)).transpose(1, 2), self.levels)

    def decode(self, z_BZK: Tensor, style_BS: Tensor, held: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """(signals [B, S, K CHUNK], frames to hold) of codes."""
        y = self.spread(z_BZK.transpose(1, 2)).unflatten(2, (spec.CHUNK, self.width)).flatten(1, 2).transpose(1, 2)
        kept = []
        for block, own in zip(self.blocks, held, strict=True):
            y, after = block(y, style_BS, own)
            kept.append(after)
        return self.leave(y), kept


class Decoded:
    """What the network gives for a take or a chunk."""

    def __init__(self, face: Tensor, raw: Tensor, features: Tensor) -> None:
        self.face_BFT, self.raw_BET, self.features_BCT = face, raw, features


class SpeakNet(nn.Module):
    """All parts; `SpeakStep` is the chunk by chunk form that is exported."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        small = max(width // 2, 8)
        self.small = small
        self.style = StyleEncoder(width)
        self.residual = nn.Sequential(
            nn.Conv1d(len(spec.FACE), small, 5, padding=2),
            nn.SiLU(),
            nn.Conv1d(small, spec.RESIDUAL, 2 * spec.CHUNK, stride=spec.CHUNK, padding=spec.CHUNK // 2),
        )
        self.enter = CausalConv(len(VISEMES), width, kernel=3)
        self.inject = nn.Linear(spec.RESIDUAL, width)
        self.blocks = _blocks(width, _DILATIONS)
        self.face = nn.Conv1d(width, len(spec.FACE), 1)
        self.raw = nn.Conv1d(width, len(spec.EYES) + len(spec.HEAD), 1)
        self.priors = nn.ModuleDict({n: Prior(b - a, spec.LEVELS[n], small) for n, (a, b) in _GROUPS.items()})
        numbers = sum(len(levels) for levels in spec.LEVELS.values())
        self.gru = Gru(numbers + spec.STYLE + 2 * width, _GRU)
        self.choose = nn.Linear(_GRU, spec.NOISE)

    def prior(self, name: str) -> Prior:
        """The prior of "lids", "gaze" or "head"."""
        return cast("Prior", self.priors[name])

    @property
    def past(self) -> dict[str, tuple[int, int]]:
        """Name of each held state -> (channels, frames)."""
        sizes = {"enter": (len(VISEMES), self.enter.past)}
        sizes |= {f"block{k}": (self.width, block.conv.past) for k, block in enumerate(self.blocks)}
        for name in _GROUPS:
            sizes |= {f"{name}{k}": (self.small, b.conv.past) for k, b in enumerate(self.prior(name).blocks)}
        return sizes

    def held(self, batch: int, like: Tensor) -> dict[str, Tensor]:
        """The states before the first frame: zeros."""
        return {name: like.new_zeros(batch, *size) for name, size in self.past.items()}

    def trunk(
        self, visemes_BVT: Tensor, style_BS: Tensor, residual_BRK: Tensor, held: dict[str, Tensor]
    ) -> tuple[Decoded, dict[str, Tensor]]:
        """(face, raw eyes and head, features; states to hold), from visemes that run ahead by `spec.LOOK_AHEAD`."""
        kept: dict[str, Tensor] = {}
        x, kept["enter"] = self.enter.step(visemes_BVT, held["enter"])
        added = self.inject(residual_BRK.transpose(1, 2)).repeat_interleave(spec.CHUNK, dim=1).transpose(1, 2)
        for k, block in enumerate(self.blocks):
            if k == len(self.blocks) // 2:
                x = x + added
            x, kept[f"block{k}"] = block(x, style_BS, held[f"block{k}"])
        return Decoded(torch.sigmoid(self.face(x) * 2 - 2), self.raw(x), x), kept

    def pooled(self, features_BCT: Tensor) -> Tensor:
        """Features of each chunk, [B, K, 2 C]: mean and largest over its frames."""
        chunks = features_BCT.unflatten(2, (-1, spec.CHUNK))
        return torch.cat([chunks.mean(dim=3), chunks.amax(dim=3)], dim=1).transpose(1, 2)

    def groups(self, eyes_head_BET: Tensor) -> dict[str, Tensor]:
        """The scaled signals of each prior."""
        scaled = eyes_head_BET * _SCALE.to(eyes_head_BET)[None, :, None]
        return {name: scaled[:, a:b] for name, (a, b) in _GROUPS.items()}

    def joined(self, groups: dict[str, Tensor]) -> Tensor:
        """The inverse of `groups`."""
        joined = torch.cat([groups[name] for name in _GROUPS], dim=1)
        return joined / _SCALE.to(joined)[None, :, None]

    def codes_of(self, z: dict[str, Tensor]) -> dict[str, Tensor]:
        """Index of each code [B, K]."""
        return {name: _code_of(z[name], spec.LEVELS[name]) for name in _GROUPS}

    def predict(self, z_BZK: Tensor, style_BS: Tensor, pooled_BKC: Tensor) -> Tensor:
        """Logits [B, K, NOISE] of each chunk's codes, given the true codes of the chunks before (teacher forcing)."""
        hidden = z_BZK.new_zeros(len(z_BZK), _GRU)
        before = functional.pad(z_BZK, (1, 0))[:, :, :-1].transpose(1, 2)
        out = []
        for k in range(before.shape[1]):
            hidden = self.gru(torch.cat([before[:, k], style_BS, pooled_BKC[:, k]], dim=1), hidden)
            out.append(self.choose(hidden))
        return torch.stack(out, dim=1)

    def forward(
        self, visemes_BVT: Tensor, style_BS: Tensor, residual_BRK: Tensor, noise_BNK: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(face [B, F, T], eyes and head [B, 7, T], raw eyes and head [B, 7, T]) of a whole take in one pass."""
        held = self.held(len(visemes_BVT), visemes_BVT)
        made, _ = self.trunk(visemes_BVT, style_BS, residual_BRK, held)
        pooled, hidden = self.pooled(made.features_BCT), visemes_BVT.new_zeros(len(visemes_BVT), _GRU)
        before, codes = visemes_BVT.new_zeros(len(visemes_BVT), self.numbers), []
        for k in range(pooled.shape[1]):
            before, hidden = self.draw(before, hidden, style_BS, pooled[:, k], noise_BNK[:, :, k])
            codes.append(before)
        parts = torch.stack(codes, dim=2).split([len(levels) for levels in spec.LEVELS.values()], dim=1)
        groups = {}
        for name, z in zip(_GROUPS, parts, strict=True):
            own = [held[f"{name}{k}"] for k in range(len(self.prior(name).blocks))]
            groups[name], _ = self.prior(name).decode(z, style_BS, own)
        return made.face_BFT, self.joined(groups), made.raw_BET

    def draw(
        self, before_BZ: Tensor, hidden_BG: Tensor, style_BS: Tensor, pooled_BC: Tensor, noise_BN: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(numbers of the next codes, hidden state): the codes with the largest logit plus noise, so that Gumbel noise
        draws them by their probability."""
        hidden = self.gru(torch.cat([before_BZ, style_BS, pooled_BC], dim=1), hidden_BG)
        logits = self.choose(hidden) + noise_BN
        numbers = []
        for name, part in zip(_GROUPS, logits.split(list(spec.CODES.values()), dim=1), strict=True):
            numbers.append(self.prior(name).codes[part.argmax(dim=1)])
        return torch.cat(numbers, dim=1), hidden

    @property
    def numbers(self) -> int:
        """How many code numbers the priors of eyes and head take for one step."""
        return sum(len(levels) for levels in spec.LEVELS.values())


class SpeakStep(nn.Module):
    """One chunk of one take, with every state an input and an output."""

    def __init__(self, net: SpeakNet) -> None:
        super().__init__()
        self.net = net
        self.states = {"codes": (net.numbers,), "hidden": (_GRU,), **net.past}
        self.inputs = ["visemes", "style", "residual", "noise", *self.states]
        self.outputs = ["face", "eyes_head", "raw", *(f"{name}_next" for name in self.states)]

    def forward(
        self, visemes: Tensor, style: Tensor, residual: Tensor, noise: Tensor, *states: Tensor
    ) -> tuple[Tensor, ...]:
        """Chunk-first outputs [CHUNK, signals] and the next states, in the order of `outputs`."""
        held = dict(zip(self.states, states, strict=True))
        made, kept = self.net.trunk(visemes, style, residual[:, :, None], held)
        pooled = self.net.pooled(made.features_BCT)[:, 0]
        numbers, hidden = self.net.draw(held["codes"], held["hidden"], style, pooled, noise)
        groups, at = {}, 0
        for name, levels in spec.LEVELS.items():
            own = [held[f"{name}{k}"] for k in range(len(self.net.prior(name).blocks))]
            z = numbers[:, at : at + len(levels), None]
            groups[name], after = self.net.prior(name).decode(z, style, own)
            kept |= {f"{name}{k}": value for k, value in enumerate(after)}
            at += len(levels)
        kept |= {"codes": numbers, "hidden": hidden}
        outputs = (made.face_BFT[0].T, self.net.joined(groups)[0].T, made.raw_BET[0].T)
        return (*outputs, *(kept[name] for name in self.states))
