"""The camera and codec: exposure, colour, blur, noise, scaling, sharpening, JPEG and video."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

__all__ = ["Sensor", "auto_exposure", "develop", "sample_sensor"]

_KNEE = 0.42
"""Linear value from which the tone curve is compressed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sensor:
    """The properties of one camera, constant in a take."""

    target: float
    """Target of automatic exposure: mean linear luminance."""
    balance: Float[np.ndarray, "3"]
    contrast: float
    lift: float
    """Black level raised by haze."""
    saturation: float
    blur: float
    """Blur by lens and focus [px]."""
    noise: float
    """Standard deviation of the noise at mid grey [8-bit levels]."""
    chroma_noise: float
    grain: float
    """Blur of the noise [px], as denoising in the camera leaves blotches."""
    shrink: float
    """Scale at which the frame was taken before it was enlarged (1 is none, 0.5 is half)."""
    sharpen: float
    quality: int
    """JPEG quality; 0 for none."""
    subsampled: bool = True
    """Whether the codec halves the resolution of colour."""
    predicted: bool
    """Whether frames after the first are coded as differences, as in video codecs, which drop small changes."""
    adapt: float
    """Time constant of automatic exposure [s]."""
    shutter: float
    """Share of the frame time during which the shutter is open (motion blur)."""
    grey: bool


def sample_sensor(rng: np.random.Generator) -> Sensor:
    """From a clean studio camera to a poor webcam."""
    poor = rng.random() ** 1.3
    # Most cameras show the face larger than the crop, so that reducing it averages their noise and blur.
    near = float(rng.uniform(0.25, 0.7)) if rng.random() < 0.55 else 1.0
    return Sensor(
        target=float(0.225 * np.exp(rng.normal(0.0, 0.22))),
        balance=_off_balance(rng),
        contrast=float(np.clip(rng.normal(1.04, 0.10), 0.7, 1.35)),
        lift=float(rng.uniform(0, 0.04) if rng.random() < 0.15 else 0.0),
        saturation=float(np.clip(rng.normal(1.07, 0.14), 0.4, 1.6)),
        blur=float(rng.gamma(1.5, 0.2)),
        noise=near * float(rng.uniform(0.2, 2.0) + 5 * poor * rng.random() ** 3),
        chroma_noise=float(rng.uniform(0, 1.0)),
        grain=float(rng.uniform(0, 0.9) if rng.random() < 0.6 else 0.0),
        shrink=float(rng.uniform(0.45, 0.9)) if rng.random() < 0.12 + 0.3 * poor else 1.0,
        sharpen=float(rng.uniform(0.2, 1.1)) if rng.random() < 0.38 else 0.0,
        quality=int(np.clip(95 - 70 * near**2 * poor * rng.random(), 22, 96)) if rng.random() < 0.8 else 0,
        subsampled=near == 1.0,
        predicted=bool(rng.random() < 0.6),
        adapt=float(np.exp(rng.uniform(np.log(0.3), np.log(4.0)))),
        shutter=float(rng.uniform(0, 0.7)),
        grey=bool(rng.random() < 0.03),
    )


def _off_balance(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """Error of automatic white balance: from warm to cool, as lamps differ, and half as much from green to magenta."""
    warm, green = rng.normal(0.01, 0.08), rng.normal(-0.01, 0.04)
    return np.exp(np.array([warm - 0.5 * green, green, -warm - 0.5 * green]))


def develop(
    rng: np.random.Generator,
    sensor: Sensor,
    light: UInt8[np.ndarray, "S S 3"],
    exposure: Float[np.ndarray, "3"],
    motion: Float[np.ndarray, "2"],
    reference: UInt8[np.ndarray, "R R 3"] | None = None,
) -> tuple[UInt8[np.ndarray, "S S 3"], UInt8[np.ndarray, "R R 3"]]:
    """The image as a viewer gets it, and the decoded picture that the next frame is predicted from (its `reference`).

    `light` is encoded (sqrt of half of linear); `exposure` holds the gain of each channel; `motion` is the face's
    shift [px/frame].
    """
    image = cv2.LUT(light, _curve(sensor, exposure))
    image = _optics(sensor, image, motion)
    height, width = image.shape[:2]
    if sensor.shrink < 1:
        small = (max(int(width * sensor.shrink), 32), max(int(height * sensor.shrink), 32))
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA))
    image = _noise(rng, sensor, image)
    if sensor.sharpen > 0:
        soft = cv2.GaussianBlur(image, (0, 0), 1.0)
        amount = sensor.sharpen / (1 + 0.3 * sensor.noise)
        image = cv2.addWeighted(image, 1 + amount, soft, -amount, 0)
    coded = image = _coded(sensor, np.asarray(image, np.uint8), reference)
    if image.shape[:2] != (height, width):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(image, np.uint8), coded


def _coded(sensor: Sensor, image: np.ndarray, reference: np.ndarray | None) -> np.ndarray:
    """Apply the codec: JPEG of the picture, or of its difference from the last decoded picture."""
    if not sensor.quality:
        return image
    if not sensor.predicted or reference is None:
        return _jpeg(sensor, image)
    # Differences range from -255 to 255; they are halved and centred on mid grey.
    difference = _jpeg(sensor, cv2.addWeighted(image, 0.5, reference, -0.5, 128))
    return np.asarray(cv2.addWeighted(difference, 2.0, reference, 1.0, -256))


