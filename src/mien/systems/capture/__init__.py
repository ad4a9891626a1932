"""Capture: from video of a face to expression weights, head pose and gaze, in real time on one CPU thread."""
