"""Measures the simulated face: agreement with shapes, action units, volume, contact, symmetry, speed.

python -m benchmarks.muscle --json benchmarks/results/muscle.json
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.command import command_line, run

from mien.core import Clip
from mien.engine.figures import Figure, Result
from mien.physics.energies.prisms import volumes
from mien.physics.face.actions import ACTIONS
from mien.physics.face.agreement import CALIBRATED, HELD_OUT, LEVEL, agreement, shape
from mien.physics.face.anatomy import uncalibrated
from mien.physics.face.face import Face, State, build_face
from mien.physics.face.inverse import activations, target
from mien.physics.solver import Settings
from mien.rigs.ict import load_ict

RANDOM = 200
"""Random activations: three to eight muscles of 0.2 to 1, and the jaw in half of them."""
TAKE = "motion/alex_rom_4.csv"
FRAMES = 120


def measure(assets: Path, quick: bool = False) -> Result:
    """All figures; quick measures a fifth of the random activations and of the take."""
    rig = load_ict()
    face = build_face(rig)
    before = agreement(build_face(rig, table=uncalibrated()), HELD_OUT)
    scores = agreement(face)
    held = [scores[a].cosine for a in HELD_OUT]
    seen = [scores[a].cosine for a in CALIBRATED]
    figures = [
        Figure(
            name="Action units that the calibration never saw: cosine with the rig's shapes, mean of 9",
            ours=float(np.mean(held)),
            target=0.75,
            baselines={"before calibration": float(np.mean([s.cosine for s in before.values()]))},
        ),
        Figure(name="The same, least of 9", ours=min(held), target=0.5),
        Figure(name="Action units that the calibration saw: cosine, mean of 10", ours=float(np.mean(seen))),
        *responses(face),
        *robustness(face, RANDOM // (5 if quick else 1)),
        *amplitudes(face),
        *take(face, assets, FRAMES // (5 if quick else 1)),
    ]
    details: dict[str, Any] = {a: {"cosine": s.cosine, "gain": s.gain} for a, s in scores.items()}
    return Result.measured("muscle", figures, details, quick=quick)


def responses(face: Face) -> list[Figure]:
    """Each of 20 units alone, read back by non-negative least squares on the rig's shapes of all units."""
    from scipy.optimize import nnls

    units = [a for a in ACTIONS if a not in ("AU29", "AU30L")]
    weight = np.sqrt(face.layers.area)[:, None]
    shapes = np.stack([(shape(face, a) * weight).reshape(-1) for a in units], axis=1)
    scale = np.linalg.norm(shapes, axis=0)
    ranks = []
    for k, action in enumerate(units):
        controls = face.control({name: LEVEL * v for name, v in ACTIONS[action].items()})
        moved = face.skin(face.pose(controls, rounds=2)) * weight
        found = nnls(shapes / scale, moved.reshape(-1))[0]
        ranks.append(int((found > found[k]).sum()))
    return [
        Figure(name="Of 20 action units alone: read back as the strongest", ours=sum(r == 0 for r in ranks), target=17),
        Figure(name="The same, among the two strongest", ours=sum(r <= 1 for r in ranks), target=20),
    ]


def robustness(face: Face, count: int) -> list[Figure]:
    """Volume, inverted prisms, penetration, symmetry and monotone energies over random activations."""
    random, prisms = np.random.default_rng(0), face.tissue.prisms
    total = prisms.rest.sum()
    change, inverted, deepest, skew, monotone, stuck = [], 0, [], [], 0, 0
    half, twin = len(face.table), face.mesh.twin
    for k in range(count):
        controls = np.zeros(len(face.controls))
        chosen = random.choice(half, random.integers(3, 9), replace=False)
        controls[chosen] = controls[half + chosen] = random.uniform(0.2, 1.0, len(chosen))
        controls[-4] = random.uniform(0, 1) * (k % 2)
        state = face.state()
        done = [face.solve(state, controls) for _ in range(2)]
        volume = volumes(state.positions, prisms.corners)
        change.append(abs(volume.sum() / total - 1))
        inverted += int((volume <= 0).sum())
        deepest.append(penetration(face, state))
        moved = face.skin(state)
        skew.append(float(np.linalg.norm(moved - moved[twin] * [-1, 1, 1], axis=1).max()))
        monotone += all((np.diff(d.energies) <= 0).all() for d in done)
        stuck += state.diverged
    return [
        Figure(name="Random activations: prisms turned inside out", ours=inverted, better="lower", target=0),
        Figure(name="Random activations: solves whose energy rose", ours=count - monotone, better="lower", target=0),
        Figure(name="Random activations: solves that diverged", ours=stuck, better="lower", target=0),
        Figure(
            name="Random activations: change of total volume, median", ours=float(np.median(change)), better="lower",
            target=0.01,
        ),
        Figure(name="Random activations: change of total volume, worst", ours=max(change), better="lower", target=0.01),
        Figure(
            name="Random activations: deepest penetration of skull, eyes or lips, median",
            ours=float(np.median(deepest)), unit="mm", better="lower", target=0.3,
        ),
        Figure(
            name="Random activations: deepest penetration, worst", ours=max(deepest), unit="mm", better="lower",
            target=0.3,
        ),
        Figure(
            name="Symmetric random activations: distance from the mirror image, worst vertex", ours=max(skew),
            unit="mm", better="lower", target=0.1,
        ),
    ]  # fmt: skip


