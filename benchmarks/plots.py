"""Plots of the figures: `python -m benchmarks.plots` draws docs/images/capture_*.png from benchmarks/results/*.json.

They show every channel's Pearson beside the ridges', ours on unseen rigs, and jitter against delay per filter.
`python -m benchmarks.plots unseen_rigs FILE.glb...` draws the contact sheet of the unseen rigs instead.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from benchmarks.command import IMAGES, RESULTS
from jaxtyping import UInt8

from mien.engine.figures import Result
from mien.io.atomic import write_whole

__all__ = ["channel_chart", "main", "time_chart", "unseen_rig_sheet"]

_INK, _PALE, _WHITE = (40, 40, 46), (222, 224, 230), (255, 255, 255)
_COLORS = ((0, 96, 178), (226, 150, 50), (110, 110, 118), (30, 150, 110), (170, 60, 130))
"""Colours of the series, ours first; distinguishable without red-green vision."""
_FILTERS: dict[str, str] = {"off": "no filter", "live": "live filter", "ahead": "looking ahead"}
_SCALE = 2
"""Factor by which pictures are drawn larger, for high-resolution screens."""


class Canvas:
    """A white picture with bars, dots and text; its coordinates are pixels before scaling by `_SCALE`."""

    def __init__(self, width: int, height: int) -> None:
        self.image: UInt8[np.ndarray, "H W 3"] = np.full((height * _SCALE, width * _SCALE, 3), 255, np.uint8)

    def bar(self, x0: float, y0: float, x1: float, y1: float, color: tuple[int, int, int]) -> None:
        """A filled rectangle; at least a pixel thick."""
        x0, x1, y0, y1 = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        corners = [round(v * _SCALE) for v in (x0, y0, max(x1, x0 + 1), max(y1, y0 + 1))]
        self.image[corners[1] : corners[3], corners[0] : corners[2]] = color

    def dot(self, x: float, y: float, color: tuple[int, int, int]) -> None:
        """A disc."""
        cv2.circle(self.image, (round(x * _SCALE), round(y * _SCALE)), 5 * _SCALE, color, -1, cv2.LINE_AA)

    def text(self, words: str, x: float, y: float, *, size: float = 12, right: bool = False, ink: Any = _INK) -> None:
        """Text with its baseline at y that begins at x, or ends there with `right`."""
        scale = size * _SCALE / 22  # Hershey capitals are 22 units high
        if right:
            x -= cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0] / _SCALE
        place = (round(x * _SCALE), round(y * _SCALE))
        cv2.putText(self.image, words, place, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, _SCALE - 1, cv2.LINE_AA)

    def save(self, path: Path) -> None:
        """Write a PNG, whole or not at all."""
        with write_whole(path) as temporary:
            cv2.imwrite(str(temporary), self.image[..., ::-1])
        print(f"wrote {path}")


def channel_chart(series: Mapping[str, Mapping[str, float | None]], title: str) -> Canvas:
    """Horizontal bars: a block per channel, a bar per series, from 0 to 1; negative values extend to the left."""
    names = list(next(iter(series.values())))
    left, thick, top = 190, 5, 62
    block = thick * len(series) + 6
    canvas = Canvas(left + 620, top + block * len(names) + 34)
    canvas.text(title, 16, 26, size=14)
    _legend(canvas, list(series), 16, 48)
    zero, span = left + 60, 520
    for tick in np.arange(0, 1.01, 0.25):
        canvas.bar(zero + span * tick, top, zero + span * tick, top + block * len(names), _PALE)
        canvas.text(f"{tick:g}", zero + span * tick - 6, top + block * len(names) + 18, size=10)
    for row, name in enumerate(names):
        y = top + block * row + 3
        canvas.text(name, left, y + block / 2 + 2, size=10, right=True)
        for k, values in enumerate(series.values()):
            value = values[name]
            if value is not None:
                place = y + k * thick
                canvas.bar(zero, place, zero + span * max(value, -0.1), place + thick - 1, _COLORS[k % len(_COLORS)])
    return canvas


def _legend(canvas: Canvas, names: Sequence[str], x: float, y: float) -> None:
    for k, name in enumerate(names):
        canvas.bar(x, y - 8, x + 14, y + 1, _COLORS[k % len(_COLORS)])
        canvas.text(name, x + 19, y, size=10)
        x += 34 + 6.2 * len(name)


def time_chart(result: Mapping[str, Any]) -> Canvas:
    """Jitter at rest (logarithmic) against delay, a dot per filter, rate and movement: lower left is better."""
    canvas, left, top, width, height = Canvas(800, 430), 80, 66, 580, 300
    canvas.text("Jitter at rest against delay: lower left is better", 16, 26, size=14)
    filters, rates = list(result["rest"]["filters"]), list(result["rendered"])
    _legend(canvas, [f"{what}, {rate} fps" for what in ("blinks", "jaw") for rate in rates], 16, 48)
    jitters = {name: result["rest"]["filters"][name]["jitter_mean"] for name in filters}
    late = {
        (n, r, k): result["rendered"][r][n][f"{k}_lag_ms"] for n in filters for r in rates for k in ("blink", "jaw")
    }
    low, high = np.floor(np.log10(min(jitters.values()))), np.ceil(np.log10(max(jitters.values())))
    least, most = min(0.0, *late.values()), max(45.0, *late.values()) * 1.05
    for power in np.arange(low, high + 1):
        y = top + height * (high - power) / (high - low)
        canvas.bar(left, y, left + width, y, _PALE)
        canvas.text(f"1e{power:g}", left - 10, y + 4, size=10, right=True)
    for tick in np.arange(np.ceil(least / 20) * 20, most, 20):
        x = left + width * (tick - least) / (most - least)
        canvas.bar(x, top, x, top + height, _PALE)
        canvas.text(f"{tick:g} ms", x - 12, top + height + 20, size=10)
    for (name, rate, kind), value in late.items():
        x = left + width * (value - least) / (most - least)
        y = top + height * (high - np.log10(jitters[name])) / (high - low)
        canvas.dot(x, y, _COLORS[("blink", "jaw").index(kind) * len(rates) + rates.index(rate)])
    for name, jitter in jitters.items():
        y = top + height * (high - np.log10(jitter)) / (high - low)
        canvas.text(str(_FILTERS.get(name, name)), left + width + 8, y + 4, size=10)
    canvas.text("delay against what was performed", left + width / 2 - 90, top + height + 44, size=11)
    return canvas


def unseen_rig_sheet(files: Sequence[Path], path: Path, *, rows: int = 4, columns: int = 8, tile: int = 160) -> None:
    """Filmed unseen rigs, half mo and half the rigs of `files`, in every look."""
    from mien.systems.capture.evaluation.rendered_takes import performed_by_rigs, stills
    from mien.systems.capture.evaluation.unseen_rigs import open_unseen_rigs

    tiles: list[np.ndarray] = []
    unseen_rigs = open_unseen_rigs(files, looks=rows * columns // (2 * (len(files) + 1)) + 1)
    for who in unseen_rigs.values():
        share = -(-rows * columns // len(unseen_rigs))
        takes = performed_by_rigs(110, who, stills(-(-share // len(who))))
        images = [shown.image for take in takes for shown in take.frames][:share]
        tiles += [cv2.resize(image, (tile, tile), interpolation=cv2.INTER_AREA) for image in images]
    sheet = np.vstack([np.hstack(tiles[r * columns : (r + 1) * columns]) for r in range(rows)])
    with write_whole(path) as temporary:
        cv2.imwrite(str(temporary), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(f"wrote {path}")


def _channels(table: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    """Series by name from a result's table of channels."""
    kinds = [kind for kind in next(iter(table.values())) if kind == "pearson" or kind.startswith("pearson, ")]
    return {
        kind.removeprefix("pearson, ") if kind != "pearson" else "mien": {n: row[kind] for n, row in table.items()}
        for kind in kinds
    }


def main(arguments: Sequence[str]) -> None:
    """Draw the plots whose results exist."""
    if arguments[:1] == ["unseen_rigs"]:
        unseen_rig_sheet([Path(name) for name in arguments[1:]], IMAGES / "unseen_rigs_sheet.jpg")
        return
    results = Path(arguments[0]) if arguments else RESULTS
    capture = Result.read(results / "capture.json")
    quick = " (quick run)" if capture.quick else ""
    title = f"Pearson of each channel, held-out renders{quick}"
    channel_chart(_channels(capture.details["channels"]), title).save(IMAGES / "capture_channels.png")
    tables = {name: own["channels"] for name, own in capture.details["unseen_rigs"].items() if own["channels"]}
    if tables:
        series = {name: _channels(table)["mien"] for name, table in tables.items()}
        own = {"held-out people": _channels(capture.details["channels"])["mien"]}
        title = f"Pearson of each channel on faces that training never saw{quick}"
        channel_chart({**own, **series}, title).save(IMAGES / "capture_unseen_rigs.png")
    if (results / "capture_time.json").is_file():
        time_chart(Result.read(results / "capture_time.json").details).save(IMAGES / "capture_time.png")


if __name__ == "__main__":
    main(sys.argv[1:])
