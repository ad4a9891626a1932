"""A clip on another rig, by shape names where they match and by motion where they do not."""
