"""Universal Scene Description, through Pixar's library (the extra `mien[usd]`), which is imported at first use.

`stage` opens, checks and writes files and converts times to time codes, `rig` writes a rig as UsdSkel, `clip` writes
and reads clips, `mesh` meshes and mesh sequences.
"""
