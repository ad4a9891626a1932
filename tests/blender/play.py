"""Runs in Blender's Python: `python play.py FILE TIMES.npy OUT.npy [RATE]`.

Imports FILE as a user would, steps through TIMES [s] and writes where every vertex of the mesh with shape keys is
[T, V, 3], in metres, +Y up. RATE: frames a second; Blender takes a USD file's time codes for frames whatever they mean.
"""

import sys

import bpy
import numpy as np


def main(path: str, times: str, out: str, rate: float = 60.0) -> None:
    """Import, evaluate, write."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    if path.endswith(".glb"):
        scene.render.fps = round(rate)  # before the import, which turns seconds into frames
        bpy.ops.import_scene.gltf(filepath=path)
    else:
        bpy.ops.wm.usd_import(filepath=path)
    (mesh,) = (o for o in bpy.data.objects if o.type == "MESH" and o.data.shape_keys)
    places = []
    for frame in np.load(times) * rate:
        scene.frame_set(int(np.floor(frame)), subframe=float(frame - np.floor(frame)))
        shown = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
        points = np.empty(3 * len(shown.data.vertices), np.float32)
        shown.data.vertices.foreach_get("co", points)
        matrix = np.array(shown.matrix_world)
        x, y, z = (points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]).T
        places.append(np.stack([x, z, -y], axis=1))
    np.save(out, np.array(places, np.float32))


main(*sys.argv[1:4], *map(float, sys.argv[4:]))
