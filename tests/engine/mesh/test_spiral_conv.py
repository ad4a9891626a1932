from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.engine.mesh.hierarchy import Hierarchy, build_hierarchy
from mien.engine.mesh.spiral_conv import SpiralDecoder, SpiralUp
from mien.rigs.decimate import Up, up_matrix

Surface = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def hierarchy(sphere: Callable[[int, int], Surface]) -> Hierarchy:
    points, triangles = sphere(2, 1)
    # a part of its own, so that some spirals are padded
    points = np.concatenate([points, points[:3] + 3])
    triangles = np.concatenate([triangles, [[162, 163, 164]]])
    return build_hierarchy(points, triangles, reference=0, length=9, levels=2)


def test_the_sparse_product_the_gathering_and_a_dense_reference_agree(hierarchy: Hierarchy) -> None:
    torch.manual_seed(0)
    up, spiral, coarse = hierarchy.ups[0], hierarchy.spirals[0], hierarchy.counts[1]
    assert (spiral == hierarchy.counts[0]).any()
    layer = SpiralUp(up, spiral, coarse, 4, 3)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(coarse, 5, 4)
    dense = np.einsum("vu,unc->vnc", up_matrix(up, coarse), x.numpy())
    dense = np.concatenate([dense, np.zeros((1, 5, 4))])  # no vertex
    expected = np.einsum("vlnc,lco->vno", dense[spiral], layer.weight.detach().numpy()) + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(x).detach(), expected, atol=1e-5)
    for n in range(5):
        np.testing.assert_allclose(layer.step(x[:, n]).detach(), expected[:, n], atol=1e-5)


def test_gradients_of_the_sparse_product_are_those_of_gathering(hierarchy: Hierarchy) -> None:
    torch.manual_seed(1)
    decoder = SpiralDecoder(hierarchy, 6, (8, 4, 3))
    z, wanted = torch.randn(3, 6), torch.randn(hierarchy.counts[0], 3, 3)
    found = []
    for forward in (decoder, lambda z: torch.stack([decoder.step(row) for row in z], dim=1)):
        one = z.clone().requires_grad_()
        decoder.zero_grad()
        (forward(one) * wanted).sum().backward()
        found.append([one.grad, *(p.grad.clone() for p in decoder.parameters())])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_at_28431_vertices_the_decoder_has_the_shapes_of_the_papers_table_1() -> None:
    counts = [28431]
    for _ in range(4):
        counts.append(-(-counts[-1] // 5))
    assert counts == [28431, 5687, 1138, 228, 46]
    rng = np.random.default_rng(0)
    ups = tuple(
        Up(index=rng.integers(coarse, size=(fine, 3)), weight=np.full((fine, 3), 1 / 3))
        for fine, coarse in pairwise(counts)
    )
    spirals = tuple(rng.integers(fine + 1, size=(fine, 9)) for fine in counts[:-1])
    downs = tuple(np.arange(coarse) for coarse in counts[1:])
    decoder = SpiralDecoder(
        Hierarchy(counts=tuple(counts), spirals=spirals, ups=ups, downs=downs), 64, (64, 32, 16, 8, 3)
    )
    shapes: list[tuple[int, ...]] = [tuple(decoder.full(torch.zeros(2, 64)).shape)]
    for stage in decoder.stages:
        stage.register_forward_hook(lambda _module, _in, out: shapes.append(tuple(out.shape)))
    with torch.no_grad():
        decoder(torch.zeros(2, 64))
    assert shapes == [(2, 46 * 64), (228, 2, 32), (1138, 2, 16), (5687, 2, 8), (28431, 2, 3)]


def test_a_whole_ict_head_with_its_loose_parts_is_a_topology_too(assets: Path) -> None:
    from mien.rigs.ict import load_ict
    from mien.rigs.ict_topology import FACE

    head = load_ict().neutral  # 26,719 vertices: skin, eyes, teeth, tongue, lashes
    nose = int(head.vertices[:FACE, 2].argmax())
    built = build_hierarchy(head.vertices, head.topology.triangles, reference=nose, length=9)
    assert built.counts == (26719, 5344, 1069, 214, 43)
    decoder, z = SpiralDecoder(built, 8, (8, 8, 8, 8, 3)), torch.randn(2, 8, generator=torch.manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(decoder(z)[:, 1], decoder.step(z[1]), atol=1e-4, rtol=1e-4)


def test_channel_counts_that_do_not_fit_the_levels_are_refused(hierarchy: Hierarchy) -> None:
    with pytest.raises(ValueError, match="3 channel counts"):
        SpiralDecoder(hierarchy, 6, (8, 3))
