"""The express network: an LSTM over the label signal and a decoder of displacements per frame.

Follows Potamias et al. 2020, "Learning to Generate Customized Dynamic 3D Facial Expressions": LSTM encoder, latent 64,
spiral convolutions after upsampling (table 1), displacements added to the neutral. Two things differ from the paper:
nothing before the decoder has a bias and the decoder's output for the latent 0 is subtracted, so that a signal of zeros
gives exactly no movement; and there is the identity-aware variant.

Shapes: B sequences, T frames, K expressions, D latent, E identity code, F frames decoded, N = B F, V vertices, G values
of local shape, C fields.
"""

import torch
from torch import Tensor, nn

from mien.engine.mesh.hierarchy import Hierarchy
from mien.engine.mesh.pca import PcaDecoder
from mien.engine.mesh.spiral_conv import SpiralDecoder
from mien.systems.express import spec

__all__ = ["ExpressNet", "ExpressStep"]


class LocalMaps(nn.Module):
    """Maps fields of the mean face to a person's by a matrix per vertex, computed from the neutral around that vertex.

    The maps start as deformation transfer (Sumner & Popovic 2004): the first three fields are transformed by the
    neutral's own deformation from the mean. Training learns the rest, such as larger fields where a face is fuller.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(spec.LOCAL, 16)
        self.maps = nn.Linear(spec.LOCAL + 16, 3 * spec.FIELDS)
        with torch.no_grad():
            self.maps.weight.normal_(std=0.01)
            self.maps.bias.zero_()
            for i in range(3):
                for j in range(3):
                    self.maps.weight[3 * j + i] = 0.0
                    self.maps.weight[3 * j + i, 3 * i + j] = 1.0

    def map(self, shape_G: Tensor) -> Tensor:
        """[..., fields, 3]; for the mean face's own shape, the identity on the first three fields."""
        maps = self.maps(torch.cat([shape_G, torch.tanh(self.hidden(shape_G))], dim=-1))
        return maps.unflatten(-1, (spec.FIELDS, 3)) + torch.eye(spec.FIELDS, 3, device=maps.device)

    def forward(self, y_VBFC: Tensor, shape_BVG: Tensor) -> Tensor:
        """[V, B, F, 3]."""
        return y_VBFC @ self.map(shape_BVG.transpose(0, 1).contiguous())

    def step(self, y_1VC: Tensor, shape_1VG: Tensor) -> Tensor:
        """One frame: [1, V, 3]."""
        return (self.map(shape_1VG) * y_1VC[..., None]).sum(2)


class ExpressNet(nn.Module):
    """The whole network over sequences, as it is trained."""

    def __init__(self, hierarchy: Hierarchy, *, model: str, expressions: int, code: int, components: int) -> None:
        super().__init__()
        self.encoder = nn.LSTM(expressions, spec.LATENT, batch_first=True, bias=False)
        self.knows_identity = model == "identity"
        latent = spec.LATENT
        if self.knows_identity:
            # The expression times the identity: bilinear, so that no expression gives no movement.
            self.motion = nn.Linear(spec.LATENT, spec.LATENT, bias=False)
            self.person = nn.Linear(code, spec.LATENT, bias=False)
            latent += spec.LATENT
            self.local = LocalMaps()
            # The first step already has broad movement; the spirals learn what blendshapes cannot show.
            self.broad = PcaDecoder(2 * spec.LATENT, spec.BROAD, hierarchy.counts[0])
        self.decoder: SpiralDecoder | PcaDecoder = (
            PcaDecoder(latent, components, hierarchy.counts[0])
            if model == "pca"
            else SpiralDecoder(hierarchy, latent, (*spec.CHANNELS[:-1], spec.FIELDS if self.knows_identity else 3))
        )

    def latent(self, z_ND: Tensor, code_NE: Tensor) -> Tensor:
        """The decoder's input [N, D or 2 D]."""
        if not self.knows_identity:
            return z_ND
        return torch.cat([z_ND, self.motion(z_ND) * self.person(code_NE)], dim=1)

    def fields(self, z_ND: Tensor) -> Tensor:
        """The decoder's output for latents [V, N, 3 or fields]."""
        y_VNC = self.decoder(z_ND)
        return _added(y_VNC, self.broad(z_ND)) if self.knows_identity else y_VNC

    def fields_step(self, z_D: Tensor) -> Tensor:
        """The decoder's output for one latent [V, 3 or fields]."""
        y_VC = self.decoder.step(z_D)
        return _added(y_VC, self.broad.step(z_D)) if self.knows_identity else y_VC

    def rest(self) -> Tensor:
        """The decoder's output for the latent 0 [V, 3 or fields], which is subtracted from every other output."""
        full = self.decoder.full
        return self.fields_step(torch.zeros(full.in_features, device=full.weight.device))

    def forward(self, signal_BTK: Tensor, frames_BF: Tensor, code_BE: Tensor, shape_BVG: Tensor) -> Tensor:
        """Displacements [V, B, F, 3] mm of the chosen frames."""
        z_BTD = self.encoder(signal_BTK)[0]
        z_BFD = z_BTD.gather(1, frames_BF[..., None].expand(-1, -1, z_BTD.shape[2]))
        count = frames_BF.shape[1]
        z_ND = self.latent(z_BFD.flatten(0, 1), code_BE.repeat_interleave(count, dim=0))
        # The latent 0 is decoded as one more frame.
        y_VNC = self.fields(torch.cat([z_ND, torch.zeros_like(z_ND[:1])]))
        y_VBFC = (y_VNC[:, :-1] - y_VNC[:, -1:]).unflatten(1, frames_BF.shape)
        return self.local(y_VBFC, shape_BVG) if self.knows_identity else y_VBFC


def _added(fields: Tensor, moved: Tensor) -> Tensor:
    """`fields` with `moved` added to the first three of its last axis."""
    return torch.cat([fields[..., :3] + moved, fields[..., 3:]], dim=-1)


class ExpressStep(nn.Module):
    """The network over one frame with explicit state, as it is shipped. Same weights, same arithmetic.

    Inputs: label [1, K], one row of the signal; code [1, E] for the identity-aware variant; hidden, cell [1, D].
    """

    outputs = ("displacements", "hidden_next", "cell_next")
    rest: Tensor

    def __init__(self, net: ExpressNet) -> None:
        super().__init__()
        self.net = net
        own = ("code", "shape") if net.knows_identity else ()
        self.inputs = ("label", *own, "hidden", "cell")
        with torch.no_grad():
            self.register_buffer("rest", net.rest())

    def forward(self, label: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """`outputs` in their order; displacements are [1, V, 3] mm."""
        *own, hidden, cell = others
        into, back = (p for p in self.net.encoder.parameters())  # no biases
        gates = label @ into.T + hidden @ back.T
        take, forget, new, give = (gates[:, k * spec.LATENT : (k + 1) * spec.LATENT] for k in range(4))
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(take) * torch.tanh(new)
        hidden = torch.sigmoid(give) * torch.tanh(cell)
        z = self.net.latent(hidden, own[0] if own else hidden)
        y = (self.net.fields_step(z[0]) - self.rest)[None]
        return self.net.local.step(y, own[1]) if own else y, hidden, cell
