"""The linear decoder of a mesh: principal components of displacements, and the layer that combines them.

Shapes: C components, V vertices, N latents, D values of a latent.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["PcaDecoder", "displacement_basis"]


class PcaDecoder(nn.Module):
    """Linear map from a latent vector to coefficients of fixed blendshapes, the baseline of Potamias et al. 2020.

    The blendshapes are zeros until `load` fills them.
    """

    basis: Tensor

    def __init__(self, latent: int, components: int, vertices: int) -> None:
        super().__init__()
        self.full = nn.Linear(latent, components)
        self.register_buffer("basis", torch.zeros(components, 3 * vertices))

    def load(self, basis_CX: Tensor) -> None:
        """Set the blendshapes to the first of `basis_CX` [C, 3 V], as many as the decoder has."""
        count = min(len(basis_CX), len(self.basis))
        self.basis[:count] = basis_CX[:count]

    def forward(self, z_ND: Tensor) -> Tensor:
        """[N, D] -> [V, N, 3]."""
        return (self.full(z_ND) @ self.basis).reshape(len(z_ND), -1, 3).transpose(0, 1)

    def step(self, z_D: Tensor) -> Tensor:
        """One frame: [D] -> [V, 3]."""
        return (self.full(z_D[None]) @ self.basis).reshape(-1, 3)


def displacement_basis(displacements: Float[np.ndarray, "N V 3"], components: int) -> Float[np.ndarray, "C V*3"]:
    """Blendshapes of a decoder: principal components of displacements [mm], each times its standard deviation.

    The displacements are not centred, so that zero coefficients give zero displacement. Values are rounded to half
    precision (a thousandth of a millimetre), as bundles store them. Rows are zero beyond the number of displacements.
    """
    x = displacements.reshape(len(displacements), -1).astype(np.float64)
    values, vectors = np.linalg.eigh(x @ x.T / len(x))  # frames are far fewer than coordinates
    order = np.argsort(values)[::-1][:components]
    axes = vectors[:, order].T @ x / np.sqrt(len(x))
    return np.pad(axes, ((0, components - len(axes)), (0, 0))).astype(np.float16).astype(np.float32)
