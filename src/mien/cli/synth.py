"""`mien synth`: makes what systems train on: renders with their ground truth, previews of them, labelled real faces."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from jaxtyping import UInt8

from mien.core import MienError

__all__ = [
    "Dataset",
    "Expressions",
    "Faces",
    "Preview",
    "Sample",
    "Speech",
    "Teacher",
    "dataset",
    "expressions",
    "faces",
    "frame_rates",
    "main",
    "preview",
    "sample",
    "speech",
    "teacher",
    "tile",
]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Render a data set into a folder of shards. The same command run again resumes an interrupted run.

    Capture trains on two data sets:
    `mien synth dataset --out data/stills --samples 64000 --per-shard 256 --seed 41` and
    `mien synth dataset --out data/sequences --samples 6016 --frames 8 --per-shard 32 --seed 42`.
    """

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """The folder to write the shards to."""
    samples: int = 1000
    """How many samples to render; the number is rounded up to whole shards."""
    per_shard: int = 500
    """Samples per shard. An interrupted run loses the shard it was rendering."""
    frames: int = 1
    """Frames per sample: 1 renders stills, more than 1 renders sequences."""
    fps: Annotated[str, tyro.conf.arg(metavar="RATE|LOW-HIGH")] = "12-60"
    """Frame rate of sequences [frames per second], or a range from which a rate is drawn for each sequence; the times
    of the frames are stored."""
    identities: Annotated[tuple[int, int], tyro.conf.arg(metavar="LOW HIGH")] = (0, 100_000)
    """The range of performers' numbers, from LOW to HIGH - 1. Evaluation uses numbers from 1000000."""
    seed: int = 1
    """Seed of the random numbers: the same seed and settings make the same shards."""
    workers: int = 1
    """How many processes render in parallel."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """Render faces as training sees them (aligned crops) and tile them into one picture."""

    out: Path = Path("sheet.png")
    """The picture to write (.png, .jpg)."""
    samples: int = 60
    """How many faces to render."""
    columns: int = 12
    """Faces per row."""
    landmarks: bool = False
    """Draw the true landmarks: visible ones in green, hidden ones in red."""
    seed: int = 1
    """Seed of the random numbers: another seed shows other faces."""


@dataclass(frozen=True, kw_only=True)
class Expressions:
    """Generate performances of the six basic expressions by many people, for `mien train express`.

    The same command run again resumes an interrupted run.
    """

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("data/expressions")
    """The folder to write one small file per person to."""
    subjects: int = 180
    """How many people perform; training takes the first 153."""
    per_expression: int = 2
    """How many times each person performs each expression."""
    blends: int = 4
    """How many takes with two overlapping expressions each person performs."""
    seed: int = 1
    """Seed of the random numbers: the same seed and settings make the same files."""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """Generate takes of people who speak, each in a style of their own, for `mien train speak`.

    The same command run again resumes an interrupted run.
    """

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("data/speech")
    """The folder to write one file per speaker to."""
    speakers: int = 240
    """How many people speak; the last tenth is held out of training."""
    takes: int = 6
    """How many takes each person records; the last one is held out of training."""
    seconds: float = 8.0
    """Length of a take [s]."""
    seed: int = 1
    """Seed of the random numbers: the same seed and settings make the same files."""


@dataclass(frozen=True, kw_only=True)
class Faces:
    """Cut real faces out of pictures and label them, and clips, with MediaPipe's Face Landmarker.

    The result is what `mien train capture --faces DIR` learns real faces from. Pictures and clips are those that `mien
    assets get faces` downloads, or your own. The package mediapipe is needed. The same command run again labels only
    pictures and clips that are new or have changed.
    """

    teacher: Annotated[Path, tyro.conf.arg(metavar="FILE.task")]
    """MediaPipe's model, face_landmarker.task."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("data/faces")
    """The folder to write face crops, copies of the clips and their labels to."""
    pictures: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder with a folder of pictures and clips for each set: SET/NAME.jpg, SET/NAME.mp4, other formats too; a file
    SET/NAME.tem holds points marked by hand in the picture of the same name. Without this option it is the folder that
    `mien assets get faces` downloaded."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Render the sample clip that `mien demo` captures, and the ground truth that the result is compared with."""

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path()
    """The folder to write sample.mp4 and sample_truth.npz to."""


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """Render people, run MediaPipe's Face Landmarker on them, and learn how its points lie to mien's landmarks.

    The map that comes with mien was made so; it turns the labels of real faces into what capture learns. The package
    mediapipe is needed.
    """

    teacher: Annotated[Path, tyro.conf.arg(metavar="FILE.task")]
    """MediaPipe's model, face_landmarker.task."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.npz")]
    """The file to write the map to."""
    people: int = 260
    """How many people to render, four times each; every fifth only measures the map."""
    faces: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of labelled real faces, of which the points marked by hand are learnt from as well."""


