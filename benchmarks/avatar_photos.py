"""How much avatars look like their people: an avatar drawn over photos, beside the untextured fit and the mean face.

    python -m benchmarks.avatar_photos [--people 20] [--sheet docs/images/avatar.jpg] [--json FILE]

Same photo: the held-out portraits of webmorph_canada, each with an avatar from that portrait. Another photo: held-out
people of the London set (real/london), an avatar from the neutral portrait drawn over the smiling one, whose colours it
has not seen; both pictures share the identity, and each has its own pose and expression.

Landmark error: annotated points against those of the avatar, read back from its folder, in the fitted pose; distance
over that of the outer eye corners. Colour error: mean CIE76 difference over the pixels inside the outline of the face
(eyes and mouth included), after one gain per channel for the whole face, because the studio light is not the photo's.
Pixels that a head does not cover count as the background's grey.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from benchmarks.command import PORTRAITS, command_line, run
from jaxtyping import Float, UInt8

from mien.core import Camera, MienError, Rig
from mien.core.landmarks import MIEN198
from mien.engine import metrics
from mien.engine.figures import Figure, Result
from mien.io.atomic import write_whole
from mien.io.video import read_image
from mien.rigs.avatar.build import build_avatar
from mien.rigs.avatar.photo import Photo
from mien.rigs.avatar.store import load_avatar, save_avatar
from mien.rigs.fit import Fit, Priors, fit_identity, head_position
from mien.rigs.ict import load_ict
from mien.systems.capture import spec
from mien.systems.capture.evaluation.held_out_people import is_held_out
from mien.systems.capture.evaluation.scores import OUTER_EYES
from mien.systems.capture.fit import PersonFit, fit_person
from mien.systems.capture.training.portraits import landmarks_from_template, read_template, split
from mien.viewer.paint import Painter

CREDIT = "Photos: webmorph_canada (DeBruine & Jones 2017), CC BY 4.0. Each with its avatar from the same photo alone."
SHOWN = ("003f", "010f", "095m", "148m")
SIDE = 640
"""Longer side of the pictures that are compared [px]."""
SKIN = (0.80, 0.62, 0.54)
"""sRGB of an untextured head, that of ICT-FaceKit's parts."""
_POSE_ONLY = Priors(identity=1e-4, expression=1e-4, focal=1e-4)
"""Priors that keep the mean face, so that only the pose is fitted."""
_GREY = (120, 120, 120)


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """A head drawn in a photo's camera."""

    image: UInt8[np.ndarray, "H W 3"]
    marks: Float[np.ndarray, "L 2"]
    """Landmarks of mien198 [px of the photo]."""


def drawn(rig: Rig, fit: Fit, frame: int, photo: UInt8[np.ndarray, "H W 3"]) -> Drawn:
    """`rig`, a head of the fit's person, in the pose and expression of a frame, on grey."""
    from scipy.spatial.transform import Rotation

    height, width = photo.shape[:2]
    posed = rig.evaluate(fit.weights[frame].astype(np.float32)[None])[0]
    turn = Rotation.from_quat(fit.rotation[frame]).as_matrix()
    points = (posed - head_position(fit.rig)) @ turn.T + fit.translation[frame]
    camera = Camera.guess(width, height, float(fit.focal[frame]))
    share = SIDE / max(height, width)
    size = round(width * share), round(height * share)
    small = Camera.guess(*size, camera.focal * share)
    painter = Painter(rig, *size, background=_GREY, glow=False, camera=small)
    return Drawn(
        image=painter.draw(points.astype(np.float32)),
        marks=camera.project(rig.landmarks["mien198"].positions(points)),
    )


