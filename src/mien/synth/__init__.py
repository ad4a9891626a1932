"""Synthetic performers rendered as by webcams: training data with known truth."""
