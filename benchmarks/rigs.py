"""Retargeting, deformation transfer and evaluation of rigs: errors beside their baselines, and milliseconds.

    python -m benchmarks.rigs [--quick] [--json benchmarks/results/rigs.json]

CPU time of one thread is measured, so that other programs on the machine matter less.

Round trip: a real range-of-motion take, which was not used for tuning, is retargeted from ICT-FaceKit to
rocketbox_female and back with all channel names hidden, and ICT's face is compared with the same take retargeted by
names (mean over the face's vertices and the frames). Transfer: shapes of the mean ICT face are transferred to
identities drawn from its model, remeshed (each edge's middle becomes a vertex) so that neither vertices nor triangles
are shared, and compared with the model's own shapes; the figure is the mean over the vertices that truly move by more
than 0.5 mm. Both methods start from the same similarity by landmarks.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import thread_time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from benchmarks.command import command_line, run

from mien.core import ARKIT, Clip, Mesh, Rig, Topology
from mien.engine.figures import Figure, Result
from mien.rigs.load import load_rig
from mien.rigs.retarget.correspondence import correspond, fit_similarity
from mien.rigs.retarget.retarget import motion_between
from mien.rigs.retarget.surface import skin
from mien.rigs.transfer.transfer import transfer


def hidden(rig: Rig) -> Rig:
    """The rig with its ARKit shapes only, so that motion distinguishes the same shapes as names do."""
    own = [s for s, name in enumerate(rig.shape_names) if name in ARKIT]
    return replace(rig, shape_names=tuple(rig.shape_names[s] for s in own), shapes=rig.shapes[own])


def on_face(rig: Rig, weights: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Displacements of ICT's face [mm]."""
    still = rig.neutral.vertices[rig.neutral.topology.groups["face"]]
    return rig.evaluate(weights, names)[..., rig.neutral.topology.groups["face"], :] - still


def round_trip(ict: Rig, box: Rig, clip: Clip) -> dict[str, float]:
    """Mean vertex errors [mm] against the take retargeted by names."""
    first, second = hidden(ict), hidden(box)
    there = motion_between(first, second, first.shape_names, second.shape_names, correspond(first, second))
    back = motion_between(second, first, there.shapes, first.shape_names, correspond(second, first))
    weights = clip.with_channels(there.channels).weights.astype(float)
    out: dict[str, float] = {}
    truth = clip.with_channels(first.shape_names).weights
    for label, own_range in (("own range", True), ("same size", False)):
        start = thread_time()
        away, _ = there.weights(weights, times=clip.times, own_range=own_range)
        home, _ = back.weights(away, times=clip.times, own_range=own_range)
        spent = thread_time() - start
        for name, names, found in (("there", there.shapes, away), ("round trip", back.shapes, home)):
            rows = range(0, len(truth), 10)
            errors = [
                np.linalg.norm(on_face(ict, found[i], names) - on_face(ict, truth[i], first.shape_names), axis=1).mean()
                for i in rows
            ]
            out[f"{name}, {label} [mm]"] = float(np.mean(errors))
        out[f"solver, {label} [ms a frame]"] = spent * 500 / len(truth)
    still = [np.linalg.norm(on_face(ict, truth[i], first.shape_names), axis=1).mean() for i in range(0, len(truth), 10)]
    out["face left at rest [mm]"] = float(np.mean(still))
    right = [there.shapes[int(row.argmax())] == n for n, row in zip(there.channels, there.partner, strict=True)]
    out["channels whose partner has their name"] = float(np.mean(right))
    return out