def color_error(image: UInt8[np.ndarray, "H W 3"], photo: UInt8[np.ndarray, "H W 3"], outline: np.ndarray) -> float:
    """Mean CIE76 difference inside an outline [px of the photo], after one gain per channel."""
    height, width = image.shape[:2]
    small = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [np.rint(outline * width / photo.shape[1]).astype(np.int32)], 1)
    ours, true = (picture[inside > 0].astype(np.float32) / 255 for picture in (image, small))
    gain = np.median(true, axis=0) / np.maximum(np.median(ours, axis=0), 1e-3)
    lab = [
        cv2.cvtColor(np.clip(colors, 0, 1)[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
        for colors in (ours * gain, true)
    ]
    return float(np.linalg.norm(lab[0] - lab[1], axis=1).mean())


def outline_of(marks: Float[np.ndarray, "L 2"]) -> np.ndarray:
    """The outline of a face: the convex hull of its landmarks."""
    return cv2.convexHull(marks[np.isfinite(marks).all(axis=1)].astype(np.float32))[:, 0]


def mean_face(person: PersonFit, frame: int, mean: Rig) -> Fit:
    """The mean face in the pose of the landmarks of one frame, which is the only frame of the result."""
    view = person.views[frame]
    return fit_identity(
        view.landmarks, [view.camera], mean, "mien198", expected=view.weights, focal_known=False, priors=_POSE_ONLY
    )


def photo_of(person: PersonFit, number: int, image: UInt8[np.ndarray, "H W 3"]) -> Photo:
    """The photo of one view of a fit to pictures."""
    view = person.views[number]
    return Photo(image=image, camera=view.camera, landmarks=view.landmarks[0], layout=MIEN198, name=view.source.name)


def first_frame(fit: Fit) -> Fit:
    """The fit with its first frame alone."""
    rows = {name: getattr(fit, name)[:1] for name in ("weights", "rotation", "translation", "focal", "reprojected")}
    return replace(fit, residual=fit.residual[:1], **rows)


def avatar_of(person: PersonFit, image: UInt8[np.ndarray, "H W 3"]) -> Rig:
    """The avatar from the first photo of a fit, written to a folder and read back."""
    made = build_avatar(first_frame(person.fit), [photo_of(person, 0, image)])
    if not made.sources:
        raise MienError(f"no texture from {person.views[0].source}: {made.unused}")
    with TemporaryDirectory() as folder:
        save_avatar(made, Path(folder) / "me")
        return load_avatar(Path(folder) / "me")


def scores(
    person: PersonFit, images: Sequence[UInt8[np.ndarray, "H W 3"]], frame: int, mean: Rig
) -> tuple[dict[str, Drawn], dict[str, float]]:
    """The avatar from the first photo, the untextured fit and the mean face over photo number `frame`."""
    photo = images[frame]
    avatar = avatar_of(person, images[0])
    alone = mean_face(person, frame, mean)
    heads = {
        "avatar": drawn(avatar, person.fit, frame, photo),
        "untextured fit": drawn(person.fit.rig, person.fit, frame, photo),
        "mean face": drawn(mean, alone, 0, photo),
    }
    outline = outline_of(person.views[frame].landmarks[0])
    return heads, {name: color_error(head.image, photo, outline) for name, head in heads.items()}


def same_photo(folder: Path, count: int, mean: Rig) -> list[dict[str, Any]]:
    """One row for each held-out portrait: errors of landmarks and colour."""
    rows: list[dict[str, Any]] = []
    for path in split(folder, held_out=True)[:count]:
        image = read_image(path)
        heads, colors = scores(fit_person(path), [image], 0, mean)
        truth, trust = landmarks_from_template(read_template(path.with_suffix(".tem")))
        marked = (trust == 1.0)[None, : spec.KEYS]  # what the template marks as mien does
        marks = {
            name: float(
                metrics.nme(head.marks[None, : spec.KEYS], truth[None, : spec.KEYS], OUTER_EYES, visible=marked)[0]
            )
            for name, head in heads.items()
        }
        rows.append({"name": path.stem, "nme": marks, "color": colors})
        print(path.stem, {k: round(v, 4) for k, v in marks.items()}, {k: round(v, 1) for k, v in colors.items()})
    return rows


def other_photo(folder: Path, count: int, mean: Rig) -> list[dict[str, Any]]:
    """One row for each held-out person of the London set: colour errors on the smiling portrait."""
    rows: list[dict[str, Any]] = []
    for neutral in sorted(folder.glob("*_03.jpg")):
        smiling = neutral.with_name(neutral.name.replace("_03", "_08"))
        if len(rows) == count or not is_held_out("london", neutral.name) or not smiling.is_file():
            continue
        images = [read_image(path) for path in (neutral, smiling)]
        _, colors = scores(fit_person([neutral, smiling]), images, 1, mean)
        rows.append({"name": neutral.stem, "color": colors})
        print(neutral.stem, {k: round(v, 1) for k, v in colors.items()})
    return rows


def mean_of(rows: Sequence[Mapping[str, Any]], what: str) -> dict[str, float]:
    """Mean over people of each candidate's error."""
    return {name: float(np.mean([row[what][name] for row in rows])) for name in rows[0][what]}


def sheet(folder: Path, path: Path) -> None:
    """Four portraits, each with its avatar: over the photo, three views, a smile; with the credit."""
    from mien.core import Clip
    from mien.viewer.sheet import EXPRESSIONS, expression_weights

    cell, rows = 300, list[np.ndarray]()
    for name in SHOWN:
        image = read_image(folder / f"{name}.jpg")
        person = fit_person(folder / f"{name}.jpg")
        made = build_avatar(person.fit, [photo_of(person, 0, image)])
        over = drawn(made.rig, person.fit, 0, image).image
        photo = cv2.resize(image, over.shape[1::-1], interpolation=cv2.INTER_AREA)
        pictures = [_square(photo, cell), _square(over, cell)]
        joy = made.rig.perform(Clip(times=np.zeros(1), weights=expression_weights(EXPRESSIONS["joy"])[None]), 0)
        still = made.rig.neutral.vertices
        for yaw, vertices in ((0.6, still), (-1.45, still), (np.pi, still), (0.25, joy)):
            painter = Painter(made.rig, cell, cell, yaw=yaw, fill=0.94, glow=False, supersample=3)
            pictures.append(painter.draw(vertices))
        rows.append(np.concatenate(pictures, axis=1))
    strip = np.full((26, rows[0].shape[1], 3), 40, np.uint8)
    cv2.putText(strip, CREDIT, (10, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (225, 228, 235), 1, cv2.LINE_AA)
    with write_whole(path) as temporary:
        picture = cv2.cvtColor(np.concatenate([*rows, strip]), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(temporary), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


def _square(image: np.ndarray, cell: int) -> np.ndarray:
    """The middle of a portrait as a square."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 3, (image.shape[1] - side) // 2
    return cv2.resize(image[top : top + side, left : left + side], (cell, cell), interpolation=cv2.INTER_AREA)


def figures_of(same: Mapping[str, Mapping[str, float]], other: Mapping[str, float], people: int) -> list[Figure]:
    """The three figures, beside the untextured fit and the mean face."""

    def figure(name: str, unit: str, found: Mapping[str, float], *, headline: bool = False) -> Figure:
        rest = {key: value for key, value in found.items() if key != "avatar"}
        return Figure(name=name, unit=unit, ours=found["avatar"], better="lower", baselines=rest, headline=headline)

    return [
        figure(
            "Avatar over the portrait it was made from: landmark error, share of the distance of the outer eye corners",
            "",
            same["nme"],
        ),
        figure("Avatar over the portrait it was made from: colour error inside the face", "CIE76", same["color"]),
        figure(
            f"Avatar from a neutral portrait over the smiling one, {people} people: colour error inside the face",
            "CIE76",
            other,
            headline=True,
        ),
    ]


def measured(chosen: argparse.Namespace) -> Result:
    """Make the avatars, score them, print."""
    mean = load_ict()
    same = same_photo(chosen.assets / PORTRAITS, chosen.people, mean)
    other = other_photo(chosen.assets / "real" / "london", chosen.people, mean)
    found = {what: mean_of(same, what) for what in ("nme", "color")}
    unseen = mean_of(other, "color")
    print("same photo:", found, "another photo:", unseen)
    if chosen.sheet is not None:
        sheet(chosen.assets / PORTRAITS, chosen.sheet)
    return Result.measured(
        "avatar_photos", figures_of(found, unseen, len(other)), {"same_photo": same, "other_photo": other}
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__, assets=f"{PORTRAITS}/ and real/london/")
    parser.add_argument("--people", type=int, default=20, help="the largest number of people of each set")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write a sheet of four portraits and avatars here")
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
