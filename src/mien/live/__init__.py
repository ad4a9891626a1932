"""Live performances: sources of frames, sinks for poses, and the loop that connects them through a capture."""
