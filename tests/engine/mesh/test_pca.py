import numpy as np
import torch

from mien.engine.mesh.pca import PcaDecoder, displacement_basis


def test_the_basis_of_displacements_of_low_rank_spans_them_and_no_more() -> None:
    rng = np.random.default_rng(0)
    shapes = rng.normal(size=(3, 20, 3))
    moved = np.einsum("nc,cvx->nvx", rng.normal(size=(50, 3)) * (5, 2, 1), shapes)
    basis = displacement_basis(moved, 5)
    assert basis.shape == (5, 60) and basis.dtype == np.float32
    flat = moved.reshape(50, -1)
    solution, *_ = np.linalg.lstsq(basis[:3].T, flat.T, rcond=None)
    assert np.abs(basis[:3].T @ solution - flat.T).max() < 0.02  # half precision
    np.testing.assert_allclose(basis[3:], 0, atol=1e-3)
    # Principal: orthogonal, and as long as the data deviate in that direction.
    gram = basis[:3].astype(float) @ basis[:3].T
    np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=0.02 * gram.max())
    np.testing.assert_allclose(gram.trace(), (flat**2).sum() / len(flat), rtol=1e-2)
    assert (basis.astype(np.float16) == basis).all()


def test_fewer_displacements_than_components_leave_zeros() -> None:
    basis = displacement_basis(np.ones((2, 4, 3)), 6)
    assert basis.shape == (6, 12) and not basis[2:].any()


def test_the_decoder_mixes_the_blendshapes_it_was_given_frame_by_frame_as_in_a_batch() -> None:
    torch.manual_seed(0)
    net, basis, z = PcaDecoder(4, 3, 5), torch.randn(2, 15), torch.randn(6, 4)
    with torch.no_grad():
        assert not net(z).any()
        net.load(basis)
        whole = net(z)
        expected = (net.full(z)[:, :2] @ basis).reshape(6, 5, 3)
        torch.testing.assert_close(whole.transpose(0, 1), expected)
        torch.testing.assert_close(torch.stack([net.step(row) for row in z]), expected)
