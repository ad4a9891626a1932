"""Retargeting: applies a clip to another rig, by shape names where they match and by motion where they do not."""
