"""How easily renders are told from real faces in aligned crops of 128 px: lower is better, 0.5 is guessing.

    python -m benchmarks.realism [--renders 300] [--save NOW.npz] [--before OLD.npz]
        [--json benchmarks/results/realism.json] [--sheet docs/images/synth_sheet.jpg]

A logistic regression on fixed features (light, colour and detail in the cells of a grid), cross-validated so that no
clip, portrait or performer is in both parts; each group has the same weight, and so have the two classes. Videos and
portraits are measured separately, since a studio's light is not a webcam's, and together; the latter also with parts of
the features alone, which shows where renders differ. How well videos and portraits are told from each other shows how
much of a figure is due to camera and studio. Renders turned by more than 25 degrees or with a hidden region are left
out, since the real faces look ahead. To compare two versions of the code, use `--save` in the older one and `--before`
here. The clips on which capture is scored (refs/ in the test material) and the held-out portraits are left out.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from benchmarks.command import PORTRAITS, command_line, run
from jaxtyping import Float, Int, UInt8

from mien.engine.figures import Figure, Result
from mien.io.atomic import write_whole
from mien.io.video import open_video, read_image
from mien.synth.dataset import ShardSettings, make_shard
from mien.systems.capture.training.portraits import split
from mien.track import Cascade
from mien.track.align import CROP, MARGIN, align_matrix, warp

__all__ = ["Crops", "features", "figures_of", "real", "rendered", "statistics", "told_apart"]

FRAMES_PER_CLIP = 6
FOLDS = 5
RIDGE = 3.0
"""Penalty on squared weights of standardised features, fixed in advance, as there are more features than groups."""
TURN, HIDDEN = 25.0, 0.2
"""Largest turn [degrees] and largest hidden share of a render that is used."""
SEED, SHARD = 78, 25
_CELLS = 4
_MIDDLE = [5, 6, 9, 10]
"""Cells that show the face, counted by rows; the others show hair, neck and background."""
_SHEET = 100
"""Number of renders on the contact sheet."""
_NEEDED = ("pose", "occluded", "identity")
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Crops:
    """Aligned faces, and the number of the clip, portrait or performer of each."""

    images: UInt8[np.ndarray, "N 128 128 3"]
    groups: Int[np.ndarray, "N"]


def real(assets: Path) -> tuple[Crops, Crops]:
    """Faces of the clips without references and of one picture of five people; and those of the training portraits."""
    cascade = Cascade.load()
    references = {path.stem for path in (assets / "refs").glob("*.npz")}
    clips = [p for p in sorted((assets / "video").glob("*.m[po][4v]")) if p.stem not in references]
    videos: list[tuple[np.ndarray, int]] = []
    for k, path in enumerate(clips):
        with open_video(path) as video:
            step = max(video.frames_estimate // FRAMES_PER_CLIP, 1)
            taken = [frame.image for frame in video if frame.index % step == step // 2][:FRAMES_PER_CLIP]
        videos += [(crop, k) for image in taken for crop in _faces(cascade, image)[:1]]
    group = read_image(assets / "video" / "multi_face.jpg")
    videos += [(crop, len(clips) + k) for k, crop in enumerate(_faces(cascade, group))]
    portraits = [
        (crop, k)
        for k, path in enumerate(split(assets / PORTRAITS, held_out=False))
        for crop in _faces(cascade, read_image(path))[:1]
    ]
    return _together(videos), _together(portraits)


def _together(found: list[tuple[np.ndarray, int]]) -> Crops:
    return Crops(images=np.stack([crop for crop, _ in found]), groups=np.array([group for _, group in found]))


def _faces(cascade: Cascade, image: np.ndarray) -> list[np.ndarray]:
    faces = cascade.detect(image, min_face=min(image.shape[:2]) // 8)
    return [warp(image, align_matrix(face.five_points, CROP), CROP) for face in faces]


def rendered(count: int, seed: int = SEED, stills_per_cast: int = 2) -> tuple[Crops, np.ndarray]:
    """New renders, and which of them look ahead with nothing before the face."""
    settings = ShardSettings(seed=seed, per_shard=SHARD, frames=1, identities=(0, 100_000))
    shards = [make_shard(k, settings, stills_per_cast=stills_per_cast) for k in range(-(-count // SHARD))]
    arrays = {name: np.concatenate([shard[name] for shard in shards])[:count] for name in ("crops", *_NEEDED)}
    inner = slice(MARGIN, MARGIN + CROP)
    cosine = np.abs(arrays["pose"][:, 0, 3]) / np.linalg.norm(arrays["pose"][:, 0, :4], axis=1)
    turned = 2 * np.degrees(np.arccos(np.clip(cosine, 0, 1)))
    judged = (turned < TURN) & (arrays["occluded"][:, 0].max(axis=1) < HIDDEN)
    return Crops(images=arrays["crops"][:, 0, inner, inner], groups=arrays["identity"]), judged


def features(image: UInt8[np.ndarray, "128 128 3"]) -> Float[np.ndarray, "F"]:
    """Per cell of a 4 x 4 grid: mean and spread of light, two colour ratios, detail at two scales."""
    pixels = image.astype(np.float32)
    luma = pixels @ _LUMA
    side = CROP // _CELLS
    fine = np.abs(luma - cv2.GaussianBlur(luma, (0, 0), 1.0))
    coarse = np.abs(cv2.GaussianBlur(luma, (0, 0), 1.0) - cv2.GaussianBlur(luma, (0, 0), 3.0))

    def cells(field: np.ndarray) -> np.ndarray:
        return field.reshape(_CELLS, side, _CELLS, side).transpose(0, 2, 1, 3).reshape(_CELLS**2, -1)

    red, green, blue = (cells(pixels[..., k]).mean(axis=1) + 4 for k in range(3))
    light = cells(luma)
    return np.concatenate(
        [
            light.mean(axis=1) / 64, light.std(axis=1) / 32, np.log(red / green), np.log(blue / green),
            np.log(cells(fine).mean(axis=1) + 0.1), np.log(cells(coarse).mean(axis=1) + 0.1),
        ]
    )  # fmt: skip


def _parts() -> dict[str, Int[np.ndarray, "K"]]:
    """Indices of parts of the features: six fields (light, its spread, two colours, two details) in all the grid's
    cells."""
    at = np.arange(6 * _CELLS**2).reshape(6, -1)
    outside = np.setdiff1d(at[0], _MIDDLE)
    rows = {
        "colour": at[2:4],
        "grey": at[[0, 1, 4, 5]],
        "detail": at[4:],
        "middle": at[:, _MIDDLE],
        "rim": at[:, outside],
    }
    return {name: part.reshape(-1) for name, part in rows.items()}


def told_apart(faces: Crops, renders: Crops, part: Int[np.ndarray, "K"] | None = None) -> dict[str, float]:
    """Accuracy (mean over the two classes) and area under the curve of the cross-validated classifier.

    `part` limits it to some of the features.
    """
    x = np.array([features(image) for image in (*faces.images, *renders.images)])
    x = x if part is None else x[:, part]
    y = np.r_[np.ones(len(faces.images)), np.zeros(len(renders.images))]
    weight = np.r_[_shares(faces.groups), _shares(renders.groups)]
    fold = np.r_[_folds(faces.groups), _folds(renders.groups)]
    score = np.zeros(len(x))
    for k in np.unique(fold):
        train = fold != k
        middle, spread = np.average(x[train], axis=0, weights=weight[train]), x[train].std(axis=0) + 1e-6
        solution = _logistic((x[train] - middle) / spread, y[train], weight[train])
        score[~train] = (x[~train] - middle) / spread @ solution[:-1] + solution[-1]
    real_score, other = score[y == 1], score[y == 0]
    above = (real_score[:, None] > other) + 0.5 * (real_score[:, None] == other)
    pairs = np.outer(weight[y == 1], weight[y == 0])
    right = (weight * ((score > 0) == (y == 1))).sum() / 2
    return {"accuracy": float(right), "auc": float((above * pairs).sum() / pairs.sum())}


def _shares(groups: np.ndarray) -> np.ndarray:
    """Weights that sum to 1, equal for each group."""
    _, at, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return 1 / counts[at] / len(counts)


def _folds(groups: np.ndarray) -> np.ndarray:
    return np.unique(groups, return_inverse=True)[1] % FOLDS


def _logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights and, last, the offset of a ridge-penalised logistic regression with balanced classes."""
    from scipy.optimize import minimize

    sign = 2 * y - 1
    share = weight / np.where(y == 1, weight[y == 1].sum(), weight[y == 0].sum()) * len(y) / 2

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (x @ w[:-1] + w[-1])
        slope = -share * sign / (1 + np.exp(np.clip(margin, -50, 50)))
        value = (share * np.logaddexp(0, -margin)).sum() + 0.5 * RIDGE * (w[:-1] ** 2).sum()
        return value, np.r_[slope @ x + RIDGE * w[:-1], slope.sum()]

    return minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B").x


