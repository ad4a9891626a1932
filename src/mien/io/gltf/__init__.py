"""glTF 2.0: a writer and a reader on numpy and struct.

Own code, because what exists either drops morph targets and animation on writing or breaks sparse accessors
(RESEARCH: trimesh, pygltflib). `document` reads and checks, `builder` lays out buffers, `rig` writes a rig,
`clip` writes and reads performances.
"""
