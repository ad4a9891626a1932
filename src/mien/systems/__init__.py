"""The systems of mien, one folder each, all with the same files; `registry` lists them."""
