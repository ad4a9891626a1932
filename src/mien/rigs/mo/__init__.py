"""Mo, mien's built-in head: modelled by the code of this package, and stored in it as a file."""
