"""Rigs: the built-in head "mo", ICT-FaceKit "ict", rigs from files; fitting, retargeting and shape transfer."""
