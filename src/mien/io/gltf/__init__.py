"""glTF 2.0: a writer and a reader on numpy and struct.

mien has its own code for it, because trimesh and pygltflib either drop morph targets and animation on writing or break
sparse accessors. `document` reads and checks files, `builder` lays out buffers, `rig` writes a rig, `clip` writes and
reads clips, `sequence` mesh sequences.
"""
