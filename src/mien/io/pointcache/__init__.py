"""Point caches: the positions of every vertex in every frame, for the mesh-cache modifiers of 3D programs.

A point cache holds no triangles: the first frame is written beside it as an .obj of the same name, which is the mesh
for the modifier and gives the topology when the cache is read. Positions are in millimetres, +Y up, in both files.
"""