def main(arguments: list[str]) -> None:
    """Parse the command line and run `dataset`, `expressions`, `faces`, `preview`, `sample`, `speech` or `teacher`."""
    commands = {
        "dataset": Dataset,
        "expressions": Expressions,
        "faces": Faces,
        "preview": Preview,
        "sample": Sample,
        "speech": Speech,
        "teacher": Teacher,
    }
    options = tyro.extras.subcommand_cli_from_dict(commands, prog="mien synth", args=_respelt(arguments))
    if isinstance(options, Dataset):
        dataset(options)
    elif isinstance(options, Expressions):
        expressions(options)
    elif isinstance(options, Speech):
        speech(options)
    elif isinstance(options, Faces):
        faces(options)
    elif isinstance(options, Sample):
        sample(options)
    elif isinstance(options, Teacher):
        teacher(options)
    else:
        preview(options)


def _respelt(arguments: list[str]) -> list[str]:
    """The arguments with the earlier `synth dataset DIR` as `synth dataset --out DIR`; likewise for `expressions`."""
    from mien.cli.earlier import note

    match arguments:
        case ["dataset" | "expressions" as command, folder, *rest] if not folder.startswith("-"):
            note(f"'mien synth {command} DIR' is now 'mien synth {command} --out DIR'")
            return [command, "--out", folder, *rest]
        case _:
            return arguments


