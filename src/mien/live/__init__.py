"""Live performances: sources of frames, sinks of poses, and the loop between them."""
