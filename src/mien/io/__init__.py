"""File formats, one per module; `formats` is the table of all of them."""
