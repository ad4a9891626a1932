"""Rigs from files: glTF and VRM, USD, OBJ."""