def penetration(face: Face, state: State) -> float:
    """The deepest penetration of a state, beyond what touches at rest [mm]."""
    lips = face.lips.contact(state.positions, face.rest, 1.0)
    between = np.maximum(lips.floor - lips.gaps(state.positions), 0.0).max(initial=0.0)
    depths = (face.tissue.skull.depth(state.positions).max(), face.tissue.eyes.depth(state.positions).max(), between)
    return float(max(depths))


def amplitudes(face: Face) -> list[Figure]:
    """How far single movements go."""
    anchors = face.rig.landmarks["mien198"]
    rest = face.rig.neutral.vertices

    def marks(**controls: float) -> tuple[np.ndarray, np.ndarray]:
        vertices = face.vertices(face.pose(face.control(controls)))
        return anchors.positions(vertices), anchors.positions(rest)

    smile, before = marks(zygomaticus_major=1.0)
    corner = float(np.linalg.norm(smile[[48, 54]] - before[[48, 54]], axis=1).mean())
    pucker, _ = marks(**ACTIONS["AU18"])
    forward = float((pucker - before)[[51, 57], 2].mean())
    shut, _ = marks(orbicularis_oculi_palpebral_upper=1.0)
    slit = float((shut[[37, 38, 43, 44], 1] - shut[[41, 40, 47, 46], 1]).max())
    rolled, _ = marks(**ACTIONS["AU24"])
    gap = float(np.linalg.norm(rolled[62] - rolled[66]))
    return [
        Figure(name="Movement of the mouth's corners in a full smile (11 to 14 is natural)", ours=corner, unit="mm"),
        Figure(name="Protrusion of the lips in a full pucker", ours=forward, unit="mm", target=5.0),
        Figure(name="Height between the edges of closed lids, worst", ours=slit, unit="mm", better="lower", target=0.3),
        Figure(
            name="Distance of pressed lips", ours=gap, unit="mm", better="lower",
            baselines={"at rest": float(np.linalg.norm(before[62] - before[66]))},
        ),
    ]  # fmt: skip


def take(face: Face, assets: Path, frames: int) -> list[Figure]:
    """A real take performed by muscles, and how long a frame takes on one thread."""
    clip = Clip.load(assets / TAKE)
    clip = clip.at(clip.times[0] + 20.0 + np.arange(frames) / 30.0)
    wanted, controls = target(face, clip), activations(face, clip)
    state, seconds, apart, converged = face.state(), [], [], []
    settled = face.state()
    face.upsampling  # noqa: B018
    for goal, row in zip(wanted, controls, strict=True):
        start = time.perf_counter()
        face.solve(state, row, Settings(iterations=2, tolerance=0.02))
        face.vertices(state)
        seconds.append(time.perf_counter() - start)
        face.solve(settled, row)
        apart.append(np.linalg.norm(face.skin(settled) - goal, axis=1).mean())
        converged.append(np.linalg.norm(face.skin(state) - face.skin(settled), axis=1).mean())
    return [
        Figure(
            name="Real take: distance of the simulated skin from the rig's shapes, mean", ours=float(np.mean(apart)),
            unit="mm", better="lower", baselines={"no movement": float(np.linalg.norm(wanted, axis=2).mean())},
        ),
        Figure(
            name="Real take, two steps a frame: time with upsampling, one thread", ours=1e3 * float(np.median(seconds)),
            unit="ms, median", better="lower", target=8.0,
        ),
        Figure(
            name="The same: distance from the converged solution, mean", ours=float(np.mean(converged)), unit="mm",
            better="lower", target=0.15,
        ),
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write JSON when asked."""
    parser = command_line(__doc__, assets=TAKE)
    parser.add_argument("--quick", action="store_true", help="a fifth of the random activations and of the take")
    run(parser, lambda chosen: measure(chosen.assets, chosen.quick), arguments)


if __name__ == "__main__":
    main()
