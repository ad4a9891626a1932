"""What runs when capture captures, besides `predict`: the network's streams, calibration, hidden regions."""
