"""Expressions on faces of another topology: `python -m benchmarks.express_transfer [--people N]`.

Held-out people's heads are remeshed: decimated, and every triangle split in four, so that most vertices lie within the
triangles of the true head, where the movement is known. At the middle of every expression's apex and half way up to it,
these are compared with the person's true movement (habits included) and with the network's output on the person's own
ICT mesh (which shows the loss of the transfer):

    own movement        `mien express --transfer`: the head fitted to the face, its movement transferred
    average weights     the average face's movement as 52 weights, on shapes from `mien rig transfer`
    still               no movement at all

Errors are mean vertex distances [mm] over the face region.
"""

import argparse

import numpy as np

from mien.core import Mesh, MienError, Topology
from mien.rigs.decimate import decimate
from mien.rigs.ict import load_ict
from mien.rigs.ict_topology import FACE, SKIN
from mien.rigs.load import load_rig
from mien.rigs.retarget.surface import Surface
from mien.rigs.transfer.transfer import transfer
from mien.synth import expressions as ex
from mien.synth.performer import identity_coefficients
from mien.systems.express import spec
from mien.systems.express.predict import Express
from mien.systems.express.runtime.other_topology import OtherTopologyFace

SEED = 1


def remeshed(vertices: np.ndarray, triangles: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(triangles, corners [N, 3] and barycentric weights [N, 3] of the new vertices on the old triangles)."""
    coarse = decimate(vertices, triangles, count)
    edges = np.sort(np.concatenate([coarse.triangles[:, [i, (i + 1) % 3]] for i in range(3)]), axis=1)
    ends, of = np.unique(edges, axis=0, return_inverse=True)
    middle = len(coarse.kept) + of.reshape(3, -1)
    a, b, c = coarse.triangles.T
    ab, bc, ca = middle
    split = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    surface = Surface(vertices.astype(float), triangles, np.arange(len(vertices)))
    start = vertices[coarse.kept].astype(float)
    points = np.concatenate([start, start[ends].mean(axis=1)])
    normals = np.concatenate([surface.normals[coarse.kept], surface.normals[coarse.kept][ends].mean(axis=1)])
    hits = surface.nearest(points, normals)
    return split, triangles[hits.triangle], hits.barycentric


def main() -> None:
    """Print one line per method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=9)
    chosen = parser.parse_args()
    express, ict = Express(), load_ict()
    triangles = ict.neutral.topology.triangles
    triangles = triangles[(triangles < SKIN).all(axis=1)]
    assert ict.identity_modes is not None
    sums: dict[str, list[float]] = {}
    for number in range(ex.TRAIN_SUBJECTS, ex.TRAIN_SUBJECTS + chosen.people):
        coefficients = identity_coefficients(SEED, number)
        head = ict.neutral.vertices + np.tensordot(coefficients, ict.identity_modes[: len(coefficients)], axes=1)
        split, corners, weights = remeshed(head[:SKIN], triangles, 2500 + 100 * (number % 7))
        known = (corners < FACE).all(axis=1)

        def seen(field: np.ndarray, at: np.ndarray = corners[known], by: np.ndarray = weights[known]) -> np.ndarray:
            return np.einsum("nkd,nk->nd", field[at], by)

        mesh = Mesh(
            vertices=np.einsum("nkd,nk->nd", head[corners], weights).astype(np.float32),
            topology=Topology(triangles=split),
        )
        try:
            other, rig = OtherTopologyFace(ict, FACE, mesh), transfer(load_rig("ict"), mesh)
        except MienError as error:
            print(f"{number}: {error}")
            continue
        takes, face = ex.sample_takes(SEED, number, 1), ex.ExpressiveFace(coefficients)
        for e, name in enumerate(ex.EMOTIONS):
            timing = takes.timing[e]
            at = [round(float(timing[:2].mean()) * spec.FPS), round(float(timing[1:3].mean()) * spec.FPS)]
            text = f"{name} {'-'.join(f'{t:.4f}' for t in timing)}"
            full = express.generate(face.neutral, text).vertices[at[1]] - face.neutral
            # As strong as the take: every method is given the strength.
            text += f" @{min(1.0, takes.apex_mm[e] / np.linalg.norm(full, axis=1).mean()):.3f}"
            made = express.generate(other.neutral, text)
            direct = express.generate(face.neutral, text).vertices - face.neutral
            clip = express.clip(express.generate(express.mean, text))
            truth = face.displacements(takes.weights[e][at])
            for frame, true in zip(at, truth, strict=True):
                ways = {
                    "own movement": other.carried(made.vertices[frame] - made.vertices[0]),
                    "average weights": rig.perform(clip, frame) - mesh.vertices,
                    "still": np.zeros_like(mesh.vertices),
                }
                for way, moved in ways.items():
                    for goal, wanted in (("truth", true), ("network", direct[frame])):
                        error = np.linalg.norm(moved[known] - seen(wanted), axis=1).mean()
                        sums.setdefault(f"{way}, to {goal}", []).append(float(error))
                shown = np.linalg.norm(seen(direct[frame]) - seen(true), axis=1).mean()
                sums.setdefault("on the own ICT mesh, to truth", []).append(float(shown))
        print(number, {k: round(float(np.mean(v)), 4) for k, v in sums.items()}, flush=True)
    for name, values in sums.items():
        print(f"{name:32} {np.mean(values):.4f} mm")


if __name__ == "__main__":
    main()
