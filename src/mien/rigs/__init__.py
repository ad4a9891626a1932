"""Faces to perform on: the built-in head "mo", ICT-FaceKit "ict", and the rigs of files; fitting and retargeting."""