def dataset(options: Dataset) -> None:
    """Render a data set into a folder of shards; a repeated call resumes an interrupted run."""
    from mien.cli.display import progress_bar
    from mien.synth.dataset import write_dataset

    if options.samples < 1 or options.per_shard < 1:
        raise MienError("--samples and --per-shard must be at least 1")
    shards = -(-options.samples // options.per_shard)
    with progress_bar(f"{options.out}: shards") as advance:
        write_dataset(
            options.out,
            shards=shards,
            per_shard=min(options.per_shard, options.samples),
            frames=options.frames,
            seed=options.seed,
            workers=options.workers,
            identities=options.identities,
            fps=frame_rates(options.fps),
            progress=advance,
        )
    print(f"{options.out}: {shards} shards")


def frame_rates(text: str) -> tuple[float, float]:
    """(low, high) from "30" or "12-60"; raises MienError for anything else."""
    low, _, high = text.partition("-")
    try:
        return float(low), float(high or low)
    except ValueError as error:
        raise MienError(f"--fps {text} is not a frame rate; give one as 30, or a range as 12-60") from error


def expressions(options: Expressions) -> None:
    """Write performances of the six basic expressions by many people; a repeated call resumes an interrupted run."""
    from mien.cli.display import progress_bar
    from mien.synth.expressions import write_expressions

    with progress_bar(f"{options.out}: subjects") as advance:
        write_expressions(
            options.out,
            subjects=options.subjects,
            per_expression=options.per_expression,
            blends=options.blends,
            seed=options.seed,
            progress=advance,
        )
    print(f"{options.out}: {options.subjects} subjects, {6 * options.per_expression + options.blends} takes each")


def speech(options: Speech) -> None:
    """Generate the takes of speakers and print where they are."""
    from mien.synth.speech import write_speech

    write_speech(
        options.out, speakers=options.speakers, takes=options.takes, seconds=options.seconds, seed=options.seed
    )
    print(f"wrote {options.speakers} speakers into {options.out}")


def faces(options: Faces) -> None:
    """Label real faces; a repeated call labels what is new."""
    from mien.cli.display import progress_bar
    from mien.io import assets
    from mien.systems.capture.training.label_faces import label_faces

    pictures = assets.find("faces") if options.pictures is None else options.pictures
    with progress_bar(f"{options.out}: pictures and clips") as advance:
        done = label_faces(pictures, options.out, options.teacher, progress=advance)
    print(
        f"{options.out}: labelled pictures: {done.pictures}, clips: {done.clips}; left out: {done.left_out}; "
        f"train with: mien train capture --faces {options.out}"
    )


def sample(options: Sample) -> None:
    """Render the sample clip and its ground truth."""
    from mien.cli.outputs import check_writable
    from mien.systems.capture.sample.performance import build

    check_writable(options.out / "sample.mp4")
    video, truth = build(options.out)
    print(f"wrote {video} and {truth}")


def teacher(options: Teacher) -> None:
    """Learn the map from the teacher's points to mien's landmarks."""
    from mien.cli.display import progress_bar
    from mien.cli.outputs import check_suffix
    from mien.systems.capture.training.teacher import learn_from_renders

    if options.people < 10:
        raise MienError("`people` must be at least 10")
    check_suffix(options.out, (".npz",), "the map")
    with progress_bar("renders") as advance:
        learnt = learn_from_renders(options.teacher, options.people, options.faces, advance)
    learnt.save(options.out)
    print(
        f"wrote {options.out}: on people never learnt from, {100 * np.median(learnt.error):.1f} % of the eye distance"
    )


def preview(options: Preview) -> None:
    """Render faces as training sees them (aligned crops) and tile them into one picture."""
    from tempfile import TemporaryDirectory

    from mien.cli.display import progress_bar
    from mien.cli.outputs import check_suffix, write_picture
    from mien.synth.dataset import write_dataset

    if options.samples < 1 or options.columns < 1:
        raise MienError("--samples and --columns must be at least 1")
    check_suffix(options.out, (".png", ".jpg"), "the sheet")
    with TemporaryDirectory() as folder, progress_bar("performers") as advance:
        # A shard of one sample each: within a shard, stills share a performer.
        write_dataset(
            Path(folder),
            shards=options.samples,
            per_shard=1,
            frames=1,
            seed=options.seed,
            workers=1,
            identities=(0, 100_000),
            progress=advance,
        )
        shards = sorted(Path(folder).iterdir())
        crops, points, visible = (
            np.concatenate([np.load(shard / f"{name}.npy")[:, 0] for shard in shards])
            for name in ("crops", "landmarks", "landmarks_visible")
        )
    if options.landmarks:
        crops = np.stack([_marked(*sample) for sample in zip(crops, points, visible, strict=True)])
    write_picture(options.out, tile(crops, options.columns))
    print(f"wrote {options.out}")


def tile(images: UInt8[np.ndarray, "N S S 3"], columns: int) -> UInt8[np.ndarray, "H W 3"]:
    """One picture with the images in rows of `columns`; unused places are black."""
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    side = images.shape[1]
    places = np.zeros((rows * columns, *images.shape[1:]), np.uint8)
    places[: len(images)] = images
    grid = places.reshape(rows, columns, side, side, 3).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(rows * side, columns * side, 3))


def _marked(image: np.ndarray, points: np.ndarray, visible: np.ndarray) -> np.ndarray:
    import cv2

    # The crop is drawn at twice its size, because 70 dots would cover a crop of 160 px.
    out = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    for (x, y), seen in zip((points + 0.5) * 2 - 0.5, visible, strict=True):
        cv2.circle(out, (round(float(x)), round(float(y))), 1, (90, 255, 90) if seen else (255, 80, 80), -1)
    return out
