"""Express: from a neutral mesh, an expression and its timing to a 4D mesh sequence."""
