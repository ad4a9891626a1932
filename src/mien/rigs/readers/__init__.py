"""Readers of rigs from files: glTF and VRM, USD, folders of OBJ files."""
