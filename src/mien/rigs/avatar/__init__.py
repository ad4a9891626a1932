"""A person's own head: a fitted rig with a texture projected from photos, painted eyes, and a cap of hair."""
