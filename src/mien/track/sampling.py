"""Cutting parts out of images without aliasing: every output pixel averages the area it covers."""

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from mien.core.errors import MienError

__all__ = ["area_crop", "check_image", "halved"]


def check_image(image: np.ndarray) -> None:
    """Raise MienError unless the image is RGB uint8 [H,W,3] with at least one pixel."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise MienError(f"an image must be RGB uint8 [H,W,3], not {image.dtype} {list(image.shape)}; convert it first")


def halved(image: UInt8[np.ndarray, "H W 3"], times: int) -> UInt8[np.ndarray, "h w 3"]:
    """The image averaged over 2x2 px, `times` times; its sides must be multiples of 2^times.

    OpenCV has a vector path for 2x2 only: 4x4 at once takes three times as long, and 3x3 more than that.
    """
    for _ in range(times):
        image = np.asarray(
            cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8
        )
    return image


def area_crop(
    image: UInt8[np.ndarray, "H W 3"], box: Float[np.ndarray, "4"], size: int
) -> Float32[np.ndarray, "S S 3"]:
    """`box` [px] resampled to `size` x `size`, values 0..255; outside the frame its edge is replicated.

    Every output pixel is the exact mean over its sub-pixel area: the image's running sum, which is bilinear inside a
    pixel, is read at the (size + 1)^2 corners and differenced. Jitter of the five points is decided here: sampling
    without the filter measured 15 times as much. When the box is smaller than the window, bilinear sampling is used.
    """
    side = box[2:] - box[:2]
    if side.min() < size:
        return _bilinear_crop(image, box, size)
    # A large face is first averaged in whole blocks of 2, 4, ... pixels, on the image's own grid, so that the sum costs
    # the same at any resolution. Two blocks or more remain per output pixel.
    halvings = max(int(np.log2(side.min() / (2 * size))), 0)
    block = 2**halvings
    region, origin = _region(image, box, halvings)
    x, y = ((np.linspace(box[i], box[i + 2], size + 1) - origin[i]) / block for i in (0, 1))
    # int32 holds the sum exactly: at most (4 * 48)^2 * 255, or 2^23.
    total = _read(cv2.integral(region, sdepth=cv2.CV_32S), y)
    total = _read(np.diff(total, axis=0).swapaxes(0, 1), x)
    mean = np.diff(total, axis=0) * (1.0 / ((x[1] - x[0]) * (y[1] - y[0])))
    return np.ascontiguousarray(mean.swapaxes(0, 1), np.float32)


def _read(total: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows of `total` at the fractional positions `at`, interpolated linearly."""
    at = np.clip(at, 0, len(total) - 1)  # rounding may leave the region by 1e-13
    row = np.minimum(at.astype(np.int64), len(total) - 2)
    low, high = total[row], total[row + 1]
    return low + (high - low) * (at - row)[:, None, None]


def _region(image: np.ndarray, box: np.ndarray, halvings: int) -> tuple[np.ndarray, np.ndarray]:
    """The whole blocks that cover `box`, averaged, and the image position of the first one's outer corner."""
    block = 2**halvings
    limit = np.array([image.shape[1], image.shape[0]])
    low = np.floor((box[:2] + 0.5) / block).astype(int) * block
    high = np.ceil((box[2:] + 0.5) / block).astype(int) * block
    x0, y0 = np.maximum(low, 0)
    x1, y1 = np.minimum(high, limit)
    region = image[y0:y1, x0:x1]
    if (low < 0).any() or (high > limit).any():
        pads = (y0 - low[1], high[1] - y1, x0 - low[0], high[0] - x1)
        region = cv2.copyMakeBorder(region, *(int(n) for n in pads), borderType=cv2.BORDER_REPLICATE)
    return halved(region, halvings), low - 0.5


def _bilinear_crop(image: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    scale = size / (box[2:] - box[:2])
    matrix = np.array([[scale[0], 0, 0], [0, scale[1], 0]])
    matrix[:, 2] = -0.5 - box[:2] * scale
    crop = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return crop.astype(np.float32)
