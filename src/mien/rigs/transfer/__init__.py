"""Deformation transfer: makes shapes for a new face from those of a rig."""
