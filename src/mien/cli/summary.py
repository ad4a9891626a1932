"""The summary that commands print of a captured clip: frames, times, channels that moved, files that were written."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core import Clip

__all__ = ["MOVED", "moved", "summarise"]

MOVED = 0.1
"""Range of weights from which a channel counts as moved; jitter on a still face stays well below."""


def moved(clip: Clip) -> list[tuple[str, float, float]]:
    """(channel, lowest, highest) of the channels that moved, widest range first; in a clip of one frame, from 0."""
    weights = clip.weights[clip.seen]
    low = weights.min(axis=0) if len(weights) > 1 else np.zeros(weights.shape[1])
    high = weights.max(axis=0)
    order = np.argsort(low - high, kind="stable")
    return [(clip.channels[c], float(low[c]), float(high[c])) for c in order if high[c] - low[c] >= MOVED]


def summarise(title: str, clip: Clip, milliseconds: Float[np.ndarray, "T"], paths: Sequence[Path]) -> None:
    """Print the summary of a clip and the files written; `milliseconds` is the processing time of each frame."""
    from mien.cli.display import bar, console, table

    channels = moved(clip)
    frames = table(title, "", "")
    frames.show_header = False
    frames.add_row("frames", f"{len(clip)} in {clip.duration:.2f} s")
    frames.add_row("frames without a face", str(int((~clip.seen).sum())))
    frames.add_row("ms per frame", f"{np.median(milliseconds):.2f} median, {np.percentile(milliseconds, 99):.2f} p99")
    frames.add_row("channels that moved", f"{len(channels)} of {len(clip.channels)}")
    screen = console()
    screen.print(frames)
    if channels:
        curves = table("Widest curves", "channel", "lowest", "highest", "")
        curves.columns[-1].justify = "left"
        for name, low, high in channels[:8]:
            curves.add_row(name, f"{low:.2f}", f"{high:.2f}", " " * len(bar(low)) + bar(high - low))
        screen.print(curves)
    for path in paths:
        screen.print(f"wrote {path}", markup=False)
