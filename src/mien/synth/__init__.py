"""Synthetic performers filmed by synthetic webcams: training data whose truth is known."""
