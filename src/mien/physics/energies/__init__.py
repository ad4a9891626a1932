"""The energies of soft tissue, one a file, each with its gradient and Hessian."""
