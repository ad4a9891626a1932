"""Learning on meshes of one topology: spirals, decimation and the transfer of values between levels (numpy and scipy),
and the network layers that use them (`spiral_conv` and `pca`, the modules that need torch)."""
