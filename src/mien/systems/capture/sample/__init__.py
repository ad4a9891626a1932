"""The clip that `mien demo` captures: a rendered performance (sample.mp4) and what was performed (sample_truth.npz)."""
