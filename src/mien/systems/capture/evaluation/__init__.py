"""The performances that `evaluate` measures capture on, and the baselines that it compares capture with."""
