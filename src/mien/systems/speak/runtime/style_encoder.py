"""The style encoder at run time, in numpy: a take's signals to a style vector, as `model.StyleEncoder` computes it."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from mien.systems.speak import spec

__all__ = ["style_of"]

_STRIDE = 2


def style_of(signals: spec.Signals, arrays: Mapping[str, np.ndarray]) -> Float[np.ndarray, "Z"]:
    """The style of a take: the mean over windows of `spec.STYLE_SECONDS`, the length that the encoder learnt from.

    `arrays` are a bundle's: `style_weight0`, `style_bias0`, ... of the convolutions, then `style_out_weight` and
    `style_out_bias`. A shorter take is one window.
    """
    size = int(spec.STYLE_SECONDS * spec.FPS)
    windows = [signals[k : k + size] for k in range(0, max(len(signals) - size // 2, 1), size)]
    return np.mean([_window(window, arrays) for window in windows], axis=0).astype(np.float32)


def _window(signals: spec.Signals, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    speed = np.diff(signals, axis=0, prepend=signals[:1]) * 10.0
    x = np.concatenate([signals, speed], axis=1)
    for k in range(sum(name.startswith("style_weight") for name in arrays)):
        weight = arrays[f"style_weight{k}"]  # [after, before, kernel]
        starts = np.arange(0, len(x) - weight.shape[2] + 1, _STRIDE)
        frames = np.stack([x[starts + j] for j in range(weight.shape[2])], axis=2)  # [time, before, kernel]
        x = np.tensordot(frames, weight, axes=([1, 2], [1, 2])) + arrays[f"style_bias{k}"]
        x = x / (1.0 + np.exp(-x))
    spread = np.sqrt(((x - x.mean(axis=0)) ** 2).mean(axis=0) + 1e-6)
    joined = np.concatenate([x.mean(axis=0), spread])
    return np.tanh(arrays["style_out_weight"] @ joined + arrays["style_out_bias"])
