"""What `evaluate` measures capture on and against."""