def statistics(crops: Crops) -> dict[str, float]:
    """Medians over the faces: light of the face, and the spread at brows and eyes in percent of that light."""
    rows: list[list[float]] = []
    for image in crops.images:
        luma = image.astype(np.float32) @ _LUMA
        face, mean = luma[28:112, 24:104], image[28:112, 24:104].reshape(-1, 3).mean(axis=0)
        bands = [100 * float(band.std()) / float(face.mean()) for band in (luma[26:44, 30:98], luma[38:52, 28:100])]
        ratios = [float(mean[0] / mean[1]), float(mean[2] / mean[1])]
        rows.append([float(face.mean()), float(face.std()), float(np.percentile(face, 98)), *bands, *ratios])
    names = ("face_mean", "face_std", "face_p98", "brow_spread", "eye_spread", "red_green", "blue_green")
    return dict(zip(names, np.median(rows, axis=0).tolist(), strict=True))


def _joined(first: Crops, second: Crops) -> Crops:
    groups = np.r_[first.groups, second.groups + first.groups.max() + 1]
    return Crops(images=np.concatenate([first.images, second.images]), groups=groups)


def figures_of(details: Mapping[str, Any]) -> list[Figure]:
    """How easily a classifier tells renders from real faces, by kind of real face and by part of the features."""
    apart, by_part = details["told_apart"], details["by_part"]
    before = apart.get("before", {}), by_part.get("before", {})
    names = {"videos": "webcam and snapshot faces", "portraits": "studio portraits", "all": "both"}
    figures: list[Figure] = []
    for kind, label in names.items():
        baselines = {"renderer before": before[0].get(kind, {}).get("auc")}
        if kind == "all":
            baselines["the two kinds of real face from each other"] = details["videos_from_portraits"]["auc"]
        figures.append(_told(f"Renders told from {label}", apart["now"][kind]["auc"], baselines))
    return figures + [
        _told(
            f"Renders told from both by {part} alone",
            row["auc"],
            {"renderer before": before[1].get(part, {}).get("auc")},
        )
        for part, row in by_part["now"].items()
    ]