def _jpeg(sensor: Sensor, image: np.ndarray) -> np.ndarray:
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if sensor.subsampled else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    options = [cv2.IMWRITE_JPEG_QUALITY, sensor.quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    _, data = cv2.imencode(".jpg", image, options)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))


def auto_exposure(sensor: Sensor, light: UInt8[np.ndarray, "S S 3"]) -> float:
    """The gain that brings the window's mean luminance to the sensor's target, within what cameras can do."""
    small = cv2.resize(light, (24, 24), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    linear = 2 * small**2
    # Metering gives more weight to the middle, where the face is.
    weight = np.exp(-((np.linspace(-1.6, 1.6, 24) ** 2)[:, None] + (np.linspace(-1.6, 1.6, 24) ** 2)[None]))
    mean = float(((linear @ np.array([0.2126, 0.7152, 0.0722])) * weight).sum() / weight.sum())
    return float(np.clip(sensor.target / max(mean, 1e-3), 0.25, 6.0))


def _curve(sensor: Sensor, exposure: np.ndarray) -> np.ndarray:
    """Look-up table [1, 256, 3] from encoded light to 8-bit sRGB-like values."""
    linear = 2 * (np.arange(256) / 255.0)[:, None] ** 2 * (exposure * sensor.balance)[None]
    # Linear up to a knee, above which highlights approach white, as in the tone curves of cameras.
    over = np.maximum(linear - _KNEE, 0) / (1 - _KNEE)
    shoulder = np.minimum(linear, _KNEE) + (1 - _KNEE) * over / (1 + over)
    display = np.where(shoulder <= 0.0031308, 12.92 * shoulder, 1.055 * np.maximum(shoulder, 1e-6) ** (1 / 2.4) - 0.055)
    display = 0.45 + (display - 0.45) * sensor.contrast
    display = sensor.lift + display * (1 - sensor.lift)
    return np.clip(display * 255 + 0.5, 0, 255).astype(np.uint8)[None]


def _optics(sensor: Sensor, image: np.ndarray, motion: np.ndarray) -> np.ndarray:
    if abs(sensor.saturation - 1) > 0.04 or sensor.grey:
        keep = 0.0 if sensor.grey else sensor.saturation
        luma = np.array([0.299, 0.587, 0.114])
        matrix = keep * np.eye(3) + (1 - keep) * np.ones((3, 1)) * luma[None]
        image = cv2.transform(image, matrix)
    shift = float(np.hypot(*motion)) * sensor.shutter
    if shift > 0.7:
        image = cv2.filter2D(image, -1, _motion_kernel(motion * sensor.shutter))
    if sensor.blur > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), sensor.blur)
    return image


def _motion_kernel(shift: np.ndarray) -> np.ndarray:
    length = int(min(np.ceil(np.abs(shift).max()), 12))
    size = 2 * (length // 2 + 1) + 1
    kernel = np.zeros((size, size), np.float32)
    middle = np.array([size // 2, size // 2], float)
    scale = min(1.0, 12 / max(np.abs(shift).max(), 1e-6))
    ends = np.stack([middle - shift * scale / 2, middle + shift * scale / 2])
    cv2.line(
        kernel, tuple(int(v) for v in np.round(ends[0] * 16)), tuple(int(v) for v in np.round(ends[1] * 16)), 1.0, 1,
        cv2.LINE_AA, shift=4,
    )  # fmt: skip
    kernel[size // 2, size // 2] = max(kernel[size // 2, size // 2], 0.3)
    return kernel / kernel.sum()


def _noise(rng: np.random.Generator, sensor: Sensor, image: np.ndarray) -> np.ndarray:
    if sensor.noise < 0.4:
        return image
    h, w = image.shape[:2]
    field = sensor.noise * _cut(rng, h, w, sensor.grain > 0.3)[..., :1]
    if sensor.chroma_noise > 0.1:
        field = field + (sensor.chroma_noise * sensor.noise) * _cut(rng, h, w, sensor.grain > 0.3)
    # Shot noise grows with the light, read-out noise does not, and gamma lifts dark values: about constant in 8 bits.
    return np.clip(image + field, 0, 255).astype(np.uint8)


@lru_cache(maxsize=2)
def _noise_pool(blotchy: bool) -> Float[np.ndarray, "N N 3"]:
    """White noise, or blotchy noise as denoising leaves it; of unit variance. `_cut` crops it at random places."""
    field = np.random.default_rng(6).standard_normal((1024, 1024, 3), np.float32)
    if blotchy:
        field = cv2.GaussianBlur(field, (0, 0), 0.7)
        field *= 0.8 / field.std()
    return field


def _cut(rng: np.random.Generator, height: int, width: int, blotchy: bool) -> np.ndarray:
    pool = _noise_pool(blotchy)
    y, x = int(rng.integers(0, 1024 - height)), int(rng.integers(0, 1024 - width))
    return pool[y : y + height, x : x + width]
