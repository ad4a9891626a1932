"""The measures and baselines of speak."""
