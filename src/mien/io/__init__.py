"""File formats. Importing this package fills the table behind `save` and `load` of the core types.

Clip          .csv (Live Link Face)   .npz   .glb, .usd, .usda, .usdc (with `rig=`)   .gltf, .usdz (read only)
MeshSequence  .npz   .glb, .usd, .usda, .usdc   .pc2, .mdd (with an .obj beside)   a folder of .obj (no extension)
              .usdz (read only)
"""

from mien.core.clip import Clip
from mien.core.formats import Format, register
from mien.core.mesh import MeshSequence
from mien.io import clip_npz, livelink_csv, mesh_npz, obj_folder
from mien.io.gltf import clip as gltf_clip
from mien.io.gltf import sequence as gltf_sequence
from mien.io.pointcache import mdd, pc2
from mien.io.usd import clip as usd_clip
from mien.io.usd import mesh as usd_mesh
from mien.io.usd.stage import SUFFIXES

__all__: list[str] = []

register(".csv", Clip, Format(write=livelink_csv.write, read=livelink_csv.read))
register(".npz", Clip, Format(write=clip_npz.write, read=clip_npz.read))
register(".glb", Clip, Format(write=gltf_clip.write, read=gltf_clip.read))
register(".gltf", Clip, Format(write=None, read=gltf_clip.read))
register(".npz", MeshSequence, Format(write=mesh_npz.write, read=mesh_npz.read))
register(".glb", MeshSequence, Format(write=gltf_sequence.write, read=gltf_sequence.read))
register(".pc2", MeshSequence, Format(write=pc2.write, read=pc2.read))
register(".mdd", MeshSequence, Format(write=mdd.write, read=mdd.read))
register("", MeshSequence, Format(write=obj_folder.write, read=obj_folder.read))
for _suffix in SUFFIXES:
    register(_suffix, Clip, Format(write=usd_clip.write_clip, read=usd_clip.read))
    register(_suffix, MeshSequence, Format(write=usd_mesh.write_sequence, read=usd_mesh.read))
register(".usdz", Clip, Format(write=None, read=usd_clip.read))
register(".usdz", MeshSequence, Format(write=None, read=usd_mesh.read))
