"""Universal Scene Description, by Pixar's own library (the extra `mien[usd]`), which is imported when it is used.

`stage` opens, checks and writes files and says how time is written, `rig` writes a rig as UsdSkel, `clip` writes and
reads performances, `mesh` meshes and their sequences.
"""
