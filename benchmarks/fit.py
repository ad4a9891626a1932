"""Errors of `mien fit`: the fitted identity against the truth of renders, and against annotated portraits.

    python -m benchmarks.fit [--people 40] [--json benchmarks/results/fit.json]

Renders: people who were never trained on, 12 stills each (expressions and head angles as in training), each captured by
itself. Vertex error: mean distance [mm] over the face region's vertices, after the best similarity (shape) or the best
rigid motion (shape and size); the mean face is aligned in the same way. A picture does not show size, so the rigid
figure is mostly the difference of a person's size from the mean.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.command import PORTRAITS, command_line, run

from mien.core import Camera, LandmarkLayout, Rig
from mien.engine import metrics
from mien.engine.figures import Figure, Result
from mien.io.video import read_image
from mien.rigs.fit import FaceModel, Guess, Priors, fit_identity
from mien.rigs.ict import load_ict
from mien.rigs.ict_topology import GROUPS
from mien.systems.capture import spec
from mien.systems.capture.evaluation.rendered_takes import HELD_OUT
from mien.systems.capture.evaluation.scores import OUTER_EYES
from mien.systems.capture.fit import views_of
from mien.systems.capture.predict import Capture, pose_trust
from mien.systems.capture.runtime.identity_readout import Readout
from mien.systems.capture.training.portraits import landmarks_from_template, read_template, split
from mien.track.pose import PoseSolver

FRAMES = 12
EXACT = Priors(landmark_mm=0.3, repeated=0.0, slide=1.0, brows=0.0)
"""Priors for true landmarks: their only error is the contact of lids and lips, which the linear face lacks. A true brow
is where its hair is painted."""
_NOT_SHOWN = Priors(identity=1e-4, expression=1e-4, focal=1e-4)
"""Priors that keep the mean face, the captured expression and the guessed lens, so that only the pose is fitted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Person:
    """One rendered person."""

    coefficients: np.ndarray
    camera: Camera
    layout: LandmarkLayout
    """The layout of the capture network."""
    true: np.ndarray
    """True landmarks [12, L, 2] px."""
    predicted: np.ndarray
    """The capture network's landmarks [12, L, 2] px, NaN where it found no face."""
    weights: np.ndarray
    """Captured weights [12, 52]."""
    codes: np.ndarray
    """Codes [12, E], NaN like `predicted`."""
    quaternions: np.ndarray
    translations: np.ndarray


def film_person(number: int, capture: Capture) -> Person:
    """Render and capture one person; the result depends on the number alone."""
    from mien.synth.motion import sample_still
    from mien.synth.performer import identity_coefficients
    from mien.synth.renderer import renderer
    from mien.synth.scene import Action, cast, film, set_scene

    rng = np.random.default_rng([77, number])
    who, gl = cast(0, number), renderer()
    gl.wear(who.costume)
    weights, angles = (np.stack(column) for column in zip(*(sample_still(rng) for _ in range(FRAMES)), strict=True))
    action = Action(times=np.arange(FRAMES) / 30, weights=weights, angles=angles, translation=np.zeros((FRAMES, 3)))
    scene = set_scene(rng, who, occluders=False)
    layout, length = capture.layout, len(capture.bundle.arrays["identity_mean"])
    truths, points, said, codes = [], [], [], []
    for shot in film(rng, gl, who, scene, action):
        capture.reset()
        seen = capture.frame(shot.image, 0.0)
        truths.append(shot.truth)
        points.append(np.full((layout.count, 2), np.nan) if seen is None else seen.landmarks)
        codes.append(np.full(length, np.nan) if seen is None else seen.code[0])
        said.append(np.zeros(52) if seen is None else seen.weights)
    return Person(
        coefficients=identity_coefficients(0, number),
        camera=scene.view.camera,
        layout=layout,
        true=np.stack([t.landmarks[: layout.count] for t in truths]),
        predicted=np.stack(points),
        weights=np.stack(said),
        codes=np.stack(codes),
        quaternions=np.stack([t.quaternion for t in truths]),
        translations=np.stack([t.translation for t in truths]),
    )


def aligned_error(mesh: np.ndarray, truth: np.ndarray, *, scaled: bool) -> float:
    """Mean distance [mm] after the best rigid motion or similarity of `mesh` (Umeyama 1991)."""
    a, b = mesh - mesh.mean(axis=0), truth - truth.mean(axis=0)
    left, values, right = np.linalg.svd(a.T @ b)
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    size = (values * flip).sum() / (a**2).sum() if scaled else 1.0
    return float(np.linalg.norm(size * a @ (left * flip) @ right - b, axis=1).mean())


