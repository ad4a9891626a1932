"""Training code that the systems share. It consists of functions; there is no base class of a trainer."""
