"""File formats. Importing this package fills the table behind `save` and `load` of the core types.

Clip          .csv (Live Link Face)   .npz   .glb (with `rig=`), .gltf (read only)
MeshSequence  .npz
"""

from mien.core.clip import Clip
from mien.core.formats import Format, register
from mien.core.mesh import MeshSequence
from mien.io import clip_npz, livelink_csv, mesh_npz
from mien.io.gltf import clip as gltf_clip

__all__: list[str] = []

register(".csv", Clip, Format(write=livelink_csv.write, read=livelink_csv.read))
register(".npz", Clip, Format(write=clip_npz.write, read=clip_npz.read))
register(".glb", Clip, Format(write=gltf_clip.write, read=gltf_clip.read))
register(".gltf", Clip, Format(write=None, read=gltf_clip.read))
register(".npz", MeshSequence, Format(write=mesh_npz.write, read=mesh_npz.read))
