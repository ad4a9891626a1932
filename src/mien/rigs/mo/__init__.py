"""Mo, the head that comes with mien: modelled by this package's code, stored with it."""
