"""Speak: from visemes, with a style, to the weights of a whole face, head pose and gaze."""
