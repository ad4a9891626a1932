"""Reader of rigs from glTF and VRM files."""
