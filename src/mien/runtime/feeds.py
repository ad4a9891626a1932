"""What a network is fed: its inputs and states by name, as its manifest states them."""

from collections.abc import Mapping

import numpy as np

from mien.runtime.manifest import Manifest

__all__ = ["take_feeds"]


def take_feeds(manifest: Manifest, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The graph's inputs in the manifest's order, contiguous and of its types; ValueError on a wrong name or shape."""
    feeds: dict[str, np.ndarray] = {}
    for spec in manifest.feeds:
        if spec.name not in inputs:
            raise ValueError(f"'{manifest.name}' needs the input '{spec.name}'")
        value = np.ascontiguousarray(inputs[spec.name], np.dtype(spec.dtype))
        if value.shape != spec.shape:
            raise ValueError(f"'{manifest.name}' takes '{spec.name}' as {spec.shape}, not {value.shape}")
        feeds[spec.name] = value
    if len(inputs) != len(feeds):
        raise ValueError(f"'{manifest.name}' has no input {sorted(set(inputs) - set(feeds))}")
    return feeds
