"""Learning on meshes of one topology: spirals, decimation and the transfer between levels (numpy and scipy), and the
layers over them (`spiral_conv`, the only module here that needs torch)."""
