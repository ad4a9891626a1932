"""Soft tissue by its energies: terms with gradients and Hessians, a quasi-static solver, and the simulated face."""
