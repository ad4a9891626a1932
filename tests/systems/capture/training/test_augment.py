import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.systems.capture import spec
from mien.systems.capture.training.augment import STORED, sample_view


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_landmarks_move_with_the_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    view = sample_view(rng)
    points = np.zeros((spec.LAYOUT.count, 2))
    points[8] = rng.uniform(50, 110, 2)  # the chin is its own mirror
    image = np.zeros((STORED, STORED, 3), np.uint8)
    yy, xx = np.mgrid[:STORED, :STORED]
    blob = np.exp(-((xx - points[8, 0]) ** 2 + (yy - points[8, 1]) ** 2) / (2 * 3.0**2))
    image[:] = (blob * 255).astype(np.uint8)[..., None]
    crop = view.crop(image)[..., 0].astype(float)
    yy, xx = np.mgrid[: spec.CROP, : spec.CROP]
    seen = np.array([(crop * xx).sum(), (crop * yy).sum()]) / crop.sum()
    np.testing.assert_allclose(seen, view.points(points)[8], atol=0.15)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_views_stay_on_the_stored_crop(seed: int) -> None:
    view = sample_view(np.random.default_rng(seed))
    corners = np.array([[0, 0], [spec.CROP, 0], [0, spec.CROP], [spec.CROP, spec.CROP]], float)
    inverse = cv2.invertAffineTransform(view.matrix)
    stored = corners @ inverse[:, :2].T + inverse[:, 2]
    # Beyond the stored border pixels are replicated: a few are harmless, a third of the crop would not be.
    assert stored.min() > -14 and stored.max() < STORED + 14
    assert (np.linalg.det(view.matrix[:, :2]) < 0) == view.mirrored
