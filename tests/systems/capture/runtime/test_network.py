from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT
from mien.core.channels import mirrored
from mien.io.video import read_image
from mien.runtime import Bundle
from mien.systems.capture import spec
from mien.systems.capture.runtime.network import Answer, Network
from mien.track import FaceTracker
from mien.track.align import align_matrix, warp


@pytest.fixture(scope="module")
def crops(assets: Path) -> np.ndarray:
    """The aligned crops of a few portraits, taken for frames of one video."""
    paths = sorted((assets / "faces" / "webmorph_canada").glob("*.jpg"))[:4]
    images = [read_image(path) for path in paths]
    faces = [FaceTracker().update(image, 0.0)[0] for image in images]
    return np.stack(
        [
            warp(image, align_matrix(face.five_points, spec.CROP), spec.CROP)
            for image, face in zip(images, faces, strict=True)
        ]
    )


def answers(network: Network, crops: np.ndarray, rest: np.ndarray | None) -> list[Answer]:
    network.reset()
    return [network.step(crop, step=0.04 if t else None, rest=rest) for t, crop in enumerate(crops)]


@pytest.mark.parametrize("known", [False, True])
def test_with_a_mirror_a_mirrored_face_gets_the_mirrored_answer(crops: np.ndarray, known: bool) -> None:
    bundle = Bundle.load("capture")
    network = Network(bundle, mirror=True)
    layout, channels = bundle.manifest.layout, bundle.manifest.channels
    rest = network.step(crops[0]).code if known else None
    swap = [channels.index(mirrored(name)) for name in channels]
    assert set(channels) <= set(ARKIT) and swap != list(range(len(channels)))
    straight = answers(network, crops, rest)
    turned = answers(network, crops[:, :, ::-1], None if rest is None else rest[::-1])
    for one, other in zip(straight, turned, strict=True):
        np.testing.assert_allclose(other.weights[swap], one.weights, atol=1e-6)
        points = other.landmarks[list(layout.mirror)] * (-1, 1) + (spec.CROP - 1, 0)
        np.testing.assert_allclose(points, one.landmarks, atol=1e-4)
        np.testing.assert_allclose(other.code[::-1], one.code, atol=1e-5)
        assert one.seen is not None and other.seen is not None
        np.testing.assert_allclose(other.seen, one.seen, atol=1e-6)


def test_two_looks_are_the_mean_of_one_look_at_each(crops: np.ndarray) -> None:
    bundle = Bundle.load("capture")
    once, both = Network(bundle), Network(bundle, mirror=True)
    plain, flipped, mean = (answers(n, c, None) for n, c in ((once, crops), (once, crops[:, :, ::-1]), (both, crops)))
    swap = [bundle.manifest.channels.index(mirrored(name)) for name in bundle.manifest.channels]
    for one, other, two in zip(plain, flipped, mean, strict=True):
        np.testing.assert_allclose(two.weights, (one.weights + other.weights[swap]) / 2, atol=1e-6)
        np.testing.assert_allclose(two.code, np.concatenate([one.code, other.code]), atol=1e-6)
        assert np.abs(one.weights - two.weights).max() > 1e-3
