"""Reader of rigs from USD files."""
