"""File formats, one a file; `formats` is the table of them all."""
