"""The parts of capture at run time besides `predict`: network, calibration, hidden regions, live capture."""
