"""Rigs from USD files."""
