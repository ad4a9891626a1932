"""Express: a neutral mesh, an expression and its timing into a 4D mesh sequence."""
