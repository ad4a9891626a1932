"""Texture pictures as bytes: PNG, or JPEG for large opaque ones; and back, also from untrusted files."""

import numpy as np
from jaxtyping import UInt8

__all__ = ["MIME", "decode", "encode", "suffix"]

MIME = {".png": "image/png", ".jpg": "image/jpeg"}
_LOSSLESS = 512 * 512
"""Most texels of an opaque picture that is stored without loss: a face of 2,048 x 2,048 has 6 MB as PNG, 1 as JPEG."""
_QUALITY = 93
_LARGEST = 2**26
"""Most texels of a picture that is read: 8,192 x 8,192."""


def suffix(picture: UInt8[np.ndarray, "H W C"]) -> str:
    """The extension of the format in which `encode` writes a picture."""
    return ".png" if picture.shape[2] == 4 or picture.shape[0] * picture.shape[1] <= _LOSSLESS else ".jpg"


def encode(picture: UInt8[np.ndarray, "H W C"], *, exact: bool = False) -> bytes:
    """The bytes of an RGB or RGBA picture, as PNG or JPEG (`suffix`); with `exact` as PNG."""
    import cv2

    code = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    end = ".png" if exact else suffix(picture)
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if end == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 6]
    return cv2.imencode(end, cv2.cvtColor(picture, code), options)[1].tobytes()


def decode(data: bytes) -> UInt8[np.ndarray, "H W C"] | None:
    """An RGB or RGBA picture from the bytes of a picture file; None when they are none, or too large a one."""
    import cv2

    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if found is None or found.dtype != np.uint8 or found.shape[0] * found.shape[1] > _LARGEST:
        return None
    if found.ndim == 2:
        return cv2.cvtColor(found, cv2.COLOR_GRAY2RGB)  # pyright: ignore[reportReturnType]
    if found.shape[2] not in (3, 4):
        return None
    code = cv2.COLOR_BGRA2RGBA if found.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(found, code)  # pyright: ignore[reportReturnType]
