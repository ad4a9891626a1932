"""The pictures of docs/systems/express.md: `python -m benchmarks.express_figures RUN [OUT]`.

RUN is a folder that `python -m benchmarks.express_compare RUN` wrote (data and checkpoint); the bundle is the shipped
one, the errors are those of benchmarks/results/express.json, and OUT is docs/images by default. Writes

    express_sheet.jpg     generated apexes of held-out people beside their truth
    express_strips.jpg    every expression from neutral over its apex and back
    express_latent.jpg    figure 6 of Potamias et al. 2020: between two expressions in the latent space
    express_timeline.jpg  intensity, a blend, and three expressions in one timeline
    express_photo.jpg     figure 7: from a picture through `mien fit`; the picture is a render, so that it may be shown
    express_error.png     figure 5: the error over the course of a take
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from benchmarks.command import IMAGES, RESULTS

from mien.cli.outputs import write_picture
from mien.core import Rig
from mien.engine.figures import Result
from mien.rigs.ict import load_ict
from mien.synth.expressions import FPS, ExpressiveFace, read_subject
from mien.synth.performer import identity_coefficients
from mien.systems.express import spec
from mien.systems.express.config import PRESETS
from mien.systems.express.export import load_net
from mien.systems.express.predict import Express
from mien.systems.express.runtime.timeline import Timeline
from mien.systems.express.training.corpus import load_corpus
from mien.viewer.paint import Painter

CELL = 190
"""Side of a picture [px]."""
PEOPLE = (155, 163, 171)
"""Held-out subjects that the pictures show."""
SEED = 1
INK, PAPER = (40, 44, 52), (250, 250, 248)
COLORS = {
    "identity": (214, 69, 65),
    "plain": (52, 120, 190),
    "pca": (90, 160, 90),
    "linear units": (150, 110, 190),
    "nearest subject": (200, 150, 60),
}
"""Colours of the curves, RGB."""


class Stage:
    """Draws full heads of people."""

    def __init__(self, express: Express) -> None:
        self.express, self.rig = express, load_ict()

    def neutral(self, number: int) -> np.ndarray:
        coefficients = identity_coefficients(SEED, number)
        assert self.rig.identity_modes is not None
        moved = np.tensordot(coefficients, self.rig.identity_modes[: len(coefficients)], axes=1)
        return (self.rig.neutral.vertices + moved).astype(np.float32)

    def painter(self, neutral: np.ndarray, yaw: float = 0.35) -> Painter:
        rig: Rig = replace(self.rig, neutral=replace(self.rig.neutral, vertices=neutral))
        return Painter(rig, CELL, CELL, face=True, fill=0.95, yaw=yaw, glow=False)


def label(image: np.ndarray, text: str) -> np.ndarray:
    image = image.copy()
    cv2.putText(image, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (235, 238, 245), 1, cv2.LINE_AA)
    return image


def sheet(stage: Stage, data: Path) -> np.ndarray:
    """Rows of true and generated apexes, three people."""
    rows = []
    for number in PEOPLE:
        takes = read_subject(data / f"subject-{number:04d}.npz")
        neutral, face = stage.neutral(number), ExpressiveFace(takes.coefficients)
        painter = stage.painter(neutral)
        true, made = [label(painter.draw(neutral), "neutral")], [label(painter.draw(neutral), "neutral")]
        for e, name in enumerate(spec.EXPRESSIONS):
            (i, *_) = np.flatnonzero(takes.expression == e)
            timing = takes.timing[i]
            at = round(float(timing[1:3].mean()) * FPS)
            moved = face.displacements(takes.weights[i][[at]])[0]
            true.append(label(painter.draw(neutral + stage.express.whole(moved)), f"{name}, true"))
            text = f"{name} {'-'.join(f'{t:.4f}' for t in timing)} @{strength(data, number, int(i)):.3f}"
            sequence = stage.express.generate(neutral, text)
            made.append(label(painter.draw(sequence.vertices[at]), f"{name}, generated"))
        rows += [np.concatenate(true, axis=1), np.concatenate(made, axis=1)]
    return np.concatenate(rows)


def strength(data: Path, number: int, take: int) -> float:
    """The extremeness of a take, as in the corpus."""
    if not _STRENGTHS:
        corpus = load_corpus(replace(PRESETS["cpu"], data=str(data)))
        for subject in np.unique(corpus.subject).tolist():
            _STRENGTHS[subject] = corpus.extremeness[corpus.subject == subject]
    return float(_STRENGTHS[number][take])


_STRENGTHS: dict[int, np.ndarray] = {}


def strips(stage: Stage) -> np.ndarray:
    """One expression per row, from neutral to neutral, seen from in front, where asymmetry is visible."""
    neutral = stage.neutral(PEOPLE[0])
    painter, rows = stage.painter(neutral, yaw=0.0), []
    for name in spec.EXPRESSIONS:
        made = stage.express.generate(neutral, f"{name} 0.1-0.5-1.0-1.4 @0.9").vertices
        times = (0.0, 0.2, 0.3, 0.4, 0.75, 1.2, 1.3, 1.5)
        row = [label(painter.draw(made[round(t * spec.FPS)]), f"{name} {t:.1f} s") for t in times]
        rows.append(np.concatenate(row, axis=1))
    return np.concatenate(rows)


def portrait(number: int = 1_000_009) -> np.ndarray:
    """A render of a held-out person at rest."""
    from mien.synth.renderer import renderer
    from mien.synth.scene import Action, cast, film, set_scene

    rng, who, gl = np.random.default_rng([7, number]), cast(0, number), renderer()
    gl.wear(who.costume)
    still = np.zeros((1, 52))
    action = Action(times=np.zeros(1), weights=still, angles=still[:, :3], translation=still[:, :3])
    return next(iter(film(rng, gl, who, set_scene(rng, who, occluders=False), action))).image


def photo(stage: Stage) -> np.ndarray:
    """A picture of a person, the neutral that `mien fit` finds in it, and the six apexes on that neutral."""
    from mien import fit

    with TemporaryDirectory() as folder:
        path = Path(folder) / "photo.png"
        picture = portrait()
        write_picture(path, picture)
        neutral = fit(path).neutral.vertices
    painter = stage.painter(neutral)
    row = [cv2.resize(picture, (CELL, CELL), interpolation=cv2.INTER_AREA), label(painter.draw(neutral), "fitted")]
    for name in spec.EXPRESSIONS:
        made = stage.express.generate(neutral, f"{name} 0.1-0.5-1.0-1.4 @0.9").vertices
        row.append(label(painter.draw(made[round(0.75 * spec.FPS)]), name))
    return np.concatenate(row, axis=1)


def latent(stage: Stage, checkpoint: Path) -> np.ndarray:
    """From happiness to surprise, and from anger to sadness, in seven even steps of the latent vector."""
    net, _ = load_net(checkpoint)
    neutral = stage.neutral(PEOPLE[0])
    face = neutral[: len(stage.express.mean)]
    painter = stage.painter(neutral)
    code, shape = (torch.from_numpy(x) for x in stage.express.person(face).values())
    rows = []
    for first, last in (("happiness", "surprise"), ("anger", "sadness")):
        ends = []
        for name in (first, last):
            signal = Timeline.parse(f"{name} 0.1-0.5-1.0-1.5 @0.9").signal(np.arange(24) / spec.FPS)
            ends.append(net.encoder(torch.from_numpy(signal)[None])[0][0, -1])
        row = []
        for share in np.linspace(0, 1, 7):
            with torch.no_grad():
                z = torch.lerp(ends[0], ends[1], float(share))[None]
                y = (net.fields_step(net.latent(z, code)[0]) - net.rest())[None]
                moved = net.local.step(y, shape)[0].numpy()
            picture = painter.draw(neutral + stage.express.whole(moved))
            row.append(label(picture, first if share == 0 else last if share == 1 else f"{share:.2f}"))
        rows.append(np.concatenate(row, axis=1))
    return np.concatenate(rows)


def timelines(stage: Stage) -> np.ndarray:
    """Happiness of growing intensity; happiness and surprise at once; three expressions in sequence."""
    neutral = stage.neutral(PEOPLE[1])
    painter = stage.painter(neutral)
    draw: Callable[[str, float], np.ndarray] = lambda text, at: painter.draw(  # noqa: E731
        stage.express.generate(neutral, text).vertices[round(at * spec.FPS)]
    )
    first = [
        label(draw(f"happy 0.1-0.5-1.0-1.4 @{i}", 0.75), f"happy @{i:g}") for i in (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)
    ]
    second = [
        label(draw(f"happy 0.1-0.5-1.0-1.4 @{1 - s:.2f}; surprise 0.1-0.5-1.0-1.4 @{s:.2f}", 0.75), f"surprise {s:.2f}")
        for s in (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0)
    ]
    three = "anger 0.1-0.5-0.9-1.4; happy 1.2-1.7-2.2-2.7; surprise 2.5-2.8-3.2-3.7"
    third = [label(draw(three, t), f"{t:.2f} s") for t in (0.0, 0.7, 1.25, 1.95, 2.55, 3.0, 3.75)]
    return np.concatenate([np.concatenate(row, axis=1) for row in (first, second, third)])


def error_plot(errors: dict[str, dict], width: int = 720, height: int = 420) -> np.ndarray:
    """Figure 5: mean vertex error over the phases of a take."""
    left, right, top, bottom = 64, 150, 24, 52
    top_mm = 1.08 * max(max(errors[name]["course"]) for name in COLORS if name in errors)
    image = np.full((height, width, 3), PAPER, np.uint8)

    def place(phase: float, mm: float) -> tuple[int, int]:
        x = left + phase / 4 * (width - left - right)
        return round(x), round(height - bottom - mm / top_mm * (height - top - bottom))

    def write(text: str, at: tuple[int, int], color: tuple[int, int, int] = INK) -> None:
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, color, 1, cv2.LINE_AA)

    for mm in np.arange(0, top_mm, 0.1):
        cv2.line(image, place(0, mm), place(4, mm), (225, 225, 222), 1)
        write(f"{mm:.1f}", (20, place(0, mm)[1] + 5))
    for phase, name in enumerate(("onset", "apex", "apex ends", "end", "")):
        cv2.line(image, place(phase, 0), place(phase, top_mm), (225, 225, 222), 1)
        write(name, (place(phase, 0)[0] - 18, height - bottom + 20))
    write("mean vertex error [mm], held-out subjects", (left, 16))
    for k, (name, color) in enumerate((n, c) for n, c in COLORS.items() if n in errors):
        course = errors[name]["course"]
        points = [place(4 * i / (len(course) - 1), mm) for i, mm in enumerate(course)]
        cv2.polylines(image, [np.array(points, np.int32)], False, color, 2, cv2.LINE_AA)
        write(name, (width - right + 12, top + 24 + 22 * k), color)
    return image


def main(arguments: list[str]) -> None:
    """Write all pictures."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    run = Path(arguments[0])
    out = Path(arguments[1]) if len(arguments) > 1 else IMAGES
    stage = Stage(Express())
    write_picture(out / "express_sheet.jpg", sheet(stage, run / "data"))
    write_picture(out / "express_strips.jpg", strips(stage))
    write_picture(out / "express_timeline.jpg", timelines(stage))
    write_picture(out / "express_latent.jpg", latent(stage, run / "identity" / "checkpoint.pt"))
    write_picture(out / "express_photo.jpg", photo(stage))
    write_picture(out / "express_error.png", error_plot(Result.read(RESULTS / "express.json").details["errors"]))


if __name__ == "__main__":
    main(sys.argv[1:])
