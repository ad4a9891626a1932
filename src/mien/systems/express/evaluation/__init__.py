"""What `evaluate` measures express against."""
