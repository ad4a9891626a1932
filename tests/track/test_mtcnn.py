"""The converted nets against a second, slow implementation of the published ones."""

from pathlib import Path

import numpy as np
import pytest

from mien.core import MienError
from mien.track import mtcnn
from mien.track.mtcnn import NETS, net_model, net_session


def convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(0, 1))
    return np.einsum("yxcij,ijco->yxo", windows, kernel, optimize=True) + bias


def rectified(x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, x * slope.reshape(-1))


def pooled(x: np.ndarray, size: int, *, same: bool) -> np.ndarray:
    """TensorFlow's definition of the two paddings, stride 2."""
    if same:
        totals = [max((-(-n // 2) - 1) * 2 + size - n, 0) for n in x.shape[:2]]
        pads = [(total // 2, total - total // 2) for total in totals]
        x = np.pad(x, (*pads, (0, 0)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(0, 1))
    return windows.max(axis=(-1, -2))[::2, ::2]


def probability(x: np.ndarray) -> np.ndarray:
    """The softmax over (no face, face), of which the face's is kept."""
    return (np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True))[..., 1:]


def reference(net: str, image: np.ndarray) -> np.ndarray:
    """Zhang et al. 2016, as trained: RGB (x - 127.5) / 128, kernels HWIO, the last map flattened as (W, H, C)."""
    rest = iter(w.astype(np.float64) for w in mtcnn._weights(net))
    x = (image - 127.5) / 128
    pools: dict[str, list[tuple[int, bool] | None]] = {
        "pnet": [(2, True), None, None],
        "rnet": [(3, True), (3, False), None],
        "onet": [(3, True), (3, False), (2, True), None],
    }
    for pool in pools[net]:
        x = rectified(convolved(x, next(rest), next(rest)), next(rest))
        if pool is not None:
            x = pooled(x, pool[0], same=pool[1])
    if net == "pnet":
        heads = [convolved(x, next(rest), next(rest)) for _ in range(2)]
    else:
        x = rectified(x.transpose(1, 0, 2).reshape(-1) @ next(rest) + next(rest), next(rest))
        heads = [x @ next(rest) + next(rest) for _ in range(3 if net == "onet" else 2)]
    return np.concatenate([*heads[:-1], probability(heads[-1])], axis=-1)


@pytest.mark.parametrize(
    ("net", "shape"), [("pnet", (12, 12)), ("pnet", (31, 46)), ("rnet", (24, 24)), ("onet", (48, 48))]
)
def test_the_nets_are_the_published_ones(net: str, shape: tuple[int, int]) -> None:
    images = np.random.default_rng(1).integers(0, 256, (1 if net == "pnet" else 3, *shape, 3)).astype(np.float32)
    (heads,) = net_session(net).run(["heads"], {"image": images})
    heads[..., -1] = 1 / (1 + np.exp(-heads[..., -1]))  # log odds
    for image, found in zip(images, heads, strict=True):
        np.testing.assert_allclose(found, reference(net, image.astype(np.float64)), atol=2e-5)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(mtcnn, "_cache_path", lambda net: tmp_path / "mien" / f"{net}.onnx")
    return tmp_path / "mien"


@pytest.mark.parametrize("net", NETS)
def test_conversion_happens_once_and_damage_is_repaired(net: str, cache: Path) -> None:
    net_session(net)
    (file,) = cache.iterdir()
    assert file.read_bytes() == net_model(net)
    file.write_bytes(b"damaged")
    net_session(net)
    assert file.read_bytes() == net_model(net)
    assert list(cache.iterdir()) == [file]


def test_a_cache_that_cannot_be_written_is_no_obstacle(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    assert net_session("onet").get_inputs()[0].name == "image"


def test_missing_weights_say_what_to_install(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtcnn, "find_spec", lambda name: None)
    with pytest.raises(MienError, match="pip install"):
        net_session("onet")
