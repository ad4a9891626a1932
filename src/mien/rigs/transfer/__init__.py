"""Shapes for a new face by deformation transfer."""
