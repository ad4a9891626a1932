"""Point caches: the positions of every vertex in every frame, for the mesh-cache modifiers of 3D programs.

A cache knows no triangles: the first frame is written beside it as an .obj of the same name, which is the mesh to put
the modifier on, and from which reading takes the topology. Positions are millimetres, +Y up, in both files.
"""
