"""Spiral convolution after upsampling, as one sparse product.

Shapes: V fine vertices, U coarse vertices, L spiral length, N frames, C channels in, O channels out. Values lie vertex
first, [V, N, C], so that a sparse product moves whole rows of frames.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.engine.mesh.hierarchy import Hierarchy
from mien.rigs.decimate import Up

__all__ = ["SpiralDecoder", "SpiralUp", "sparse_product"]


class _SparseProduct(torch.autograd.Function):
    """matrix @ dense; the transposed matrix is given for the backward pass (torch would build it at every step)."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transposed: Tensor, dense: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ dense

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:  # pyright: ignore
        return None, None, ctx.transposed @ gradients[0].contiguous()


def sparse_product(matrix: Tensor, transposed: Tensor, dense: Tensor) -> Tensor:
    """`matrix` [V, M] (CSR) times `dense` [M, K], differentiable in `dense`."""
    return _SparseProduct.apply(matrix, transposed, dense)  # pyright: ignore


class SpiralUp(nn.Module):
    """Upsampling by barycentric weights, then a spiral convolution: y_v = b + sum_l W_l x_s(v,l).

    Bouritsas et al. 2019, eq. 1. Both operations are linear, so the weights are applied to the coarse vertices, of
    which there are five times fewer, and interpolation and gathering along the spiral are one sparse matrix. Places of
    a spiral beyond the last vertex of its part count as zeros.
    """

    matrix: Tensor
    transposed: Tensor
    up_index: Tensor
    up_weight: Tensor
    spiral: Tensor

    def __init__(self, up: Up, spiral: np.ndarray, coarse: int, inputs: int, outputs: int) -> None:
        super().__init__()
        fine, length = spiral.shape
        self.fine, self.coarse, self.length, self.inputs, self.outputs = fine, coarse, length, inputs, outputs
        self.weight = nn.Parameter(torch.empty(length, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.normal_(self.weight, std=(2.0 / (length * inputs)) ** 0.5)  # He et al. 2015: a ReLU follows
        matrix = _gather_and_interpolate(up, spiral, coarse)
        for name, value in (("matrix", matrix), ("transposed", matrix.T.tocsr())):
            self.register_buffer(name, _csr(value), persistent=False)
        self.register_buffer("up_index", torch.from_numpy(up.index.astype(np.int64)), persistent=False)
        self.register_buffer("up_weight", torch.from_numpy(up.weight.astype(np.float32)), persistent=False)
        self.register_buffer("spiral", torch.from_numpy(spiral.astype(np.int64)), persistent=False)

    def forward(self, x_UNC: Tensor) -> Tensor:
        """[U, N, C] -> [V, N, O]."""
        frames = x_UNC.shape[1]
        mixed = torch.einsum("unc,lco->ulno", x_UNC, self.weight).reshape(self.coarse * self.length, -1)
        y_VNO = sparse_product(self.matrix, self.transposed, mixed).reshape(self.fine, frames, self.outputs)
        return y_VNO + self.bias

    def step(self, x_UC: Tensor) -> Tensor:
        """One frame by gathering: the same result from operations that every runtime has."""
        fine_VC = (x_UC[self.up_index.reshape(-1)].reshape(self.fine, 3, -1) * self.up_weight[..., None]).sum(1)
        padded = torch.cat([fine_VC, torch.zeros_like(fine_VC[:1])])
        around = padded[self.spiral.reshape(-1)].reshape(self.fine, self.length * self.inputs)
        return around @ self.weight.reshape(-1, self.outputs) + self.bias


class SpiralDecoder(nn.Module):
    """Latent vectors to values on a mesh: a linear map to the coarsest level, then one `SpiralUp` per level, with a
    ReLU between them."""

    def __init__(self, hierarchy: Hierarchy, latent: int, channels: tuple[int, ...]) -> None:
        """`channels` go from the coarsest level to the output, one more than there are steps between levels."""
        super().__init__()
        steps = len(hierarchy.ups)
        if len(channels) != steps + 1:
            raise ValueError(f"{steps} steps up need {steps + 1} channel counts, not {len(channels)}")
        self.coarsest, self.first = hierarchy.counts[-1], channels[0]
        self.full = nn.Linear(latent, self.coarsest * self.first)
        self.stages = nn.ModuleList(
            SpiralUp(hierarchy.ups[k], hierarchy.spirals[k], hierarchy.counts[k + 1], channels[i], channels[i + 1])
            for i, k in enumerate(range(steps - 1, -1, -1))
        )

    def forward(self, z_ND: Tensor) -> Tensor:
        """[N, latent] -> [V, N, channels[-1]]."""
        x_UNC = self.full(z_ND).reshape(len(z_ND), self.coarsest, self.first).transpose(0, 1)
        for i, stage in enumerate(self.stages):
            x_UNC = stage(x_UNC)
            if i + 1 < len(self.stages):
                x_UNC = torch.relu(x_UNC)
        return x_UNC

    def step(self, z_D: Tensor) -> Tensor:
        """One frame: [latent] -> [V, channels[-1]]."""
        x_UC = self.full(z_D).reshape(self.coarsest, self.first)
        for i, stage in enumerate(self.stages):
            x_UC = stage.step(x_UC)  # pyright: ignore
            if i + 1 < len(self.stages):
                x_UC = torch.relu(x_UC)
        return x_UC


def _gather_and_interpolate(up: Up, spiral: np.ndarray, coarse: int) -> Any:
    """CSR [V, U L]: row v holds the barycentric weights of its spiral's vertices; place l uses the columns u L + l."""
    from scipy.sparse import csr_matrix

    fine, length = spiral.shape
    rows, places = np.nonzero(spiral < fine)
    around = spiral[rows, places]
    columns = up.index[around] * length + places[:, None]
    shape = (fine, coarse * length)
    matrix = csr_matrix((up.weight[around].reshape(-1), (np.repeat(rows, 3), columns.reshape(-1))), shape=shape)
    matrix.eliminate_zeros()
    return matrix


def _csr(matrix: Any) -> Tensor:
    import warnings

    with warnings.catch_warnings():
        # torch warns once that CSR is in beta, and once that it does not check matrices made by scipy.
        warnings.filterwarnings("ignore", message="Sparse", category=UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int32)),
            torch.from_numpy(matrix.indices.astype(np.int32)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            size=matrix.shape,
        )
