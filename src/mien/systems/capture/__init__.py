"""Capture: any video of a face into expression weights, head pose and gaze, in real time on one CPU thread."""
