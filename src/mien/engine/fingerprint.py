"""A hash of training data, which shows whether two runs read the same data; does not import torch."""

import hashlib
from collections.abc import Iterable

import numpy as np

__all__ = ["fingerprint"]


def fingerprint(parts: Iterable[bytes | str | np.ndarray]) -> str:
    """A hash (SHA-256) of bytes, text and arrays, in order: equal for equal contents, wherever the files are stored."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            own = part.encode() if isinstance(part, str) else part
            digest.update(f"{len(own)} ".encode() + own)
    return digest.hexdigest()