def errors(rig: Rig, coefficients: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """(shape error, shape and size error) of an identity [mm]."""
    face = slice(*GROUPS["face"])
    assert rig.identity_modes is not None
    modes = rig.identity_modes[:, face]
    ours, true = (
        rig.neutral.vertices[face] + np.tensordot(c.astype(np.float32), modes[: len(c)], axes=1)
        for c in (coefficients, truth)
    )
    return aligned_error(ours, true, scaled=True), aligned_error(ours, true, scaled=False)


def fitted(
    rig: Rig, person: Person, readout: Readout | None, kind: str, count: int, priors: Priors | None,
    wrong_lens: float | None = None,
) -> Any:  # fmt: skip
    """The fit to a person's first frames in which the network found the face.

    With `wrong_lens`, the focal length is fitted as well, starting from the true one times `wrong_lens`.
    """
    points = person.true if kind == "true" else person.predicted
    rows = np.flatnonzero(np.isfinite(person.predicted[:, 0, 0]))[:count]
    camera = replace(person.camera, focal=person.camera.focal * (wrong_lens or 1.0))
    return fit_identity(
        points[rows],
        [camera],
        rig,
        person.layout.name,
        expected=None if kind == "true" else person.weights[rows],
        guess=guessed(readout, person.codes[rows]) if kind == "captured" else None,
        focal_known=wrong_lens is None,
        priors=priors,
    )


def guessed(readout: Readout | None, codes: np.ndarray) -> Guess | None:
    """The guess that `mien fit` makes; None where the bundle cannot make one."""
    return None if readout is None else readout.guess(codes)


def shape_rows(rig: Rig, people: Sequence[Person], readout: Readout | None) -> dict[str, dict[str, float]]:
    """Vertex errors by landmarks and number of frames, beside the mean face."""
    rng = np.random.default_rng(0)
    lenses = np.exp(rng.normal(0, 0.2, len(people)))
    cases: dict[str, tuple[str, int, Priors | None, bool]] = {}
    for kind, name in (("true", "true landmarks"), ("captured", "captured"), ("landmarks", "captured landmarks alone")):
        usual = EXACT if kind == "true" else None
        for count in (1, 4, FRAMES):
            cases[f"{name}, {count} frame{'s' * (count > 1)}"] = (kind, count, usual, True)
        if kind != "landmarks":
            cases[f"{name}, {FRAMES} frames, lens unknown"] = (kind, FRAMES, usual, False)
    for name, slide in (("slides", 0.05), ("fixed", 1.0)):
        cases[f"true landmarks, 4 frames, jaw {name}"] = ("true", 4, replace(EXACT, slide=slide), True)
        cases[f"captured, 4 frames, jaw {name}"] = ("captured", 4, Priors(slide=slide), True)
    still = np.array([errors(rig, np.zeros(1), person.coefficients) for person in people])
    out = {"mean face": {"shape_mm": float(still[:, 0].mean()), "rigid_mm": float(still[:, 1].mean())}}
    for name, (kind, count, priors, lens_known) in cases.items():
        fits = [
            fitted(rig, person, readout, kind, count, priors, None if lens_known else float(lens))
            for person, lens in zip(people, lenses, strict=True)
        ]
        found = np.array([errors(rig, f.identity, p.coefficients) for f, p in zip(fits, people, strict=True)])
        lens = [abs(np.log(f.focal[0] / p.camera.focal)) for f, p in zip(fits, people, strict=True)]
        out[name] = {
            "shape_mm": float(found[:, 0].mean()),
            "rigid_mm": float(found[:, 1].mean()),
            "better_than_mean": float((found[:, 0] < still[:, 0]).mean()),
            "steps": float(np.mean([f.steps for f in fits])),
            "converged": float(np.mean([f.converged for f in fits])),
        }
        if not lens_known:
            out[name] |= {
                "focal_error": float(np.mean(lens)),
                "focal_error_at_start": float(np.abs(np.log(lenses)).mean()),
            }
    return out


def pose_rows(rig: Rig, people: Sequence[Person], readout: Readout | None) -> dict[str, dict[str, float]]:
    """Head pose from the network's landmarks on the mean face and on the fitted one, lens known.

    The face is fitted to the first six frames, and the poses are those of the last six.
    """
    from scipy.spatial.transform import Rotation

    model = FaceModel.of(rig, people[0].layout.name)
    trust = pose_trust(model.layout)
    turns: dict[str, list[float]] = {"mean face": [], "fitted face": []}
    distances: dict[str, list[float]] = {"mean face": [], "fitted face": []}
    for person in people:
        identities = {
            "mean face": np.zeros(len(model.modes)),
            "fitted face": fitted(rig, person, readout, "captured", 6, None).identity,
        }
        for row in range(6, FRAMES):
            if not np.isfinite(person.predicted[row]).all():
                continue
            truth = Rotation.from_quat(person.quaternions[row])
            for name, identity in identities.items():
                points = model.points(identity, person.weights[row][None])[0]
                pose = PoseSolver(person.camera).solve(person.predicted[row], points, trust)
                turns[name].append(np.degrees((Rotation.from_quat(pose.quaternion) * truth.inv()).magnitude()))
                far = person.translations[row][2]
                distances[name].append(abs(pose.translation[2] - far) / abs(far))
    return {
        name: {"degrees": float(np.mean(turns[name])), "distance_share": float(np.mean(distances[name]))}
        for name in turns
    }


def portraits(rig: Rig, capture: Capture, readout: Readout | None, folder: Path) -> dict[str, float]:
    """NME of the network, of the fit and of the posed mean face against the annotated points of the held-out half."""
    found: dict[str, list[float]] = {"network": [], "fit": [], "landmarks alone": [], "mean face, pose only": []}
    for path in split(folder, held_out=True):
        image = read_image(path)
        views = views_of(capture.video(path), path, image.shape[1], image.shape[0], 1)
        truth, trust = landmarks_from_template(read_template(path.with_suffix(".tem")))
        seen = {"network": views.landmarks}
        known = guessed(readout, views.codes)
        for name, guess, priors in (
            ("fit", known, None),
            ("landmarks alone", None, None),
            ("mean face, pose only", None, _NOT_SHOWN),
        ):
            seen[name] = fit_identity(
                views.landmarks,
                [views.camera],
                rig,
                capture.layout.name,
                expected=views.weights,
                guess=guess,
                focal_known=False,
                priors=priors,
            ).reprojected
        for name, points in seen.items():
            marked = (trust == 1.0)[None, : spec.KEYS]  # what the template marks as mien does
            keys = points[:, : spec.KEYS], truth[None, : spec.KEYS]
            found[name].append(float(metrics.nme(*keys, OUTER_EYES, visible=marked)[0]))
    return {name: float(np.mean(values)) for name, values in found.items()}


def figures_of(details: Mapping[str, Any]) -> list[Figure]:
    """Shapes by case, portraits and head pose, beside the mean face."""
    shape, nme, pose = details["shape"], details["portraits"], details["pose"]
    fits = [
        Figure(
            name=f"Face fitted to renders, {name}: distance of vertices from the true face",
            unit="mm",
            ours=row["shape_mm"],
            better="lower",
            baselines={"mean face": shape["mean face"]["shape_mm"]},
        )
        for name, row in shape.items()
        if name != "mean face"
    ]
    reprojected = Figure(
        name="Face fitted to portraits: landmark error, share of the distance of the outer eye corners",
        ours=nme["fit"],
        better="lower",
        baselines={
            "mean face": nme["mean face, pose only"],
            "landmarks alone": nme["landmarks alone"],
            "the network's own points": nme["network"],
        },
    )
    poses = [
        Figure(
            name=f"Head pose on the fitted face: {what}",
            unit=unit,
            ours=pose["fitted face"][key],
            better="lower",
            baselines={"on the mean face": pose["mean face"][key]},
        )
        for key, what, unit in (
            ("degrees", "error of the rotation", "degrees"),
            ("distance_share", "error of the distance, share of the distance", ""),
        )
    ]
    return [*fits, reprojected, *poses]


def measured(chosen: argparse.Namespace) -> Result:
    """Render, fit, score, print."""
    rig, capture = load_ict(), Capture(chosen.bundle, mirror=True)
    readout = Readout.from_arrays(capture.bundle.arrays)
    people = [film_person(HELD_OUT[0] + n, capture) for n in range(chosen.people)]
    shape, pose = shape_rows(rig, people, readout), pose_rows(rig, people, readout)
    nme = portraits(rig, capture, readout, chosen.assets / PORTRAITS)
    for name, row in {**shape, **{f"pose, {k}": v for k, v in pose.items()}}.items():
        print(f"{name:52s}", "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    print("portraits, NME:", "  ".join(f"{name} {value:.4f}" for name, value in nme.items()))
    details = {"people": len(people), "shape": shape, "pose": pose, "portraits": nme}
    return Result.measured("fit", figures_of(details), details)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__, assets=f"{PORTRAITS}/")
    parser.add_argument("--people", type=int, default=40, help="number of people that are rendered and fitted")
    parser.add_argument("--bundle", type=Path, help="a folder of capture weights; by default the shipped weights")
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