def remeshed(rig: Rig) -> tuple[Mesh, np.ndarray]:
    """(a mesh whose vertices are the middles of the skin's edges, the two vertices of each)."""
    surface = skin(rig)
    corners = surface.triangles
    edges = np.sort(np.stack([corners, np.roll(corners, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    ends, inverse = np.unique(edges, axis=0, return_inverse=True)
    middle = inverse.reshape(-1, 3)  # of the edges 01, 12, 20 of each triangle
    fans: list[list[int]] = []
    following = {(int(t[k]), int(m[k - 1])): int(m[k]) for t, m in zip(corners, middle, strict=True) for k in range(3)}
    around: dict[int, list[tuple[int, int]]] = {}
    for (vertex, start), stop in following.items():
        around.setdefault(vertex, []).append((stop, start))
    for pairs in around.values():
        ring = dict(pairs)
        start = next(iter(ring))
        ordered = [start]
        while ring.get(ordered[-1], start) != start and len(ordered) <= len(ring):
            ordered.append(ring[ordered[-1]])
        if len(ordered) == len(ring):  # borders are left open
            fans += [[ordered[0], ordered[k], ordered[k + 1]] for k in range(1, len(ordered) - 1)]
    triangles = np.concatenate([middle, np.array(fans, middle.dtype)]).astype(np.int32)
    pairs = surface.origin[ends]
    return Mesh(vertices=rig.neutral.vertices[pairs].mean(axis=1), topology=Topology(triangles=triangles)), pairs


def transfer_errors(ict: Rig, identities: int) -> dict[str, float]:
    """Mean errors [mm] on identities that differ from the source."""
    from scipy.spatial import cKDTree

    kinds = ("transfer with landmarks", "transfer by shape alone", "nearest vertex copied", "motion itself")
    totals: dict[str, list[float]] = {kind: [] for kind in kinds}
    spent: list[float] = []
    source = hidden(ict)
    for number in range(identities):
        other = ict.with_identity(np.random.default_rng(1000 + number).normal(size=100))
        mesh, pairs = remeshed(other)
        anchors = other.landmarks["ibug68"]
        places = anchors.positions(other.neutral.vertices)[17:]
        points = dict(enumerate(cKDTree(mesh.vertices).query(places)[1].tolist(), 17))
        truth = source.shapes[:, pairs].mean(axis=2)
        size = np.linalg.norm(truth, axis=-1)
        start = thread_time()
        made = {"transfer with landmarks": transfer(source, mesh, landmarks=points).shapes}
        spent.append(thread_time() - start)
        made["transfer by shape alone"] = transfer(source, mesh).shapes
        fit = fit_similarity(anchors.positions(ict.neutral.vertices)[17:].astype(float), places.astype(float))
        skin_of = skin(source).origin
        near = skin_of[cKDTree(fit(source.neutral.vertices[skin_of].astype(float))).query(mesh.vertices)[1]]
        made["nearest vertex copied"] = fit.vectors(source.shapes[:, near].astype(float))
        made["motion itself"] = np.zeros_like(truth)
        for kind, shapes in made.items():
            totals[kind].append(float(np.linalg.norm(shapes - truth, axis=-1)[size > 0.5].mean()))
    out = {f"{kind} [mm]": float(np.mean(values)) for kind, values in totals.items()}
    return out | {"transfer of 51 shapes [s]": float(np.median(spent)), "identities": float(identities)}


def speed(rig: Rig, weights: np.ndarray) -> dict[str, float]:
    """Milliseconds of `evaluate`."""
    single: list[float] = []
    for row in weights[:60]:
        start = thread_time()
        rig.evaluate(row)
        single.append((thread_time() - start) * 1e3)
    batch = np.resize(weights, (1000, weights.shape[1]))
    start = thread_time()
    rig.evaluate(batch)
    return {
        "vertices": float(len(rig.neutral.vertices)),
        "one frame, median [ms]": float(np.median(single[10:])),
        "a frame in a batch of 1,000 [ms]": thread_time() - start,
    }


def figures_of(measured: Mapping[str, Mapping[str, float]]) -> list[Figure]:
    """The figures as documents show them."""
    speed, trip, made = (measured[group] for group in ("speed", "round_trip", "transfer"))
    copied = {"nearest vertex copied": made["nearest vertex copied [mm]"], "no motion": made["motion itself [mm]"]}
    ways = {"own range": "each rig in its own range", "same size": "motion in its own size"}
    marks = {"with landmarks": "51 landmarks", "by shape alone": "no landmarks"}
    frames = {"one frame, median [ms]": "frame by frame", "a frame in a batch of 1,000 [ms]": "1,000 frames at once"}
    return [
        *(
            Figure(
                name=f"ICT to a game character and back without names, {words}: vertices off the take by names",
                unit="mm",
                better="lower",
                ours=trip[f"round trip, {way} [mm]"],
                baselines={"face left at rest": trip["face left at rest [mm]"]},
                headline=way == "own range",
            )
            for way, words in ways.items()
        ),
        *(
            Figure(
                name=f"Shapes transferred to {made['identities']:.0f} identities held out, {words}: "
                "vertices off the model's own shapes",
                unit="mm",
                better="lower",
                ours=made[f"transfer {way} [mm]"],
                baselines=copied,
                headline=way == "with landmarks",
            )
            for way, words in marks.items()
        ),
        *(
            Figure(
                name=f"Rig.evaluate, {speed['vertices']:,.0f} vertices, 51 shapes, {words}, one thread",
                unit="ms a frame",
                better="lower",
                ours=speed[key],
                target=2,
                headline=key.startswith("one"),
            )
            for key, words in frames.items()
        ),
    ]


def measured(chosen: argparse.Namespace) -> Result:
    """Measure and print."""
    ict = load_rig("ict")
    box = load_rig(chosen.assets / "rigs" / "rocketbox_female_01.glb")
    clip = Clip.load(chosen.assets / "motion" / "alex_rom_4.csv")
    clip = clip.select(clip.seen & (np.arange(len(clip)) % (20 if chosen.quick else 1) == 0))
    found = {
        "speed": speed(ict, clip.weights),
        "round_trip": round_trip(ict, box, clip),
        "transfer": transfer_errors(ict, 2 if chosen.quick else 6),
    }
    for group, rows in found.items():
        for name, value in rows.items():
            print(f"{group:11} {name:40} {value:10.3f}")
    return Result.measured("rigs", figures_of(found), {"frames": len(clip), **found}, quick=chosen.quick)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__, assets="rigs/ and motion/")
    parser.add_argument("--quick", action="store_true", help="use every twentieth frame and two identities only")
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
