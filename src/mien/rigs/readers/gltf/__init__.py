"""Rigs from glTF and VRM files."""