def _told(what: str, ours: float, baselines: dict[str, float | None]) -> Figure:
    return Figure(
        name=f"{what}: area under the curve (0.5 is guessing)", ours=ours, better="lower", baselines=baselines
    )


def _load(path: Path) -> Crops:
    with np.load(path, allow_pickle=False) as stored:
        return Crops(images=stored["images"], groups=stored["groups"])


def _sheet(path: Path, crops: Crops, side: int = 150) -> None:
    tiles = [cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC) for image in crops.images]
    rows = [np.hstack(tiles[k : k + 10]) for k in range(0, len(tiles) // 10 * 10, 10)]
    with write_whole(path) as temporary:
        cv2.imwrite(str(temporary), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 84])


def measured(chosen: argparse.Namespace) -> Result:
    """Render, measure, print."""
    cv2.setNumThreads(1)
    every, judged = rendered(chosen.renders, stills_per_cast=chosen.stills_per_cast)
    if chosen.sheet:
        _sheet(chosen.sheet, Crops(images=every.images[:_SHEET], groups=every.groups[:_SHEET]))
    renders = {"now": Crops(images=every.images[judged], groups=every.groups[judged])}
    if chosen.save:
        with write_whole(chosen.save) as temporary, temporary.open("wb") as file:
            np.savez(file, images=renders["now"].images, groups=renders["now"].groups)
    if chosen.before:
        renders = {"before": _load(chosen.before), **renders}
    videos, portraits = real(chosen.assets)
    faces = {"videos": videos, "portraits": portraits, "all": _joined(videos, portraits)}
    details: dict[str, Any] = {
        "seed": SEED,
        "statistics": {name: {"crops": len(c.images), **statistics(c)} for name, c in {**faces, **renders}.items()},
        "told_apart": {name: {k: told_apart(f, c) for k, f in faces.items()} for name, c in renders.items()},
        "by_part": {
            name: {part: told_apart(faces["all"], c, at) for part, at in _parts().items()}
            for name, c in renders.items()
        },
        "videos_from_portraits": told_apart(videos, portraits),
    }
    print("videos_from_portraits", json.dumps(details["videos_from_portraits"]))
    for kind in ("statistics", "told_apart", "by_part"):
        for name, row in details[kind].items():
            print(kind, name, json.dumps(row))
    return Result.measured("realism", figures_of(details), details)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__, assets=f"video/, refs/ and {PORTRAITS}/")
    parser.add_argument("--renders", type=int, default=300)
    parser.add_argument("--stills-per-cast", type=int, default=2)
    parser.add_argument("--save", type=Path, help="write the renders here, for --before in a later version of the code")
    parser.add_argument("--before", type=Path, help="renders that an older version of the code wrote with --save")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the first 100 renders here (.jpg)")
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
