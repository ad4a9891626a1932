"""The simulated face: layered soft tissue, muscles, jaw and lids on any identity of ICT-FaceKit."""
