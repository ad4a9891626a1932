"""The six systems, one folder each, all of the same shape; `registry` lists them."""
